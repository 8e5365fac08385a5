"""Arrays of any library: copied to the host without waiting, brought into one shape and range."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"

CHANNELS = (1, 3, 4)
"""How many channels a picture may have: gray, RGB, RGBA."""


class HostCopy(NamedTuple):
    """A copy of an array that the caller no longer shares.

    Attributes:
        nbytes: memory that it holds.
        shape: as given.
        ready: whether it has arrived from its device; never waits.
        read: the NumPy array; waits if it is not ready.
        channels_first: whether its library puts channels before height and width.
    """

    nbytes: int
    shape: tuple[int, ...]
    ready: Callable[[], bool]
    read: Callable[[], Array]
    channels_first: bool


def copy(value: Any) -> HostCopy:
    """Copy an array, tensor, picture of Pillow, or a list of equal ones.

    A tensor on a CUDA device is copied behind what is queued there; nothing waits.

    Raises:
        TypeError: it is none of these.
        ValueError: the elements of a list differ in shape.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _copy_tensor(torch, value)
    import numpy as np

    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and len(value):
        if torch is not None and isinstance(value[0], torch.Tensor):
            return _copy_tensor(torch, torch.stack(tuple(value)))
        numbers = not hasattr(value[0], "__array__") and not hasattr(value[0], "convert")
        array = _checked(np.asarray(value)) if numbers else np.stack([_host(v) for v in value])
    else:
        array = np.array(_host(value))  # a copy of our own
    return HostCopy(array.nbytes, array.shape, _at_once, lambda: array, channels_first=False)


def _host(value: Any) -> Array:
    import numpy as np

    if type(value).__module__.startswith("PIL.") and hasattr(value, "convert"):
        if value.mode not in ("L", "RGB", "RGBA"):
            value = value.convert("RGBA" if "transparency" in value.info else "RGB")
        return np.asarray(value)
    if not hasattr(value, "__array__"):
        kind = type(value).__name__
        raise TypeError(f"a {kind} is no array, tensor or picture of Pillow")
    return _checked(np.asarray(value))


def _checked(array: Array) -> Array:
    if array.dtype.kind not in "biuf" and array.dtype.name != "bfloat16":
        raise TypeError(f"an array of {array.dtype} holds no numbers that can be shown")
    return array


def _copy_tensor(torch: Any, tensor: Any) -> HostCopy:
    source = tensor.detach()
    if source.dtype in (torch.bfloat16, torch.float16):
        source = source.float()  # NumPy has no bfloat16
    shape = tuple(source.shape)
    nbytes = source.numel() * source.element_size()
    if source.device.type == "cuda":
        host = torch.empty(shape, dtype=source.dtype, pin_memory=True)
        host.copy_(source, non_blocking=True)
        copied = torch.cuda.Event()
        copied.record(torch.cuda.current_stream(source.device))

        def ready() -> bool:
            try:
                return bool(copied.query())
            except RuntimeError:  # the device failed: reading it says why
                return True

        def read() -> Array:
            copied.synchronize()
            found: Array = host.numpy()
            return found

        return HostCopy(nbytes, shape, ready, read, channels_first=True)
    array = source.cpu().numpy() if source.device.type != "cpu" else source.numpy().copy()
    return HostCopy(nbytes, shape, _at_once, lambda: array, channels_first=True)


def _at_once() -> bool:
    return True


class Pixels(NamedTuple):
    """Pixels of 8 bits, and how many values did not fit: NaN, or outside the range."""

    array: NDArray[np.uint8]
    clipped: int


def to_pixels(array: Array, value_range: tuple[float, float] | None) -> Pixels:
    """Bring numbers into 0 to 255.

    Args:
        array: any shape.  Booleans become 0 and 255, uint8 stays, other integers must fit.
        value_range: what becomes 0 and 255; None: (0, 1) for floats.

    Raises:
        ValueError: integers outside 0 to 255 without a range, or a range that is none.
    """
    import numpy as np

    if array.dtype == np.bool_:
        return Pixels(array.astype(np.uint8) * np.uint8(255), 0)
    if value_range is None and array.dtype == np.uint8:
        return Pixels(array, 0)
    if value_range is None and array.dtype.kind in "iu":
        least, most = int(array.min(initial=0)), int(array.max(initial=0))
        if least < 0 or most > 255:
            message = f"integers from {least} to {most} are no pixels: give value_range=(low, high)"
            raise ValueError(message)
        return Pixels(array.astype(np.uint8), 0)
    low, high = value_range or (0.0, 1.0)
    if not high > low:
        raise ValueError(f"value_range={value_range!r} is not (low, high) with low < high")
    scaled = (array.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    inside = (scaled >= -0.5) & (scaled <= 255.5)  # False for NaN
    clipped = int(inside.size - np.count_nonzero(inside))
    with np.errstate(invalid="ignore"):
        rounded = np.nan_to_num(np.clip(np.rint(scaled), 0, 255), nan=0.0)
    return Pixels(rounded.astype(np.uint8), clipped)


def arranged(array: Array, layout: str, wanted: str) -> Array:
    """Bring the axes of an array into an order; axes that it lacks get length 1.

    Args:
        array: with one axis for each letter of ``layout``.
        layout: such as "NCHW".
        wanted: such as "NHWC".

    Example:
        >>> import numpy as np
        >>> arranged(np.zeros((3, 4, 5)), "CHW", "NHWC").shape
        (1, 4, 5, 3)
    """
    for letter in wanted:
        if letter not in layout:
            array, layout = array[None], letter + layout
    return array.transpose([layout.index(letter) for letter in wanted])


def tiled(array: Array, columns: int | None, padding: int, fill: int = 0) -> Array:
    """Put pictures side by side, row by row.

    Args:
        array: (pictures, …, height, width, channels).
        columns: pictures in a row; None: as many as make it about square.
        padding: pixels between them.
        fill: what is between them.

    Returns:
        (…, height, width, channels) of the whole.
    """
    import numpy as np

    count, (*others, height, width, channels) = len(array), array.shape[1:]
    columns = min(columns or int(np.ceil(np.sqrt(count))), count)
    rows = -(-count // columns)
    size = (
        rows * (height + padding) - padding,
        columns * (width + padding) - padding,
    )
    whole = np.full((*others, *size, channels), fill, array.dtype)
    for i, picture in enumerate(array):
        top, left = i // columns * (height + padding), i % columns * (width + padding)
        whole[..., top : top + height, left : left + width, :] = picture
    return whole


def raw(array: Array) -> bytes:
    """Return an array in NumPy's own file format, uncompressed."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()
