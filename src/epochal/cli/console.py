"""``epochal console``: what the program of a run printed and logged."""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, json_option, open_run, run_argument

TIME_WIDTH = 9


@click.command()
@run_argument
@dir_option
@click.option(
    "--grep", metavar="TEXT", help="Only lines in which this regular expression is found."
)
@click.option("--stream", type=click.Choice(["stdout", "stderr", "log"]), help="Only this one.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Only the last N of them.")
@json_option
def console(
    run: str, base: str | None, grep: str | None, stream: str | None, tail: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Show what the program of a run printed and logged.

    A line begins with the time since the run began and with its stream; what came through
    Python's `logging` has its level and logger instead.
    """
    from epochal.cli import output
    from epochal.core.names import printable

    lines = open_run(base, run).console(grep, stream)
    if tail is not None:
        lines = lines[max(0, len(lines) - tail) :]
    if as_json:
        output.print_json([line._asdict() for line in lines])
        return
    dim = output.is_terminal()
    for line in lines:
        source = f"{line.level} {line.logger}".strip() or line.stream
        when = f"{line.elapsed_s:{TIME_WIDTH}.2f}s  {printable(source)}"
        click.echo(f"{click.style(when, dim=True) if dim else when}  {printable(line.text)}")
