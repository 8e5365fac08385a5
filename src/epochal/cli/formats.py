"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Any

from epochal.core.names import printable

NOTHING = "-"


def number(value: Any) -> str:
    """Return a number with at most five significant digits.

    Example:
        >>> number(0.00031234), number(2000), number(1234567.0), number(float("nan")), number(None)
        ('0.00031234', '2,000', '1,234,567', 'NaN', '-')
        >>> number(10**18), number(10**400)
        ('1e+18', '1e+400')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}" if abs(value) < 1e15 else f"{_rounded(int(value)):g}"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return f"{value:.5g}"


def _rounded(value: int) -> Decimal:
    """Return a number that may be beyond the range of floats with five significant digits."""
    return Context(prec=5).create_decimal(value).normalize()


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units.

    Example:
        >>> duration(0.25), duration(4.25), duration(42), duration(3700), duration(200_000)
        ('250ms', '4.2s', '42s', '1h 01m', '2d 07h')
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.2g}s"
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days}d {hours:02d}h"
    if hours:
        return f"{hours}h {minutes:02d}m"
    return f"{minutes}m {whole % 60:02d}s" if minutes else f"{whole}s"


def age(when_s: float | None, *, now_s: float | None = None) -> str:
    """Return how long ago something was, in one unit.

    Example:
        >>> age(0, now_s=30), age(0, now_s=7300), age(0, now_s=1e6)
        ('30s ago', '2h ago', '11d ago')
    """
    if when_s is None:
        return NOTHING
    passed = max(0, round((time.time() if now_s is None else now_s) - when_s))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if passed >= 2 * length or (unit == "d" and passed >= length):
            return f"{passed // length}{unit} ago"
    return f"{passed}s ago"


def moment(when_s: float | None) -> str:
    """Return an instant in local time, to the second."""
    if when_s is None:
        return NOTHING
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when_s)).strip()


def size(count: float) -> str:
    """Return a number of bytes in decimal units.

    Example:
        >>> size(999), size(1_500_000)
        ('999 B', '1.5 MB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} B" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def value(found: Any, *, limit: int = 200) -> str:
    """Return any recorded value as one line without control characters."""
    if isinstance(found, (list, tuple, set, frozenset)):
        inside = ", ".join(value(each, limit=limit) for each in found)
        text = f"[{inside}]"
    elif isinstance(found, Mapping):
        text = ", ".join(f"{key}: {value(each, limit=limit)}" for key, each in found.items())
        text = f"{{{text}}}"
    elif isinstance(found, bool):
        text = "true" if found else "false"
    elif isinstance(found, float):
        text = number(found) if not math.isfinite(found) else repr(found)
    else:
        text = NOTHING if found is None else str(found)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def count(n: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> count(1, "run"), count(2500, "run")
        ('1 run', '2,500 runs')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
