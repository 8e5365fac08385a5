"""``seed_bands``: a metric's mean over seeds with its interval, group by group, n always shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from epochal.core.errors import EvidenceError, did_you_mean
from epochal.present.drawing import Drawn, Look, render
from epochal.present.figures.groups import Bundle, RunGroup, Spread, bundle, grouped, piece_edges
from epochal.present.figures.words import above_zero, caption, y_label
from epochal.present.panel import Curve, Panel
from epochal.present.sources import Points, points_of, runs_of, x_label
from epochal.present.spec import FigureSpec, Provenance

if TYPE_CHECKING:
    from typing_extensions import Unpack

MOST_FAINT = 4
"""Of more groups the single runs are not drawn."""


def seed_bands(  # noqa: PLR0913 - what is drawn is chosen by name
    runs: Any, metric: str, *, x: str = "step", by: Any = None, replicates: Any = "seed",
    band: Spread = "interval", level: float = 0.95, each_run: bool = False, log: bool = False,
    **look: Unpack[Look],
) -> Drawn:  # fmt: skip
    """Draw a metric of runs that differ by seed: the mean of each group with a band.

    At each point the mean and Student's t interval are those of the runs that have a value there;
    how many that is stands in the legend, and under the figure where it changes.  A band over few
    seeds is wide because few seeds say little.

    Args:
        runs: a project, runs, a folder, or several of these.
        metric: its name.
        x: "step", "epoch", "elapsed" or a metric.
        by: what tells groups apart, as for :func:`epochal.compare`; default: all of the config but
            seeds and output paths.
        replicates: what differs inside a group.
        band: "interval", Student's t interval of the mean; "std", ± one standard deviation;
            "range", smallest to largest.
        level: of the interval.
        each_run: draw the single runs too, faintly (of up to four groups).
        log: logarithmic y-axis.
        **look: ``venue``, ``column``, ``style``, ``path``, see
            :class:`epochal.present.drawing.Look`.

    Raises:
        EvidenceError: there are no runs, or none has a finite value of the metric.
        MissingExtraError: matplotlib is not installed.

    Example:
        >>> import epochal, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> for seed in range(3):
        ...     with epochal.init(project="doc", config={"seed": seed}, dir=folder) as run:
        ...         for step in range(10):
        ...             run.log({"val/loss": 1 / (1 + step + seed)}, step=step)
        >>> drawn = seed_bands(folder, "val/loss")
        >>> int(drawn.spec.panels[0].lines[0].n.max())
        3
    """
    if band not in ("interval", "std", "range"):
        raise EvidenceError(f"band={band!r} is not 'interval', 'std' or 'range'")
    views = runs_of(runs)
    groups, notes = grouped(views, metric, by, replicates)
    found = _bundles(groups, metric, x, band, level)
    if not found:
        names = sorted({each for run in views for each in run.metrics})
        hint = did_you_mean(metric, names)
        message = f"none of {len(views)} runs has a finite value of {metric!r} by {x}{hint}"
        raise EvidenceError(message)
    label = y_label(views, metric, [metric])
    faint = each_run and len(groups) <= MOST_FAINT
    main = _panel(found, label, x, faint=faint, log=log)
    changes = [each for each in found if each[1].n.min() != each[1].n.max()]
    panels = (main, _counts(found, x)) if changes else (main,)
    words = caption([f"metric {metric}"], groups, [each for _, each, _ in found], x_label(x))
    query = {"figure": "seed_bands", "metric": metric, "x": x, "by": by, "replicates": replicates,
             "band": band, "level": level}  # fmt: skip
    spec = FigureSpec(
        "seed_bands", panels, (len(panels), 1), caption=words, notes=tuple(notes),
        provenance=Provenance.of(views, query), heights=(3.0, 1.0) if changes else (),
    )  # fmt: skip
    return render(spec, **look)


Found = tuple[RunGroup, Bundle, int]


def _bundles(
    groups: list[RunGroup], metric: str, x: str, band: Spread, level: float
) -> list[Found]:
    points: list[list[Points]] = [
        [points_of(run, metric, x) for run in group.runs] for group in groups
    ]
    edges = piece_edges([each for group in points for each in group])
    found = []
    for index, (group, curves) in enumerate(zip(groups, points, strict=True)):
        made = bundle(curves, band, level=level, unit=x, edges=edges)
        if made is not None:
            found.append((group, made, index))
    return found


def _panel(found: list[Found], label: str, x: str, *, faint: bool, log: bool) -> Panel:
    lines: list[Curve] = []
    for group, made, index in found:
        if faint and made.runs > 1:
            lines += [Curve("", each, x=made.x, style=index, faint=True) for each in made.each]
        name = group.label if len(found) > 1 or made.runs == 1 else "mean"
        lines.append(Curve(
            f"{name} ({_n(made)})", made.center, x=made.x, low=made.low, high=made.high, n=made.n,
            style=index,
        ))  # fmt: skip
    bad = np.unique(np.concatenate([made.bad for _, made, _ in found]))
    values = np.concatenate([made.center for _, made, _ in found])
    remark = ""
    if log and not (values > 0).all():
        log, remark = False, "linear: not all values are above zero"
    if log:
        lines = [above_zero(curve) for curve in lines]
    return Panel(
        "", label, np.empty(0), x_label(x), lines=tuple(lines), non_finite=bad, log=log,
        remark=remark,
    )  # fmt: skip


def _n(made: Bundle) -> str:
    low, high = int(made.n.min()), int(made.n.max())
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def _counts(found: list[Found], x: str) -> Panel:
    """Return how many runs have a value at each point."""
    lines = tuple(
        Curve("", made.n, x=made.x, n=made.n, style=index, stairs=True) for _, made, index in found
    )
    most = max(float(made.n.max()) for _, made, _ in found)
    return Panel("", "runs", np.empty(0), x_label(x), lines=lines, y_range=(0.0, 1.15 * most))
