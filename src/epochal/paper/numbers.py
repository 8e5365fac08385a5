"""One number of a paper from its runs: of their metrics, their config, or a comparison."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.analyze import scores
from epochal.core.errors import did_you_mean
from epochal.core.names import printable
from epochal.paper.plan import Plan
from epochal.paper.printed import Value, printed
from epochal.paper.section import Section
from epochal.paper.selection import Selection
from epochal.read.view import RunView

OVER: Mapping[str, Callable[[list[float]], float]] = {
    "mean": statistics.fmean, "median": statistics.median, "min": min, "max": max,
    "sum": math.fsum, "std": statistics.stdev,
}  # fmt: skip
"""How one number is made of those of several runs; beside "count", the number of runs."""

ERRORS = ("none", "interval", "std", "standard error")
GROUP_FIELDS = ("mean", "low", "high", "half width", "n", "std", "min", "max")
PAIR_FIELDS = (
    "difference", "percent", "p", "p uncorrected", "effect", "probability", "verdict",
    "low", "high", "n",
)  # fmt: skip

_COMMON = ("over", "filter", "states", "error", "digits", "decimals", "rounding", "scale", "unit",
           "macro")  # fmt: skip
_PRINTED = ("digits", "decimals", "rounding", "scale", "unit", "macro")


def evaluate(
    section: Section, plan: Plan, selection: Selection, comparison: Callable[[str], Any]
) -> Value:
    """Return the number that a section asks for.

    Args:
        section: of the kind "number".
        plan: that it is from.
        selection: the runs.
        comparison: returns the comparison of a name.

    Raises:
        SettingError: the section asks for something that is not there, or is not one number.
        EvidenceError: the runs have no such number.
    """
    given = [key for key in ("metric", "path", "of") if key in section.values]
    if len(given) > 1:
        raise section.error(given[1], f"cannot stand beside {given[0]}: give one of them")
    if not given and section.get("over") != "count":
        remedy = 'give metric = "...", path = "config...", of = "..." or over = "count"'
        raise section.error("", f"does not say which number it is: {remedy}")
    if given == ["of"]:
        plan.comparison(section.get("of"), section, "of")
        return _of_comparison(section, comparison(section.get("of")))
    runs, notes = _runs(section, selection)
    if section.get("over") == "count":
        section.only(("over", "filter", "states", "macro", "unit"), 'beside over = "count"')
        return printed(section, len(runs), None, len(runs), "number of runs", notes)
    if given == ["path"]:
        section.only(("path", *_COMMON), "beside path")
        return _of_path(section, selection, runs, notes)
    section.only(("metric", "statistic", "goal", *_COMMON), "beside metric")
    return _of_metric(section, runs, notes)


# -- of runs -----------------------------------------------------------------------------------


def _runs(section: Section, selection: Selection) -> tuple[list[RunView], list[str]]:
    """Return the runs that count, and a note on those that do not."""
    matching = selection.of(section)
    if not matching:
        raise section.error("filter" if section.get("filter") else "", "matches no run")
    states = section.get("states", "finished")
    wanted = [states] if isinstance(states, str) else states
    known = ("all", "finished", "failed", "interrupted", "killed", "running", "lost", "unknown")
    for each in wanted:
        if each not in known:
            hint = did_you_mean(each, known) or f": give one of {', '.join(known)}"
            raise section.error("states", f"names {each!r}{hint}")
    kept = [run for run in matching if "all" in wanted or run.state in wanted]
    if not kept and section.get("over") != "count":
        named = _named(matching, lambda run: run.state)
        raise section.error("", f"matches no run that is {' or '.join(wanted)}: {named}")
    left = [run for run in matching if run not in kept]
    return kept, [f"left out: {_named(left, lambda run: run.state)}"] if left else []


def _of_metric(section: Section, runs: Sequence[RunView], notes: list[str]) -> Value:
    metric = section.get("metric")
    readings = [scores.read(run, metric) for run in runs]
    if not any(reading.exists for reading in readings):
        hint = did_you_mean(metric, scores.known_metrics(runs))
        raise section.error("metric", f"is {metric!r}, which none of {len(runs):,} runs has{hint}")
    statistic = scores.statistic_of(readings, metric, section.get("statistic"))
    goal = section.get("goal")
    if statistic == "best":
        goal = scores.goal_of(readings, metric, goal)
    found: list[float] = []
    for reading in readings:
        one = _score(section, reading, metric, statistic, goal or "minimize")
        found.append(one)
    return _together(section, found, f"{statistic} {metric}", notes)


def _score(
    section: Section, reading: scores.Reading, metric: str, statistic: str, goal: str
) -> float:
    """Return a run's number; runs that ended otherwise count if the section says so."""
    one = scores.score(reading, metric, statistic, goal)
    name = printable(reading.run.name)
    if not one.why_not:
        return one.value
    if reading.run.state != "finished" and reading.info is not None:
        wanted = statistic if statistic != "best" else "min" if goal == "minimize" else "max"
        value = getattr(reading.info.summary, wanted, math.nan)
        if math.isfinite(value):
            return float(value)
    raise section.error(
        "metric", f": run {name} ({reading.run.id}) {one.why_not}; leave it out with filter = ..."
    )


def _of_path(
    section: Section, selection: Selection, runs: Sequence[RunView], notes: list[str]
) -> Value:
    path = section.get("path")
    values = selection.paths(runs, path)
    lacking = [run for run, value in zip(runs, values, strict=True) if value is None]
    if lacking:
        who = _named(lacking, lambda run: run.id)
        raise section.error("path", f"is {path!r}, which is not there in: {who}")
    if len({repr(value) for value in values}) == 1 and "over" not in section.values:
        value = values[0]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return printed(section, value if number else str(value), None, len(runs), path, notes)  # type: ignore[arg-type]
    numbers: list[float] = []
    for run, value in zip(runs, values, strict=True):
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise section.error("path", f"is {path!r}, which is {value!r} in {printable(run.name)}")
        numbers.append(value)
    return _together(section, numbers, path, notes)


def _together(section: Section, values: list[float], what: str, notes: list[str]) -> Value:
    n = len(values)
    if n == 1 and "over" not in section.values:
        section.only(tuple(key for key in section.values if key != "error"), "for one run")
        return printed(section, values[0], None, 1, what, notes)
    if "over" not in section.values:
        known = ", ".join(f'"{each}"' for each in (*OVER, "count"))
        raise section.error("", f"matches {n:,} runs: say over = one of {known}, or filter = ...")
    over = section.among("over", tuple(OVER), "mean")
    if over == "std" and n < 2:
        raise section.error("over", "is 'std', and one run has no standard deviation")
    error, method = _error(section, values) if over == "mean" else (None, "")
    if over != "mean" and section.get("error", "none") != "none":
        raise section.error("error", f'is for over = "mean", and over is {over!r}')
    about = f"{over} over {n:,} runs of {what}{f' ± {method}' if method else ''}"
    return printed(section, OVER[over](values), error, n, about, notes)


def _error(section: Section, values: list[float]) -> tuple[float | None, str]:
    from epochal.analyze.estimates import mean_interval

    kind = section.among("error", ERRORS, "none")
    if kind == "none":
        return None, ""
    if len(values) < 2:
        raise section.error("error", f"is {kind!r}, and there is one run only")
    if kind == "interval":
        estimate = mean_interval(values)
        return estimate.error, f"{100 * estimate.level:g} % {estimate.method}"
    deviation = statistics.stdev(values)
    if kind == "std":
        return deviation, "one standard deviation"
    return deviation / math.sqrt(len(values)), "standard error"


# -- of comparisons ----------------------------------------------------------------------------


def _of_comparison(section: Section, compared: Any) -> Value:
    section.only(("of", "field", "group", "pair", *_PRINTED), "beside of")
    if "group" in section.values:
        if "pair" in section.values:
            raise section.error("pair", "cannot stand beside group: give one of them")
        return _of_group(section, compared)
    verdict = _verdict(section, compared)
    field = section.among("field", PAIR_FIELDS, "difference")
    value: Any = {
        "difference": verdict.difference.value, "percent": verdict.percent,
        "p": verdict.p_corrected, "p uncorrected": verdict.p, "effect": verdict.effect,
        "probability": verdict.probability, "verdict": verdict.word,
        "low": verdict.difference.low, "high": verdict.difference.high, "n": sum(verdict.n),
    }[field]  # fmt: skip
    about = f"{field} of {verdict.a} against {verdict.b} in {compared.metric}"
    p = field in ("p", "p uncorrected")
    return printed(section, value, None, sum(verdict.n), about, verdict.guards, p=p)


def _of_group(section: Section, compared: Any) -> Value:
    name = section.get("group")
    if name not in compared.groups:
        hint = did_you_mean(name, compared.groups) or f": there are {', '.join(compared.groups)}"
        raise section.error("group", f"is {name!r}, which is no group of the comparison{hint}")
    group = compared.groups[name]
    estimate, runs = group.estimate, [float(value) for value in group.scores]
    field = section.among("field", GROUP_FIELDS, "mean")
    if field == "std" and len(runs) < 2:
        raise section.error("field", "is 'std', and one run has no standard deviation")
    if not runs:
        raise section.error("group", f"is {name!r}, and none of its runs counts")
    plain = {
        "mean": estimate.value, "low": estimate.low, "high": estimate.high,
        "half width": estimate.error, "n": estimate.n, "min": min(runs), "max": max(runs),
    }  # fmt: skip
    value = statistics.stdev(runs) if field == "std" else plain[field]
    about = f"{field} of {compared.metric} of {name}"
    return printed(section, value, None, estimate.n, about, ())


def _verdict(section: Section, compared: Any) -> Any:
    pairs = {(each.a, each.b): each for each in compared.verdicts}
    known = "; ".join(f'["{a}", "{b}"]' for a, b in pairs)
    if "pair" not in section.values:
        if len(pairs) != 1:
            raise section.error("", f"must say which pair of {len(pairs)}: pair = {known}")
        return next(iter(pairs.values()))
    a, b = section.get("pair")
    if (a, b) in pairs:
        return pairs[a, b]
    if (b, a) in pairs:
        return pairs[b, a].flipped()
    raise section.error("pair", f"is {a!r} and {b!r}, which was not compared; there is {known}")


def _named(runs: Sequence[RunView], what: Callable[[RunView], str], most: int = 5) -> str:
    some = ", ".join(f"{printable(run.name)} ({what(run)})" for run in runs[:most])
    return f"{some} and {len(runs) - most:,} more" if len(runs) > most else some
