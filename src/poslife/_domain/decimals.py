"""
Decimal rules: what may enter, and how it is written. Pure.

Prices and quantities are `Decimal`, finite and exact. Quantities are in the venue's contracts, as ccxt's
``amount``; prices in the quote currency per unit of the underlying.
"""

from __future__ import annotations

from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import reduce
from typing import TYPE_CHECKING

from poslife.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["average", "exact_difference", "exact_product", "exact_sum", "money", "plain", "positive", "total"]

# What a venue can say in a price or a quantity fits many times over; what a product of two needs fits in
# PostgreSQL's numeric (131072 and 16383 digits) and in a line of text.
_MOST_DIGITS = 40
_EXACT = Context(prec=400, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
_AVERAGE = Context(prec=34)


def money(field: str, value: object) -> Decimal:
    """
    The value, if it is a finite `Decimal` of at most 40 digits on either side of the point.

    Raises:
        InvalidValue: For anything else: a float, an int, a bool, text, NaN, an infinity, too many digits.
    """
    if not isinstance(value, Decimal):
        raise InvalidValue(field, value, "a Decimal (floats are not exact: make it from the venue's text)")
    if not value.is_finite():
        raise InvalidValue(field, value, "a finite Decimal")
    if value and not fits(value, _MOST_DIGITS):
        raise InvalidValue(field, value, f"at most {_MOST_DIGITS} digits on either side of the point")
    return value


def fits(value: Decimal, digits: int) -> bool:
    """
    Whether no more than *digits* digits stand on either side of the point of a finite number.
    """
    text = str(value)
    if len(text) <= digits and "E" not in text:
        return True  # as of nearly all, and sooner said than by their digits
    _, mantissa, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # it is finite
    return value.adjusted() < digits and (exponent >= -digits or not any(mantissa[-(-exponent - digits) :]))


def positive(field: str, value: object) -> Decimal:
    """
    The value, if it is `money` above zero.

    Raises:
        InvalidValue: For anything else.
    """
    number = money(field, value)
    if number <= 0:
        raise InvalidValue(field, value, "a Decimal above zero")
    return number


def total(field: str, value: object) -> Decimal:
    """
    The value, if it can be a sum of `money` of zero or more; it may have more digits than each of them.

    Raises:
        InvalidValue: For anything else.
    """
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        raise InvalidValue(field, value, "a finite Decimal of zero or more")
    return value


def plain(value: Decimal) -> str:
    """
    The one text of a number: no exponent, no trailing zeros after the point, no ``-0``.

    Two numbers are equal exactly when their texts are.
    """
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact_product(left: Decimal, right: Decimal) -> Decimal:
    """
    *left* times *right* without rounding, whatever the caller's decimal context.
    """
    return _EXACT.multiply(left, right)


def exact_sum(numbers: Iterable[Decimal]) -> Decimal:
    """
    The sum without rounding, whatever the caller's decimal context.
    """
    return reduce(_EXACT.add, numbers, Decimal(0))


def exact_difference(left: Decimal, right: Decimal) -> Decimal:
    """
    *left* less *right* without rounding, whatever the caller's decimal context.
    """
    return _EXACT.subtract(left, right)


def average(cost: Decimal, quantity: Decimal) -> Decimal:
    """
    *cost* over *quantity*, which is not zero, to 34 digits (IEEE 754 decimal128).
    """
    # As one writes it: 60000, where dividing gives 6.00E+4.
    return Decimal(plain(_AVERAGE.divide(cost, quantity)))
