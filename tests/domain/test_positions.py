from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle
from datetime import timedelta
from decimal import Context, Decimal, localcontext
from functools import partial
from typing import Any, assert_never

import pytest

from poslife import (
    ClosedPosition,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionStatus,
    Protection,
    VenueOrderId,
)
from poslife.errors import InvalidValue
from tests.values import (
    AT,
    BAD_COUNTS,
    BAD_MONEY,
    BAD_QUANTITIES,
    BAD_REFS,
    BAD_TIMES,
    OTHER_REF,
    cases,
    closed,
    exit_order,
    later,
    order,
    pending,
    persisted,
    with_orders,
)

PENDING, ENDED, OPEN, CLOSING, CLOSED = PositionStatus
BAD_IDS: tuple[Any, ...] = ("pending", True, 0, -1, 1.0, Decimal(1), "7", 2**63, None)

ALL_KINDS = [
    pytest.param(pending(OrderStatus.SUBMITTING), id="pending"),
    pytest.param(with_orders(persisted(), exit_order(OrderStatus.WORKING)), id="persisted"),
    pytest.param(closed(), id="closed"),
]
of_every_kind = pytest.mark.parametrize("position", ALL_KINDS)
# How much one of these is taken wrongly, in every field it shares with the others.
SHARED: dict[str, tuple[Any, ...]] = {
    "ref": BAD_REFS,
    "key": ("DBR/USDT:USDT", None),
    "side": ("long", None),
    "requested_quantity": BAD_QUANTITIES,
    "requested_price": (*BAD_MONEY, Decimal(0), Decimal(-1)),
    "orders": ([order()], (order(), "order"), "order", None),
    "created_at": (*BAD_TIMES, None),
    "version": (*BAD_COUNTS, 0),
}
SUMS = (1.5, 1, True, "1", None, Decimal("NaN"), Decimal("Infinity"), Decimal(-1))


def refuses(position: Position, field: str, value: Any) -> None:
    values = {name: getattr(position, name) for name in type(position).__dataclass_fields__}

    with pytest.raises(InvalidValue) as refused:
        type(position)(**(values | {field: value}))

    assert f"{type(position).__name__}.{field}" == refused.value.field
    assert value is refused.value.value


def pickled(position: Position, *, protocol: int) -> object:
    return pickle.loads(pickle.dumps(position, protocol))  # noqa: S301 - our own bytes


# -------------------------------------------------------------------------------------------- no id, really


def test_a_pending_position_has_no_id() -> None:
    """
    Reading ``id`` of a pending position raises and explains; `hasattr` and `getattr` agree (incident 22).
    """
    position: Any = pending()

    with pytest.raises(AttributeError, match=r"has no id.*by its ref.*PersistedPosition") as explained:
        _ = position.id
    assert ("id", position) == (explained.value.name, explained.value.obj)
    assert not hasattr(position, "id")
    assert getattr(position, "id", None) is None
    assert "id" not in {field.name for field in dataclasses.fields(position)}
    assert "id" not in dir(position)
    assert "id" not in dataclasses.asdict(position)
    assert "id=" not in repr(dataclasses.replace(position, orders=()))


def test_a_pending_position_takes_no_id() -> None:
    """
    A pending position cannot be given an id, at construction or later (incident 22).
    """
    with pytest.raises(TypeError, match="id"):
        pending(id="pending")
    with pytest.raises(TypeError, match="id"):
        dataclasses.replace(pending(), id=7)  # type: ignore[call-arg]
    with pytest.raises((AttributeError, TypeError)):
        object.__setattr__(pending(), "id", 7)


def test_another_name_that_is_none_is_refused_as_ever() -> None:
    """
    A misspelt attribute raises the usual `AttributeError`.
    """
    position: Any = pending()

    with pytest.raises(AttributeError, match="'PendingPosition' object has no attribute 'quantitty'"):
        _ = position.quantitty


@of_every_kind
@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
        pytest.param(dataclasses.replace, id="replace"),
        *(
            pytest.param(partial(pickled, protocol=protocol), id=f"pickle {protocol}")
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
    ],
)
def test_a_copy_is_equal(position: Position, copied: Any) -> None:
    """
    A copied or pickled position is equal to the original, as in another process.
    """
    again = copied(position)

    assert position == again
    assert type(position) is type(again)
    assert hash(position) == hash(again)
    assert hasattr(again, "id") is (not isinstance(position, PendingPosition))


@of_every_kind
def test_a_position_does_not_change(position: Position) -> None:
    """
    A position's fields cannot be set, and it has no room for others.
    """
    with pytest.raises(AttributeError):
        position.version = 9  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(position, "__dict__")


@of_every_kind
def test_a_match_tells_the_kinds_apart(position: Position) -> None:
    """
    A match over the three kinds is exhaustive, and only two of them have an id.
    """
    match position:
        case PendingPosition():
            assert position.status in {PENDING, ENDED}
        case PersistedPosition():
            assert position.status in {OPEN, CLOSING}
            assert position.id
        case ClosedPosition():
            assert PositionStatus.CLOSED is position.status
            assert position.id
        case _:
            assert_never(position)


# ------------------------------------------------------------------------------------------------ status


@pytest.mark.parametrize("statuses", list(itertools.product(OrderStatus, OrderStatus)), ids=str)
def test_a_pending_positions_status_is_its_orders(statuses: tuple[OrderStatus, OrderStatus]) -> None:
    """
    A pending position holds its key until all its entries have ended, and is in doubt if one of them is.
    """
    position = pending(*statuses)
    over = all(status.ended for status in statuses)

    assert (ENDED if over else PENDING) is position.status
    assert position.live is (not over)
    assert position.in_doubt is (OrderStatus.IN_DOUBT in statuses)


@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
def test_an_exit_on_its_way_makes_a_position_closing(status: OrderStatus) -> None:
    """
    A prepared, submitting or working exit makes its position closing; an ended one or one in doubt does not.
    """
    position = with_orders(persisted(), exit_order(status))
    owns = status in {OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.WORKING}

    assert (CLOSING if owns else OPEN) is position.status
    assert position.in_doubt is (status is OrderStatus.IN_DOUBT)
    assert (() if status.ended else (position.orders[1],)) == position.live_orders
    assert position.live


# ----------------------------------------------------------------------------------------------- bad input


@cases(**SHARED)
def test_a_pending_position_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a pending position is refused with its name and value (incidents 22, 42, 44).
    """
    refuses(pending(), field, value)


@cases(
    **SHARED,
    id=BAD_IDS,
    confidence=("confirmed", None),
    origin=("own", None),
    entered_quantity=(*SUMS, Decimal(0)),
    entered_cost=SUMS,
    exited_quantity=(*SUMS, Decimal(100), Decimal(101)),
    exited_cost=SUMS,
    protection=("3.2", Decimal(3)),
    opened_at=(*BAD_TIMES, None),
)
def test_a_persisted_position_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    ``"pending"`` is no id, and a position that holds nothing is not persisted (incidents 22, 42, 44).
    """
    refuses(persisted(), field, value)


@cases(
    **SHARED,
    id=BAD_IDS,
    reason=("strategy", "", None),
    origin=("own", None),
    entered_quantity=(*SUMS, Decimal(0)),
    entered_cost=SUMS,
    exited_cost=SUMS,
    opened_at=(*BAD_TIMES, None),
    closed_at=(*BAD_TIMES, None, later(0)),
)
def test_a_closed_position_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A closed position has a reason, and does not close before it opened (incidents 22, 42, 44, 56).
    """
    refuses(closed(), field, value)


def test_a_position_has_its_own_orders_in_their_order() -> None:
    """
    Another position's order, a gap in the ordinals and a wrong order are refused.
    """
    for orders in (
        (order(ref=OTHER_REF),),
        (order(ordinal=1),),
        (order(), order()),
        (order(ordinal=1), order()),
    ):
        with pytest.raises(InvalidValue, match=r"PersistedPosition\.orders"):
            persisted(*orders)


def test_a_pending_position_has_no_fill() -> None:
    """
    A pending position with a filled order is refused.
    """
    with pytest.raises(InvalidValue, match="without fills"):
        pending(orders=(order(OrderStatus.WORKING, filled=Decimal(1)),))


def test_a_position_may_close_in_the_instant_it_opened() -> None:
    """
    A position may close at the time at which it opened, but not before.
    """
    assert AT == closed(opened_at=AT, closed_at=AT).closed_at
    with pytest.raises(InvalidValue, match="at or after opened_at"):
        closed(opened_at=AT, closed_at=AT - timedelta(microseconds=1))


# ------------------------------------------------------------------------------------------------ numbers


def test_quantities_and_prices_are_exact_whatever_the_hosts_decimal_context_is() -> None:
    """
    Quantities are exact differences and averages have 34 digits in any decimal context.
    """
    sums = {"entered_quantity": Decimal(3), "entered_cost": Decimal("1.000000001234")}
    with localcontext(Context(prec=1)):
        held = persisted(**sums, exited_quantity=Decimal("1e-18"), exited_cost=Decimal(1))
        over = closed(**sums, exited_cost=Decimal(2))

        assert Decimal("2.999999999999999999") == held.quantity
        assert Decimal("0.3333333337446666666666666666666667") == held.entry_price
        assert held.entry_price == over.entry_price
        assert Decimal("0." + "6" * 33 + "7") == over.exit_price


def test_what_was_asked_for_is_not_what_was_paid() -> None:
    """
    The price of the decision and the average of the fills are separate (incident 31).
    """
    position = persisted(requested_price=Decimal("2.11"), entered_cost=Decimal(511))

    assert (Decimal("2.11"), Decimal("5.11")) == (position.requested_price, position.entry_price)


def test_protection_is_one_value() -> None:
    """
    Protection is there, whole, or ``None``; no flag beside it can contradict it (incident 34).
    """
    stop = Protection(stop_price=Decimal("3.1766"), stop_order_id=VenueOrderId("s-1"))

    assert persisted().protection is None
    assert stop == persisted(protection=stop).protection
    assert not [field.name for field in dataclasses.fields(PersistedPosition) if "stop" in field.name]
