"""``sweep``: starts a run for each setting and seed that has no finished run yet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, NamedTuple

from epochal.api import init
from epochal.core.errors import ConfigError, SettingError
from epochal.core.problems import logger
from epochal.record.config import read_config
from epochal.record.run import Run
from epochal.settings import load as load_settings
from epochal.store.launch import place
from epochal.sweeps.claims import Claims
from epochal.sweeps.plan import MARK, Trial, digest, settings_of, trials_of
from epochal.sweeps.results import SweepResults, read
from epochal.sweeps.trials import find

OnError = Literal["stop", "continue"]


def sweep(  # noqa: PLR0913 - the one place where everything about a sweep is said
    settings: Mapping[str, Sequence[Any]] | Sequence[Any], name: str | None = None, *,
    project: str | None = None, config: object = None, seeds: int | Sequence[int] | None = None,
    run_name: str | None = None, on_error: OnError = "stop", part: tuple[int, int] = (0, 1),
    again: bool = False, **init_arguments: Any,
) -> Sweep:  # fmt: skip
    """Plan a run for each of many settings; iterating over the result starts one after another.

    A trial whose run is finished is left out, so that a sweep that was stopped goes on when it is
    started again.  A trial that another process runs is left out, too, so that several processes
    with the same folder of runs share the sweep.  Trials are the same if their config at the start
    and their seed are.

    Args:
        settings: a grid, which maps keys of the config to the values to try
            (``{"lr": [1e-4, 1e-3], "model.width": [64, 128]}``: all combinations); or a list of
            mappings; or what :func:`epochal.sweeps.ablation` returns.
        name: the group of the runs; default: "sweep" and the keys.
        project: as for ``init``.
        config: what all trials have in common, as for ``init``.
        seeds: how often each setting is repeated (seeds 0, 1, …), or a list of seeds.  The seed
            stands in ``run.config["seed"]`` and in ``run.seed``.  Default: once, without a seed.
        run_name: name of the runs, a template such as ``"lr-{lr}"``; default: setting and seed.
        on_error: "stop": an exception in ``with run:`` ends the loop; "continue": it is recorded,
            told through ``logging``, and the next trial begins.
        part: (i, n): only every n-th trial, from number i on, counted from 0; for processes without
            a common folder, or on a file system without locks.
        again: also run the trials that are finished.
        **init_arguments: anything else that ``init`` takes, such as ``dir`` and ``tags``.

    Raises:
        ConfigError: there are no settings, or settings, seeds or config are not allowed.
        SettingError: another argument is not allowed.

    Example:
        >>> import epochal, tempfile
        >>> sweep = epochal.sweep({"lr": [0.25, 0.5]}, seeds=2, dir=tempfile.mkdtemp())
        >>> for run in sweep:
        ...     with run:
        ...         run.log({"val/loss": run.config["lr"] + run.config["seed"]}, step=1)
        >>> [(row.label, row.n, row.mean) for row in sweep.results("val/loss").rows]
        [('lr=0.25', 2, 0.75), ('lr=0.5', 2, 1.0)]
    """
    if on_error not in ("stop", "continue"):
        raise SettingError(f"on_error={on_error!r} is neither 'stop' nor 'continue'")
    if not 0 <= part[0] < part[1]:
        raise SettingError(f"part={part!r}: give (i, n) with i from 0 to n - 1")
    for taken in ("group", "seed", "name", "id", "resume", "fork"):
        if taken in init_arguments:
            raise SettingError(f"{taken}= is not for a sweep, which makes its own for each run")
    chosen = settings_of(settings)
    if seeds is not None and any("seed" in setting.values for setting in chosen):
        raise ConfigError("the settings of the sweep have a seed: leave out seeds=")
    trials = trials_of(chosen, seeds)
    if name is None:
        keys = dict.fromkeys(key for setting in chosen for key in setting.shown)
        name = " ".join(["sweep", *keys])
    plan = _Plan(name, project, read_config(config), run_name, init_arguments)
    return Sweep(plan, trials, on_error=on_error, part=part, again=again)


class Sweep:
    """The trials of a sweep; iterate over it to run them, once or again.

    Attributes:
        name: the group of its runs.
        trials: all of them, finished or not, in order.
        project: the project of its runs.
        dir: the folder of all runs.
    """

    def __init__(
        self, plan: _Plan, trials: Sequence[Trial], *, on_error: OnError,
        part: tuple[int, int], again: bool,
    ) -> None:  # fmt: skip
        self.name, self.trials = plan.name, list(trials)
        self._plan, self._on_error, self._part, self._again = plan, on_error, part, again
        settings = plan.settings(self.trials[0])
        self.project, self.dir = settings.project, settings.dir
        self._records = settings.mode != "off"

    def __len__(self) -> int:
        """Return how many trials there are, finished or not."""
        return len(self.trials)

    def __iter__(self) -> Iterator[SweepRun]:
        """Start a run for each trial that is neither finished nor another process's."""
        with contextlib.closing(Claims(self._claims_file())) as claims:  # before looking: no gap
            done = set() if self._again else self._finished()
            number, count = self._part
            for trial in self.trials[number::count]:
                about = trial.describe(self.name, dict(self._plan.settings(trial).config))
                if about["trial"] in done:
                    logger.info("sweep %r: %s is finished already", self.name, _named(trial))
                elif not claims.take(about["trial"]):
                    logger.info("sweep %r: %s is another process's", self.name, _named(trial))
                else:
                    ended = False  # the loop may be left while the trial runs
                    try:
                        yield from self._run(trial, about)
                        ended = True
                    finally:
                        claims.give_back(about["trial"], ended=ended)

    def _run(self, trial: Trial, about: Mapping[str, Any]) -> Iterator[SweepRun]:
        logger.info("sweep %r: %s, trial %d of %d", self.name, _named(trial), trial.number + 1,
                    len(self))  # fmt: skip
        run = self._plan.start(trial)
        run.summary[MARK] = about
        state: Literal["finished", "interrupted"] = "interrupted"  # the loop may be left here
        try:
            yield SweepRun(run, self._failure if self._on_error == "continue" else None)
            state = "finished"
        finally:
            run.finish(state)

    def results(
        self, metric: str, goal: str | None = None, statistic: str = "value"
    ) -> SweepResults:
        """Compare the settings by a metric, see :func:`epochal.sweeps.read`.

        Settings that have not been tried yet are there, with n = 0.
        """
        planned = [
            trial.describe(self.name, self._plan.settings(trial).config) for trial in self.trials
        ]
        return read(
            self.dir, self.name, metric, goal=goal, statistic=statistic, project=self.project,
            planned=planned,
        )  # fmt: skip

    def _claims_file(self) -> str | None:
        """Return what processes share; None: nothing, as the ranks of a job run the same trials."""
        where = place(os.environ)
        if not self._records or where.rank or where.size > 1:
            return None
        return os.path.join(self.dir, f".sweep-{digest([self.project, self.name])}.claims")

    def _finished(self) -> set[str]:
        """Return the ids of the trials that have a finished run."""
        found = find(self.dir, self.name, self.project)
        return {run.mark["trial"] for run in found if run.state == "finished"}

    def _failure(self, run: Run, error: BaseException) -> None:
        logger.warning("sweep %r: %s failed: %s: %s; the sweep goes on", self.name, run.name,
                       type(error).__name__, error)  # fmt: skip


class SweepRun:
    """A run of a sweep: ``with run:`` ends it; everything else is :class:`epochal.Run`'s.

    Attributes:
        run: the run itself, which ``with … as`` gives, too.
    """

    def __init__(self, run: Run, on_failure: Callable[[Run, BaseException], None] | None) -> None:
        self.run, self._on_failure = run, on_failure

    def __getattr__(self, name: str) -> Any:
        """Return what the run has under that name."""
        return getattr(self.run, name)

    def __enter__(self) -> Run:
        """Return the run."""
        return self.run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:  # fmt: skip
        """End the run as ``with`` on a run does; True: the sweep goes on after an error."""
        self.run.__exit__(kind, error, trace)
        if self._on_failure is None or not isinstance(error, Exception):
            return False  # Ctrl-C and the like end the sweep in any case
        self._on_failure(self.run, error)
        return True


class _Plan(NamedTuple):
    """How the runs of a sweep are started."""

    name: str
    project: str | None
    config: dict[str, Any]
    run_name: str | None
    arguments: dict[str, Any]

    def settings(self, trial: Trial) -> Any:
        """Return the settings of a trial's run, its config as all sources together give it."""
        asked = ("preset", "dir", "mode")
        given = {name: self.arguments[name] for name in asked if name in self.arguments}
        return load_settings({"project": self.project, "config": self._config(trial), **given})

    def start(self, trial: Trial) -> Run:
        """Start the run of a trial."""
        name = self.run_name or _named(trial).replace("{", "{{").replace("}", "}}")
        tags = [*(self.arguments.get("tags") or ()), f"{MARK}/{self.name}"]
        given = {**self.arguments, "tags": tags}
        return init(
            self.project, name, self._config(trial), group=self.name, seed=trial.seed, **given
        )

    def _config(self, trial: Trial) -> dict[str, Any]:
        config = trial.setting.apply(self.config)
        return config if trial.seed is None else {**config, "seed": trial.seed}


def _named(trial: Trial) -> str:
    label = trial.setting.label
    return label if trial.seed is None else f"{label} seed={trial.seed}"
