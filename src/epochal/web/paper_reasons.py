"""Why a figure or table cannot be made of some runs, in words; "" where it can.

They look at little: only what a figure would be empty or wrong without.  What else stands against
it is said when it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

from epochal.core.errors import EpochalError
from epochal.core.names import printable
from epochal.web.paper_subject import Subject

MANY_POINTS = 5_000_000
"""A run with more is not read only to say which of its charts would be empty."""

_WORDS = {
    "train_loss": "training loss", "val_loss": "validation loss", "lr": "learning rate",
    "grad_norm": "gradient norm", "accuracy": "accuracy",
}  # fmt: skip


def reason(why_not: Callable[[Subject], str], subject: Subject) -> str:
    """Return why something cannot be made, in words; "" if it can."""
    try:
        return why_not(subject)
    except EpochalError as error:
        return printable(str(error))


def nothing_compared(subject: Subject) -> str:
    """Return why settings cannot be compared, "" if they can."""
    from epochal.present.comparison_files import nothing_to_compare

    found = subject.compared
    return "" if found.verdicts else nothing_to_compare(found)


def one_run(subject: Subject) -> str:
    """Return why a figure of one run cannot be made."""
    if len(subject.runs) == 1:
        return ""
    return f"It shows one run, and {len(subject.runs):,} are chosen."


def no_role(*roles: str) -> Callable[[Subject], str]:
    """Return what says why a figure cannot be made that needs a metric of one of some roles."""

    def why(subject: Subject) -> str:
        if any(role in subject.roles for role in roles):
            return ""
        *more, last = (_WORDS[role] for role in roles)
        return f"No run has a {', '.join(more)}{' or ' if more else ''}{last}."

    return why


def no_progress(subject: Subject) -> str:
    """Return why the progress of a run cannot be drawn."""
    return one_run(subject) or no_role("train_loss", "accuracy", "grad_norm")(subject)


def no_curve(subject: Subject) -> str:
    """Return why the chosen metric has no curve."""
    points = subject.counts[subject.metric]
    if points > 1:
        return ""
    if points:
        return f"No run has more than one value of {printable(subject.metric)}."
    return f"No run has {printable(subject.metric)}."


def no_distribution(subject: Subject) -> str:
    """Return why the training loss has no distribution."""
    from epochal.present.figures.loss_distribution import FEWEST

    if why := no_role("train_loss")(subject):
        return why
    points = subject.counts[subject.roles["train_loss"]]
    return "" if points >= FEWEST else f"A distribution needs {FEWEST} values of the training loss."


def no_gradients(subject: Subject) -> str:
    """Return why there are no gradients by layer."""
    from epochal.present.figures.gradient_flow import PREFIX, SUFFIX, WHY

    found = (name for name in subject.counts if name.startswith(PREFIX) and name.endswith(SUFFIX))
    return "" if any(found) else WHY


def no_baseline(subject: Subject) -> str:
    """Return why there are no differences from a baseline."""
    if subject.option("baseline") is None:
        return "Choose the setting that all others are compared with."
    return nothing_compared(subject)


def no_settings(subject: Subject) -> str:
    """Return why there is no setting to see a metric against."""
    runs = subject.runs
    if not subject.counts[subject.metric]:
        return f"No run has {printable(subject.metric)}."
    same = all(run.config == runs[0].config for run in runs)
    return "All runs have the same config: there is no setting to see." if same else ""


def no_tasks(subject: Subject) -> str:
    """Return why there are no scores of several tasks."""
    from epochal.present.figures.task_scores import task_scores

    if not subject.task:
        return "Choose the config key that says which task a run is of."
    task_scores(subject.runs, metric=subject.metric, **subject.of_tasks)
    return ""


def no_chart(name: str) -> Callable[[Subject], str]:
    """Return what says why a chart by epochs cannot be made."""

    def why(subject: Subject) -> str:
        from epochal.present.epoch_charts import chart_spec

        if several := one_run(subject):
            return several
        if sum(subject.counts.values()) > MANY_POINTS:
            return ""
        panels = chart_spec(name, subject.epochs).panels
        return panels[0].empty if all(panel.empty for panel in panels) else ""

    return why
