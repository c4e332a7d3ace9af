from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest

from poslife import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.client_order_ids import LAST_ORDINAL
from poslife._domain.decimals import exact_product
from poslife._domain.orders import ORDER_EVIDENCE, ORDER_TRANSITIONS
from poslife.errors import IllegalTransition, InvalidValue
from poslife.venues import Trigger
from tests.values import (
    BAD_MONEY,
    BAD_NAMES,
    BAD_QUANTITIES,
    BAD_REFS,
    BAD_TIMES,
    cases,
    exit_order,
    order,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
AT_VENUE = {WORKING, FILLED, CANCELED, EXPIRED, REJECTED}
ENDED = {FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED}

# The design's own words, written down a second time: section 5, "Lives".
HOSTS_WORD = {
    PREPARED: {SUBMITTING, ABANDONED},
    SUBMITTING: AT_VENUE | {IN_DOUBT, ABANDONED},
    WORKING: {FILLED, CANCELED, EXPIRED, REJECTED},
    IN_DOUBT: AT_VENUE | {ABANDONED},
    FILLED: set[OrderStatus](),
    CANCELED: set[OrderStatus](),
    EXPIRED: set[OrderStatus](),
    REJECTED: set[OrderStatus](),
    ABANDONED: set[OrderStatus](),
}
EVIDENCE = {
    PREPARED: AT_VENUE,
    SUBMITTING: AT_VENUE,
    WORKING: {FILLED, CANCELED, EXPIRED, REJECTED},
    IN_DOUBT: AT_VENUE,
    FILLED: set[OrderStatus](),
    CANCELED: {FILLED},
    EXPIRED: {FILLED},
    REJECTED: {WORKING, FILLED, CANCELED, EXPIRED},
    ABANDONED: AT_VENUE,
}

pairs = pytest.mark.parametrize("before, after", list(itertools.product(OrderStatus, OrderStatus)), ids=str)
one_each = pytest.mark.parametrize("status", list(OrderStatus), ids=str)


def test_the_tables_are_the_designs() -> None:
    """
    Both tables have a row for every status, and exactly the transitions of the design.
    """
    assert HOSTS_WORD == {status: set(allowed) for status, allowed in ORDER_TRANSITIONS.items()}
    assert EVIDENCE == {status: set(allowed) for status, allowed in ORDER_EVIDENCE.items()}
    assert list(OrderStatus) == list(ORDER_TRANSITIONS)
    assert list(OrderStatus) == list(ORDER_EVIDENCE)


@pytest.mark.parametrize("by_evidence", [False, True], ids=["by word", "by evidence"])
@pairs
def test_an_order_moves_only_as_its_table_says(
    before: OrderStatus, after: OrderStatus, *, by_evidence: bool
) -> None:
    """
    Each of the 81 changes of status is made or raises, by the host's report and by evidence.
    """
    allowed = (EVIDENCE if by_evidence else HOSTS_WORD)[before]
    given = order(before)

    if after in allowed:
        assert replace(given, status=after) == given.moved(after, by_evidence=by_evidence)
        return
    with pytest.raises(IllegalTransition) as refused:
        given.moved(after, by_evidence=by_evidence)
    assert (before.value, after.value) == (refused.value.current, refused.value.wanted)
    assert {status.value for status in allowed} == set(refused.value.allowed)
    assert str(given.ref) in str(refused.value)


def test_no_timeout_is_a_rejection() -> None:
    """
    An order in doubt cannot become prepared or submitting again.
    """
    assert PREPARED not in ORDER_TRANSITIONS[IN_DOUBT] | ORDER_EVIDENCE[IN_DOUBT]
    assert SUBMITTING not in ORDER_TRANSITIONS[IN_DOUBT] | ORDER_EVIDENCE[IN_DOUBT]


def test_evidence_never_makes_a_doubt_or_an_absence() -> None:
    """
    An order seen at the venue never becomes prepared, submitting, in doubt or abandoned by it.
    """
    for allowed in ORDER_EVIDENCE.values():
        assert not allowed & {PREPARED, SUBMITTING, IN_DOUBT, ABANDONED}


@one_each
def test_an_ended_order_expects_nothing_more(status: OrderStatus) -> None:
    """
    Exactly the five final statuses are ended, and the host's report leads out of none of them.
    """
    assert (status in ENDED) is status.ended
    assert status.ended is (not ORDER_TRANSITIONS[status])


@one_each
@pytest.mark.parametrize("purpose", list(OrderPurpose), ids=str)
def test_only_an_exit_on_its_way_closes(status: OrderStatus, purpose: OrderPurpose) -> None:
    """
    An exit that is prepared, submitting or working owns the closing; no other order does.
    """
    reason = CloseReason.STRATEGY if purpose is OrderPurpose.EXIT else None
    given = order(status, purpose=purpose, close_reason=reason)

    assert given.closes is (purpose is OrderPurpose.EXIT and status in {PREPARED, SUBMITTING, WORKING})


def test_only_entries_and_increases_are_not_reduce_only() -> None:
    """
    Every purpose but entry and increase is reduce-only.
    """
    assert {OrderPurpose.ENTRY, OrderPurpose.INCREASE} == {
        purpose for purpose in OrderPurpose if not purpose.reduce_only
    }


@cases(
    ref=BAD_REFS,
    ordinal=(-1, LAST_ORDINAL + 1, True, 1.0, "1", None),
    run=("run", 7, None),
    purpose=("entry", None),
    side=("buy", None),
    quantity=BAD_QUANTITIES,
    filled=(1.5, 1, True, "1.5", None, Decimal("NaN"), Decimal("Infinity"), Decimal(-1)),
    price=(*BAD_MONEY, Decimal(0), Decimal(-1)),
    trigger=(Decimal(1), 1, "1"),
    client_order_id=(*BAD_NAMES, None),
    venue_order_id=BAD_NAMES,
    status=("prepared", None),
    prepared_at=(*BAD_TIMES, None),
    submitted_at=BAD_TIMES,
    close_reason=("strategy", CloseReason.STRATEGY),
)
def test_an_order_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of an order is refused with its name and value (incidents 22, 42, 44).
    """
    given = order()
    values = {name: getattr(given, name) for name in type(given).__dataclass_fields__}

    with pytest.raises(InvalidValue) as refused:
        type(given)(**(values | {field: value}))

    assert f"Order.{field}" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("price", [*BAD_MONEY, None, Decimal(0), Decimal(-1)], ids=repr)
def test_a_trigger_refuses_what_is_no_price(price: Any) -> None:
    """
    A condition that cannot be is refused with its value.
    """
    with pytest.raises(InvalidValue, match=r"Trigger\.price"):
        Trigger(price=price)


@pytest.mark.parametrize("purpose", OrderPurpose)
def test_an_order_with_a_trigger_may_be_apart_and_one_that_protects_always(purpose: OrderPurpose) -> None:
    """
    A stop entry, and every order that protects, may be among the venue's conditional orders.
    """
    reason = CloseReason.STRATEGY if purpose is OrderPurpose.EXIT else None
    given = order(purpose=purpose, close_reason=reason)

    assert (None if purpose is OrderPurpose.PROTECT else False) is given.conditional
    assert replace(given, trigger=Trigger(price=Decimal(1))).conditional is True


@pytest.mark.parametrize("reason", [None, "strategy"])
def test_an_exit_says_why(reason: Any) -> None:
    """
    An exit without a reason is refused, so that no position is closed for none (incident 56).
    """
    with pytest.raises(InvalidValue, match=r"Order\.close_reason"):
        exit_order(close_reason=reason)


def test_what_remains_is_exact_and_never_negative() -> None:
    """
    The remaining quantity is exact, and zero for an overfilled order.
    """
    with localcontext(Context(prec=1)):
        partly = order(WORKING, quantity=Decimal("1.234"), filled=Decimal("0.0004"))

        assert Decimal("1.2336") == partly.remaining
    over = order(FILLED, quantity=Decimal(1), filled=Decimal(2))
    assert (Decimal(0), True) == (over.remaining, over.overfilled)
    assert not partly.overfilled


def test_fills_may_amount_to_more_digits_than_one_of_them() -> None:
    """
    The sum of an order's fills may have any number of digits, so that no fill is refused for it.
    """
    nines = Decimal("9" * 40)

    assert order(FILLED, quantity=nines, filled=exact_product(nines, Decimal(2))).overfilled
