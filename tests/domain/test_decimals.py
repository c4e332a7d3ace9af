from __future__ import annotations

import re
from decimal import ROUND_UP, Context, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife._domain.decimals import (
    average,
    canonical_text,
    exact_difference,
    exact_magnitude,
    exact_negation,
    exact_product,
    exact_sum,
    require_decimal,
    require_positive,
)
from poslife.errors import InvalidValue

# The host's own decimal context must not matter: this one rounds away nearly everything.
TINY = Context(prec=1, Emin=-1, Emax=1, rounding=ROUND_UP, traps=[])

amounts = st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e20", max_value="1e20", places=18)


def exactly(value: Decimal) -> Fraction:
    return Fraction(value)


@pytest.mark.parametrize(
    "value", ["1.234e-9", "1e13", "123456789.012345678", "-0.5", "0", "1e-40", "9" * 40], ids=str
)
def test_what_a_venue_can_say_is_kept_as_it_is(value: str) -> None:
    """
    1.234e-9, 1e13 and 18 significant digits are taken unchanged (incident 44).
    """
    number = Decimal(value)

    assert number is require_decimal("price", number)


@pytest.mark.parametrize(
    "value, expected",
    [
        pytest.param(1.5, "a Decimal", id="float"),
        pytest.param(1, "a Decimal", id="int"),
        pytest.param(True, "a Decimal", id="bool"),
        pytest.param("1.5", "a Decimal", id="text"),
        pytest.param(None, "a Decimal", id="none"),
        pytest.param(Decimal("NaN"), "finite", id="nan"),
        pytest.param(Decimal("sNaN"), "finite", id="signalling nan"),
        pytest.param(Decimal("Infinity"), "finite", id="infinity"),
        pytest.param(Decimal("-Infinity"), "finite", id="minus infinity"),
        pytest.param(Decimal("1e40"), "at most 40 digits", id="41 digits before the point"),
        pytest.param(Decimal("1e-41"), "at most 40 digits", id="41 digits after the point"),
        pytest.param(Decimal("1e999999"), "at most 40 digits", id="huge"),
        pytest.param(Decimal("1e-999999"), "at most 40 digits", id="tiny"),
    ],
)
def test_what_is_not_exact_or_not_finite_is_refused_at_the_door(value: object, expected: str) -> None:
    """
    Floats, NaN, infinities, bools, strs and numbers that a column would round are refused (incidents 22, 44).
    """
    with pytest.raises(InvalidValue, match=re.escape(expected)) as refused:
        require_decimal("Fill.price", value)

    assert "Fill.price" == refused.value.field
    assert value is refused.value.value
    assert str(refused.value).startswith("Fill.price: ")


@pytest.mark.parametrize("value", ["0", "-0", "-1", "-1e-40"], ids=str)
def test_a_quantity_is_above_zero(value: str) -> None:
    """
    Zero and negative numbers are no quantities.
    """
    with pytest.raises(InvalidValue, match="above zero"):
        require_positive("Order.quantity", Decimal(value))


@pytest.mark.parametrize(
    "value, text",
    [
        ("1e3", "1000"),
        ("1.2300", "1.23"),
        ("-0", "0"),
        ("0e9", "0"),
        ("0.000", "0"),
        ("1.234e-9", "0.000000001234"),
        ("-10.50", "-10.5"),
        ("100", "100"),
    ],
    ids=lambda value: value,
)
def test_a_number_has_one_text(value: str, text: str) -> None:
    """
    The canonical text has no exponent, no trailing zeros and no minus zero.
    """
    assert text == canonical_text(Decimal(value))


@given(amounts, amounts)
def test_texts_are_equal_exactly_when_the_numbers_are(left: Decimal, right: Decimal) -> None:
    """
    A canonical text reads back as its number, and equal numbers have equal texts.
    """
    assert left == Decimal(canonical_text(left))
    assert (left == right) is (canonical_text(left) == canonical_text(right))
    assert canonical_text(left) == canonical_text(left.normalize(Context(prec=60)))


@pytest.mark.parametrize("value", ["123456.789", "-123456.789", "0", "-0", "1e-40"])
def test_a_sign_is_changed_exactly_whatever_the_hosts_decimal_context_is(value: str) -> None:
    """
    Neither a negation nor a magnitude rounds, and zero has no sign.
    """
    number = Decimal(value)
    with localcontext(TINY):
        negation, magnitude = exact_negation(number), exact_magnitude(number)

    assert -exactly(number) == exactly(negation)
    assert abs(exactly(number)) == exactly(magnitude)
    assert not magnitude.is_signed()
    assert number or not negation.is_signed()


@pytest.mark.parametrize("value", ["1e999999", "1e-999999", "1e40"])
def test_too_many_digits_are_refused_whatever_the_hosts_decimal_context_is(value: str) -> None:
    """
    A context that writes exponents in small letters lets no number through.
    """
    with localcontext(Context(capitals=0)), pytest.raises(InvalidValue, match="at most 40 digits"):
        require_decimal("price", Decimal(value))


@given(st.lists(amounts, max_size=8), amounts)
def test_arithmetic_is_exact_whatever_the_hosts_decimal_context_is(
    numbers: list[Decimal], other: Decimal
) -> None:
    """
    Sums, differences and products are exact even if the host's context has one digit and rounds up.
    """
    with localcontext(TINY):
        total = exact_sum(numbers)
        difference = exact_difference(total, other)
        product = exact_product(other, Decimal("0.000000001234"))

    assert sum(map(exactly, numbers), Fraction(0)) == exactly(total)
    assert exactly(total) - exactly(other) == exactly(difference)
    assert exactly(other) * Fraction("0.000000001234") == exactly(product)


def test_the_largest_product_and_the_smallest_are_exact() -> None:
    """
    The product of two numbers of 40 digits on either side of the point is not rounded.
    """
    most, least = Decimal("9" * 40 + "." + "9" * 40), Decimal("1e-40")

    assert exactly(most) ** 2 == exactly(exact_product(most, most))
    assert exactly(least) ** 2 == exactly(exact_product(least, least))


def test_an_average_has_34_digits_whatever_the_hosts_decimal_context_is() -> None:
    """
    An average has 34 digits, also in a context of one digit.
    """
    with localcontext(TINY):
        third = average(Decimal(1), Decimal(3))

    assert Decimal("0." + "3" * 34) == third
