"""``epochal show``: everything about one run."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import dir_option, json_option, open_run, run_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from epochal.read.metrics import MetricInfo
    from epochal.read.sessions import SessionInfo
    from epochal.read.view import RunView

TREND_METRICS = 30
TREND_WIDTH = 16
BARS = "▁▂▃▄▅▆▇█"
FOLDERS = ("journal", "sealed", "csv", "json", "tensorboard", "media", "checkpoints", "report")


@click.command()
@run_argument
@dir_option
@json_option
def show(run: str, base: str | None, as_json: bool) -> None:
    """Show everything about one run.

    An overview with machine and code, the config, statistics of each metric with its definition,
    media, readings of the machine, console, artifacts, sessions, health (what is missing, damaged,
    refused, or behind), and files. On a terminal each metric has its course as a row of bars.
    """
    from epochal.cli import output, show_logged

    view = open_run(base, run)
    if as_json:
        output.print_json(_plain(view))
        return
    output.console().print(output.shown(view.name, "bold"))
    output.pairs(_overview(view))
    if view.config:
        output.heading("Config")
        output.tree(view.config)
    _print_metrics(view)
    values = {name: v for name, v in view.summary.items() if not hasattr(v, "to_dict")}
    if values:
        output.heading("Summary")
        output.tree(values)
    show_logged.print_all(view)
    _print_sessions(view)
    output.heading("Health")
    output.pairs(_health(view))
    output.heading("Files")
    output.pairs(_files(view))
    if view.error:
        output.heading("Error")
        output.write(output.console(), output.shown_lines(view.error))


def _overview(view: RunView) -> list[tuple[str, Any]]:
    from epochal.cli import formats, output

    rows: list[tuple[str, Any]] = [
        ("id", view.id),
        ("state", output.state(view.state)),
        ("project", view.project),
        ("group", view.group or ""),
        ("created", f"{formats.moment(view.created_s)} ({formats.age(view.created_s)})"),
        ("duration", formats.duration(view.duration_s)),
        ("steps", formats.number(view.steps) if view.steps is not None else ""),
        ("ranks", _ranks(view)),
        ("seed", "" if view.seed is None else formats.value(view.seed)),
        ("tags", ", ".join(view.tags)),
        ("notes", output.shown_lines(view.notes)),
        ("fork of", f"{view.fork['run']} at step {view.fork['step']}" if view.fork else ""),
        ("machine", _machine(view)),
        ("code", _code(view)),
        ("command", formats.value(" ".join(view.environment.get("argv") or ()))),
    ]
    return [(name, value) for name, value in rows if str(value)]


def _ranks(view: RunView) -> str:
    from epochal.read.ranks import shown

    return f"{len(view.ranks)} ({shown(view.ranks)})" if view.ranks not in ([], [0]) else ""


def _machine(view: RunView) -> str:
    found = view.environment
    python = (found.get("python") or {}).get("version")
    names = {"torch": "PyTorch", "numpy": "NumPy", "jax": "JAX"}
    frameworks = (found.get("frameworks") or {}).items()
    parts = [
        view.host, (found.get("cpu") or {}).get("model"), f"Python {python}" if python else None,
        *(f"{names.get(name, name)} {version}" for name, version in frameworks),
        *(gpu.get("name") for gpu in (found.get("gpus") or {}).get("devices") or ()),
    ]  # fmt: skip
    return ", ".join(str(part) for part in parts if part)


def _code(view: RunView) -> str:
    git = view.git
    if not git.get("commit"):
        return ""
    branch = f" ({git['branch']})" if git.get("branch") else ""
    return f"{str(git['commit'])[:10]}{branch}{', with changes' if git.get('dirty') else ''}"


def _print_metrics(view: RunView) -> None:
    from epochal.cli import output
    from epochal.cli.formats import number
    from epochal.read.system import PREFIX

    metrics = {n: info for n, info in view.metrics.items() if not n.startswith(PREFIX)}
    if not metrics:
        return
    out = output.console()
    trend = out.is_terminal and len(metrics) <= TREND_METRICS
    output.heading("Metrics")
    columns = [
        output.Column("Metric", elastic=14), output.Column("Last", right=True),
        output.Column("Best", right=True), output.Column("at step", right=True, rank=3),
        output.Column("Min", right=True), output.Column("Max", right=True),
        output.Column("Mean", right=True, rank=5), output.Column("n", right=True, rank=4),
        output.Column("Not finite", right=True, rank=1),
        output.Column("Definition", elastic=16, rank=6),
        *([output.Column("Trend", rank=2)] if trend else []),
    ]  # fmt: skip
    rows = []
    for name, info in metrics.items():
        s = info.summary
        bad = s.nan + s.inf
        rows.append(
            [
                name, number(s.last), "" if s.best is None else number(s.best),
                "" if s.best_step is None else number(s.best_step), _finite(s.min), _finite(s.max),
                _finite(s.mean), number(s.count), f"{bad:,}" if bad else "", _definition(info),
                *([_trend(view, name)] if trend else []),
            ]
        )  # fmt: skip
    kept = [i for i in range(len(columns)) if any(str(row[i]) for row in rows)]
    output.table([columns[i] for i in kept], [[row[i] for i in kept] for row in rows])


def _finite(value: float) -> str:
    """Return an extreme or mean; NaN means that no value was finite."""
    from epochal.cli.formats import NOTHING, number

    return number(value) if not math.isnan(value) else NOTHING


def _definition(info: MetricInfo) -> str:
    """Return a metric's definition in a few words."""
    from epochal.cli.formats import number

    d = info.definition
    parts = [d.goal, d.unit, f"against {d.x}" if d.x else None]
    if d.range is not None:
        low, high = d.range
        parts.append(
            f"in [{'' if low is None else number(low)}, {'' if high is None else number(high)}]"
        )
    if info.summary.out_of_range:
        parts.append(f"{info.summary.out_of_range:,} outside")
    if d.summary:
        parts.append(f"summary: {d.summary}")
    return ", ".join(filter(None, parts))


def _trend(view: RunView, metric: str) -> str:
    """Return the course of a metric as a row of bars: the means of equal parts of its points."""
    import numpy as np

    from epochal.core.errors import DamageError
    from epochal.read.series import float_values

    try:
        values = float_values(view.series(metric).values)
    except DamageError:
        return ""
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return ""
    means = np.array(
        [part.mean() for part in np.array_split(values, min(TREND_WIDTH, len(values)))]
    )
    spread = np.ptp(means)
    if not spread > 0:
        return BARS[3] * len(means)
    levels = ((means - means.min()) / spread * (len(BARS) - 1)).round().astype(int)
    return "".join(BARS[level] for level in levels)


def _print_sessions(view: RunView) -> None:
    """Print a line for each session; the ranks of a launch that are in the same state share one."""
    from epochal.cli import output
    from epochal.cli.formats import moment, number

    found = [each for each in view.sessions if each.role != "annotate"]
    if len(found) < 2:
        return
    groups: dict[tuple[Any, ...], list[SessionInfo]] = {}
    for each in found:
        several = each.ordinal if len(view.ranks) > 1 and each.role == "train" else each.id
        groups.setdefault((several, each.role, each.state), []).append(each)
    output.heading("Sessions")
    columns = [
        output.Column("No.", right=True), output.Column("Role"), output.Column("State"),
        output.Column("Started"), output.Column("Host", elastic=8),
        output.Column("Process", rank=1), output.Column("Ranks", right=True, rank=2),
        output.Column("Hides after step", right=True),
    ]  # fmt: skip
    rows = []
    for group in groups.values():
        first = group[0]
        hosts = dict.fromkeys(each.host for each in group)
        rows.append([
            str(first.ordinal), first.role, output.state(first.state),
            moment(min(each.started_s for each in group)),
            first.host if len(hosts) == 1 else f"{len(hosts)} hosts",
            str(first.pid) if len(group) == 1 else f"{len(group)} processes",
            _listed([each.rank for each in group]),
            "" if first.hides_after is None else number(first.hides_after),
        ])  # fmt: skip
    output.table(columns, rows)


def _listed(ranks: Sequence[int]) -> str:
    from epochal.read.ranks import shown

    return shown(sorted({*ranks})).partition(" ")[2]


def _health(view: RunView) -> list[tuple[str, Any]]:
    from epochal.cli.formats import count, size
    from epochal.store.verify import behind

    rows: list[tuple[str, Any]] = []
    if view.lost:
        rows.append(("missing", f"{count(view.lost, 'record')}: dropped, or damaged"))
    rows += [("damage", each) for each in view.damage]
    if view.missing_parent:
        rows.append(("missing", f"the run that this one was forked from: {view.missing_parent}"))
    if view.refused:
        rows.append(("refused", f"{count(view.refused, 'value')} could not be recorded as asked"))
    rows += [("problem", f"{topic}: {n:,} times") for topic, n in view.problems.items()]
    rows += [(f"{sink}", f"{size(n)} of journal behind") for sink, n in behind(view.dir).items()]
    rows += [
        (f"alert ({each.get('level')})", f"{each.get('title')} {each.get('text', '')}".strip())
        for each in view.alerts
    ]
    return rows or [("all good", "nothing lost, damaged or refused; mirrors up to date")]


def _files(view: RunView) -> list[tuple[str, str]]:
    from epochal.cli.formats import size
    from epochal.store.cleaning import size_bytes

    rows = [("folder", view.dir)]
    for name in FOLDERS:
        path = os.path.join(view.dir, name)
        total = size_bytes(path)
        if total:
            rows.append((f"{name}/", size(total)))
    return rows


def _plain(view: RunView) -> dict[str, Any]:
    from dataclasses import asdict

    from epochal.cli import show_logged
    from epochal.cli.ls import plain_run
    from epochal.store.verify import behind

    return {
        **plain_run(view),
        "definitions": {name: d.to_dict() for name, d in view.definitions.items()},
        "sessions": [asdict(each) for each in view.sessions],
        "fork": view.fork,
        "host": view.host,
        "git": view.git,
        "environment": view.environment,
        "alerts": view.alerts,
        "error": view.error,
        **show_logged.plain(view),
        "health": {
            "missing": view.lost,
            "damage": view.damage,
            "refused": view.refused,
            "problems": view.problems,
            "behind_bytes": behind(view.dir),
        },
    }
