"""The figures that can be made of some runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epochal.core.errors import EvidenceError, NotFoundError, did_you_mean
from epochal.web import paper_reasons as reasons
from epochal.web.paper_subject import Subject

if TYPE_CHECKING:
    from epochal.present.drawing import Drawn

BY_EPOCH = "epoch_"
"""What the names of the charts by epochs begin with."""


@dataclass(frozen=True)
class Figure:
    """A figure that may be made.

    Attributes:
        title: for people.
        draw: draws it; takes what it is made of, and how it looks.
        why_not: returns why it cannot be made, "" if it can.
        needs: what is asked of the person: "metric", "task", "baseline", "x", "by".
        column: how wide it is unless somebody says: "single" or "full"; "": as it needs; None: it
            is for a screen and has no other width.
    """

    title: str
    draw: Callable[..., Drawn]
    why_not: Callable[[Subject], str]
    needs: tuple[str, ...] = ()
    column: str | None = "single"


def listed(subject: Subject) -> list[dict[str, Any]]:
    """Return all figures with the reasons why some cannot be made."""
    return [
        {"name": name, "title": each.title, "why": reasons.reason(each.why_not, subject),
         "needs": list(each.needs), "column": each.column}
        for name, each in known().items()
    ]  # fmt: skip


def draw(name: str, subject: Subject, look: Mapping[str, Any]) -> Drawn:
    """Draw a figure.

    Args:
        name: which.
        subject: of what.
        look: venue, column and style; what is not asked for is left out.

    Raises:
        NotFoundError: there is no such figure.
        EvidenceError, MetricNotFoundError: it cannot be made of these runs.
        MissingExtraError: matplotlib or SciPy is not installed.
    """
    every = known()
    if name not in every:
        raise NotFoundError(f"there is no figure {name!r}{did_you_mean(name, every)}")
    found = every[name]
    if why := found.why_not(subject):
        raise EvidenceError(why)
    return found.draw(subject, **look)


def known() -> dict[str, Figure]:
    """Return every figure by its name."""
    from epochal.present import figures
    from epochal.present.epoch_charts import CHARTS

    runs = {
        "training_curves": Figure(
            "Training curves",
            lambda s, **look: figures.training_curves(s.runs, x=s.x, by=s.by, **look),
            reasons.no_role("train_loss", "val_loss", "lr", "grad_norm"), ("x", "by"), "full",
        ),
        "seed_bands": Figure(
            "A metric with bands over seeds",
            lambda s, **look: figures.seed_bands(s.runs, s.metric, x=s.x, by=s.by, **look),
            reasons.no_curve, ("metric", "x", "by"),
        ),
        "learning_rate": Figure(
            "Learning rate",
            lambda s, **look: figures.learning_rate(s.runs, x=s.x, by=s.by, **look),
            reasons.no_role("lr"), ("x", "by"),
        ),
        "loss_distribution": Figure(
            "Distribution of the loss",
            lambda s, **look: figures.loss_distribution(s.runs, x=s.x, by=s.by, **look),
            reasons.no_distribution, ("x", "by"), "full",
        ),
        "gradient_flow": Figure(
            "Gradients by layer",
            lambda s, **look: figures.gradient_flow(s.runs, **look), reasons.no_gradients,
        ),
        "training_progress": Figure(
            "Progress of one run",
            lambda s, **look: figures.training_progress(s.runs, **look),
            reasons.no_progress, column="full",
        ),
    }  # fmt: skip
    charts = {
        f"{BY_EPOCH}{name}": Figure(
            f"By epochs: {each.title}", _chart(name), reasons.no_chart(name), column=None
        )
        for name, each in CHARTS.items()
    }  # fmt: skip
    return {**runs, **_of_settings(), **charts}


def _of_settings() -> dict[str, Figure]:
    from epochal.present import figures

    def of_tasks(function: Callable[..., Drawn]) -> Callable[..., Drawn]:
        def drawn(subject: Subject, **look: Any) -> Drawn:
            return function(subject.runs, subject.metric, **subject.of_tasks, **look)

        return drawn

    return {
        "comparison": Figure(
            "Settings compared",
            lambda s, **look: figures.comparison(s.compared, **look), reasons.nothing_compared,
            ("metric", "by"),
        ),
        "ablation": Figure(
            "Ablation: differences from a baseline",
            lambda s, **look: figures.ablation(s.compared, **look), reasons.no_baseline,
            ("metric", "by", "baseline"),
        ),
        "parallel_coordinates": Figure(
            "Settings and what came out",
            lambda s, **look: figures.parallel_coordinates(
                s.runs, s.metric, by=s.by, statistic=s.option("statistic"), goal=s.option("goal"),
                **look,
            ),
            reasons.no_settings, ("metric", "by"), "full",
        ),
        "performance_profile": Figure(
            "Performance profiles over tasks", of_tasks(figures.performance_profile),
            reasons.no_tasks, ("metric", "task", "by"),
        ),
        "critical_difference": Figure(
            "Critical differences over tasks", of_tasks(figures.critical_difference),
            reasons.no_tasks, ("metric", "task", "by"), "",
        ),
    }  # fmt: skip


def _chart(name: str) -> Callable[..., Drawn]:
    def drawn(subject: Subject, **_look: Any) -> Drawn:  # they are for a screen, and dark
        from epochal.present.epoch_charts import draw_epoch_chart
        from epochal.present.spec import Provenance

        origin = Provenance.of(subject.runs, {"figure": "epoch_charts", "names": None})
        return draw_epoch_chart(name, subject.epochs, origin)

    return drawn
