"""What a checkpoint may hold: plain types and tensors, so that loading it never runs code."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from epochal.core.errors import CheckpointError
from epochal.core.optional import require

MAX_DEPTH = 100
MAX_INT_BITS = 2_000
"""Longer integers are pickled in a way that the safe loader does not know."""

_WIDENED = {"uint16": "int64", "uint32": "int64", "uint64": "int64"}
"""Types of arrays that not every PyTorch can save, and what holds their values."""

_REMEDIES = (
    (("set", "frozenset"), "give sorted(...) of it"),
    (("bytes", "bytearray", "memoryview"), "give text, or a tensor of them"),
    (("function", "method", "builtin_function_or_method", "partial"),
     "code is not data: leave it out, and build it anew before you load"),
    (("type",), "give its name as text"),
    (("device",), "give str(...) of it"),
    (("PosixPath", "WindowsPath", "PurePosixPath"), "give str(...) of it"),
    (("datetime", "date", "timedelta"), "give its text or its seconds"),
    (("complex",), "give a tensor"),
)  # fmt: skip


_ABLE = (
    ("__dataclass_fields__", "give dataclasses.asdict(...) of it"),
    ("_asdict", "give its _asdict()"),
    ("state_dict", "give its state_dict()"),
    ("__array__", "give numpy.asarray(...) of it"),
)


def plain(value: Any, where: str = "") -> Any:
    """Return a copy that holds plain types and tensors only; tensors are not copied.

    Args:
        value: what is to be kept.
        where: its place, for messages.

    Raises:
        CheckpointError: something in it can only be kept by pickling an object; the message names
            its place.

    Example:
        >>> import numpy as np
        >>> plain({"best": np.float32(0.5), "sizes": (1, np.int64(2))})
        {'best': 0.5, 'sizes': (1, 2)}
    """
    return _Walk().convert(value, where, 0)


class _Walk:
    """One pass over a value."""

    def __init__(self) -> None:
        self._torch = require("torch", extra="torch", why="saving a checkpoint")

    def convert(self, value: Any, where: str, depth: int) -> Any:
        """Return one value as plain types and tensors."""
        if value is None or isinstance(value, bool | int | float | str | self._torch.dtype):
            return _scalar(value, where)
        if depth > MAX_DEPTH:
            _refuse(where, value, "it is nested too deep, or holds itself")
        if isinstance(value, Mapping):
            return self._mapping(value, where, depth)
        if isinstance(value, list) or _is_plain_tuple(self._torch, value):
            items = [self.convert(v, f"{where}[{i}]", depth + 1) for i, v in enumerate(value)]
            return items if isinstance(value, list) else tuple(items)
        return self._array(value, where, depth)

    def _mapping(self, value: Mapping[Any, Any], where: str, depth: int) -> dict[Any, Any]:
        ordered = isinstance(value, OrderedDict)
        found: dict[Any, Any] = OrderedDict() if ordered else {}
        for key, item in value.items():
            inner = f"{where}.{key}" if where else str(key)
            plain_key = self.convert(key, f"the key {inner}", depth + 1)
            if isinstance(plain_key, list | dict | self._torch.Tensor):
                _refuse(f"the key {inner}", key)
            found[plain_key] = self.convert(item, inner, depth + 1)
        metadata = getattr(value, "_metadata", None)  # the versions of a module's state
        if ordered and isinstance(metadata, Mapping):
            kept = self.convert(metadata, f"{where}._metadata", depth + 1)
            found._metadata = kept  # type: ignore[attr-defined]  # noqa: SLF001 - PyTorch's own
        return found

    def _array(self, value: Any, where: str, depth: int) -> Any:
        if isinstance(value, self._torch.Tensor):
            return _tensor(self._torch, value, where)
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.generic):
            return self._numpy_scalar(value, where, depth)
        if numpy is not None and isinstance(value, numpy.ndarray):
            return _array(self._torch, numpy, value, where)
        return _refuse(where, value)

    def _numpy_scalar(self, value: Any, where: str, depth: int) -> Any:
        item = value.item()
        if type(item) is type(value) or isinstance(item, complex):
            _refuse(where, value)
        return self.convert(item, where, depth + 1)


def _is_plain_tuple(torch: Any, value: Any) -> bool:
    return isinstance(value, torch.Size) or type(value) is tuple


def _scalar(value: Any, where: str) -> Any:
    """Return None, a truth value, number, text or type of tensors; subclasses become plain."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value.bit_length() > MAX_INT_BITS:
            _refuse(where, "an integer", f"it has {value.bit_length():,} bits: give its text")
        return int(value)
    return value


def _tensor(torch: Any, value: Any, where: str) -> Any:
    """Return a tensor without anything around it; it shares the memory of the one given."""
    if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
        _refuse(where, value, "it has no values yet: run the model once before you save it")
    if hasattr(value, "__tensor_flatten__"):  # a DTensor or its like: its parts are elsewhere
        _refuse(
            where, value,
            "its values are spread: gather the full state dict on all ranks and give that"
            " (torch.distributed.checkpoint.state_dict.get_model_state_dict)",
        )  # fmt: skip
    if value.device.type == "meta":
        _refuse(where, value, "it is on the device 'meta' and has no values")
    found = value.detach()  # drops gradients, hooks and attributes
    return found if type(found) is torch.Tensor else found.as_subclass(torch.Tensor)


def _array(torch: Any, numpy: Any, value: Any, where: str) -> Any:
    kind = value.dtype.newbyteorder("=")
    kind = numpy.dtype(_WIDENED.get(kind.name, kind))
    if value.dtype.name == "uint64" and value.size and int(value.max()) >= 2**63:
        _refuse(where, value, "it holds numbers of 2**63 and more: give value.view('int64')")
    try:
        # A copy: PyTorch warns of arrays that must not be written to.
        return torch.from_numpy(numpy.array(value, dtype=kind, order="C"))
    except TypeError:
        return _refuse(where, value, f"its dtype {value.dtype} is no type of tensors")


def _refuse(where: str, value: Any, remedy: str = "") -> Any:
    kind = value if isinstance(value, str) else f"a {_name_of(value)}"
    remedy = remedy or _remedy(value)
    raise CheckpointError(
        f"{where or 'the content'} is {kind}, which a checkpoint cannot hold: {remedy}"
    )


def _name_of(value: Any) -> str:
    kind = type(value)
    home = kind.__module__
    return kind.__qualname__ if home == "builtins" else f"{home}.{kind.__qualname__}"


def _remedy(value: Any) -> str:
    name = type(value).__name__
    by_name = next((remedy for names, remedy in _REMEDIES if name in names), "")
    by_ability = next((remedy for has, remedy in _ABLE if hasattr(value, has)), "")
    return by_name or by_ability or "give a mapping of plain values: numbers, text, lists, tensors"
