"""``epochal demo``: train a small real model and see what Epochal makes of it."""

from __future__ import annotations

import click


@click.command()
@click.option("--quick", is_flag=True, help="A few seconds: 2 seeds of 30 steps.")
@click.option("--seeds", type=click.IntRange(1), help="Runs of each setting. [default: 3]")
@click.option("--steps", type=click.IntRange(1), help="Steps of each run. [default: 1,200]")
@click.option(
    "--dir", "base", metavar="DIR", type=click.Path(file_okay=False),
    help="Folder of all runs. [default: the setting 'dir', ./runs unless changed]",
)  # fmt: skip
@click.option("--no-color", is_flag=True, help="Plain text; so does the variable NO_COLOR.")
@click.pass_context
def demo(
    ctx: click.Context, quick: bool, seeds: int | None, steps: int | None, base: str | None,
    no_color: bool,
) -> None:  # fmt: skip
    """Train a small language model and say what its runs show.

    A transformer learns to write Python from the standard library's own sources, with two
    learning-rate schedules and three seeds each: about two minutes on two cores. Then come
    the verdicts in words, and a page with figures, tables and reports. Needs PyTorch, SciPy and
    matplotlib: pip install 'epochal[torch,paper]'
    """
    from epochal.demo import main

    ctx.exit(main(quick=quick, seeds=seeds, steps=steps, dir=base, no_color=no_color))
