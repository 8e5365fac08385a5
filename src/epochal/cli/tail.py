"""``epochal tail``: the records of a run as they are made."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import click

from epochal.cli.options import dir_option, json_option, open_run, run_argument

if TYPE_CHECKING:
    from epochal.core.records import Event, Record, Row

CLOCK_WIDTH = 9
WHERE_BYTES_ARE = ("sha256", "file", "offset", "inline", "files")
"""Fields of media and artifacts that say nothing to people."""


@click.command()
@run_argument
@dir_option
@click.option("--lines", "-n", type=click.IntRange(min=0), default=10, show_default=True,
              metavar="N", help="Begin with the last N records.")  # fmt: skip
@click.option("--follow/--no-follow", "-f", default=True, show_default=True,
              help="Go on with what is recorded from now on.")  # fmt: skip
@click.option("--all", "everything", is_flag=True,
              help="Also samples of the machine and lines of the console.")  # fmt: skip
@json_option
def tail(
    run: str, base: str | None, lines: int, follow: bool, everything: bool, as_json: bool
) -> None:
    """Show the records of a run as they are made.

    The last ones first, then new ones until the run ends or you press Ctrl-C. A line begins
    with the time since the run began. Samples of the machine and lines of the console are left
    out unless you ask for --all. With --json each record is a line.
    """
    view = open_run(base, run)
    seen: dict[int, int] = {}
    last: deque[Record] = deque(maxlen=lines)
    try:
        for batch in view.follow(timeout=0):
            last.extend(each for each in batch if everything or not _beside(each))
            seen.update((record.session, record.seq) for record in batch)
        _print(list(last), as_json=as_json)
        for batch in view.follow() if follow else ():
            new = [record for record in batch if record.seq > seen.get(record.session, -1)]
            _print([each for each in new if everything or not _beside(each)], as_json=as_json)
    except KeyboardInterrupt:
        click.echo(err=True)  # the shell's prompt begins on a line of its own
        return
    if follow and not as_json:
        from epochal.cli import output

        output.say(f"{view.name}: {view.refresh().state}")


def _beside(record: Record) -> bool:
    """Say whether a record tells of the machine or the console and not of the training."""
    from epochal.core.records import Row

    if isinstance(record, Row):
        return record.phase == "system"
    return record.kind == "console"


def _print(records: list[Record], *, as_json: bool) -> None:
    from epochal.cli import output
    from epochal.core.records import Row

    out = output.console()
    for record in records:
        if as_json:
            kind = "row" if isinstance(record, Row) else "event"
            output.print_json({"type": kind, **record._asdict()}, lines=True)
        else:
            parts = _row(record) if isinstance(record, Row) else _event(record)
            out.print(output.line((f"{record.elapsed_s:{CLOCK_WIDTH}.2f}s", "dim"), *parts),
                      soft_wrap=True)  # fmt: skip


def _row(row: Row) -> list[tuple[str, str]]:
    """Return the parts of a row's line with their styles."""
    from epochal.cli.formats import number

    parts = [(f"  step {number(row.step)}", "")] if row.step_given else []
    if row.epoch is not None:
        parts.append((f"  epoch {number(row.epoch)}", ""))
    for key, value in row.values.items():
        parts += [(f"  {key} ", "cyan"), (number(value), "bold")]
    return parts


def _event(event: Event) -> list[tuple[str, str]]:
    """Return the parts of an event's line with their styles; empty fields are left out."""
    from epochal.cli.formats import value

    parts = [(f"  {event.kind}", "yellow")]
    for key, found in event.data.items():
        if key not in WHERE_BYTES_ARE and found not in (None, "", {}, [], 0):
            parts += [(f"  {key} ", "dim"), (value(found, limit=120), "")]
    return parts
