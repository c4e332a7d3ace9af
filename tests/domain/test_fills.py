from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from poslife import ClientOrderId, Fee, Fill, Leg, OrderSide, StoredFill, TradeId
from poslife._domain.fills import FillId
from poslife.errors import InvalidValue
from tests.values import (
    BAD_MONEY,
    BAD_NAMES,
    BAD_QUANTITIES,
    BAD_REFS,
    BAD_TIMES,
    REF,
    bought,
    cases,
    later,
    sold,
    venue_order,
)


@cases(
    venue=(*BAD_NAMES, None),
    account=(*BAD_NAMES, None),
    symbol=(*BAD_NAMES, None),
    trade_id=(*BAD_NAMES, None),
    side=("buy", None),
    quantity=BAD_QUANTITIES,
    price=BAD_QUANTITIES,
    at=(*BAD_TIMES, None),
    venue_order_id=BAD_NAMES,
    client_order_id=BAD_NAMES,
    leg=("net", 0),
    fees=([], None, (Decimal(1),), "free"),
    closed=(*BAD_MONEY, Decimal(-1), Decimal("1.1")),
)
def test_a_fill_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a fill is refused with its name and value (incidents 42, 44).
    """
    with pytest.raises(InvalidValue) as refused:
        replace(bought("1"), **{field: value})

    assert f"Fill.{field}" == refused.value.field
    assert value is refused.value.value


def test_a_fill_needs_no_order_id() -> None:
    """
    A fill is valid without its order's id, which not every venue gives (incident 58).
    """
    told = bought("1")

    assert (None, None, None) == (told.venue_order_id, told.client_order_id, told.leg)


@cases(cost=(*BAD_MONEY, None), currency=(*BAD_NAMES, None))
def test_a_fee_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a fee is refused with its name and value.
    """
    with pytest.raises(InvalidValue) as refused:
        replace(Fee(cost=Decimal(1), currency="USDT"), **{field: value})

    assert f"Fee.{field}" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("cost", ["0", "-0.0001", "0.000000000000000001"])
def test_a_fee_may_be_earned(cost: str) -> None:
    """
    A fee may be below zero, as a maker's rebate is.
    """
    assert Decimal(cost) == Fee(cost=Decimal(cost), currency="BNB").cost


def test_an_unassigned_fill_says_why() -> None:
    """
    A stored fill has a reason exactly if it has no position.
    """
    told = bought("1")

    assert StoredFill(fill=told, ref=REF).unclaimed_because is None
    assert StoredFill(fill=told, ref=None, unclaimed_because="nobody's").ref is None
    for fields in ({"ref": None}, {"ref": REF, "unclaimed_because": "nobody's"}):
        wrong: dict[str, Any] = fields
        with pytest.raises(InvalidValue, match=r"StoredFill\.unclaimed_because"):
            StoredFill(fill=told, **wrong)


@cases(fill=("fill", None), ref=BAD_REFS[:-1], ordinal=(-1, True, "1", 1.0))
def test_a_stored_fill_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a stored fill is refused with its name and value.
    """
    with pytest.raises(InvalidValue) as refused:
        replace(StoredFill(fill=bought("1"), ref=REF, ordinal=0), **{field: value})

    assert f"StoredFill.{field}" == refused.value.field
    assert value is refused.value.value


def test_the_same_execution_told_in_more_words_agrees() -> None:
    """
    Two reports of one execution agree if one leaves fields out or gives another time.
    """
    told = bought("1.50", "2", trade_id="t")
    more = replace(
        told,
        quantity=Decimal("1.5"),
        venue_order_id=venue_order("o-1"),
        fees=(Fee(cost=Decimal(1), currency="USDT"),),
        leg=Leg.LONG,
        at=later(9),
    )

    assert told.agrees_with(more)
    assert more.agrees_with(told)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(bought("1.51", trade_id="t", venue_order_id="o-1"), id="quantity"),
        pytest.param(bought("1.5", "2.1", trade_id="t", venue_order_id="o-1"), id="price"),
        pytest.param(sold("1.5", trade_id="t", venue_order_id="o-1"), id="side"),
        pytest.param(bought("1.5", trade_id="t", venue_order_id="o-2"), id="order"),
    ],
)
def test_other_numbers_are_a_conflict(other: Fill) -> None:
    """
    Another side, quantity, price or order under the same trade id is a conflict.
    """
    told = bought("1.5", trade_id="t", venue_order_id="o-1")

    assert not told.agrees_with(other)
    assert not other.agrees_with(told)


def test_a_fill_survives_copying() -> None:
    """
    A copied or pickled fill is equal to the original.
    """
    told = bought("1", fees=(Fee(cost=Decimal(1), currency="USDT"),))

    assert {told} == {copy.copy(told), copy.deepcopy(told), pickle.loads(pickle.dumps(told))}  # noqa: S301
    assert OrderSide.BUY is told.side


def test_the_identity_of_a_fill_has_its_side() -> None:
    """
    Both sides of one match can be ours: they have one trade id, and are two fills.
    """
    buy = bought("1", trade_id=TradeId("t"))
    sale = sold("1", trade_id=TradeId("t"))

    assert FillId(buy.venue, buy.account, buy.symbol, buy.trade_id, OrderSide.BUY) == buy.id
    assert buy.id != sale.id
    assert buy.id == replace(buy, price=Decimal(9), venue_order_id=venue_order("x")).id


def _of(order: str | None, name: str | None) -> dict[str, Any]:
    return {
        "trade_id": TradeId("t"),
        "venue_order_id": None if order is None else venue_order(order),
        "client_order_id": None if name is None else ClientOrderId(name),
    }


@pytest.mark.parametrize(
    "one, other, executions",
    [
        (("1", None), ("2", None), 2),
        ((None, "a"), (None, "b"), 2),
        (("1", "a"), ("1", "a"), 1),
        (("1", None), (None, None), 1),
        (("1", None), (None, "b"), 1),
        ((None, None), (None, None), 1),
    ],
    ids=str,
)
def test_two_sides_of_one_trade_id(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], executions: int
) -> None:
    """
    They are two executions if they name different orders; else one of them shows a wrong side.
    """
    buy, sale = bought("1", **_of(*one)), sold("1", **_of(*other))

    same = executions == 1

    assert (same, same) == (buy.repeats(sale), sale.repeats(buy))
    assert buy.repeats(replace(buy, price=Decimal(9)))
    places: list[dict[str, Any]] = [{name: "x"} for name in ("venue", "account", "symbol", "trade_id")]
    assert not any(buy.repeats(replace(buy, **place)) for place in places)
