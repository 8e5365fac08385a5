"""``epochal verify``: check every stored byte of runs."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, json_option, places_argument, run_dirs, runs_dir

if TYPE_CHECKING:
    from epochal.store.verify import Verification


@click.command()
@places_argument
@dir_option
@json_option
def verify(places: tuple[str, ...], base: str | None, as_json: bool) -> None:
    """Check every stored byte of runs.

    The status is 1 if anything is damaged or missing. Journal frames and Parquet pages are
    compared with their checksums, sealed values with the statistics in their manifest, media
    with their hashes, and the sequence of records is searched for gaps. Damage is named by
    file and bytes. Mirrors that are behind are told, as `epochal sync` mends that. Nothing is
    changed. Without RUN or DIR all runs are checked.
    """
    from epochal.cli import output
    from epochal.cli.formats import count, size
    from epochal.store.checker import Checker
    from epochal.store.verify import verify_run

    found = run_dirs(runs_dir(base), places)
    checked = []
    with output.progress("Verifying", len(found)) as advance, closing(Checker()) as checker:
        for run_dir in found:
            checked.append(verify_run(run_dir, checker))
            advance()
    bad = [each for each in checked if not each.ok]
    if as_json:
        output.print_json([_plain(each) for each in checked])
    else:
        for each in checked:
            if not each.ok or each.behind or each.refused or each.remarks:
                _print(each)
        bytes_read = size(sum(each.bytes for each in checked))
        records = sum(each.records for each in checked)
        summary = f"{count(len(checked), 'run')}, {count(records, 'record')}, {bytes_read} read"
        click.echo(f"{summary}: {'all good' if not bad else f'{len(bad)} damaged'}.")
    if bad:
        missing = sum(each.missing for each in bad)
        ranges = sum(len(each.damage) for each in bad)
        output.fail(
            f"{count(len(bad), 'run')} with {count(ranges, 'damaged range')}"
            f" and {count(missing, 'missing record')}"
        )


def _print(found: Verification) -> None:
    from epochal.cli import output
    from epochal.cli.formats import count, size

    out = output.console()
    verdict = ("good", "green") if found.ok else ("damaged", "red")
    output.write(out, output.line((found.run_dir, "bold"), (": ", ""), verdict))
    lines = []
    for each in found.damage:
        where = f"bytes {each.start:,} to {each.stop:,}: " if each.stop else ""
        lines.append(f"{each.file}: {where}{each.reason}")
    for gap in found.gaps:
        which = f"{gap.first:,}" if gap.records == 1 else f"{gap.first:,} to {gap.last:,}"
        lines.append(f"session {gap.session}: {count(gap.records, 'record')} missing: {which}")
    if found.dropped:
        lines.append(f"{count(found.dropped, 'record')} had been dropped by the training itself")
    lines += [
        f"{sink} is {size(lag)} of journal behind: `epochal sync` brings it up to date"
        for sink, lag in found.behind.items()
    ]
    lines += [
        f"{sink} refused {count(n, 'record')}: follow/{sink}.refused.jsonl has them"
        for sink, n in found.refused.items()
    ]
    for line in [*lines, *found.remarks]:
        output.row((1, ""), (0, output.shown(line)))


def _plain(found: Verification) -> dict[str, Any]:
    return {
        "run_dir": found.run_dir,
        "ok": found.ok,
        "files": found.files,
        "bytes": found.bytes,
        "records": found.records,
        "media": found.media,
        "unused_bytes": found.unused_bytes,
        "damage": [each._asdict() for each in found.damage],
        "missing": [each._asdict() for each in found.gaps],
        "dropped": found.dropped,
        "behind_bytes": found.behind,
        "refused": found.refused,
        "remarks": found.remarks,
    }
