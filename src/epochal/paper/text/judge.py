r"""Whether a number that stands in a text is the one of the runs."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from epochal.paper.findings import OK, ROUNDING, UNSUPPORTED

_TIMES = re.compile(r"(?:\\times|\\cdot|×|·)\s*10\s*\^\s*\{?\s*([-+]?\d+)\s*\}?")  # noqa: RUF001 - the sign
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_DIGITS = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_PRINTED = re.compile(
    rf"(?P<sign>[<>≤≥≈]?)\s*(?P<value>[-+]?\s*(?:{_DIGITS}))(?:\((?P<short>\d+)\))?"
    rf"(?:\s*±\s*(?P<error>{_DIGITS}))?\s*\)?\s*(?:e(?P<exponent>[-+]?\d+))?"
    r"\s*(?P<unit>[^\d\s.,±(].{0,30})?",
    re.DOTALL,
)
_LARGE = {"k": 3, "K": 3, "M": 6, "B": 9, "G": 9, "T": 12}

_SIGNS = {
    "pm": "±", "textless": "<", "textgreater": ">", "lt": "<", "gt": ">", "le": "≤", "leq": "≤",
    "ge": "≥", "geq": "≥", "approx": "≈", "percent": "%",
}  # fmt: skip
_MARKS = (
    (r"\%", "%"), ("{,}", ","), ("&lt;", "<"), ("&gt;", ">"), ("\u2212", "-"), ("\\,", ""),
    (r"\;", ""), (r"\:", ""), (r"\!", ""), ("~", " "), ("\u202f", ""), ("\u00a0", " "), ("$", ""),
)  # fmt: skip


class Printed(NamedTuple):
    """A number as a text prints it.

    Attributes:
        value: without its exponent and unit taken into account.
        last: one unit of its last place, taken into account.
        error: what follows ±, or None; error_last: one unit of its last place.
        sign: "", "<", ">", "≤", "≥" or "≈".
        unit: what follows.
    """

    value: Decimal
    last: Decimal
    error: Decimal | None
    error_last: Decimal
    sign: str
    unit: str


class Judgment(NamedTuple):
    """What is to be said of a printed number: one of the words above, and why."""

    status: str
    why: str = ""


def read(text: str) -> Printed | None:
    r"""Return the number that a text of LaTeX or Markdown prints; None if it is none.

    Example:
        >>> read(r"$3.28 \pm 0.01$").error, read(r"$12{,}500$").value
        (Decimal('0.01'), Decimal('12500'))
    """
    plain = re.sub(r"^[A-Za-z]\s*(?=[=<>≤≥≈])", "", simplified(text)).lstrip("=(").strip()
    match = _PRINTED.fullmatch(plain)
    if match is None:
        return None
    unit = (match["unit"] or "").strip()
    power = int(match["exponent"] or 0)
    if abs(power) > 400:
        return None
    large = re.match(r"([kKMBGT])(?![A-Za-z])", unit)
    if large:
        power, unit = power + _LARGE[large[1]], unit[1:].strip()
    value, last = _scaled(match["value"], power)
    error, error_last = (None, Decimal(1))
    if match["error"]:
        error, error_last = _scaled(match["error"], power)
    elif match["short"]:
        error, error_last = Decimal(match["short"]) * last, last
    return Printed(value, last, error, error_last, match["sign"], unit)


def simplified(text: str) -> str:
    r"""Return the plain text of a printed number, without LaTeX's and Markdown's marks.

    Example:
        >>> simplified(r"\textbf{$1.5\times10^{-7}$}"), simplified(r"**91.2\,\%**")
        ('1.5e-7', '91.2%')
    """
    text = _TIMES.sub(r"e\1", text)
    text = re.sub(r"(?:×|·)\s*10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda m: f"e{m[1].translate(_RAISED)}", text)  # noqa: RUF001
    text = re.sub(r"\\([A-Za-z]+)", lambda m: _SIGNS.get(m[1], m[0]), text)
    for old, new in _MARKS:
        text = text.replace(old, new)
    text = re.sub(r"\\[A-Za-z]+\s*", "", text)  # \textbf, \num, \ensuremath
    text = re.sub(r"[{}]", "", text)
    return re.sub(r"\s+", " ", text.strip().strip("*_").strip())


def judge(printed: str, value: float | str, error: float | None, unit: str, shown: str) -> Judgment:
    """Compare a printed number with that of the runs.

    It is right if it is the exact value rounded to the printed digits; off by less than one unit of
    the last digit is another rounding, such as cutting off.

    Args:
        printed: as it stands in the text.
        value: exact, or a word.
        error: what belongs after its ±, None: nothing.
        unit: of the value.
        shown: how Epochal prints it, for the message.

    Example:
        >>> judge("3.28", 3.2784, None, "", "3.278").status
        'ok'
        >>> judge("3.27", 3.2784, None, "", "3.278")
        Judgment(status='rounding differs', why='to these digits it is 3.28')
        >>> judge("3.10", 3.2784, None, "", "3.278")
        Judgment(status='no run supports it', why='the runs say 3.278')
    """
    plain = simplified(printed)
    if isinstance(value, str):
        same = plain.casefold() == simplified(value).casefold()
        return Judgment(OK) if same else Judgment(UNSUPPORTED, f"the runs say {shown}")
    found = read(printed)
    if found is None:
        return Judgment(UNSUPPORTED, f"{plain!r} is no number; the runs say {shown}")
    percent = found.unit.startswith("%") and not unit.startswith("%")
    scale = Decimal("0.01") if percent else Decimal(1)
    exact = Decimal(value)
    if found.sign in ("<", "≤", ">", "≥"):
        below = found.sign in ("<", "≤")
        limit = found.value * scale
        holds = exact < limit or (found.sign == "≤" and exact == limit)
        holds = holds if below else exact > limit or (found.sign == "≥" and exact == limit)
        return Judgment(OK) if holds else Judgment(UNSUPPORTED, f"the runs say {shown}")
    first = _close(found.value * scale, exact, found.last * scale, shown)
    if first.status != OK or found.error is None:
        return first
    if error is None:
        return Judgment(UNSUPPORTED, f"no ± belongs to it; the runs say {shown}")
    second = _close(found.error * scale, Decimal(error), found.error_last * scale, shown)
    return Judgment(second.status, f"after the ±: {second.why}") if second.status != OK else first


def _close(printed: Decimal, exact: Decimal, last: Decimal, shown: str) -> Judgment:
    off = abs(printed - exact)
    if off <= last / 2 * Decimal("1.000001"):
        return Judgment(OK)
    if off < last * Decimal("0.999999"):
        to_these = (exact / last).to_integral_value() * last
        return Judgment(ROUNDING, f"to these digits it is {to_these.quantize(last):f}")
    return Judgment(UNSUPPORTED, f"the runs say {shown}")


def _scaled(digits: str, power: int) -> tuple[Decimal, Decimal]:
    """Return a number and one unit of its last place."""
    number = Decimal(re.sub(r"[,\s]", "", digits))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return number.scaleb(power), Decimal(1).scaleb(exponent + power)
