"""Rounding of numbers for people: a value with its error, a value alone, a p-value, a percentage.

Source of the default rule: Particle Data Group, *Review of Particle Physics*, section 5.3.
Minus signs are the ASCII hyphen; a zero never has one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from numbers import Integral
from typing import Any, Literal

from epochal.core.errors import EvidenceError, did_you_mean

Rule = Literal["pdg", "one digit"]
RULES = ("pdg", "one digit")

_LARGE = 9  # powers of ten: from here on, and up to _SMALL, numbers get an exponent
_SMALL = -5
_MAX_DECIMALS = 15  # a float64 has no more: a smaller error is none
_EXACT = Context(prec=2000, rounding=ROUND_HALF_EVEN)  # a float64 has up to 1,075 digits


@dataclass(frozen=True)
class Rounded:
    """A number as it is printed.

    Attributes:
        value: such as "3.2784", "NaN", "-Inf".
        error: to the same decimals, such as "0.0014"; "" if there is none.
        short: such as "3.2784(14)": the error in units of the last place.
        exponent: value and error are to be multiplied by ten to this power.

    Example:
        >>> print(Rounded("3.2784", "0.0014", "3.2784(14)"))
        3.2784 ± 0.0014
        >>> print(Rounded("1.50", "0.03", "1.50(3)e-7", -7))
        (1.50 ± 0.03)e-7
    """

    value: str
    error: str
    short: str
    exponent: int = 0

    def __str__(self) -> str:
        text = f"{self.value} ± {self.error}" if self.error else self.value
        if not self.exponent:
            return text
        return f"({text})e{self.exponent}" if self.error else f"{text}e{self.exponent}"


def rounded(
    value: float, error: float | None = None, rule: str = "pdg", digits: int = 4
) -> Rounded:
    """Return a value and its error, rounded to as many digits as the error has to say.

    The rule "pdg" looks at the first three digits of the error: 100 to 354 keep two digits, 355 to
    949 keep one, 950 to 999 become 1000 and keep two.  "one digit" keeps one.  The value has the
    same decimals.  Both are rounded from their exact binary values, ties to even.

    Args:
        value: any number, NaN and infinite ones too.
        error: not negative; None or NaN: not known; 0 (and what a float64 cannot resolve beside the
            value): printed as "0".
        rule: "pdg" or "one digit".
        digits: significant digits of a value whose error is not known, or is 0.

    Raises:
        EvidenceError: the error is negative, or there is no such rule.

    Example:
        >>> rounded(3.27837, 0.00142)
        Rounded(value='3.2784', error='0.0014', short='3.2784(14)', exponent=0)
        >>> print(rounded(0.93345, 0.0096), "or", rounded(0.93345, 0.0096, "one digit"))
        0.933 ± 0.010 or 0.93 ± 0.01
    """
    if rule not in RULES:
        raise EvidenceError(f"there is no rounding rule {rule!r}{did_you_mean(rule, RULES)}")
    if error is not None and error < 0:
        raise EvidenceError(f"the error of {value!r} is {error!r}: give one that is not negative")
    value = _exact(value)
    if error is None or math.isnan(error) or not _is_finite(value):
        return _alone(value, digits)
    if math.isinf(error):
        return Rounded(_alone(value, digits).value, "Inf", f"{_alone(value, digits).short}(Inf)")
    exact, spread = Decimal(value), Decimal(_exact(error))
    exponent = _exponent(max(abs(_shortest(value)), _shortest(error)))
    exact, spread = exact.scaleb(-exponent, _EXACT), spread.scaleb(-exponent, _EXACT)
    shortest = _shortest(error).scaleb(-exponent, _EXACT)
    decimals, up = _decimals(shortest, rule) if spread else (_MAX_DECIMALS + 1, None)
    if decimals > _MAX_DECIMALS:
        alone = _alone(value, digits)
        short = _with_exponent(f"{alone.value}(0)", alone.exponent)
        return Rounded(alone.value, "0", short, alone.exponent)
    shown, error_shown = _fixed(exact, decimals), _fixed(up or spread, decimals)
    short = _with_exponent(f"{shown}({_in_units(error_shown)})", exponent)
    return Rounded(shown, error_shown, short, exponent)


def fixed(value: float, error: float | None, decimals: int) -> Rounded:
    """Return a value and its error with so many decimals, whatever the error has to say.

    Example:
        >>> print(fixed(3.27837, 0.00142, 2), "or", fixed(-0.001, None, 2))
        3.28 ± 0.00 or 0.00
    """
    value = _exact(value)
    if not _is_finite(value):
        return _alone(value, 1)
    shown = _fixed(Decimal(value), decimals)
    if error is None or math.isnan(error):
        return Rounded(shown, "", shown)
    error_shown = "Inf" if math.isinf(error) else _fixed(Decimal(_exact(error)), decimals)
    return Rounded(shown, error_shown, f"{shown}({_in_units(error_shown)})")


def plain(value: float, digits: int = 4) -> str:
    """Return a number without an error, for a table or a sentence.

    Whole numbers of the type ``int`` are exact; other numbers have so many significant digits, but
    never fewer than their whole part, and no zeros at the end.  Thousands are separated from five
    digits on.

    Example:
        >>> plain(3.141592), plain(200000), plain(0.5), plain(-1.25e-9), plain(float("nan"))
        ('3.142', '200,000', '0.5', '-1.25e-9', 'NaN')
    """
    alone = _alone(_exact(value), digits)
    return _with_exponent(grouped(alone.value), alone.exponent)


def p_value(p: float) -> str:
    """Return a p-value with three decimals, or that it is smaller.

    It is never rounded onto or across a usual threshold: 0.0496 stays "0.0496".

    Raises:
        EvidenceError: it is not between 0 and 1.

    Example:
        >>> p_value(0.0123), p_value(4.9e-12), p_value(0.0496), p_value(float("nan"))
        ('0.012', '< 0.001', '0.0496', 'NaN')
    """
    if math.isnan(p):
        return "NaN"
    if not 0 <= p <= 1:
        raise EvidenceError(f"{p!r} is no p-value: they lie between 0 and 1")
    if p < 0.001:
        return "< 0.001"
    text = f"{p:.3f}"
    for threshold in (0.1, 0.05, 0.01, 1.0):
        if (float(text) >= threshold) != (p >= threshold):
            digits = next(n for n in range(4, 20) if float(f"{p:.{n}f}") < threshold)
            return f"{p:.{digits}f}"
    return text


def percent(value: float, digits: int = 3) -> str:
    """Return a percentage, which is given in percent.

    Example:
        >>> percent(12.3456), percent(-0.04), percent(100)
        ('12.3 %', '-0.04 %', '100 %')
    """
    return f"{plain(value, digits)} %"


def grouped(number: str) -> str:
    """Return a printed number with its thousands separated, from five digits on.

    Example:
        >>> grouped("-12345.67"), grouped("1234")
        ('-12,345.67', '1234')
    """
    sign, digits = number[: number.startswith("-")], number.lstrip("-")
    whole, point, rest = digits.partition(".")
    if not whole.isdecimal() or len(whole) < 5:
        return number
    return f"{sign}{int(whole):,}{point}{rest}"


def _alone(value: float, digits: int) -> Rounded:
    if isinstance(value, int):
        return Rounded(str(value), "", str(value))
    if not _is_finite(value):
        text = "NaN" if math.isnan(value) else "Inf" if value > 0 else "-Inf"
        return Rounded(text, "", text)
    if value == 0:
        return Rounded("0", "", "0")
    exact = Decimal(value)
    # First to the digits, as 9.9999e8 may become 1e9, which has an exponent.
    last = min(exact.adjusted() - max(digits, 1) + 1, 0)
    exact = _EXACT.quantize(exact, Decimal(1).scaleb(last))
    exponent = _exponent(abs(_shortest(float(exact))))
    if exponent > 0:
        exact = _EXACT.quantize(exact.scaleb(-exponent, _EXACT), Decimal(1).scaleb(1 - digits))
    else:
        exact = exact.scaleb(-exponent, _EXACT)
    text = f"{exact:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Rounded(text, "", _with_exponent(text, exponent), exponent)


def _exact(value: Any) -> float:
    """Return a number of any library as Python's own, which is as exact."""
    return int(value) if isinstance(value, Integral) else float(value)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)  # isfinite() refuses very large integers


def _exponent(size: Decimal) -> int:
    """Return the power of ten that is taken out of a number of this size; mostly 0."""
    power = size.adjusted() if size else 0
    return power if power >= _LARGE or power <= _SMALL else 0


def _shortest(value: float) -> Decimal:
    """Return the decimal number that people mean: 0.355, though its float64 is a little less."""
    value = _exact(value)
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _decimals(error: Decimal, rule: str) -> tuple[int, Decimal | None]:
    """Return to which decimals an error is rounded, and to what if the rule rounds it up."""
    power = error.adjusted()
    if rule == "one digit":
        # 0.0998 becomes 0.1, not 0.10.
        return -error.quantize(Decimal(1).scaleb(power), context=_EXACT).adjusted(), None
    first_three = int(error.scaleb(2 - power, _EXACT))
    if first_three >= 950:
        return -power, Decimal(1).scaleb(power + 1)
    return (1 - power if first_three <= 354 else -power), None


def _fixed(number: Decimal, decimals: int) -> str:
    """Return a number with so many decimals; below 0: rounded to tens, hundreds, ..."""
    found = _EXACT.quantize(number, Decimal(1).scaleb(-decimals))
    return f"{found or abs(found):f}"  # zero without a minus


def _in_units(error: str) -> str:
    """Return an error below 1 in units of its last place, such as "14" of "0.0014"."""
    return (error[2:].lstrip("0") or "0") if error.startswith("0.") else error


def _with_exponent(text: str, exponent: int) -> str:
    return f"{text}e{exponent}" if exponent else text
