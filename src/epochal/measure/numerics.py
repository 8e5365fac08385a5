"""NaN and infinities in loss, gradients and parameters: how many, and where the first one was."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from epochal.core.deferred import Deferred, Transfer
from epochal.measure import tensors
from epochal.measure.tensors import Values
from epochal.measure.transfer import constant, start

NAMES = tuple(
    f"numerics/{kind}_{where}"
    for where in ("loss", "gradients", "parameters")
    for kind in ("nan", "inf")
)
POLL_S = 0.002
REFRESH = 100
"""So many measurements use one list of parameters: finding them takes longer than the check."""


class Found(NamedTuple):
    """A NaN or infinity.

    Attributes:
        at: what ``measure`` was told, else the number of the measurement, counted from 0.
        tensor: name of the parameter, or "loss".
        kind: "nan" or "inf".
        where: "loss", "gradients" or "parameters".
    """

    at: Any
    tensor: str
    kind: str
    where: str


class _Pending(NamedTuple):
    at: Any
    transfer: Transfer
    looked_at: list[tuple[str, str]]  # (where, name) of each number after the counts


class Numerics:
    """Counts NaN and infinities.  Cheap enough for every step: one launch over all tensors.

    On the CPU elements are counted.  On a device counting them would take several passes at each
    step; there the first measurement with any gives the number of tensors that have them (a lower
    bound), and elements are counted from when this is known on the host.

    Args:
        model: any module; wrapped in DistributedDataParallel or compiled too.
        gradients: look at them.
        parameters: look at those that need a gradient.
        exact: count elements on a device always.

    Attributes:
        first: the first that was found, None so far.  Where several appear at once it is the one
            that the others come from: a parameter, else the loss, else the gradient of the last
            parameter, as backward begins there.  On a device it is known some time later, when
            :meth:`look` or the next ``measure`` finds that the numbers have arrived.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> with torch.no_grad():
        ...     _ = model.bias.fill_(float("inf"))
        >>> numerics = Numerics(model)
        >>> numerics.measure(loss=float("nan"))["numerics/inf_parameters"]
        1.0
        >>> numerics.first
        Found(at=0, tensor='bias', kind='inf', where='parameters')
    """

    def __init__(
        self, model: Any, *, gradients: bool = True, parameters: bool = True, exact: bool = False
    ) -> None:
        self.model, self.gradients, self.parameters = model, gradients, parameters
        self.exact = exact
        self.first: Found | None = None
        self._alarmed = False
        self._measurements = 0
        self._pending: deque[_Pending] = deque()
        self._named: list[tuple[str, Any]] = []

    def measure(
        self, loss: Any = None, *, at: Any = None, skipped: Any = None
    ) -> dict[str, float | Deferred]:
        """Return the counts now.

        Args:
            loss: a number or tensor of any shape; a tensor is read without waiting for it.
            at: what ``first`` calls this measurement, such as a step.
            skipped: a tensor, above 0 if the optimizer leaves out this step because of its
                gradients, as it does under ``torch.amp.GradScaler``: they count as 0 then.

        Returns:
            ``numerics/nan_loss``, ``inf_loss``, ``nan_gradients``, ``inf_gradients``,
            ``nan_parameters`` and ``inf_parameters``; those of the loss only if it is given.
        """
        self.look()
        with tensors.torch_module().no_grad():
            if self._clean(loss):
                self._measurements += 1
                return {name: 0.0 for name in NAMES if self._asked(name, loss is not None)}
            values = self._values()
            looked_at = [(where, one.name) for where, one in values]
            vector = self._vector(values, loss, skipped)
            if vector is None:
                return {}
            transfer = start(vector)
        at = self._measurements if at is None else at
        self._pending.append(_Pending(at, transfer, looked_at))
        self._measurements += 1
        counts: dict[str, float | Deferred] = dict(transfer.split(NAMES))
        if vector.device.type == "cpu":
            counts = {name: float(count) for name, count in counts.items()}
            self.look()
        return {name: n for name, n in counts.items() if self._asked(name, loss is not None)}

    def look(self, wait_s: float = 0.0) -> Found | None:
        """Look at the measurements that have arrived, and return the first that was found.

        Args:
            wait_s: so long to wait at most, in seconds, for those that have not arrived.
        """
        deadline = time.monotonic() + wait_s
        while self._pending:
            if not self._pending[0].transfer.ready():
                if time.monotonic() >= deadline:
                    break
                time.sleep(POLL_S)
                continue
            at, transfer, looked_at = self._pending.popleft()
            try:
                numbers = transfer.numbers()
            except RuntimeError:  # the device failed: told where the counts are logged
                continue
            self._alarmed = any(not math.isfinite(n) for n in numbers[len(NAMES) :])
            if self.first is None:
                self.first = _found(at, numbers, looked_at)
        return self.first

    def _asked(self, name: str, has_loss: bool) -> bool:  # noqa: FBT001
        where = name.rpartition("_")[2]
        return {"loss": has_loss, "gradients": self.gradients}.get(where, self.parameters)

    def _known(self) -> list[tuple[str, Any]]:
        if self._measurements % REFRESH == 0 or not self._named:
            self._named = tensors.parameters_of(self.model, frozen=True)
        return self._named

    def _clean(self, loss: Any) -> bool:
        """Say whether a quick look, which only the CPU allows, finds that all is well."""
        looked_at = [parameter for _, parameter in self._known()]
        trained = [one for one in looked_at if one.requires_grad] if self.parameters else []
        if self.gradients:
            trained += [one.grad for one in looked_at if one.grad is not None]
        if isinstance(loss, tensors.torch_module().Tensor):
            loss = float(loss.sum()) if loss.is_cpu else math.nan
        return math.isfinite(loss or 0.0) and bool(trained) and tensors.all_finite(trained)

    def _values(self) -> list[tuple[str, Values]]:
        found = []
        if self.gradients:
            found += [("gradients", one) for one in tensors.gradients_of(self._known())]
        if self.parameters:
            trained = [pair for pair in self._known() if pair[1].requires_grad]
            found += [("parameters", one) for one in tensors.weights_of(trained)]
        return found

    def _vector(self, values: list[tuple[str, Values]], loss: Any, skipped: Any) -> Any:
        """Return the counts, and for each tensor a number that NaN and infinities come through.

        None if there is nothing to look at.
        """
        torch = tensors.torch_module()
        largest = tensors.norms([one for _, one in values], math.inf) if values else None
        if not isinstance(loss, torch.Tensor):
            if largest is None and loss is None:
                return None
            like = torch.zeros((), dtype=torch.float64) if largest is None else largest
            given = constant([float(loss or 0.0)], like=like)
        else:
            given = tensors.real("loss", loss).tensor.reshape(-1)
            if largest is None:
                given = given.to(tensors.wide_type(given))
            else:
                given = given.to(largest, non_blocking=largest.device.type != "cpu")
        if largest is None:
            largest = given[:0]
        counts = [given.isnan().sum(), given.isinf().sum()]
        for where in ("gradients", "parameters"):
            places = [place for place, (each, _) in enumerate(values) if each == where]
            part = largest[places[0] : places[-1] + 1] if places else largest[:0]
            told = self._counts([values[place][1] for place in places], part)
            if skipped is not None and where == "gradients":
                left_out = skipped > 0
                part.masked_fill_(left_out, 0.0)
                told = [count.masked_fill(left_out, 0) for count in told]
            counts += told
        return torch.cat([torch.stack([count.to(largest.dtype) for count in counts]), largest])

    def _counts(self, values: Sequence[Values], largest: Any) -> list[Any]:
        """Return how many NaN and infinities there are, given each tensor's largest magnitude."""
        torch = tensors.torch_module()
        nan, inf = largest.isnan(), largest.isinf()
        if largest.device.type == "cpu":  # reading it waits for nobody
            values = [one for one, bad in zip(values, (nan | inf).tolist(), strict=True) if bad]
            nan, inf = nan[:0], inf[:0]
        elif not (self.exact or self._alarmed):
            return [nan.sum(), inf.sum()]
        if not values:
            return [nan.sum(), inf.sum()]
        return [
            torch.stack([c.to(largest) for c in counts]).sum()
            for counts in (
                [one.tensor.isnan().sum() for one in values],
                [one.tensor.isinf().sum() for one in values],
            )
        ]


def _found(at: Any, numbers: Sequence[float], looked_at: Sequence[tuple[str, str]]) -> Found | None:
    """Return what came first: parameters make the loss, the loss gradients, from last to first."""
    bad = [
        (where, name, number)
        for (where, name), number in zip(looked_at, numbers[len(NAMES) :], strict=True)
        if not math.isfinite(number)
    ]
    parameters = [each for each in bad if each[0] == "parameters"]
    if not parameters and (numbers[0] or numbers[1]):
        return Found(at, "loss", "nan" if numbers[0] else "inf", "loss")
    if not bad:
        return None
    where, name, number = (parameters or bad[::-1])[0]
    return Found(at, name, "nan" if math.isnan(number) else "inf", where)
