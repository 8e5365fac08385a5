"""``epochal whence``: where a figure, table or text comes from."""

from __future__ import annotations

import click

from epochal.cli.options import json_option


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True))
@json_option
def whence(files: tuple[str, ...], as_json: bool) -> None:
    """Say where a figure, table or text comes from.

    Reads it from the file itself: the runs, what was asked of them, the state of the code, a hash
    of the data. Knows what Epochal made: PDF, SVG, PNG, LaTeX, Markdown and HTML.
    """
    from epochal.cli import output
    from epochal.present.whence import whence as look

    found = [look(file) for file in files]
    if as_json:
        output.print_json([each.to_dict() for each in found])
        return
    for each in found:
        origin = each.provenance
        more = [f"and {each.runs_left_out:,} more"] if each.runs_left_out else []
        rows = [
            ("File", each.path),
            ("Figure", each.figure),
            ("Shows", each.caption),
            ("Runs", "\n".join([*origin.runs, *more])),
            ("Asked", "\n".join(f"{key} = {value}" for key, value in origin.query.items())),
            ("Code", "\n".join(origin.git)),
            ("Data", origin.data_sha256 and f"SHA-256 {origin.data_sha256}"),
            ("Made with", origin.made_with),
        ]
        for title, text in rows:
            for index, line in enumerate(text.split("\n") if text else []):
                click.echo(f"{'' if index else title:<10} {output.shown(line).plain}")
