"""``epochal doctor``: does everything work here, end to end?"""

from __future__ import annotations

import click

from epochal.cli.options import dir_option, json_option, runs_dir


@click.command()
@dir_option
@json_option
def doctor(base: str | None, as_json: bool) -> None:
    """Check this installation end to end.

    The status is 1 if anything fails. Looks at Python, packages, shared memory, the folder
    of runs, disk and clock. Then writes a run in a temporary folder beside the runs, reads
    it back, compares its CSV file, seals it, kills another process while it records, and
    saves what that one had logged. Nothing is left behind.
    """
    from epochal import doctor as checks
    from epochal.cli import output

    styles = {"ok": "green", "warning": "yellow", "failed": "red"}
    found = []
    for finding in checks.examine(runs_dir(base)):
        found.append(finding)
        if not as_json:
            output.row(
                (7, output.shown(finding.state, styles[finding.state])),
                (16, output.shown(finding.name, "bold")), (0, output.shown(finding.detail)),
            )  # fmt: skip
            if finding.remedy:
                output.row((7, ""), (16, ""), (0, output.shown(finding.remedy, "dim")))
    failed = [finding.name for finding in found if finding.state == "failed"]
    if as_json:
        output.print_json([finding._asdict() for finding in found])
    if failed:
        output.fail(f"{len(failed)} of {len(found)} checks failed: {', '.join(failed)}")
    if not as_json:
        click.echo("Everything works.")
