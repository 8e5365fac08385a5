"""Topics of checklists on experiments: how many runs, which seeds, tests, settings, data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.analyze.pairs import TESTS
from epochal.analyze.replicates import canonical
from epochal.core.nested import flatten
from epochal.markup.rounding import plain
from epochal.paper.topics.evidence import Answer, Evidence, counted, listed, named
from epochal.present.tables.training import SAID
from epochal.read.metrics import MetricSummary
from epochal.read.view import RunView

DATA_WORDS = ("dataset", "data", "corpus", "benchmark")
PLAN = "paper.toml and paper.lock.json"
ADD = "add [comparison.NAME] to the plan and run `epochal paper build`"


def runs_per_result(evidence: Evidence) -> Answer:
    """How many runs each result rests on, and which were left out."""
    facts, missing = [], []
    for name, comparison in evidence.comparisons.items():
        groups = comparison["groups"]
        each = ", ".join(f"{group}: n = {facts['n']}" for group, facts in groups.items())
        facts.append(f"Comparison {name} ({comparison['metric']}): {each}.")
        left = [reason for group in groups.values() for reason in group["left_out"]]
        if left:
            facts.append(f"Left out of {name}: {listed(left)}.")
    for title, made in evidence.lock.items():
        if title.startswith("number.") and made.facts["measured"] and made.facts["n"] > 1:
            facts.append(f"Number {title[7:]}: n = {made.facts['n']} ({made.facts['about']}).")
    facts.append(f"All runs of the folder: {counted(run.state for run in evidence.runs)}.")
    aside = [run for run in evidence.runs if run.id not in evidence.used]
    if evidence.lock and aside:
        facts.append(f"No part of the paper looks at {len(aside):,} of them: {named(aside)}.")
    if not evidence.comparisons:
        missing.append(f"the number of runs of each comparison: {ADD}")
    return Answer(tuple(facts), (PLAN,), tuple(missing))


def seeds(evidence: Evidence) -> Answer:
    """Which seeds were used, by role."""
    roles: dict[str, set[int]] = {}
    for each in evidence.seeds:
        for role, number in each.items():
            roles.setdefault(role, set()).add(number)
    facts = [
        f"{'Seeds' if role == 'seed' else f'Seeds of {role}'}: {listed(sorted(numbers), 20)}"
        f" ({len(numbers):,} different)."
        for role, numbers in sorted(roles.items())
    ]
    lacking = [run for run, found in zip(evidence.runs, evidence.seeds, strict=True) if not found]
    missing = (f"the seed of {named(lacking)}: log it with epochal.init(seed=...)",) * bool(lacking)
    with_seed = [r for r, found in zip(evidence.runs, evidence.seeds, strict=True) if found]
    return Answer(tuple(facts), (f"run.json of {named(with_seed)}",) * bool(with_seed), missing)


def error_bars(evidence: Evidence) -> Answer:
    """What the error bars are."""
    facts, missing = [], []
    for name, comparison in evidence.comparisons.items():
        groups: Mapping[str, Any] = comparison["groups"]
        methods = listed(dict.fromkeys(
            group["interval"] for group in groups.values() if group["half_width"] is not None
        ))  # fmt: skip
        level = f"{100 * comparison['level']:g} %"
        if methods:
            assumed = ", which assumes a normal distribution over seeds" * ("t inter" in methods)
            facts.append(f"Comparison {name}: mean ± half the width of a {level} {methods} over"
                         f" runs that differ by their seed{assumed}.")  # fmt: skip
        single = [group for group, each in groups.items() if each["half_width"] is None]
        if single:
            missing.append(f"an error bar of {listed(single)} in comparison {name}: one run has"
                           " none; record more seeds")  # fmt: skip
    varied = sorted({role for found in evidence.seeds for role in found})
    if varied and evidence.comparisons:
        facts.append(f"Factors of variability: the seeds ({listed(varied)}).")
    if not evidence.comparisons:
        missing.append(f"what the error bars are: {ADD}")
    return Answer(tuple(facts), (PLAN,) * bool(facts), tuple(missing))


def tests(evidence: Evidence) -> Answer:
    """Which tests were made, and how p was corrected."""
    facts = []
    for name, comparison in evidence.comparisons.items():
        verdicts = comparison["verdicts"]
        if not verdicts:
            continue
        how = counted(TESTS.get(each["test"], each["test"]) for each in verdicts)
        facts.append(f"Comparison {name}: tests: {how}; correction: {comparison['correction']};"
                     f" alpha = {1 - comparison['level']:.4g}.")  # fmt: skip
        facts += [each["sentence"] for each in verdicts]
        facts += [f"Note on {name}: {guard}." for guard in comparison["guards"]]
    missing = f"a test of what is claimed: {ADD}"
    return Answer(tuple(facts), (PLAN,) * bool(facts), () if facts else (missing,))


def settings(evidence: Evidence) -> Answer:
    """The hyperparameters that were used, and those that were tried."""
    fixed, tried = evidence.fixed(), evidence.tried()
    facts = []
    if fixed:
        facts.append(f"The same in all {len(evidence.runs):,} runs: "
                     f"{listed((f'{k} = {v}' for k, v in fixed.items()), 40)}.")  # fmt: skip
    facts += [f"Tried for {key}: {_values(values)}." for key, values in tried.items()]
    different = {canonical(setting) for setting in evidence.settings}
    facts.append(f"Number of trials: {len(evidence.runs):,} runs, of {len(different):,} settings.")
    empty = [run for run in evidence.runs if not run.config]
    missing = [f"the config of {named(empty)}: log it with epochal.init(config=...)"] * bool(empty)
    missing.append("how the final values were chosen (by which metric, on which split): say it in"
                   " the text")  # fmt: skip
    pointers = (f"config of each run: epochal show {evidence.runs[0].id}",) if evidence.runs else ()
    return Answer(tuple(facts), pointers, tuple(missing))


def parameters(evidence: Evidence) -> Answer:
    """How many parameters the models have."""
    known = {run.id: parameter_count(run) for run in evidence.runs}
    counts = sorted({count for count in known.values() if count is not None})
    facts = (f"Parameters: {listed(plain(count) for count in counts)}.",) * bool(counts)
    lacking = [run for run in evidence.runs if known[run.id] is None]
    remedy = 'log it with run.summary["parameters"] = ...'
    missing = (f"the number of parameters of {named(lacking)}: {remedy}",) * bool(lacking)
    return Answer(facts, ("summary or config of each run",) * bool(counts), missing)


def parameter_count(run: RunView) -> float | None:
    """Return the number of a model's parameters, from the summary, the metrics or the config."""
    config = {key.rpartition(".")[2]: value for key, value in flatten(run.config).items()}
    for place in (run.summary, config):
        for name in SAID["parameters"]:
            value: Any = place.get(name)
            value = value.last if isinstance(value, MetricSummary) else value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return value
    return None


def data(evidence: Evidence) -> Answer:
    """Which data were used."""
    facts, pointers = [], []
    found: dict[str, set[str]] = {}
    for setting in evidence.settings:
        for key, value in setting.items():
            words = key.lower().replace(".", "_").replace("-", "_").split("_")
            if any(word in words for word in DATA_WORDS):
                found.setdefault(key, set()).add(str(value))
    facts += [f"Config {key}: {listed(sorted(values))}." for key, values in found.items()]
    files = {
        (each.name, each.sha256): run for run in evidence.runs for each in run.artifacts
        if each.type == "dataset"
    }  # fmt: skip
    for (name, sha256), run in files.items():
        facts.append(f"Data set {name}" + (f", SHA-256 {sha256}." if sha256 else "."))
        pointers.append(f"artifacts of {run.name} ({run.id})")
    missing = [] if facts else [
        'the data sets: log them with run.log_artifact(path, type="dataset")'
    ]  # fmt: skip
    missing.append("version, licence and splits of each data set: say it in the text")
    return Answer(tuple(facts), tuple(dict.fromkeys(pointers)), tuple(missing))


def metrics(evidence: Evidence) -> Answer:
    """How the metrics are defined."""
    facts, undefined = [], []
    names = dict.fromkeys(each["metric"] for each in evidence.comparisons.values())
    for name in names:
        told = [run.metrics[name].definition for run in evidence.runs if name in run.metrics]
        said = {key: value for each in told for key, value in each.to_dict().items()}
        if said:
            facts.append(f"{name}: {listed(f'{k} = {v}' for k, v in said.items())}.")
        else:
            undefined.append(name)
    missing = [f"unit, goal and range of {name}: log them with run.define({name!r}, goal=...,"
               " unit=..., range=...)" for name in undefined]  # fmt: skip
    if not names:
        missing.append("which metrics are compared: add [comparison.NAME] to the plan")
    return Answer(tuple(facts), ("definitions of the runs",) * bool(facts), tuple(missing))


def descriptive(evidence: Evidence) -> Answer:
    """Whether results are means, maxima or single runs."""
    facts = [
        f"Comparison {name}: of each run the {comparison['statistic']} of {comparison['metric']};"
        " mean over the runs of a setting."
        for name, comparison in evidence.comparisons.items()
    ]
    facts += [
        f"Number {title[7:]} ({made.facts['shown']}): {made.facts['about']}, n = {made.facts['n']}."
        for title, made in evidence.lock.items()
        if title.startswith("number.") and made.facts["measured"]
    ]  # fmt: skip
    missing = () if facts else (
        "what the numbers are: add [number.NAME] and [comparison.NAME] to the plan",
    )  # fmt: skip
    return Answer(tuple(facts), (PLAN,) * bool(facts), missing)


def _values(values: list[Any]) -> str:
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) == len(values) and len(values) > 8:
        return f"{len(values):,} values from {min(numbers):g} to {max(numbers):g}"
    shown = sorted(values) if len(numbers) == len(values) else sorted(values, key=str)
    return listed(shown, 12)
