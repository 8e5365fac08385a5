"""``epochal media``: the images, videos, tables and other media of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, json_option, open_run, run_argument

if TYPE_CHECKING:
    from epochal.read.media import Media

LIMIT = 50
EXCHANGED = {"image": "png", "figure": "png", "video": "mp4", "audio": "wav"}
"""What media are exported as that were kept raw."""


@click.command()
@run_argument
@click.argument("key", metavar="[KEY]", required=False)
@dir_option
@click.option(
    "--export", "folder", metavar="FOLDER", type=click.Path(file_okay=False),
    help="Write them to this folder, each as a file named by key and step.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=0), metavar="N",
    help=f"List at most the last N, 0: all. [default: {LIMIT} on a terminal, else all]",
)  # fmt: skip
@json_option
def media(
    run: str, key: str | None, base: str | None, folder: str | None, limit: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List or export images, videos, tables and other media.

    KEY is the name under which they were logged; without it all are meant. What was kept raw
    as it came too fast is exported as PNG, MP4 or WAV; everything else byte for byte.
    """
    from epochal.cli import output
    from epochal.cli.formats import count

    view = open_run(base, run)
    found = view.media[key] if key is not None else view.media
    files = _export(found, folder) if folder is not None else {}
    if limit is None:
        limit = LIMIT if output.is_terminal() and not as_json else 0
    listed = found[-limit:] if limit else found
    if as_json:
        first = len(found) - len(listed)
        output.print_json([_plain(m, files.get(i)) for i, m in enumerate(listed, start=first)])
    elif folder is not None:
        output.say(f"{count(len(files), 'file')} in {folder}")
    elif listed:
        _print(listed)
        if len(listed) < len(found):
            output.say(f"the last {len(listed)} of {len(found):,}; --limit 0 shows all")
    else:
        output.say(f"{view.name} has no media")


def _print(media: Iterable[Media]) -> None:
    from epochal.cli import output
    from epochal.cli.formats import number, size

    columns = [
        output.Column("Key", elastic=12), output.Column("Step", right=True),
        output.Column("No.", right=True, rank=4), output.Column("Type"),
        output.Column("Format", rank=3), output.Column("Size", right=True, rank=1),
        output.Column("Content", elastic=10, rank=2), output.Column("Caption", elastic=12, rank=5),
    ]  # fmt: skip
    rows = [
        [
            m.key, number(m.step), str(m.index[0]) if m.index else "", m.type, m.format,
            size(m.bytes), content(m), m.caption,
        ]
        for m in media
    ]  # fmt: skip
    output.table(columns, rows)


def content(media: Media) -> str:
    """Return in a few words what a medium shows."""
    from epochal.cli.formats import count, duration, number

    about = {name: value for name, value in media.about.items() if value is not None}
    parts = []
    if "frames" in about:
        parts.append(count(int(about["frames"]), "frame"))
    if "width" in about and "height" in about:
        parts.append(f"{about['width']} x {about['height']}")
    if "fps" in about:
        parts.append(f"{number(about['fps'])} per second")
    if "duration_s" in about:
        parts.append(duration(about["duration_s"]))
    if "sample_rate" in about:
        parts.append(f"{number(about['sample_rate'])} Hz")
    if "rows" in about and "columns" in about:
        parts.append(f"{count(int(about['rows']), 'row')}, {len(about['columns'])} columns")
    if media.type == "histogram":
        parts += [f"{each} {number(about[each])}" for each in ("mean", "std") if each in about]
    return ", ".join(parts)


def _plain(media: Media, exported: str | None) -> dict[str, Any]:
    fields = ("key", "step", "epoch", "elapsed_s", "type", "format", "caption", "bytes", "sha256",
              "about", "index", "path")  # fmt: skip
    found = {name: getattr(media, name) for name in fields}
    return found if exported is None else {**found, "exported": exported}


def _export(media: Iterable[Media], folder: str) -> dict[int, str]:
    """Write media to a folder; return the name of the file of each, by its place."""
    from epochal.cli import output

    os.makedirs(folder, exist_ok=True)
    wanted = list(media)
    taken: set[str] = set()
    names = {}
    with output.progress("Exporting", len(wanted)) as advance:
        for place, each in enumerate(wanted):
            suffix, body = _exchanged(each)
            names[place] = name = _name(each, suffix, taken)
            with open(os.path.join(folder, name), "wb") as file:
                file.write(body)
            advance()
    return names


def _exchanged(media: Media) -> tuple[str, bytes]:
    """Return the bytes to export, raw ones converted where that is possible here."""
    from epochal.cli import output
    from epochal.core.errors import MissingExtraError

    wanted = EXCHANGED.get(media.type)
    if media.format != "npy" or wanted is None:
        return media.format, media.read()
    try:
        return media.encoded(wanted)
    except MissingExtraError as error:
        output.say(f"{media!r} stays raw: {error}")
        return media.format, media.read()


def _name(media: Media, suffix: str, taken: set[str]) -> str:
    """Return a file name of its own that sorts by key, step and number."""
    from epochal.core.names import slug

    step = media.step
    when = "" if step is None else f"-{step:08d}" if isinstance(step, int) else f"-{step:012.3f}"
    stem = f"{slug(media.key, limit=80)}{when}{f'-{media.index[0]:03d}' if media.index else ''}"
    name, number = f"{stem}.{slug(suffix)}", 2
    while name in taken:
        name, number = f"{stem}-again{number}.{slug(suffix)}", number + 1
    taken.add(name)
    return name
