"""Optuna: each trial of a study is a run, with what it suggested, reported and returned.

Needs nothing of Optuna's own integrations; any sampler, pruner and storage works, and several
trials at once do, too.

Example:
    >>> import epochal, optuna, tempfile
    >>> from epochal.sweeps import read
    >>> from epochal.sweeps.optuna import objective
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> folder = tempfile.mkdtemp()
    >>> @objective(project="doc", dir=folder)
    ... def train(trial, run):
    ...     return trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    >>> study = optuna.create_study(study_name="tuning", direction="minimize")
    >>> study.optimize(train, n_trials=3)
    >>> read(folder, "tuning", "objective").best().mean == study.best_value
    True
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

from epochal.api import init
from epochal.core.errors import SettingError
from epochal.core.redact import redact
from epochal.record.run import Run
from epochal.sweeps.plan import MARK, Setting, identify
from epochal.sweeps.trials import PRUNED

OBJECTIVE = "objective"
"""The metric of what a trial returned."""

INTERMEDIATE = "objective/intermediate"
"""The metric of what a trial reported while it ran."""

RUN_ATTRIBUTE = "epochal_run"
"""The user attribute of the trial in Optuna's study that holds the id of its run."""

TrainFunction = Callable[[Any, Run], Any]


def objective(
    *, name: str | None = None, project: str | None = None, config: object = None,
    run_name: str | None = None, **init_arguments: Any,
) -> Callable[[TrainFunction], Callable[[Any], Any]]:  # fmt: skip
    """Make an objective for ``study.optimize`` of a function of the trial and its run.

    What the function returns is recorded as the metric "objective" (of several: "objective/0", …).
    The arguments are those of :func:`recorded`.
    """
    given: dict[str, Any] = {
        "name": name,
        "project": project,
        "config": config,
        "run_name": run_name,
    }

    def decorate(function: TrainFunction) -> Callable[[Any], Any]:
        @functools.wraps(function)
        def recording(trial: Any) -> Any:
            with recorded(trial, **given, **init_arguments) as (watched, run):
                value = function(watched, run)
                run.log(_named(value))
                return value

        return recording

    return decorate


@contextlib.contextmanager
def recorded(
    trial: Any, *, name: str | None = None, project: str | None = None, config: object = None,
    run_name: str | None = None, **init_arguments: Any,
) -> Iterator[tuple[Any, Run]]:  # fmt: skip
    """Record a trial of Optuna as a run, for objectives that are no plain function.

    Gives the trial to use in place of the one that was given, and the run.  What the trial
    suggests stands in the run's config, what it reports is the metric "objective/intermediate",
    the number and the parameters stand in ``run.summary["sweep"]``.  A trial that is pruned ends
    as a finished run with the tag "pruned"; one that raises anything else as a failed run.  The
    exception goes on to Optuna.  The study's trial holds the run's id as ``epochal_run``.

    Args:
        trial: as Optuna hands it to the objective.
        name: the group of the runs; default: the name of the study.
        project: as for ``init``.
        config: what all trials have in common, as for ``init``.
        run_name: default: the group and the number of the trial.
        **init_arguments: anything else that ``init`` takes.

    Example:
        >>> import optuna, tempfile
        >>> trial = optuna.trial.FixedTrial({"lr": 0.1})
        >>> with recorded(trial, dir=tempfile.mkdtemp()) as (trial, run):
        ...     run.log({"objective": trial.suggest_float("lr", 0, 1)})
        >>> run.config["lr"]
        0.1
    """
    for taken in ("group", "id", "resume", "fork"):
        if taken in init_arguments:
            raise SettingError(f"{taken}= is not for a trial: each has a run of its own")
    study = getattr(trial, "study", None)
    group = name or getattr(study, "study_name", None) or "optuna"
    tags = [*(init_arguments.pop("tags", None) or ()), f"{MARK}/{group}"]
    called = run_name or f"{group} trial {trial.number}".replace("{", "{{").replace("}", "}}")
    run = init(project, called, config, group=group, tags=tags, **init_arguments)
    record = _Record(run, group, trial.number)
    for key, goal in _goals(study).items():
        run.define(key, goal=goal)
    try:
        trial.set_user_attr(RUN_ATTRIBUTE, run.id)  # the study's storage may be away
        yield _watched(trial, record), run
    except BaseException as error:
        if _is_pruned(error):
            run.tag(PRUNED)
            run.finish()
        else:
            run.end_with(error)
        raise
    run.finish()


class _Record:
    """Hands what a trial does to its run."""

    def __init__(self, run: Run, group: str, number: int) -> None:
        self._run, self._group, self._number = run, group, number
        self._params: dict[str, Any] = {}
        self._mark()

    def suggested(self, name: str, value: Any) -> None:
        """Record a parameter; asked again for the same one, Optuna answers the same."""
        if name not in self._params:
            self._params[name] = value
            self._run.config.update({name: value})
            self._mark()

    def reported(self, value: Any, step: int) -> None:
        """Record an intermediate value."""
        self._run.log({INTERMEDIATE: value}, step=step)

    def _mark(self) -> None:
        setting = Setting.of(self._params, None if self._params else f"trial {self._number}")
        config = self._run.config.to_dict() if self._params else {}
        self._run.summary[MARK] = {
            "name": self._group, "number": self._number, "label": setting.label, "seed": None,
            "setting": redact(dict(self._params)),
            "variant": identify(config, None, setting.values)["variant"],
            "trial": f"{self._group}/{self._number}",
        }  # fmt: skip


class _Watching:
    """What is put before a class of Optuna's trials."""

    _epochal_record: _Record

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Suggest a number."""
        return self._suggested(name, super().suggest_float(name, *args, **kwargs))  # type: ignore[misc]

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Suggest a whole number."""
        return self._suggested(name, super().suggest_int(name, *args, **kwargs))  # type: ignore[misc]

    def suggest_categorical(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Suggest one of several values."""
        return self._suggested(name, super().suggest_categorical(name, *args, **kwargs))  # type: ignore[misc]

    def report(self, value: Any, step: int) -> None:
        """Report an intermediate value."""
        super().report(value, step)  # type: ignore[misc]
        self._epochal_record.reported(value, step)

    def _suggested(self, name: str, value: Any) -> Any:
        self._epochal_record.suggested(name, value)
        return value


@functools.cache
def _watching(kind: Hashable) -> type:
    assert isinstance(kind, type)
    return type(f"Recorded{kind.__name__}", (_Watching, kind), {})


def _watched(trial: Any, record: _Record) -> Any:
    """Return a trial that is the same one for Optuna and tells what it does."""
    kind: Any = type(trial)
    watched: Any = object.__new__(_watching(kind))
    watched.__dict__ = trial.__dict__
    watched.__dict__["_epochal_record"] = record
    return watched


def _goals(study: Any) -> Mapping[str, str]:
    """Return the goals of what is recorded, by metric."""
    goals = [direction.name.lower() for direction in getattr(study, "directions", ())]
    if len(goals) == 1:
        return {OBJECTIVE: goals[0], INTERMEDIATE: goals[0]}
    return {f"{OBJECTIVE}/{number}": goal for number, goal in enumerate(goals)}


def _named(value: Any) -> dict[str, Any]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return {f"{OBJECTIVE}/{number}": each for number, each in enumerate(value)}
    return {OBJECTIVE: value}


def _is_pruned(error: BaseException) -> bool:
    pruned = getattr(sys.modules.get("optuna"), "TrialPruned", None)
    return pruned is not None and isinstance(error, pruned)
