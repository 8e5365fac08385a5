"""Settings compared: ``/api/compare``, and ``/api/diff`` beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.routing import Route

from epochal.core.errors import EvidenceError, RunNotFoundError, SettingError
from epochal.core.names import printable
from epochal.web import diff, query
from epochal.web.answers import getting
from epochal.web.integers import exact
from epochal.web.kept import Kept

if TYPE_CHECKING:
    from epochal.analyze.comparison import Comparison
    from epochal.analyze.verdicts import Verdict
    from epochal.read.view import RunView
    from epochal.web.state import State

MOST_RUNS = 2_000
MOST_GROUPS = 100
"""Of more settings nobody reads every pair, and comparing them takes seconds."""

MOST_VERDICTS = 200
"""Of more only those on the best setting are sent: saying how many seeds each needs takes long."""

AGAIN_S = 10.0
"""While runs go on a comparison of them is made again so often."""

KEPT_BYTES = 32 << 20

WORD = 200
"""Characters of a name in a query."""


def routes(state: State) -> list[Route]:
    """Return the routes of this file."""
    kept: Kept[dict[str, Any]] = Kept(KEPT_BYTES)
    turn = threading.Lock()

    def compared(request: Request) -> Any:
        question, (runs, versions) = question_of(request), chosen(state, request)

        def make() -> dict[str, Any]:
            with turn:  # two at once would only slow each other down
                return told(compare(runs, question))

        return kept.get((question, _settled(state, versions)), make, _weight)

    return [*diff.routes(state), getting("/api/compare", compared)]


def _settled(state: State, versions: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Return versions in which a run that goes on changes every few seconds only.

    It does not count before its end, so that comparing again at each of its steps tells nothing.
    """
    now = -1 - int(time.monotonic() / AGAIN_S)
    running = (known.facts is not None and known.facts.state == "running"
               for known in (state.known(run_id) for run_id, _ in versions))  # fmt: skip
    return tuple(
        (run_id, now if goes_on else version)
        for (run_id, version), goes_on in zip(versions, running, strict=True)
    )


@dataclass(frozen=True)
class Question:
    """What is compared, and how; see :func:`epochal.compare`.

    Attributes:
        metric: "": the validation loss, or the training loss where there is none.
        by: config keys that tell settings apart; empty: all that differ.
        options: name → value of further options, those that are not asked for left out.
    """

    metric: str = ""
    by: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = field(default=())


def question_of(request: Request) -> Question:
    """Return what a request asks.

    Raises:
        SettingError: it asks for what there is not.
    """
    level = query.number(request, "level")
    given: dict[str, Any] = {
        "statistic": query.text(request, "statistic", WORD),
        "goal": query.choice(request, "goal", ("minimize", "maximize")),
        "margin": _margin(query.text(request, "margin", WORD)),
        "paired": query.switch(request, "paired"),
        "baseline": query.text(request, "baseline"),
        "test": query.text(request, "test", WORD),
        "correction": query.text(request, "correction", WORD),
        "replicates": tuple(query.words(request, "replicates")),
        "level": level,
    }
    options = tuple((name, value) for name, value in given.items() if value not in ("", None, ()))
    return Question(query.text(request, "metric"), tuple(query.words(request, "by")), options)


def _margin(given: str) -> float | str:
    """Return a margin as a number, or as the text of a percentage."""
    if not given or given.endswith("%"):
        return given
    try:
        return float(given)
    except ValueError:
        raise SettingError(
            f"margin={given!r} is neither a number nor a percentage such as 1 %"
        ) from None


class Chosen(NamedTuple):
    """The runs of a request, and what changes when any of them has more to say."""

    runs: list[RunView]
    versions: tuple[tuple[str, int], ...]


def chosen(state: State, request: Request) -> Chosen:
    """Return the runs that a request names, or else all of the project that it names.

    Raises:
        SettingError: it names neither, or too many.
        NotFoundError: there is no such run or project.
    """
    ids = query.run_ids(request, MOST_RUNS) or _of_project(state, request)
    # The versions come first: what is read is then as new as they say, or newer.
    versions = tuple((each, state.known(each).version) for each in ids)
    return Chosen([state.view(each) for each in ids], versions)


def _of_project(state: State, request: Request) -> list[str]:
    """Return the ids of a project's runs, oldest first."""
    slug = query.text(request, "project", WORD)
    if not slug:
        raise SettingError("which runs? give project=SLUG, or runs=ID,ID")
    runs = state.runs(slug)
    if not len(runs):
        raise RunNotFoundError(f"there is no project {printable(slug)!r}, or it has no runs")
    if len(runs) > MOST_RUNS:
        raise SettingError(f"{len(runs):,} runs are too many at once: choose {MOST_RUNS:,} at most")
    return [str(each) for each in reversed(runs.values("id"))]


def compare(runs: Sequence[RunView], question: Question) -> Comparison:
    """Compare settings.

    Raises:
        EvidenceError, MetricNotFoundError: the runs cannot answer the question.
        MissingExtraError: SciPy is not installed.
    """
    from epochal.analyze.compare_runs import compare as judge
    from epochal.core.optional import require
    from epochal.present.comparison_files import metric_of

    require("scipy", extra="paper", why="comparing settings")
    options = dict(question.options)
    metric, by = question.metric or metric_of(runs), list(question.by) or None
    options["replicates"] = ["seed", *options.get("replicates", ())]
    _check_size(runs, metric, by, options)
    return judge(list(runs), metric, by=by, **options)


def _check_size(
    runs: Sequence[RunView], metric: str, by: list[str] | None, options: Mapping[str, Any]
) -> None:
    from epochal.analyze.groups import find_groups

    grouping = {name: options.get(name) for name in ("statistic", "goal")}
    groups = find_groups(
        runs, by=by, replicates=options["replicates"], metric=metric, **grouping
    )  # fmt: skip
    if len(groups) > MOST_GROUPS:
        raise EvidenceError(
            f"{len(groups):,} settings are too many to compare ({MOST_GROUPS} at most): choose by"
            " which config keys they differ, or fewer runs"
        )


def told(found: Comparison) -> dict[str, Any]:
    """Return a comparison as it is sent; verdicts beyond ``MOST_VERDICTS`` only on the best."""
    verdicts = found.verdicts
    if len(verdicts) > MOST_VERDICTS:
        verdicts = tuple(each for each in verdicts if found.best in (each.a, each.b))
    return {
        "groups": [
            {
                "name": group.name, "label": group.label, "setting": exact(group.setting),
                "n": group.n, "value": group.estimate.value, "low": group.estimate.low,
                "high": group.estimate.high, "runs": [run.id for run in group.runs],
                "scores": group.scores.tolist(), "seeds": exact(group.seeds),
                "best": group.name == found.best, "not_worse": group.name in found.not_worse,
                "left_out": [
                    {"run": each.run.id, "name": each.name, "reason": each.reason,
                     "replaced": each.replaced}
                    for each in group.left_out
                ],
            }
            for group in found.groups.values()
        ],
        "verdicts": [_verdict(each) for each in verdicts],
        "verdicts_total": len(found.verdicts), "guards": list(found.guards),
        "settings": {
            "metric": found.metric, "statistic": found.statistic, "goal": found.goal,
            "by": found.by, "level": found.level, "correction": found.correction,
            "margin": found.margin, "baseline": found.baseline, "best": found.best,
            "not_worse": list(found.not_worse), "looks": found.looks,
            "ignored": list(found.ignored), "paired": any(each.paired for each in verdicts),
        },
    }  # fmt: skip


def _verdict(found: Verdict) -> dict[str, Any]:
    difference = found.difference
    return {
        "a": found.a, "b": found.b, "word": found.word, "sentence": str(found),
        "p": found.p_corrected, "p_alone": found.p, "test": found.test,
        "difference": [difference.value, difference.low, difference.high],
        "percent": found.percent, "effect": found.effect, "probability": found.probability,
        "n": list(found.n), "means": list(found.means), "paired": found.paired,
        "seeds_needed": found.seeds_needed, "guards": list(found.guards),
    }  # fmt: skip


def _weight(found: Mapping[str, Any]) -> int:
    scores = sum(len(group["scores"]) + len(group["left_out"]) for group in found["groups"])
    return 2_000 * (1 + len(found["groups"]) + len(found["verdicts"])) + 200 * scores
