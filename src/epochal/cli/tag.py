"""``epochal tag``: tags of a run, added or removed."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, open_run, run_argument


@click.command()
@run_argument
@click.argument("tags", metavar="TAG...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove these tags instead.")
@dir_option
def tag(run: str, tags: tuple[str, ...], remove: bool, base: str | None) -> None:
    """Add tags to a run, or remove them.

    A slash makes tags hierarchical: ablation/lr. The run may be running, finished or sealed.
    """
    from epochal.cli import output

    view = open_run(base, run)
    if remove:
        absent = [each for each in tags if each not in view.tags]
        if absent:
            output.fail(f"run {view.name!r} has no tag {absent[0]!r}; it has {view.tags}")
        view.untag(*tags)
    else:
        view.tag(*tags)
    click.echo(output.shown(f"{view.name}: {', '.join(view.tags) or 'no tags'}").plain)
