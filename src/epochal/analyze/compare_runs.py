"""``compare``: runs → groups → estimates and verdicts."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, overload

from epochal.analyze import guards, looks
from epochal.analyze.comparison import Comparison
from epochal.analyze.groups import Groups, find_groups
from epochal.analyze.judging import Plan, judge_all
from epochal.analyze.members import fingerprint
from epochal.analyze.samples import Rng
from epochal.core.errors import EvidenceError
from epochal.read.project import Project
from epochal.read.project import open as open_project
from epochal.read.view import RunView
from epochal.store import folder

Place = str | os.PathLike[str]
Source = Project | Place | Iterable[RunView | Place]


@overload
def compare(
    project_or_runs: Source, metric: str, by: str | Sequence[str] | None = ...,
    replicates: str | Sequence[str] = ...,
    paired: bool | None = ..., statistic: Any = ...,  # noqa: FBT001
    goal: Any = ..., margin: Any = ..., correction: str = ..., rng: Rng = ..., *,
    baseline: str | None = ..., test: str | None = ..., level: float = ...,
) -> Comparison: ...  # fmt: skip
@overload
def compare(
    project_or_runs: Source, metric: list[str] | tuple[str, ...],
    by: str | Sequence[str] | None = ..., replicates: str | Sequence[str] = ...,
    paired: bool | None = ..., statistic: Any = ..., goal: Any = ...,  # noqa: FBT001
    margin: Any = ..., correction: str = ..., rng: Rng = ..., *,
    baseline: str | None = ..., test: str | None = ..., level: float = ...,
) -> dict[str, Comparison]: ...  # fmt: skip
def compare(  # noqa: PLR0913, PLR0917 - the options of a comparison
    project_or_runs: Source,
    metric: str | Sequence[str],
    by: str | Sequence[str] | None = None,
    replicates: str | Sequence[str] = "seed",
    paired: bool | None = None,  # noqa: FBT001 - the interface's signature
    statistic: str | Mapping[str, str] | None = None,
    goal: str | Mapping[str, str] | None = None,
    margin: float | str | Mapping[str, float | str] | None = None,
    correction: str = "holm",
    rng: Rng = 0,
    *,
    baseline: str | None = None,
    test: str | None = None,
    level: float = 0.95,
) -> Comparison | dict[str, Comparison]:
    """Compare settings by a metric, over runs that differ by their seed.

    Runs with the same config but for seeds and output paths are replicates.  Only finished runs
    with a finite value count; the others are named.  The verdict on each pair of settings is a
    word: "better" or "worse" (the corrected p is below 1 - level, and the difference beyond the
    margin if there is one), "equivalent" (only with a margin), else "undecided", with about how
    many seeds would settle it.  Whatever stands against it is in ``guards``.

    Args:
        project_or_runs: a project, its runs, a folder, or a list of runs or run folders.
        metric: its name; several: p is corrected over all of them, and the result is a mapping.
        by: the config key (such as "config.optimizer") or keys that tell groups apart, or one of
            "group", "tags", "project", "run", "host", "git.commit", "git.branch"; None: every
            config key that differs.
        replicates: "seed", or further config keys in which replicates may differ.
        paired: whether runs with the same seed are pairs; None: where every run has a seed, both
            sides have the same ones, and seeds by role have data, split or initialization in
            common.
        statistic: which number of a run counts: "last", "min", "max", "mean", "best", or a share
            such as "last 10 %"; None: as the metric was defined, else the last.  By metric:
            a mapping.
        goal: "minimize" or "maximize"; None: as the metric was defined, or by its name.
        margin: the largest difference that does not matter, in units of the metric, or "1 %" of
            the baseline's mean (without a baseline: of the mean over the groups).
        correction: of p for the number of comparisons: "holm", "bonferroni",
            "benjamini_hochberg", "benjamini_yekutieli" or "none".
        rng: seed or generator of tests by random relabeling.
        baseline: the group that all others are compared with; None: every pair is compared.
        test: "welch", "student", "mann_whitney", "permutation", "paired_t", "wilcoxon" or
            "paired_permutation"; None: Welch's, or the paired t-test for pairs.
        level: of the intervals; 1 - level is alpha.

    Raises:
        MetricNotFoundError: no run has the metric.
        EvidenceError: no run counts, or an argument does not fit the runs; the message says which.
        RunFolderError: there is no such folder.
        MissingExtraError: SciPy is not installed.

    Example:
        >>> import epochal, tempfile
        >>> base = tempfile.mkdtemp()
        >>> for optimizer, loss in (("adamw", 2.3), ("sgd", 2.5)):
        ...     for seed in range(3):
        ...         config = {"optimizer": optimizer}
        ...         with epochal.init(config=config, seed=seed, dir=base) as run:
        ...             run.log({"val/loss": loss + 0.01 * (seed * seed % 3)}, step=1)
        >>> found = compare(base, "val/loss", by="config.optimizer", paired=False)
        >>> print(found.verdicts[0])
        adamw is better than sgd: val/loss 2.307 against 2.507, lower by 0.200 (95 % interval \
0.187 to 0.213, Welch t, p < 0.001, n = 3 and 3).
    """
    metrics = [metric] if isinstance(metric, str) else list(dict.fromkeys(metric))
    if not metrics:
        raise EvidenceError("metric=[] names nothing to compare: give one or several names")
    plan = Plan(test, paired, correction, margin, level, baseline, rng)
    with contextlib.ExitStack() as stack:
        runs = runs_of(project_or_runs, stack)
        families = [
            find_groups(
                runs, by=by, replicates=replicates, metric=each,
                statistic=_of(statistic, each), goal=_of(goal, each),
            )
            for each in metrics
        ]  # fmt: skip
        made = judge_all(families, plan)
        seen = {
            each.metric: _looked(one, each, metrics)
            for one, each in zip(families, made, strict=True)
        }
    return seen[metrics[0]] if isinstance(metric, str) else seen


def runs_of(source: Source, stack: contextlib.ExitStack) -> list[RunView]:
    """Return runs from whatever names them; what is opened for that is closed with the stack.

    Raises:
        RunFolderError: there is no such folder.
    """
    if isinstance(source, Project):
        return list(source.runs())
    if isinstance(source, RunView):
        return [source]
    if not isinstance(source, str | os.PathLike):
        return [run for each in source for run in _each(each, stack)]
    return _each(source, stack)


def _each(source: RunView | Place, stack: contextlib.ExitStack) -> list[RunView]:
    if isinstance(source, RunView):
        return [source]
    if folder.is_run(os.fspath(source)):
        return [RunView(source)]
    return list(stack.enter_context(contextlib.closing(open_project(source))).runs())


def _of(value: Any, metric: str) -> Any:
    """Return what was given for a metric: the same for all, or one of a mapping."""
    return value.get(metric) if isinstance(value, Mapping) else value


def _looked(groups: Groups, comparison: Comparison, metrics: Sequence[str]) -> Comparison:
    """Return a comparison that knows its data and how often it was looked at."""
    runs = [run for group in groups for run in group.runs]
    prints = sorted(fingerprint(run) for run in runs)
    where = sorted({os.path.dirname(run.dir) for run in runs})
    found = looks.count([*where, groups.by], groups.metric, prints)
    more = [
        *guards.of_family(metrics, "", 0, found.times),
        *guards.several_metrics(groups.metric, set(found.metrics) - set(metrics)),
    ]
    return replace(
        comparison, looks=found.times, guards=(*comparison.guards, *more),
        data_sha256=hashlib.sha256("\n".join(prints).encode()).hexdigest(),
    )  # fmt: skip
