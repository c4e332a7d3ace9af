"""
Decimals: the ones that are taken, exact arithmetic on them, and their canonical text.

Quantities are in the venue's contracts, as ccxt's ``amount``; prices in the quote currency per unit of the
underlying. No other module calculates: an operator, `abs` and `sum` round as the host's decimal context says.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import TYPE_CHECKING

from poslife.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "average",
    "canonical",
    "canonical_text",
    "exact_difference",
    "exact_magnitude",
    "exact_negation",
    "exact_product",
    "exact_sum",
    "require_decimal",
    "require_positive",
    "require_sum",
]

# Far more digits than any venue gives. The exact product of two such numbers fits in PostgreSQL's numeric
# (131072 digits before and 16383 after the point).
_MOST_DIGITS = 40
_EXACT = Context(prec=400, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
# Named in full: what is not named comes from `decimal.DefaultContext`, which a host may have changed.
_AVERAGE = Context(
    prec=34,
    rounding=ROUND_HALF_EVEN,
    Emin=-999,
    Emax=999,
    clamp=0,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)


def require_decimal(field: str, value: object) -> Decimal:
    """
    Return *value* if it is a finite `Decimal` of at most 40 digits on either side of the point.

    Raises:
        InvalidValue: For anything else: a float, an int, a bool, a str, NaN, an infinity, too many digits.
    """
    if not isinstance(value, Decimal):
        raise InvalidValue(
            field, value, "a Decimal", hint="make it from the venue's text, for a float is not exact"
        )
    if not value.is_finite():
        raise InvalidValue(field, value, "a finite Decimal")
    if value and not _fits(value, _MOST_DIGITS):
        raise InvalidValue(
            field, value, f"a Decimal of at most {_MOST_DIGITS} digits on either side of the point"
        )
    return value


def _fits(value: Decimal, digits: int) -> bool:
    """
    Return whether a finite number has at most *digits* digits on either side of the point.
    """
    text = str(value)
    # The host's context decides whether the exponent's letter is a capital.
    if len(text) <= digits and "E" not in text and "e" not in text:
        return True  # nearly all numbers, and faster than looking at their digits
    _, mantissa, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # it is finite
    return value.adjusted() < digits and (exponent >= -digits or not any(mantissa[-(-exponent - digits) :]))


def require_positive(field: str, value: object) -> Decimal:
    """
    Return *value* if `require_decimal` takes it and it is above zero.

    Raises:
        InvalidValue: For anything else.
    """
    number = require_decimal(field, value)
    if number <= 0:
        raise InvalidValue(field, value, "a Decimal above zero")
    return number


def require_sum(field: str, value: object) -> Decimal:
    """
    Return *value* if it is a finite `Decimal` of zero or more, with any number of digits.

    A sum has more digits than its terms, so it is not held to their limit.

    Raises:
        InvalidValue: For anything else.
    """
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        raise InvalidValue(field, value, "a finite Decimal of zero or more")
    return value


def canonical_text(value: Decimal) -> str:
    """
    Return the canonical text of a number: no exponent, no trailing zeros after the point, no ``-0``.

    Two numbers are equal exactly when their canonical texts are.
    """
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def canonical(value: Decimal) -> Decimal:
    """
    Return the number whose text is the `canonical_text` of *value*.
    """
    text = canonical_text(value)
    return value if str(value) == text else Decimal(text)


def exact_product(left: Decimal, right: Decimal) -> Decimal:
    """
    Return *left* times *right*, exact in any decimal context of the caller.
    """
    return _EXACT.multiply(left, right)


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """
    Return the sum of *numbers*, exact in any decimal context of the caller.
    """
    return reduce(_EXACT.add, numbers, Decimal(0))


def exact_difference(left: Decimal, right: Decimal) -> Decimal:
    """
    Return *left* minus *right*, exact in any decimal context of the caller.
    """
    return _EXACT.subtract(left, right)


def exact_negation(number: Decimal) -> Decimal:
    """
    Return *number* with the other sign, exact in any decimal context of the caller; zero stays without one.
    """
    return number.copy_negate() if number else number.copy_abs()


def exact_magnitude(number: Decimal) -> Decimal:
    """
    Return *number* without its sign, exact in any decimal context of the caller.
    """
    return number.copy_abs()


def average(cost: Decimal, quantity: Decimal) -> Decimal:
    """
    Return *cost* divided by *quantity*, which is not zero, to 34 digits (IEEE 754 decimal128).
    """
    # Dividing gives 6.00E+4 where 60000 is meant.
    return Decimal(canonical_text(_AVERAGE.divide(cost, quantity)))
