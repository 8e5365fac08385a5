"""``parallel_coordinates``: every run as a line through its settings to what came out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.analyze import replicates as keys
from epochal.analyze.groups import Groups, find_groups
from epochal.analyze.members import Member
from epochal.core.errors import EvidenceError, did_you_mean
from epochal.core.nested import flatten
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.standings import left_out
from epochal.present.figures.words import count, y_label
from epochal.present.panel import NO_POINTS, Array, Curve, Panel, Scale
from epochal.present.sources import runs_of
from epochal.present.spec import FigureSpec, Provenance

if TYPE_CHECKING:
    from typing_extensions import Unpack

MOST = 8
"""More axes have no room."""

LOG_FROM = 50.0
"""Largest by smallest value from which an axis is logarithmic."""

FEW = 6
"""So many different numbers are labeled each."""


def parallel_coordinates(
    runs: Any, metric: str, *, by: str | Sequence[str] | None = None,
    statistic: str | None = None, goal: str | None = None, **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw runs as lines through their settings, up to what came out: which settings are good.

    There is an axis for each config key that differs, and one for the metric, whose better end is
    on top.  The better a run, the stronger its color.  Axes of positive numbers over more than a
    factor of 50 are logarithmic; words, switches and what some runs do not have are categories.

    Args:
        runs: a project, runs, a folder, or several of these.
        metric: what came out.
        by: the config keys, in this order; default: all that differ but seeds and output paths,
            eight at most.
        statistic: which number of a run counts; default: as the metric is defined, else the last.
        goal: "minimize" or "maximize"; default: as the metric is defined, or by its name.
        **look: ``venue``, ``column`` (default: "full"), ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there are no runs, none counts, there is no such key, or no goal.
        MetricNotFoundError: no run has the metric.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for lr in (0.001, 0.1):
        ...     with epochal.init(project="doc", config={"lr": lr}, dir=folder) as run:
        ...         run.log({"val/loss": 10 * lr}, step=1)
        >>> parallel_coordinates(folder, "val/loss").spec.panels[0].categories
        ('lr', 'val/loss')
    """
    views = runs_of(runs)
    groups = find_groups(views, by="run", metric=metric, statistic=statistic, goal=goal)
    members = [member for group in groups for member in group.members if member.run is not None]
    configs = [_config(member, by is not None) for member in members]
    chosen, notes = _keys(configs, by)
    label = y_label(views, metric, [metric])
    lost = [each for group in groups for each in group.left_out] + list(groups.left_out)
    notes += left_out(groups)
    notes += [f"left out: {each.name} ({each.reason})" for each in groups.left_out]
    panel = _panel(groups, members, configs, chosen, label, len(lost))
    query = {"figure": "parallel_coordinates", "metric": metric, "by": by, "goal": groups.goal,
             "statistic": groups.statistic}  # fmt: skip
    spec = FigureSpec(
        "parallel_coordinates", (panel,), caption=_caption(groups, members, chosen, len(lost)),
        notes=tuple(notes), provenance=Provenance.of(views, query),
    )  # fmt: skip
    look.setdefault("column", "full")
    return render(spec, **look)


def _config(member: Member, everything: bool) -> Mapping[str, Any]:  # noqa: FBT001
    """Return a run's settings; with everything, seeds and paths too."""
    if everything and member.run is not None:
        return flatten(member.run.config)
    return member.setting


def _keys(
    configs: Sequence[Mapping[str, Any]], by: str | Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the keys that are drawn, and what is not."""
    if by is None:
        found = keys.varied(configs)
        rest = found[MOST:]
        notes = [f"{count(len(rest), 'more key')} not drawn: {', '.join(rest)}"] if rest else []
        return found[:MOST], notes
    known = list(dict.fromkeys(key for config in configs for key in config))
    chosen = []
    for each in [by] if isinstance(by, str) else by:
        key = each.removeprefix("config.")
        if key not in known:
            raise EvidenceError(f"no run has the config key {key!r}{did_you_mean(key, known)}")
        chosen.append(key)
    if len(chosen) > MOST:
        raise EvidenceError(f"{len(chosen)} keys have no room beside each other: give {MOST}")
    return chosen, []


def _panel(
    groups: Groups, members: list[Member], configs: Sequence[Mapping[str, Any]],
    chosen: list[str], label: str, lost: int,
) -> Panel:  # fmt: skip
    if not chosen:
        same = "The run is alone" if len(members) == 1 else "All runs have the same settings"
        why = f"{same}: there is no setting to see {groups.metric} against."
        return Panel("", label, NO_POINTS, empty=why)
    known = list(dict.fromkeys(key for config in configs for key in config))
    short = keys.short_keys(chosen, known)
    columns: list[Array] = []
    scales: list[Scale] = []
    for key in chosen:
        scale, values = _axis([config.get(key, keys.UNSET) for config in configs])
        scales.append(scale)
        columns.append(values)
    scores = np.array([member.score for member in members], np.float64)
    scale, _ = _axis(scores.tolist())
    inverted = groups.goal == "minimize"
    scales.append(Scale(scale.low, scale.high, scale.log, inverted=inverted))
    table = np.column_stack([*columns, scores])
    return Panel(
        "", "", NO_POINTS, "", lines=_lines(members, table, inverted=inverted),
        categories=(*(short[key] for key in chosen), label), scales=tuple(scales), legend=False,
        remark=f"{count(lost, 'run')} left out" if lost else "",
    )  # fmt: skip


def _lines(members: list[Member], table: Array, *, inverted: bool) -> tuple[Curve, ...]:
    """Return a line for each run, the best last and so on top."""
    scores = table[:, -1]
    order = np.argsort(-scores if inverted else scores, kind="stable")
    x = np.arange(float(table.shape[1]))
    last = max(1, len(order) - 1)
    return tuple(
        Curve("" if (run := members[at].run) is None else run.name, table[at], x=x,
              shade=place / last if len(order) > 1 else 1.0)
        for place, at in enumerate(order)
    )  # fmt: skip


def _axis(values: Sequence[Any]) -> tuple[Scale, Array]:
    """Return the scale that values need, and where they are on it."""
    plain = all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )
    if not plain:
        names = sorted({_named(value) for value in values}, key=_order)
        return Scale(0.0, max(1.0, len(names) - 1.0), names=tuple(names)), np.array(
            [float(names.index(_named(value))) for value in values]
        )
    found = np.array([float(value) for value in values])
    low, high = float(found.min()), float(found.max())
    different = np.unique(found)
    ticks = tuple(different.tolist()) if len(different) <= FEW else ()
    log = low > 0 and high > LOG_FROM * low
    return Scale(low, high, log, ticks=_apart(ticks, log=log)), found


def _apart(ticks: tuple[float, ...], *, log: bool) -> tuple[float, ...]:
    """Return ticks whose labels do not touch each other."""
    if len(ticks) < 3:
        return ticks
    at = np.log(ticks) if log else np.array(ticks)
    kept = [0]
    for i in range(1, len(ticks)):
        if at[i] - at[kept[-1]] > 0.08 * (at[-1] - at[0]):
            kept.append(i)
    if kept[-1] != len(ticks) - 1:
        kept[-1] = len(ticks) - 1
    return tuple(ticks[i] for i in kept)


def _named(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or '""'
    return keys.canonical(value) if isinstance(value, list | tuple | Mapping) else f"{value:.6g}"


def _order(name: str) -> tuple[bool, float, str]:
    """Numbers first, by size, and what is not set last."""
    try:
        return False, float(name), ""
    except ValueError:
        return True, math.inf if name == keys.UNSET else 0.0, name


def _caption(groups: Groups, members: list[Member], chosen: list[str], lost: int) -> str:
    better = "low" if groups.goal == "minimize" else "high"
    gone = f" {count(lost, 'run')} left out." if lost else ""
    if not chosen:
        return f"There are no settings to see {groups.metric} against.{gone}"
    return (
        f"n = {count(len(members), 'run')}, a line each, through {count(len(chosen), 'setting')} to"
        f" {groups.metric} ({groups.statistic}). On top and in the strongest color: the best, which"
        f" have {better} values.{gone}"
    )
