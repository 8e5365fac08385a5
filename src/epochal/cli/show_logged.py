"""What ``epochal show`` tells of media, the machine, the console and files of a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochal.read.metrics import MetricInfo
    from epochal.read.view import RunView

MAIN_READINGS = (
    "cpu_percent", "memory_percent", "process_memory_mib", "utilization_percent",
    "memory_used_mib", "torch_peak_mib", "temperature_c", "power_w", "disk_free_mib",
)  # fmt: skip
"""Readings that are shown; those of a GPU begin with its name."""


@dataclass(frozen=True, slots=True)
class MediaCount:
    """Media of one key and type: how many, and how many bytes they take."""

    key: str
    type: str
    count: int
    bytes: int


def media_counts(view: RunView) -> list[MediaCount]:
    """Return how many media a run has, by key and type."""
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for media in view.media:
        which = media.key, media.type
        counts[which] += 1
        sizes[which] += media.bytes
    return [MediaCount(*which, n, sizes[which]) for which, n in counts.items()]


def machine(view: RunView) -> dict[str, MetricInfo]:
    """Return the readings of the machine by name."""
    from epochal.read.system import PREFIX

    found = view.metrics.items()
    return {n.removeprefix(PREFIX): info for n, info in found if n.startswith(PREFIX)}


def console_counts(view: RunView) -> dict[str, int]:
    """Return how many lines each stream of the console has."""
    return dict(Counter(line.stream for line in view.console()))


def print_all(view: RunView) -> None:
    """Print a section for each of them that is there."""
    _print_media(view)
    _print_machine(view)
    _print_console(view)
    _print_checkpoints(view)
    _print_artifacts(view)


def plain(view: RunView) -> dict[str, Any]:
    """Return the same for JSON."""
    return {
        "media": [asdict(each) for each in media_counts(view)],
        "console_lines": console_counts(view),
        "checkpoints": [asdict(each) for each in view.checkpoints],
        "artifacts": [asdict(each) for each in view.artifacts],
    }


def _print_media(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import size

    counts = media_counts(view)
    if not counts:
        return
    output.heading("Media")
    columns = [
        output.Column("Key", elastic=14), output.Column("Type"), output.Column("n", right=True),
        output.Column("Size", right=True),
    ]  # fmt: skip
    rows = [[each.key, each.type, f"{each.count:,}", size(each.bytes)] for each in counts]
    if len(rows) > 1:
        total = [f"{sum(each.count for each in counts):,}", size(sum(e.bytes for e in counts))]
        rows.append(["in all", "", *total])
    output.table(columns, rows)


def _print_machine(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import number

    readings = machine(view)
    shown = [name for name in readings if name.rpartition("/")[2] in MAIN_READINGS]
    if not shown:
        return
    output.heading("Machine")
    columns = [
        output.Column("Reading", elastic=14), output.Column("Last", right=True),
        output.Column("Mean", right=True), output.Column("Max", right=True),
        output.Column("n", right=True, rank=1),
    ]  # fmt: skip
    rows = []
    for name in sorted(shown):
        s = readings[name].summary
        rows.append([name, number(s.last), number(s.mean), number(s.max), number(s.count)])
    output.table(columns, rows)


def _print_console(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import count

    lines = console_counts(view)
    if lines:
        output.heading("Console")
        streams = ", ".join(f"{stream} {n:,}" for stream, n in lines.items())
        output.pairs([("recorded", f"{count(sum(lines.values()), 'line')} ({streams})")])


def _print_checkpoints(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import number, size

    found = view.checkpoints
    if not found:
        return
    output.heading("Checkpoints")
    judged = dict.fromkeys(each.monitor for each in found if each.monitor)
    columns = [
        output.Column("Epoch", right=True), output.Column("Step", right=True),
        output.Column("Loss", right=True), *(output.Column(name, right=True) for name in judged),
        output.Column(""), output.Column("Size", right=True, rank=1),
        output.Column("File", elastic=20, rank=2),
    ]  # fmt: skip
    rows = []
    for each in found:
        numbers = [each.epoch, each.step, each.loss, *(each.metrics.get(name) for name in judged)]
        marks = [mark for mark, is_so in (("best", each.best), ("final", each.final)) if is_so]
        shown = ["" if value is None else number(value) for value in numbers]
        rows.append([*shown, ", ".join(marks), size(each.bytes), each.path])
    output.table(columns, rows)


def _print_artifacts(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import number, size

    saved = {each.path for each in view.checkpoints}
    found = [each for each in view.artifacts if each.path not in saved and not each.removed]
    if not found:
        return
    output.heading("Artifacts")
    columns = [
        output.Column("Name", elastic=14), output.Column("Type"), output.Column("Size", right=True),
        output.Column("Files", right=True, rank=1), output.Column("Path", elastic=20, rank=2),
    ]  # fmt: skip
    rows = [
        [each.name, each.type, size(each.bytes), number(len(each.files) or 1), each.path]
        for each in found
    ]
    output.table(columns, rows)
