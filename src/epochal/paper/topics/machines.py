"""Topics of checklists on machines: compute of all runs, software, commands and code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from epochal.analyze.members import code_of
from epochal.paper.topics.evidence import Answer, Evidence, counted, listed, named
from epochal.read.view import RunView

_NO_ENVIRONMENT = "record runs without capture_environment=False"


def compute(evidence: Evidence) -> Answer:
    """What all runs took, the failed ones included."""
    runs, found = evidence.runs, evidence.environments
    facts = [_hours(runs)] if runs else []
    devices = Counter(_devices(found.get(run.id, {})) for run in runs)
    facts += [f"Devices: {device} ({count:,} runs)." for device, count in devices.items() if device]
    gpu_hours = sum(run.duration_s * _gpus(found.get(run.id, {})) / 3600 for run in runs)
    if gpu_hours:
        facts.append(f"GPU hours, visible GPUs × wall time: {gpu_hours:,.4g}.")  # noqa: RUF001
    facts += _memory(evidence)
    systems = [each for each in dict.fromkeys(map(_system, found.values())) if each]
    facts += [f"Operating system: {listed(systems)}."] * bool(systems)
    unknown = evidence.without(found)
    missing = [f"the machine of {named(unknown)}: {_NO_ENVIRONMENT}"] * bool(unknown)
    if runs and not any(_peak(run) for run in runs):
        missing.append("peak memory: log it with epochal.init(log_system=True)")
    missing += [
        "runs that were deleted or never recorded: add their time by hand",
        "storage, and whether the machines are a cluster's or a cloud's: say it in the text",
    ]
    return Answer(tuple(facts), (f"environment and duration of {named(runs)}",) * bool(runs),
                  tuple(missing))  # fmt: skip


def _hours(runs: Any) -> str:
    by_state: dict[str, float] = {}
    for run in runs:
        by_state[run.state] = by_state.get(run.state, 0.0) + run.duration_s
    total = sum(by_state.values())
    parts = ", ".join(f"{state}: {_time(seconds)}" for state, seconds in by_state.items())
    parts = f" ({parts})" if len(by_state) > 1 else ""
    longest = max(run.duration_s for run in runs)
    return (
        f"Wall time of all {len(runs):,} runs ({counted(run.state for run in runs)}):"
        f" {_time(total)}{parts}; of one run {_time(total / len(runs))} on average,"
        f" {_time(longest)} at most."
    )


def _time(seconds: float) -> str:
    return f"{seconds:,.3g} s" if seconds < 36 else f"{seconds / 3600:,.4g} h"


def _gpus(environment: Mapping[str, Any]) -> int:
    return int((environment.get("gpus") or {}).get("count") or 0)


def _devices(environment: Mapping[str, Any]) -> str:
    gpus, cpu = environment.get("gpus") or {}, environment.get("cpu") or {}
    models = Counter(each.get("name", "unknown") for each in gpus.get("devices") or ())
    parts = [f"{model} × {count}" for model, count in models.items()]  # noqa: RUF001
    if gpus.get("driver"):
        cuda = f", CUDA {gpus['cuda']}" if gpus.get("cuda") else ""
        parts[-1:] = [f"{parts[-1]} (driver {gpus['driver']}{cuda})"] if parts else []
    if cpu.get("model"):
        count = cpu.get("available") or cpu.get("count")
        parts.append(f"CPU {cpu['model']}" + (f" × {count} cores" if count else ""))  # noqa: RUF001
    total = (environment.get("memory") or {}).get("total_bytes")
    if total:
        parts.append(f"{total / 2**30:,.4g} GiB of memory")
    return ", ".join(parts)


def _system(environment: Mapping[str, Any]) -> str:
    found = environment.get("platform") or {}
    return " ".join(str(found[k]) for k in ("distribution", "system", "machine") if k in found)


def _memory(evidence: Evidence) -> list[str]:
    peaks: dict[str, float] = {}
    for run in evidence.runs:
        for what, mib in _peak(run).items():
            peaks[what] = max(mib, peaks.get(what, 0.0))
    return [
        f"Largest {what} that was sampled: {mib / 1024:,.4g} GiB." for what, mib in peaks.items()
    ]


def _peak(run: RunView) -> dict[str, float]:
    """Return what → MiB, the largest sample of a run."""
    found: dict[str, float] = {}
    for name, info in run.metrics.items():
        if not name.startswith("system/") or "memory" not in name or not name.endswith("_mib"):
            continue
        if "total" in name or info.summary.max != info.summary.max:
            continue
        what = "memory of a GPU" if "/gpu" in name else "memory of the process"
        if what == "memory of the process" and "process" not in name:
            continue
        found[what] = max(found.get(what, 0.0), info.summary.max)
    return found


def software(evidence: Evidence) -> Answer:
    """Versions of Python and of the packages that matter."""
    versions: dict[str, set[str]] = {}
    packages: set[tuple[tuple[str, str], ...]] = set()
    for each in evidence.environments.values():
        if python := (each.get("python") or {}).get("version"):
            versions.setdefault("Python", set()).add(python)
        for name, version in (each.get("frameworks") or {}).items():
            versions.setdefault(name, set()).add(str(version))
        if each.get("packages"):
            packages.add(tuple(sorted(each["packages"].items())))
    named_versions = [f"{name} {listed(sorted(found))}" for name, found in versions.items()]
    facts = [f"Versions: {listed(named_versions, 20)}."] * bool(named_versions)
    if packages:
        sets = "the same set" if len(packages) == 1 else f"{len(packages):,} different sets"
        facts.append(f"All installed packages are recorded with each run: {sets} of versions.")
    unknown = evidence.without(evidence.environments)
    missing = (f"the packages of {named(unknown)}: {_NO_ENVIRONMENT}",) * bool(unknown)
    return Answer(tuple(facts), ("environment of each run",) * bool(facts), missing)


def commands(evidence: Evidence) -> Answer:
    """The exact commands, and the state of the code that they ran."""
    lines: dict[str, list[RunView]] = {}
    states: dict[str, list[RunView]] = {}
    for run in evidence.runs:
        argv = evidence.environments[run.id].get("argv")
        if argv:
            lines.setdefault(" ".join(map(str, argv)), []).append(run)
        states.setdefault(code_of(run), []).append(run)
    facts = [
        f"Command: {command} ({len(runs):,} runs)." for command, runs in list(lines.items())[:20]
    ]
    facts += [f"Code: git {state} ({len(runs):,} runs)." for state, runs in states.items() if state]
    missing = []
    if dirty := [state for state in states if "+" in state]:
        missing.append(f"code that is not committed: {listed(dirty)}; commit it, or record it with"
                       " epochal.init(capture_diff=True)")  # fmt: skip
    if unknown := states.get(""):
        missing.append(f"the state of the code of {named(unknown)}: train from a git repository")
    if not lines and evidence.runs:
        missing.append(f"the commands: {_NO_ENVIRONMENT}")
    missing.append("where code and data can be had: say it in the text")
    return Answer(tuple(facts), ("environment and git of each run",) * bool(facts), tuple(missing))
