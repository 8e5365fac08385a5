"""Conversion: what people log, turned into floats and events without importing their libraries.

Types are screened before anything of a foreign object is called: ``struct`` alone would call
``__float__``, which waits for the GPU when the value is a CUDA tensor.
"""

from __future__ import annotations

import math
import numbers
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from epochal.core.deferred import Deferred
from epochal.core.errors import LogError
from epochal.core.media import LoggedText, Media
from epochal.core.names import clean_key
from epochal.core.problems import Problems

EXACT = 2**53
"""Integers up to this magnitude are exact as float64."""

NAN = float("nan")
Step = int | float


class Clock(NamedTuple):
    """When a row happened: step, whether the call named it, epoch and phase."""

    step: Step
    step_given: bool
    epoch: float | None
    phase: str | None


class Values:
    """The converter of one run: floats come back, everything else becomes an event.

    Args:
        put_event: records an event; called from inside a ``log`` call.
        later: takes (values, device values by key, clock) of a row that must wait for a device.
        problems: told what cannot be recorded.
        put_media: takes a medium with where it belongs: key, step and epoch.
        off: types of media that are not recorded, and "text".

    Attributes:
        text_chars: longer texts are recorded in parts.
    """

    text_chars = 100_000

    def __init__(
        self,
        put_event: Callable[[str, Mapping[str, Any]], bool],
        later: Callable[[dict[str, float], dict[str, Any], Clock], None],
        problems: Problems,
        put_media: Callable[[dict[str, Any], Media], None],
        off: frozenset[str] = frozenset(),
    ) -> None:
        self._put_event, self._later, self._problems = put_event, later, problems
        self._put_media, self._off = put_media, off
        self._on_device: dict[str, Any] = {}
        self._given: Mapping[str, Any] = {}
        self._clock = Clock(0, step_given=False, epoch=None, phase=None)

    def __call__(self, values: Mapping[str, Any], clock: Clock) -> dict[str, float]:
        """Return the floats of a mapping; nested mappings are joined with ``/``.

        A row with a value on a device gives nothing now; it is recorded when the value is there.

        Raises:
            AttributeError: ``values`` is not a mapping (told to the user by ``Run.log``).
        """
        found: dict[str, float] = {}
        self._on_device, self._given, self._clock = {}, values, clock
        for key, value in values.items():
            try:
                self._convert(key, value, found)
            except LogError:
                raise
            except Exception as error:  # noqa: BLE001 - a stranger's object; the others are kept
                why = f"{type(error).__name__}: {error}"
                self._refuse(key, value, why)
        if self._on_device:
            self._later(found, self._on_device, clock)
            return {}
        return found

    def names(self, keys: tuple[str, ...], phase: str | None) -> tuple[str, ...]:
        """Return the metric names for the keys of a call, each one different."""
        made: dict[str, None] = {}
        prefix = str.__str__(phase) + "/" if phase else ""
        for key in keys:
            name, wrong = clean_key(key)
            if wrong:
                self._problems.note("key", f"{wrong}; it is recorded as {name!r}", detail=name)
            if prefix and not name.startswith(prefix):
                name = prefix + name
            while name in made:
                name += "_"
            made[name] = None
        return tuple(made)

    def _convert(self, key: Any, value: Any, found: dict[str, float]) -> None:
        kind = type(value)
        if kind is float:
            found[key] = value
        elif kind is int or kind is bool:
            self._integer(key, value, found)
        elif value is None:
            return
        elif isinstance(value, str):
            self._text(key, str.__str__(value))
        elif isinstance(value, Mapping):
            self._nested(key, value, found)
        elif is_array(value):
            self._array(key, value, found)
        elif isinstance(value, Deferred):
            self._later_number(key, value, found)
        elif isinstance(value, int):
            self._integer(key, int(value), found)
        elif isinstance(value, numbers.Number) and hasattr(kind, "__float__"):  # Fraction, Decimal
            found[key] = float(value)  # type: ignore[arg-type]  # hasattr says that it can
        else:
            self._no_number(key, value)

    def _no_number(self, key: Any, value: Any) -> None:
        """Record media and described text; refuse the rest."""
        if isinstance(value, LoggedText):
            self._text(key, value.text, value)
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Media):
            for number, item in enumerate(value, start=1):
                self._medium(key, item, index=[number, len(value)])
        elif (media := value if isinstance(value, Media) else _wrapped(value)) is not None:
            self._medium(key, media)
        else:
            self._refuse(key, value, f"a {type(value).__name__} is not a number")

    def _nested(self, key: Any, values: Mapping[Any, Any], found: dict[str, float]) -> None:
        for inner, item in values.items():
            name = f"{key}/{inner}"
            while name in found or name in self._given:
                name += "_"
            self._convert(name, item, found)

    def _text(self, key: Any, text: str, described: LoggedText | None = None) -> None:
        """Record text, in parts if it is longer than an item may be; readers join them."""
        if "text" in self._off:
            return
        size = self.text_chars
        more: dict[str, Any] = {}
        if described is not None:
            more = {"caption": str(described.caption)[:size], "about": dict(described.about)}
            size = max(size - len(str(more)), size // 4)
        parts = [text[at : at + size] for at in range(0, len(text), size)] or [""]
        for number, part in enumerate(parts, start=1):
            where = {"part": [number, len(parts)]} if len(parts) > 1 else {}
            self._event("text", key, text=part, **where, **more)
            more = {}

    def _medium(self, key: Any, media: Any, **index: Any) -> None:
        if not isinstance(media, Media):
            raise TypeError(f"a {type(media).__name__} stands in a list of media")
        if media.type not in self._off:
            name = self.names((key,), self._clock.phase)[0]
            self._put_media({"key": name, **self._when(), **index}, media)

    def _integer(self, key: Any, value: int, found: dict[str, float]) -> None:
        if -EXACT <= value <= EXACT:
            found[key] = float(value)
        elif value.bit_length() > 10_000:
            self._refuse(key, value, f"an integer of {value.bit_length():,} bits is too long")
        else:
            self._event("bigint", key, value=str(value))

    def _array(self, key: Any, value: Any, found: dict[str, float]) -> None:
        if element_count(value) != 1:
            shape = tuple(getattr(value, "shape", ()))
            self._refuse(
                key,
                value,
                f"it has shape {shape}; log a scalar such as a mean, or an epochal.Image, Video or"
                " Histogram of it",
            )
        elif on_device(value):
            self._later_number(key, value, found)
        else:
            number = value.item()
            if getattr(value, "mask", False):
                self._refuse(key, value, "it is masked")
            elif isinstance(number, str):
                self._text(key, number)
            elif isinstance(number, complex) or not isinstance(number, numbers.Real):
                self._refuse(key, value, f"its element {number!r} is not a real number")
            elif isinstance(number, int):
                self._integer(key, number, found)
            else:
                found[key] = float(number)

    def _later_number(self, key: Any, value: Any, found: dict[str, float]) -> None:
        found[key] = NAN  # keeps the key's place until the value is there
        self._on_device[key] = value

    def _event(self, kind: str, key: Any, **data: Any) -> None:
        name = self.names((key,), self._clock.phase)[0]
        if not self._put_event(kind, {"key": name, **self._when(), **data}):
            self._problems.note("dropped", f"there was no room to record {name!r}")

    def _when(self) -> dict[str, float]:
        epoch = self._clock.epoch
        return {"step": self._clock.step, **({} if epoch is None else {"epoch": epoch})}

    def _refuse(self, key: Any, value: Any, why: str) -> None:
        name = self.names((key,), self._clock.phase)[0]
        text = shown(value)
        self._put_event("refused", {"key": name, **self._when(), "why": why, "value": text})
        self._problems.note("value", f"cannot log {name!r} = {text}: {why}", detail=name)


def _wrapped(value: Any) -> Media | None:
    """Return a stranger's picture as media: a figure of matplotlib, an image of Pillow."""
    library = type(value).__module__.partition(".")[0]
    if library == "matplotlib" and hasattr(value, "savefig"):
        from epochal.media.figure import Figure

        return Figure(value)
    if library == "PIL" and hasattr(value, "convert"):
        from epochal.media.image import Image

        return Image(value)
    return None


def shown(value: object, *, limit: int = 80) -> str:
    """Return a short repr for a message; a broken ``__repr__`` gives the type's name."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a stranger's __repr__ may raise anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def checked_step(step: Any) -> Step:
    """Return a step as an int64 or a finite float; array scalars of the host are taken too.

    Raises:
        ValueError: it is neither.
    """
    if is_array(step) and element_count(step) == 1 and not on_device(step):
        step = step.item()
    if isinstance(step, int) and -(2**63) <= step < 2**63:
        return int(step)
    if isinstance(step, float) and math.isfinite(step):
        return float(step)
    raise ValueError("a step is a whole number of 64 bits or a finite float")


def checked_epoch(epoch: Any) -> float:
    """Return an epoch as a float.

    Raises:
        ValueError: it is no number.
    """
    if is_array(epoch) and element_count(epoch) == 1 and not on_device(epoch):
        epoch = epoch.item()
    if not isinstance(epoch, numbers.Real):
        raise ValueError("an epoch is a number")  # noqa: TRY004 - as for steps
    return float(epoch)


def checked_phase(phase: Any) -> None:
    """Refuse what cannot be the first part of a metric's name.

    Raises:
        ValueError: it is no text, or no text that UTF-8 can encode.
    """
    if phase is not None and (not isinstance(phase, str) or clean_key(phase)[1]):
        raise ValueError("a phase is a short text such as 'val'")


def is_array(value: object) -> bool:
    """Say whether a value is a scalar or array of an array library (NumPy, PyTorch, JAX, …)."""
    return hasattr(value, "dtype") and hasattr(value, "item") and hasattr(value, "shape")


def element_count(value: Any) -> int:
    """Return the number of elements of an array of any library."""
    count = 1
    for length in value.shape:
        count *= int(length)
    return count


def on_device(value: Any) -> bool:
    """Say whether reading a value would wait for an accelerator."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return bool(value.device.type not in ("cpu", "meta"))
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(value, jax.Array)
