"""``epochal.watch``: a model measured from inside its training, at the cadence of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from epochal.core.errors import SettingError
from epochal.core.optional import require
from epochal.measure import clip, tensors
from epochal.measure.gradients import Gradients
from epochal.measure.histograms import Histograms
from epochal.measure.mixed_precision import LossScale, gradient_scale, skipped_inside
from epochal.measure.model import describe_model
from epochal.measure.numerics import Numerics
from epochal.measure.parameters import Parameters

KINDS = ("gradients", "parameters", "histograms", "numerics")
HISTOGRAM_STEPS = 500
"""How often histograms are made that were asked for while the settings make none."""
LAST_LOOK_S = 0.5
"""So long the end waits for counts that are on their way: a device may hang."""


class Watch:
    """A model that is being watched; made by :func:`epochal.watch`.

    Attributes:
        steps: steps of the optimizer so far; the cadence counts these.
        epoch: set it where a cadence counts epochs; the optimizer knows none.
        numerics: counts NaN and infinities; ``watch.numerics.first`` is where the first one was.
    """

    def __init__(  # noqa: PLR0913 - as watch
        self, run: Any, model: Any, optimizer: Any, *, name: str, cadence: Any,
        kinds: Sequence[str], scaler: Any, per_layer: bool, distance: bool,
    ) -> None:  # fmt: skip
        self.run, self.model = run, model
        self._prefix = f"{name}/" if name else ""
        self.steps, self.epoch = 0, 0.0
        self._cadence, self._kinds = cadence, frozenset(kinds)
        self._gradients = Gradients(model, per_layer)
        self._parameters = Parameters(model, per_layer=per_layer, distance=distance)
        self._histograms = Histograms(model)
        self.numerics = Numerics(model)
        self._optimizers: list[Any] = _listed(optimizer)
        self._loss_scale = None
        if scaler is not None and self.run.recording:
            first = self._optimizers[0] if self._optimizers else None
            self._loss_scale = LossScale(scaler, first)
        self._loss: Any = None
        self._values: dict[str, Any] = {}
        self._moment: list[float | None] = []  # the run's step of the last measurement
        self._counted = -1  # the step in which NaN were counted last
        self._told = False
        self._hooks: list[Any] = []
        if self.run.recording:
            self._hook()
            run.before_end(self.close)

    def clip(self, max_norm: float) -> None:
        """Clip the gradients to a total L2 norm, and record what that did when gradients are due.

        Call it where ``torch.nn.utils.clip_grad_norm_`` would stand; it does the same, also when
        the run is off.  Clipping spreads a NaN over all gradients, so they are counted before it.

        Raises:
            SettingError: ``max_norm`` is not above 0.
        """
        live = self._live()
        if live and self._loss_scale is None:  # scaled steps with infinities are skipped anyway
            self._guarded(self._count, None)
        before = clip.clip(self.model, max_norm)
        if live and self._due("gradients"):
            self._guarded(lambda: self._values.update(clip.measured(before, max_norm)))

    def loss(self, loss: Any) -> None:
        """Hand over the loss of this step: NaN and infinities in it are counted too.

        A tensor is not read now.  Under gradient accumulation hand over each one.
        """
        if not self._live():
            return
        if isinstance(loss, tensors.torch_module().Tensor):
            loss = loss.detach()
        self._loss = loss if self._loss is None else self._loss + loss

    def measure(self) -> None:
        """Measure now what is due, and count a step: for training without ``torch.optim``.

        Call it after ``backward`` and before ``zero_grad``, once a step.
        """
        if self._live():
            self._guarded(self._before_step, None)
            self._guarded(self._after_step, None)

    def record_model(self) -> None:
        """Record the model's architecture as it is now."""
        self._guarded(lambda: describe_model(self.model).log(self.run, self._prefix))

    def close(self) -> None:
        """Stop watching: take the hooks off, look at what is still on its way; again: nothing."""
        while self._hooks:
            self._hooks.pop().remove()
        if self._loss_scale is not None:
            self._loss_scale.close()
            self._loss_scale = None
        self._parameters.close()
        if self.run.recording:
            self._guarded(self._tell_first, wait_s=LAST_LOOK_S)

    # -- hooks -------------------------------------------------------------------------------

    def _hook(self) -> None:
        if self._optimizers:
            first, last = self._optimizers[0], self._optimizers[-1]
            self._hooks = [
                first.register_step_pre_hook(self._on_begin),
                last.register_step_post_hook(self._on_end),
            ]
            return
        hooks = require("torch.optim.optimizer", extra="torch", why="watch")
        self._hooks = [
            hooks.register_optimizer_step_pre_hook(self._on_any_begin),
            hooks.register_optimizer_step_post_hook(self._on_any_end),
        ]

    def _on_any_begin(self, optimizer: Any, arguments: Any, named: Any) -> None:
        """Take the first optimizer that steps parameters of the model for its optimizer."""
        if not self._optimizers:
            mine = {id(parameter) for parameter in self.model.parameters()}
            held = (p for group in optimizer.param_groups for p in group["params"])
            if not any(id(parameter) in mine for parameter in held):
                return
            self._optimizers = [optimizer]
        if optimizer is self._optimizers[0]:
            self._on_begin(optimizer, arguments, named)

    def _on_any_end(self, optimizer: Any, arguments: Any, named: Any) -> None:
        if optimizer in self._optimizers:
            self._on_end(optimizer, arguments, named)

    def _on_begin(self, optimizer: Any, arguments: Any, named: Any) -> None:
        if self._live():
            gradients = not _closure(arguments, named)  # a closure makes them inside the step
            self._guarded(self._before_step, optimizer, gradients=gradients)

    def _on_end(self, optimizer: Any, arguments: Any, named: Any) -> None:
        if self._live():
            if _closure(arguments, named):
                self._guarded(self._measure_gradients, optimizer)
            self._guarded(self._after_step, optimizer)

    def _live(self) -> bool:
        """Say whether anything may be measured: not while a CUDA graph is being captured."""
        return self.run.recording and not _capturing()

    def _guarded(self, part: Callable[..., object], *arguments: Any, **named: Any) -> None:
        try:
            part(*arguments, **named)
        except Exception as error:  # noqa: BLE001 - measuring never ends training; counted and told
            why = f"{type(error).__name__}: {error}"
            self.run.report_problem("watch", f"watch could not measure the model: {why}")

    # -- what is measured --------------------------------------------------------------------

    def _due(self, kind: str) -> bool:
        if kind not in self._kinds:
            return False
        now_s = time.monotonic()
        due: bool = self._cadence.due(kind, step=self.steps, epoch=self.epoch, now_s=now_s)
        return due

    def _before_step(self, optimizer: Any, *, gradients: bool = True) -> None:
        if self._counted != self.steps:
            self._tell_first()
        if gradients:
            self._measure_gradients(optimizer)
        if optimizer is not None and self._due("parameters"):
            self._parameters.before_step()

    def _measure_gradients(self, optimizer: Any) -> None:
        scale = gradient_scale(optimizer)
        if self._due("gradients"):
            self._values.update(self._gradients.measure(scale))
            if self._loss_scale is not None:
                self._values.update(self._loss_scale.measure())
        if self._due("histograms"):
            self._values.update(self._histograms.measure(scale))
        self._count(skipped_inside(optimizer))

    def _count(self, skipped: Any) -> None:
        """Count NaN and infinities if that is due and was not done in this step."""
        if self._counted == self.steps or not self._due("numerics"):
            return
        self._tell_first()
        self._counted = self.steps
        self._moment = [None, self.steps]
        loss, self._loss = self._loss, None
        self._values.update(self.numerics.measure(loss, at=self._moment, skipped=skipped))

    def _after_step(self, _: Any) -> None:
        values, self._values = self._values, {}
        self._loss = None
        try:
            if self._due("parameters"):
                values.update(self._parameters.measure())
        finally:
            self.steps += 1
            if values:
                prefix = self._prefix
                self.run.with_next_row({f"{prefix}{name}": n for name, n in values.items()})

    def _tell_first(self, wait_s: float = 0.0) -> None:
        """Tell where the first NaN or infinity was, once that is known."""
        if self._moment:
            self._moment[0] = self.run.step  # the row of the last step has been logged since
            self._moment = []
        if self._told or (first := self.numerics.look(wait_s)) is None:
            return
        self._told = True
        given, counted = first.at
        step = counted if given is None else given
        where = {"step": step, "tensor": first.tensor, "kind": first.kind, "where": first.where}
        key = f"{self._prefix}numerics/first"
        if key not in self.run.summary:
            self.run.summary[key] = where
        kind = {"nan": "NaN", "inf": "Inf"}[first.kind]
        place = "the loss" if first.where == "loss" else f"the {first.where} of {first.tensor}"
        self.run.alert(f"{kind} in {place}", f"First seen at step {step}.", level="error")


def watch(  # noqa: PLR0913 - what is measured is chosen by name
    run: Any, model: Any, optimizer: Any = None, *, every: Any = None, gradients: bool = True,
    parameters: bool = True, histograms: bool | None = None, numerics: bool = True,
    scaler: Any = None, name: str = "", per_layer: bool = True, distance: bool = False,
    model_record: bool = True,
) -> Watch:  # fmt: skip
    """Measure a model at each step of its optimizer that is due, and record it with the next row.

    Gradients are those that the optimizer uses: accumulated over all backward passes, after
    clipping, without the scale of a ``GradScaler``.  Nothing waits for a CUDA device, and no error
    in measuring reaches the training: it is counted in ``run.health()`` and told once.

    Args:
        run: what it is recorded in; if it is off, nothing is done.
        model: any module; wrapped in DistributedDataParallel or compiled too.
        optimizer: whose steps are counted; a list, in the order in which they step, if several
            share the model.  None: the first that steps parameters of the model.
        every: interval for all kinds, in steps of the optimizer: 100, "100 steps", "30 s".  None:
            the settings ``cadence`` and ``log_...`` of the run say what is measured and when.
        gradients: measure gradients (:class:`Gradients`).
        parameters: measure parameters and how far a step moves them (:class:`Parameters`); a step
            that is measured needs the memory of one copy of them.
        histograms: make histograms of both (:class:`Histograms`).  None: as ``log_histograms``
            says.
        numerics: count NaN and infinities (:class:`Numerics`).
        scaler: a ``torch.amp.GradScaler``: its scale and the steps it skipped are recorded.
        name: comes before all names, such as "critic" in ``critic/gradients/norm``, where several
            models are watched.
        per_layer: also measure each parameter on its own.
        distance: also measure how far the weights are from where they are now.  Keeps a copy.
        model_record: record the architecture (:func:`describe_model`), unless the setting
            ``log_model`` is off.

    Returns:
        a watch, to clip gradients with, to hand losses to, and to end it before the run ends.

    Raises:
        SettingError: ``model`` is no module, or ``every`` no interval.

    Example:
        >>> import epochal, tempfile, torch
        >>> model = torch.nn.Linear(2, 1)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp()) as run:
        ...     watch = epochal.watch(run, model, optimizer, every=1)
        ...     for step in range(3):
        ...         loss = model(torch.ones(1, 2)).square().sum()
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         _ = optimizer.step()
        ...         run.log({"loss": loss}, step=step)
        >>> epochal.RunView(run.dir).series("gradients/norm").steps.tolist()
        [0, 1, 2]
    """
    if not hasattr(model, "named_parameters"):
        raise SettingError(f"cannot watch a {type(model).__name__}: give a torch.nn.Module")
    wanted = {
        "gradients": gradients, "parameters": parameters, "histograms": histograms is not False,
        "numerics": numerics,
    }  # fmt: skip
    cadence = run.new_cadence(None if every is None else dict.fromkeys(KINDS, every))
    if every is not None:
        wanted["histograms"] = bool(histograms)
    elif histograms and not cadence.table["histograms"].count:
        cadence = run.new_cadence({"histograms": HISTOGRAM_STEPS})
    made = Watch(
        run, model, optimizer, name=name, cadence=cadence, scaler=scaler, per_layer=per_layer,
        kinds=[kind for kind in KINDS if wanted[kind]], distance=distance and run.recording,
    )  # fmt: skip
    if model_record and run.recording and cadence.table["model"].count:
        made.record_model()
    return made


def _listed(optimizer: Any) -> list[Any]:
    """Return the optimizers that step themselves, without what libraries wrap around them."""
    if optimizer is None:
        return []
    given = optimizer if isinstance(optimizer, list | tuple) else [optimizer]
    return [each if _has_hooks(each) else getattr(each, "optimizer", each) for each in given]


def _has_hooks(optimizer: Any) -> bool:
    """Say whether it takes hooks: wrappers inherit the method without what it needs."""
    return hasattr(optimizer, "_optimizer_step_pre_hooks")


def _closure(arguments: Sequence[Any], named: Mapping[str, Any]) -> bool:
    """Say whether an optimizer was given a function that makes the gradients."""
    return any(callable(argument) for argument in (*arguments, *named.values()))


def _capturing() -> bool:
    cuda = tensors.torch_module().cuda
    return bool(cuda.is_initialized() and cuda.is_current_stream_capturing())
