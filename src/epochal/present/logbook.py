"""``EXPERIMENT_LOG.md``: all runs of a folder in tables, newest first, with what people wrote.

What Epochal writes stands between comments, ``epochal:begin`` and ``epochal:end``; whatever stands
outside of them is yours and stays where it is when the log is brought up to date.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from epochal.analyze.members import divided
from epochal.analyze.replicates import short_keys, varied
from epochal.core.atomic import write_atomically
from epochal.core.errors import EvidenceError
from epochal.core.names import printable
from epochal.core.nested import flatten
from epochal.markup.markdown import literal, table
from epochal.markup.rounding import plain
from epochal.present.roles import role_of
from epochal.present.run_sections import duration
from epochal.present.sources import runs_of
from epochal.read.metrics import MetricSummary
from epochal.read.view import RunView

NAME = "EXPERIMENT_LOG.md"
HEAD = "head"
MOST_KEYS = 6
"""Of more config keys that differ in a group only the first are columns."""

_MARK = re.compile(r"^<!-- epochal:(begin|end) ([0-9a-z]+)(?: .*)?-->[ \t\r]*$", re.MULTILINE)
_ABOUT = "made by Epochal; what you write between blocks is kept"


class Block(NamedTuple):
    """A part of the log that Epochal writes: its key and its text."""

    key: str
    text: str


@dataclass(frozen=True)
class Columns:
    """What the tables show; None: what differs, and the losses.

    Attributes:
        keys: of the config, such as "training.learning_rate".
        metrics: names; of each its best value is shown, or what its definition asks for.
    """

    keys: Sequence[str] | None = None
    metrics: Sequence[str] | None = None


def logbook(
    runs: Any, path: str | os.PathLike[str] | None = None, *, keys: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
) -> str:  # fmt: skip
    """Write or bring up to date the log of all runs.

    A table for each group of runs, and for each day of runs without one, the newest first.  What
    was written into the file outside of Epochal's blocks is kept below the block that it follows;
    where that is gone, at the end.

    Args:
        runs: the folder of all runs or of one project, a project, or runs.
        path: of the file; None: ``EXPERIMENT_LOG.md`` in the folder.
        keys: config keys that are columns; None: those that differ inside the group.
        metrics: that are columns; None: validation loss, or training loss where there is none, and
            accuracy and perplexity.

    Returns:
        The absolute path of the file.

    Raises:
        EvidenceError: there are no runs, no path for them, or the marks in the file were damaged.
        OSError: it cannot be written.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with epochal.init(project="doc", name="first", dir=folder, follow="off") as run:
        ...     run.log({"val/loss": 0.5}, step=1)
        >>> path = logbook(folder)
        >>> with open(path, "a", encoding="utf-8") as file:
        ...     _ = file.write("The first one that works.")
        >>> with open(logbook(folder), encoding="utf-8") as file:
        ...     text = file.read()
        >>> text.count("first | finished"), text.count("The first one that works.")
        (1, 1)
    """
    views = sorted(runs_of(runs), key=lambda run: (run.created_s, run.id), reverse=True)
    full = os.path.abspath(os.fspath(path) if path is not None else _default_path(runs))
    before = _read(full)
    blocks = list(_blocks(views, Columns(keys, metrics)))
    text = merged(before, blocks, full)
    if text != before:
        os.makedirs(os.path.dirname(full), exist_ok=True)
        write_atomically(full, text.encode("utf-8", "replace"), private=False)
    return full


def _default_path(runs: Any) -> str:
    if isinstance(runs, str | os.PathLike) and os.path.isdir(runs):
        return os.path.join(os.fspath(runs), NAME)
    root = getattr(runs, "root", None)
    if not isinstance(root, str):
        raise EvidenceError("where should the log be? Give path= beside runs that are no folder")
    return os.path.join(root, NAME)


def _read(path: str) -> str:
    if os.path.exists(path) and not os.path.isfile(path):  # a device or pipe has no pages of ours
        return ""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        message = f"{path} is not UTF-8 ({error}): save it so, or give another path"
        raise EvidenceError(message) from error


# -- keeping what people wrote ---------------------------------------------------------------


def merged(before: str, blocks: Sequence[Block], path: str = NAME) -> str:
    r"""Return a log with new blocks and the old text between them.

    Args:
        before: the file until now, "" for none.
        blocks: in their new order.
        path: for messages.

    Raises:
        EvidenceError: a block has no end, or there are two of the same key.

    Example:
        >>> first = merged("", [Block("a", "old")])
        >>> print(merged(first + "\nmine\n", [Block("b", "newer"), Block("a", "old")]))
        <!-- epochal:begin b made by Epochal; what you write between blocks is kept -->
        newer
        <!-- epochal:end b -->
        <BLANKLINE>
        <!-- epochal:begin a made by Epochal; what you write between blocks is kept -->
        old
        <!-- epochal:end a -->
        <BLANKLINE>
        mine
        <BLANKLINE>
    """
    preface, written = _written(before, path)
    parts = [preface] if preface else []
    for key, text in blocks:
        parts.append(f"<!-- epochal:begin {key} {_ABOUT} -->\n{text}\n<!-- epochal:end {key} -->")
        parts += [mine] if (mine := written.pop(key, "")) else []
    parts += filter(None, written.values())  # of runs that are gone
    return "\n\n".join(parts) + "\n"


def _written(text: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the text before the first block, and what follows each block, by its key."""
    marks = list(_MARK.finditer(text))
    preface = text[: marks[0].start()] if marks else text
    found: dict[str, str] = {}
    for at in range(0, len(marks), 2):
        begin, end = marks[at], marks[at + 1] if at + 1 < len(marks) else None
        key = begin[2]
        whole = begin[1] == "begin" and end is not None and (end[1], end[2]) == ("end", key)
        if not whole or key in found:
            line = text.count("\n", 0, begin.start()) + 1
            why = "is there twice" if whole else f"has no matching {'end' if end else 'mark'}"
            message = (
                f"{path}, line {line}: the mark epochal:{begin[1]} {key} {why}, so that it is"
                " not clear what is yours: mend the marks, or give another path"
            )
            raise EvidenceError(message)
        assert end is not None
        stop = marks[at + 2].start() if at + 2 < len(marks) else len(text)
        found[key] = text[end.end() : stop].strip("\r\n")
    return preface.strip("\r\n"), found


# -- what Epochal writes ---------------------------------------------------------------------


def _blocks(views: Sequence[RunView], columns: Columns) -> Iterator[Block]:
    projects = sorted({run.project for run in views})
    states = [run.state for run in views]
    counted = ", ".join(f"{states.count(state):,} {state}" for state in dict.fromkeys(states))
    first, last = _day(views[-1]), _day(views[0])
    when = first if first == last else f"{first} to {last}"
    many = f"{len(views):,} run{'s' * (len(views) != 1)} ({counted}), {when}"
    title = "# Experiment log" + (f": {literal(projects[0])}" if len(projects) == 1 else "")
    yield Block(HEAD, f"{title}\n\n{many}. Newest first; times are UTC.")
    groups: dict[tuple[str, str, bool], list[RunView]] = {}
    for run in views:
        title = run.group or _day(run)
        groups.setdefault((run.project, title, run.group is not None), []).append(run)
    for (project, title, named), members in groups.items():
        key = hashlib.sha256(repr((project, title, named)).encode("utf-8", "replace")).hexdigest()
        name = f"{project} / {title}" if len(projects) > 1 else title
        yield Block(key[:12], f"## {literal(name)}\n\n{_table(members, columns)}")


def _table(runs: Sequence[RunView], columns: Columns) -> str:
    flat = [flatten(run.config) for run in runs]
    keys = list(columns.keys) if columns.keys is not None else _differing(runs)
    metrics = list(columns.metrics) if columns.metrics is not None else _metrics(runs)
    short = short_keys(keys, dict.fromkeys(key for config in flat for key in config))
    seeds, notes, tags = (any(run.seed is not None for run in runs), any(run.notes for run in runs),
                          any(run.tags for run in runs))  # fmt: skip
    heads = ["run", "state", *(short[key] for key in keys), *(["seed"] if seeds else []),
             *(_heading(runs, metric) for metric in metrics), "steps", "time", "started",
             *(["tags"] if tags else []), *(["notes"] if notes else [])]  # fmt: skip
    rows = []
    for run, config in zip(runs, flat, strict=True):
        row: list[Any] = [run.name, run.state, *(_shown(config.get(key)) for key in keys)]
        row += [_shown(run.seed)] if seeds else []
        row += [_value(run, metric) for metric in metrics]
        row += ["" if run.steps is None else plain(run.steps), duration(run.duration_s)]
        row.append(time.strftime("%Y-%m-%d %H:%M", time.gmtime(run.created_s)))
        row += [", ".join(run.tags)] if tags else []
        row += [" ".join(run.notes.split())] if notes else []
        rows.append(row)
    right = {"steps", "time", "seed", *heads[2 + len(keys) + seeds :][: len(metrics)]}
    return table(heads, rows, ["r" if head in right else "l" for head in heads])


def _differing(runs: Sequence[RunView]) -> list[str]:
    return varied([divided(run)[0] for run in runs])[:MOST_KEYS]


def _metrics(runs: Sequence[RunView]) -> list[str]:
    found: dict[str, None] = {}
    for run in runs:
        roles = role_of(run.metrics)
        loss = roles.get("val_loss") or roles.get("train_loss")
        chosen = [loss, *(roles.get(role) for role in ("val_accuracy", "perplexity"))]
        found |= dict.fromkeys(metric for metric in chosen if metric)
    return list(found)


def _heading(runs: Sequence[RunView], metric: str) -> str:
    return f"{_rule(runs[0], metric)} {metric}".strip()


def _rule(run: RunView, metric: str) -> str:
    """Return which value is shown: the defined one; of losses and perplexities the smallest."""
    info = run.metrics.get(metric)
    if info is not None and info.definition.summary:
        return info.definition.summary
    goal = info.definition.goal if info is not None else None
    if goal == "maximize" or (goal is None and "acc" in metric.lower()):
        return "max"
    small = any(word in metric.lower() for word in ("loss", "perplexity", "ppl", "error"))
    return "min" if goal == "minimize" or small else "last"


def _value(run: RunView, metric: str) -> str:
    if metric not in run.metrics:
        given = run.summary.get(metric)
        return "" if isinstance(given, MetricSummary) else _shown(given)
    found = run.metrics[metric].summary
    rule = _rule(run, metric)
    value = found.value if rule == "best" else getattr(found, rule)
    bad = found.nan + found.inf
    text = "" if math.isnan(value) and not bad else plain(value)
    return f"{text} ({bad:,} NaN or Inf)" if bad else text


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return plain(value, 6)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{printable(text)[:59]}…"


def _day(run: RunView) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(run.created_s))
