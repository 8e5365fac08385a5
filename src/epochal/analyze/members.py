"""The runs that count and those that do not: one number, one seed, one state of the code each."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from epochal.analyze import replicates as keys
from epochal.analyze import scores
from epochal.analyze.scores import Score
from epochal.core.names import printable
from epochal.core.nested import flatten
from epochal.read.metrics import MetricSummary
from epochal.read.view import RunView

Seed = int | Mapping[str, Any] | None
"""A number, numbers by role, or None; keys in which replicates may differ count as roles."""


@dataclass(frozen=True)
class Member:
    """A run that counts.

    Attributes:
        score: its number.
        seed: a number, numbers by role, or None.
        run: the run; None for a plain number.
        setting: its config, flat, without seeds, output paths and names of runs.
        code: the state of the code: commit, and what was not committed; "" if it is not known.
        last_step: where the metric was logged last, NaN if there are no points.
        bad_points: NaN and infinite values on the way.
    """

    score: float
    seed: Seed = None
    run: RunView | None = None
    setting: Mapping[str, Any] = field(default_factory=dict, repr=False)
    code: str = ""
    last_step: float = math.nan
    bad_points: int = 0


@dataclass(frozen=True)
class LeftOut:
    """A run that does not count.

    Attributes:
        run: the run.
        reason: why, as the end of a sentence that begins with its name.
        replaced: whether another run of the same config and seed counts in its place, so that
            nothing is missing.  Never true of a finished run without a usable number: that it
            diverged is a result, which a rerun does not undo.
    """

    run: RunView
    reason: str
    replaced: bool = False

    @property
    def name(self) -> str:
        """The run's name, safe to print."""
        return printable(self.run.name)


UNRECORDED = "changes"
"""Stands for uncommitted changes of which only is known that there were some."""


class Candidate(NamedTuple):
    """A run before it is decided whether it counts."""

    run: RunView
    setting: dict[str, Any]
    ignored: dict[str, Any]
    seeds: dict[str, Any]
    exists: bool
    score: Score

    @property
    def why_not(self) -> str:
        """Why it does not count, "" if it does."""
        return self.score.why_not


class Candidates(NamedTuple):
    """All runs that were looked at, and what is compared."""

    candidates: list[Candidate]
    statistic: str
    goal: str


def members_of(
    runs: Iterable[RunView],
    metric: str,
    statistic: str | None,
    goal: str | None,
    special: tuple[Sequence[str], Sequence[str]] = ((), ()),
) -> Candidates:
    """Return what each run says of a metric, and its config divided into settings and the rest.

    Args:
        runs: any runs.
        metric: its name.
        statistic: which number of a run counts, None: the defined one.
        goal: None: the defined one.
        special: further config keys in which replicates may differ, and keys that are settings in
            any case.

    Raises:
        EvidenceError: statistic or goal are unknown or unclear.
    """
    readings = [scores.read(run, metric) for run in runs]
    rule = scores.statistic_of(readings, metric, statistic)
    exists = any(reading.exists for reading in readings)
    way = scores.goal_of(readings, metric, goal) if exists else (goal or "minimize")
    found = []
    for reading in readings:
        one = scores.score(reading, metric, rule, way)
        parts = divided(reading.run, *special)
        found.append(Candidate(reading.run, *parts, reading.exists, one))
    return Candidates(found, rule, way)


def divided(
    run: RunView, extra: Sequence[str] = (), settings: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return a run's flat config as (settings, what is none, seeds by role).

    Args:
        run: any run.
        extra: further keys in which replicates may differ.
        settings: keys that are settings in any case.
    """
    given = run.seed
    roles = dict(given) if isinstance(given, Mapping) else {}
    setting: dict[str, Any] = {}
    ignored: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    for key, value in flatten(run.config).items():
        role = keys.seed_role(key, value, roles)
        if key in settings:
            setting[key] = value
        elif role is not None or key in extra:
            ignored[key] = value
            if value is not None:
                seeds[role or key] = value if isinstance(value, int) else keys.canonical(value)
        elif keys.is_place_or_name(key, value):
            ignored[key] = value
        else:
            setting[key] = value
    seeds |= {str(role): number for role, number in roles.items()}
    if isinstance(given, int):
        seeds["seed"] = given
    return setting, ignored, seeds


def leave_out_reruns(
    candidates: Sequence[Candidate],
) -> tuple[tuple[Member, ...], tuple[LeftOut, ...]]:
    """Return the runs of one setting that count, by age, and those that do not.

    Of runs with the same config and the same seeds the newest finished one counts.  Runs without a
    seed are all taken as different.
    """
    same: dict[str, Candidate] = {}
    counting = []
    for each in sorted(candidates, key=lambda c: c.run.created_s):
        if not each.why_not:
            counting.append(each)
            same[_identity(each)] = each  # a newer one takes the place
    members, left_out = [], []
    for each in sorted(candidates, key=lambda c: c.run.created_s):
        winner = same.get(_identity(each))
        if winner is each:
            members.append(_member(each))
        elif winner is not None:
            why = each.why_not or "is older"
            name = printable(winner.run.name)
            reason = f"{why}; {name} has the same config and seed and counts"
            replaced = not (each.why_not and each.run.state == "finished")
            left_out.append(LeftOut(each.run, reason, replaced=replaced))
        else:
            left_out.append(LeftOut(each.run, each.why_not))
    return tuple(members), tuple(left_out)


def _identity(candidate: Candidate) -> str:
    if not candidate.seeds:
        return candidate.run.id
    parts = (candidate.run.project, candidate.setting, candidate.seeds)
    return keys.canonical(parts)


def _member(candidate: Candidate) -> Member:
    seeds = candidate.seeds
    seed: Seed = seeds or None
    if set(seeds) == {"seed"}:
        seed = seeds["seed"]
    score = candidate.score
    return Member(
        score.value, seed, candidate.run, candidate.setting, code_of(candidate.run),
        score.last_step, score.bad_points,
    )  # fmt: skip


def code_of(run: RunView) -> str:
    """Return the state of a run's code: the commit, and a hash of what was not committed.

    Example:
        >>> code_of(run)  # doctest: +SKIP
        '1a2b3c4d+5e6f7a8b'
    """
    git = run.git
    if not git.get("commit"):
        return ""
    commit = str(git["commit"])[:8]
    if not git.get("dirty"):
        return commit
    diff = (run.environment.get("git") or {}).get("diff") or {}
    return f"{commit}+{str(diff.get('sha256') or UNRECORDED)[:8]}"


def fingerprint(run: RunView) -> str:
    """Return a hash of what a run recorded: id, state, config, seeds and every metric's statistics.

    Copying, moving or sealing the folder, and a tag or note, do not change it; any change of
    recorded values does.

    Returns:
        64 hexadecimal digits (SHA-256).

    Example:
        >>> import epochal, tempfile
        >>> run = epochal.init(dir=tempfile.mkdtemp())
        >>> run.log({"loss": 0.5}, step=1)
        >>> run.finish()
        >>> len(fingerprint(RunView(run.dir)))
        64
    """
    given = {k: v for k, v in run.summary.items() if not isinstance(v, MetricSummary)}
    about = {
        "id": run.id, "state": run.state, "config": run.config, "seed": run.seed, "summary": given,
        "metrics": {name: info.summary.to_dict() for name, info in run.metrics.items()},
    }  # fmt: skip
    text = json.dumps(about, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
