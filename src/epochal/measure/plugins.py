"""Metrics as plug-ins: a function registered once is computed and logged at its cadence."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, overload

from epochal.core.errors import SettingError

GROUP = "epochal.metrics"
"""Entry points of installed packages: each names a metric and points to its function."""

Function = Callable[..., Any]


class Metric(NamedTuple):
    """A registered metric.

    Attributes:
        function: called with what it names of the context.
        every: how often; None: as the run's cadence says for its kind.
        kind: a kind of the run's cadence.
    """

    function: Function
    every: Any
    kind: str


_registered: dict[str, Metric] = {}


@overload
def register_metric(
    name: str, function: Function, *, every: Any = None, kind: str = "diagnostics"
) -> Function: ...


@overload
def register_metric(
    name: str, *, every: Any = None, kind: str = "diagnostics"
) -> Callable[[Function], Function]: ...


def register_metric(
    name: str, function: Function | None = None, *, every: Any = None,
    kind: str = "diagnostics",
) -> Any:  # fmt: skip
    """Register a function as a metric, or decorate it so.

    Args:
        name: under which its result is logged; a metric of the same name is replaced.
        function: its arguments are names of the context that the training gives to
            :meth:`Metrics.step`; it returns a number, a tensor, a medium such as
            ``epochal.Image``, a mapping of these, or ``None`` for nothing.
        every: how often: a number of steps, "2 epochs", "30s", as in the setting ``cadence``.
        kind: unless ``every`` is given: the kind of the run's cadence that says how often, so that
            the settings decide: ``cadence={"diagnostics": "5min"}``.

    Returns:
        the function, or a decorator if none was given.

    Example:
        >>> @register_metric("weights/largest", every=100)
        ... def largest(model):
        ...     return max(float(p.abs().max()) for p in model.parameters())
    """

    def register(taken: Function) -> Function:
        _registered[name] = Metric(taken, every, kind)
        return taken

    return register if function is None else register(function)


class Metrics:
    """Computes the registered metrics that are due, and logs them.

    A metric that raises never ends the training: it is told once through the logger ``epochal``
    and counted in ``run.health().problems``, as ``metric <name>``; when due it is called again.

    Args:
        run: where they are logged, and whose cadence counts.
        names: the metrics to compute; default: all that are registered, also those of installed
            packages (entry points ``epochal.metrics``) and those that are registered later.

    Raises:
        SettingError: there is no metric of a name.

    Example:
        >>> import epochal, tempfile
        >>> _ = register_metric("loss/squared", lambda loss: loss**2, every=2)
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     metrics = Metrics(run, ["loss/squared"])
        ...     for step in range(4):
        ...         _ = metrics.step(step, loss=step + 1.0)
        >>> epochal.RunView(run.dir).series("loss/squared").values.tolist()
        [1.0, 9.0]
    """

    def __init__(self, run: Any, names: Iterable[str] | None = None) -> None:
        self._run = run
        self._names = None if names is None else list(names)
        self._cadences: dict[tuple[str, Metric], Any] = {}
        self._load_installed()
        if missing := [name for name in self._names or () if name not in _registered]:
            known = ", ".join(sorted(_registered)) or "none"
            raise SettingError(f"there is no metric {missing[0]!r}; registered: {known}")

    def step(
        self, step: float, *, epoch: float | None = None, phase: str | None = None, **context: Any
    ) -> dict[str, Any]:
        """Compute the metrics that are due at a step, and log them.

        Args:
            step: of the training.
            epoch: of the training, if it counts them.
            phase: as for ``run.log``.
            context: what the functions may ask for by name: ``model=``, ``batch=``, …; ``step``,
                ``epoch`` and ``run`` are there too.

        Returns:
            what was logged.
        """
        context |= {"step": step, "epoch": epoch, "run": self._run}
        found = {}
        for name, metric in list(_registered.items()):
            if self._names is not None and name not in self._names:
                continue
            try:
                if self._due(name, metric, step, epoch):
                    result = metric.function(**_asked_for(metric.function, context))
                    if result is not None:
                        found[name] = result
            except Exception as error:  # noqa: BLE001 - a stranger's function; counted and told
                self._failed(name, error)
        if found:
            self._run.log(found, step=step, epoch=epoch, phase=phase)
        return found

    def _due(self, name: str, metric: Metric, step: float, epoch: float | None) -> bool:
        key = (name, metric)  # another function under the name begins anew
        if key not in self._cadences:
            changes = {} if metric.every is None else {metric.kind: metric.every}
            self._cadences[key] = self._run.new_cadence(changes)
        cadence = self._cadences[key]
        return bool(cadence.due(metric.kind, step=step, epoch=epoch, now_s=time.monotonic()))

    def _failed(self, name: str, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        self._run.report_problem(f"metric {name}", f"metric {name!r} cannot be computed: {why}")

    def _load_installed(self) -> None:
        """Register the metrics of installed packages that were not registered yet."""
        from importlib.metadata import entry_points  # slow, and only needed here

        for point in entry_points(group=GROUP):
            if point.name in _registered:
                continue
            try:
                function = point.load()  # may register it itself, with its own cadence
                if point.name not in _registered:
                    register_metric(point.name, function)
            except Exception as error:  # noqa: BLE001 - a stranger's package; counted and told
                self._failed(point.name, error)


def _asked_for(function: Function, context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of the context that a function names; all of it if it takes ``**``."""
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return context
    return {name: context[name] for name in parameters if name in context}
