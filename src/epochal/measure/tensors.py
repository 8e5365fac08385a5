"""Tensors of a model, and reductions over all of them that never wait for their device.

Sums are made in float64 (float32 on devices that have no float64, such as Apple's), whatever the
type of the tensors: squares of large float32 numbers do not overflow, and half precision is not
rounded.  What is needed in memory beside the tensors is bounded by ``BLOCK``.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from epochal.core.optional import require
from epochal.measure.transfer import constant

BLOCK = 1 << 24
"""Elements that are converted at a time."""

CANCELED = 1e-4
"""Of a variance that is a smaller share of the mean square too many digits have canceled out."""

WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of a parameter's name that come from torch.compile, FSDP and activation checkpointing."""


class Values(NamedTuple):
    """What is measured under one name.

    Attributes:
        name: of the parameter.
        tensor: its numbers, real; of a sparse one those that are stored.
        size: how many it stands for; more than stored are zeros.
    """

    name: str
    tensor: Any
    size: int


@functools.cache
def torch_module() -> Any:
    """Return PyTorch.

    Raises:
        MissingExtraError: it is not installed.
    """
    return require("torch", extra="torch", why="measuring a model")


def unwrapped(model: Any) -> Any:
    """Return the model itself, without DistributedDataParallel, DataParallel or torch.compile.

    Example:
        >>> import torch
        >>> unwrapped(torch.nn.DataParallel(torch.nn.ReLU()))
        ReLU()
    """
    parallel = torch_module().nn.parallel
    while True:
        if isinstance(model, parallel.DistributedDataParallel | parallel.DataParallel):
            model = model.module
        elif "_orig_mod" in getattr(model, "_modules", {}):
            model = model._orig_mod  # noqa: SLF001 - the only way to what torch.compile was given
        else:
            return model


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Put a model into evaluation mode, and each of its modules back afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def plain_name(name: str) -> str:
    """Return a parameter's name without what wrappers added.

    Example:
        >>> plain_name("blocks.0._orig_mod.weight")
        'blocks.0.weight'
    """
    return ".".join(part for part in name.split(".") if part not in WRAPPERS)


def parameters_of(model: Any, *, frozen: bool = False) -> list[tuple[str, Any]]:
    """Return the parameters of a model that have values, tied ones once.

    Args:
        model: any module.
        frozen: also those that need no gradient.
    """
    torch = torch_module()
    return [
        (plain_name(name), parameter)
        for name, parameter in unwrapped(model).named_parameters()
        if (frozen or parameter.requires_grad)
        and not torch.nn.parameter.is_lazy(parameter)
        and (parameter.is_floating_point() or parameter.is_complex())
    ]


def gradients_of(parameters: Iterable[tuple[str, Any]]) -> list[Values]:
    """Return the gradients of parameters; without one, or empty: left out."""
    given = ((name, parameter.grad) for name, parameter in parameters)
    found = (real(name, grad) for name, grad in given if grad is not None)
    return [values for values in found if values.size]


def weights_of(parameters: Iterable[tuple[str, Any]]) -> list[Values]:
    """Return the values of parameters; empty ones are left out."""
    found = (real(name, parameter) for name, parameter in parameters)
    return [values for values in found if values.size]


def real(name: str, tensor: Any) -> Values:
    """Return a tensor as real numbers of a type that can be reduced.

    A sharded tensor gives the part of this process: gathering it would need all others.
    A complex one gives real and imaginary parts.  Making a sparse one on CUDA unique waits for
    the device; PyTorch has no other way.
    """
    torch = torch_module()
    tensor = tensor.detach()
    if hasattr(tensor, "to_local"):
        tensor = tensor.to_local()
    size = tensor.numel()
    if tensor.layout == torch.strided and tensor.dtype in _reducible():
        return Values(name, tensor, size)
    if tensor.layout != torch.strided:
        sparse = tensor if tensor.layout == torch.sparse_coo else tensor.to_sparse()
        tensor = sparse.coalesce().values()
    if tensor.is_complex():
        tensor, size = torch.view_as_real(tensor.resolve_conj()), 2 * size
    if tensor.dtype.itemsize == 1:  # float8 has no arithmetic
        tensor = tensor.float()
    return Values(name, tensor, size)


@functools.cache
def _reducible() -> frozenset[Any]:
    torch = torch_module()
    return frozenset((torch.float32, torch.float64, torch.bfloat16, torch.float16))


def wide_type(tensor: Any) -> Any:
    """Return the type that sums are made in on a tensor's device."""
    torch = torch_module()
    return torch.float32 if tensor.device.type == "mps" else torch.float64


def blocks(tensor: Any) -> Iterator[Any]:
    """Yield a tensor's elements as vectors of limited size, in the type that sums are made in."""
    for part in tensor.reshape(-1).split(BLOCK):
        yield part.to(wide_type(tensor))


def norms(values: Sequence[Values], order: float = 2.0) -> Any:
    """Return the norm of each tensor as a vector: a few launches for all of them.

    Args:
        values: at least one; the order is kept.
        order: 2, or infinity for the largest magnitude.  NaN and infinities come through.
    """
    torch = torch_module()
    found: list[Any] = [None] * len(values)
    for places in _alike(values):
        tensors = [values[place].tensor for place in places]
        for place, norm in zip(places, _norms(torch, tensors, order), strict=True):
            found[place] = norm
    vector = gathered(found)
    return vector.to(wide_type(vector))


def all_finite(tensors: Sequence[Any]) -> bool:
    """Say whether tensors on the CPU hold neither NaN nor infinity: one launch for all of them.

    False does not mean that they do: a sum may have overflowed, a tensor may be of another kind.

    Args:
        tensors: of any kind; one on a device is not looked at, as that would wait for it.
    """
    torch = torch_module()
    plain = (torch.Tensor, torch.nn.Parameter)  # the norm of a sharded one asks other processes
    if not all(tensor.is_cpu and type(tensor) in plain for tensor in tensors):
        return False
    try:
        norms = torch._foreach_norm(list(tensors), 2.0)  # noqa: SLF001
        return bool(torch.stack(norms).isfinite().all())
    except (RuntimeError, TypeError):  # sparse, of eight bits, of several types, none
        return False


def _alike(values: Sequence[Values]) -> list[list[int]]:
    """Return the places of tensors that one launch can take: of one device and type."""
    groups: dict[Any, list[int]] = {}
    for place, (_, tensor, _) in enumerate(values):
        groups.setdefault((tensor.device, tensor.dtype, tensor.numel() > 0), []).append(place)
    return list(groups.values())


def _norms(torch: Any, tensors: list[Any], order: float) -> Sequence[Any]:
    first = tensors[0]
    wide = None if order == math.inf else wide_type(first)  # a maximum is exact as it is
    if not first.numel():  # a sparse gradient of nothing
        return [torch.zeros((), dtype=wide, device=first.device)] * len(tensors)
    if order == math.inf and first.device.type == "cpu":  # ten times as fast there
        ends = [torch.aminmax(tensor) for tensor in tensors]
        low = torch.stack([end.min for end in ends])
        high = torch.stack([end.max for end in ends])
        found: Sequence[Any] = torch.maximum(-low, high).unbind()
        return found
    try:
        found = torch._foreach_norm(tensors, order, dtype=wide)  # noqa: SLF001
    except TypeError:  # before PyTorch 2.4
        return [torch.linalg.vector_norm(tensor, order, dtype=wide) for tensor in tensors]
    return found


def gathered(scalars: Sequence[Any]) -> Any:
    """Return scalars of one or several devices as one vector, on an accelerator if there is one."""
    torch = torch_module()
    devices = {scalar.device for scalar in scalars}
    if len(devices) > 1:
        target = next((s.device for s in scalars if s.device.type != "cpu"), scalars[0].device)
        scalars = [scalar.to(target, non_blocking=True) for scalar in scalars]
    return torch.stack(tuple(scalars))


class Moments(NamedTuple):
    """Vectors with one element for each tensor: mean and variance (divided by the size)."""

    mean: Any
    variance: Any


def moments(values: Sequence[Values]) -> Moments:
    """Return mean and variance of each tensor: a few launches for each, at most ``BLOCK`` big."""
    pairs = [_moments(one) for one in values]
    return Moments(gathered([mean for mean, _ in pairs]), gathered([var for _, var in pairs]))


def _moments(values: Values) -> tuple[Any, Any]:
    torch = torch_module()
    parts = []
    for block in blocks(values.tensor):
        if size := block.numel():
            mean = block.mean()
            centered = block - mean  # torch.var_mean takes five times as long on the CPU
            parts.append((size / values.size, mean, torch.dot(centered, centered) / size))
    if zeros := values.size - values.tensor.numel():
        zero = torch.zeros((), dtype=wide_type(values.tensor), device=values.tensor.device)
        parts.append((zeros / values.size, zero, zero))
    if len(parts) == 1:
        return parts[0][1:]
    mean = sum(share * each for share, each, _ in parts)
    variance = sum(share * (spread + (each - mean) ** 2) for share, each, spread in parts)
    return mean, variance


class Layers(NamedTuple):
    """Vectors with one element for each tensor."""

    norm: Any
    mean: Any
    std: Any


def layers(values: Sequence[Values]) -> Layers:
    """Return norm, mean and standard deviation of each tensor."""
    if all(one.tensor.is_cpu and one.tensor.numel() == one.size for one in values):
        return _layers_on_cpu(values)
    mean, variance = moments(values)
    size = constant([one.size for one in values], like=mean)
    return Layers((size * (variance + mean**2)).sqrt(), mean, variance.sqrt())


def _layers_on_cpu(values: Sequence[Values]) -> Layers:
    """Return the same from norms and sums: half the time, and two passes only where it matters.

    The variance is the mean square without the squared mean.  Where these are nearly equal little
    of it is left, and it is taken from the deviations; on a device nobody could look without
    waiting.
    """
    torch = torch_module()
    norm = norms(values)
    size = torch.tensor([one.size for one in values], dtype=norm.dtype)
    mean = torch.stack([one.tensor.sum(dtype=norm.dtype) for one in values]) / size
    square = norm**2 / size
    variance = square - mean**2
    for place in (variance < CANCELED * square).nonzero().flatten().tolist():
        variance[place] = _moments(values[place])[1]
    return Layers(norm, mean, variance.sqrt())


def overall(values: Sequence[Values], found: Layers) -> tuple[Any, Any]:
    """Return mean and standard deviation over the elements of all tensors."""
    total = sum(one.size for one in values)
    share = constant([one.size / total for one in values], like=found.mean)
    mean = (share * found.mean).sum()
    return mean, (share * (found.std**2 + (found.mean - mean) ** 2)).sum().sqrt()


def total(vector: Any) -> Any:
    """Return the L2 norm of norms."""
    return torch_module().linalg.vector_norm(vector)


def distances(after: Sequence[Values], before: Sequence[Any]) -> Any:
    """Return the L2 norm of each difference, in blocks of limited size.

    Args:
        after: tensors.
        before: copies of them that were made earlier, in the same order.
    """
    found: list[Any] = []
    start = size = 0
    for stop, (_, tensor, _) in enumerate(after, start=1):
        size += tensor.numel()
        if size < BLOCK and stop < len(after):
            continue
        pairs = zip(after[start:stop], before[start:stop], strict=True)
        moved = [Values("", _at_least_float32(v.tensor) - old, v.size) for v, old in pairs]
        found += norms(moved).unbind()
        start, size = stop, 0
    return gathered(found)


def _at_least_float32(tensor: Any) -> Any:
    """Return a tensor in a type whose differences are not rounded away; half precision's are."""
    return tensor.float() if tensor.dtype.itemsize < 4 else tensor
