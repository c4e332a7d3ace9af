from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

import pytest

from poslife import Account, Leg, MarginMode, OrderSide, OrderStatus, Side, Symbol, Venue
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    UnreadableRow,
    VenuePosition,
)
from poslife.errors import InvalidValue
from tests.values import (
    AT,
    BAD_MONEY,
    BAD_NAMES,
    BAD_QUANTITIES,
    BAD_TIMES,
    KEY,
    bought,
    cases,
    later,
    name_of,
    venue_order,
)

PLACE: dict[str, tuple[Any, ...]] = {
    "venue": (*BAD_NAMES, None),
    "account": (*BAD_NAMES, None),
    "symbol": (*BAD_NAMES, None),
}
BOOLS = ("yes", 1, None)
OTHER = replace(KEY, symbol=Symbol("BTC/USDT:USDT"))


def order_seen(**fields: Any) -> OrderSeen:
    values: dict[str, Any] = {
        "venue_order_id": venue_order("o-1"),
        "client_order_id": name_of(0),
        "side": OrderSide.BUY,
        "quantity": Decimal(100),
        "filled": Decimal(0),
        "status": OrderStatus.WORKING,
        "at": AT,
    }
    return OrderSeen(**(values | fields))


def snapshot(*positions: VenuePosition, **fields: Any) -> Snapshot:
    values: dict[str, Any] = {
        "scope": SnapshotScope(venue=KEY.venue, account=KEY.account),
        "covers": None,
        "complete": True,
        "positions": positions,
        "asked_at": AT,
        "at": later(1),
    }
    return Snapshot(**(values | fields))


def refuses(value: Any, field: str, wrong: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        replace(value, **{field: wrong})

    assert f"{type(value).__name__}.{field}" == refused.value.field
    assert wrong is refused.value.value


@cases(
    venue_order_id=(*BAD_NAMES, None),
    client_order_id=BAD_NAMES,
    side=("buy", None),
    quantity=BAD_QUANTITIES,
    filled=(*BAD_MONEY, None, Decimal(-1)),
    status=("working", None),
    at=(*BAD_TIMES, None),
)
def test_an_order_seen_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A field that an adapter reads wrongly is refused with its name and value.
    """
    refuses(order_seen(), field, value)


@pytest.mark.parametrize("status", list(OrderStatus), ids=str)
def test_a_venue_shows_only_what_it_can_know(status: OrderStatus) -> None:
    """
    A venue shows no order as prepared, submitting, in doubt or abandoned.
    """
    ours = {OrderStatus.PREPARED, OrderStatus.SUBMITTING, OrderStatus.IN_DOUBT, OrderStatus.ABANDONED}

    if status in ours:
        with pytest.raises(InvalidValue, match="a venue can show"):
            order_seen(status=status)
    else:
        assert status is order_seen(status=status).status


@cases(at=(*BAD_TIMES, None), conclusive_since=BAD_TIMES)
def test_an_order_not_seen_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A naive time is refused, for it would prove an absence wrongly (incidents 42, 43).
    """
    refuses(OrderNotSeen(at=AT, conclusive_since=None), field, value)


@cases(**PLACE, client_order_id=(*BAD_NAMES, None), venue_order_id=BAD_NAMES)
def test_an_order_query_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of an order query is refused with its name and value.
    """
    query = OrderQuery(venue=KEY.venue, account=KEY.account, symbol=KEY.symbol, client_order_id=name_of(0))

    refuses(query, field, value)


@cases(**PLACE, client_order_id=BAD_NAMES, venue_order_id=BAD_NAMES, since=BAD_TIMES, cursor=(7, b"x"))
def test_a_fill_query_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a fill query is refused with its name and value.
    """
    refuses(FillQuery(venue=KEY.venue, account=KEY.account, symbol=KEY.symbol), field, value)


@cases(fills=([], None, ("fill",)), complete=BOOLS, next_cursor=(7, b"x"), at=(*BAD_TIMES, None))
def test_a_page_of_fills_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A page has a tuple of fills and a bool for its completeness, nothing truthy (incidents 2, 21).
    """
    refuses(FillPage(fills=(bought("1"),), complete=True, next_cursor=None, at=AT), field, value)


UNREADABLE = UnreadableRow(
    venue=KEY.venue, account=KEY.account, symbol=KEY.symbol, reason="trade.id", row={"id": None}
)


@cases(venue=BAD_NAMES, account=BAD_NAMES, symbol=("", 7), reason=(None, 7))
def test_an_unreadable_row_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A row says where it is from and why it could not be read.
    """
    refuses(UNREADABLE, field, value)


def test_a_page_with_an_unreadable_row_is_not_complete() -> None:
    """
    The row may be a fill.
    """
    page = FillPage(fills=(), complete=False, next_cursor=None, at=AT, unreadable=(UNREADABLE,))

    refuses(page, "complete", True)
    refuses(page, "unreadable", ("row",))


def test_a_page_is_read_as_its_fills() -> None:
    """
    It iterates, counts and indexes as the fills do, and is false only where nothing was shown.
    """
    fills = (bought("1"), bought("2"))
    page = FillPage(fills=fills, complete=False, next_cursor=None, at=AT)
    empty = replace(page, fills=())
    lost = replace(empty, unreadable=(UNREADABLE,))

    assert (fills, 2, fills[1]) == (tuple(page), len(page), page[1])
    assert (True, False, True) == (bool(page), bool(empty), bool(lost))


@cases(
    venue=(*BAD_NAMES, None),
    account=(*BAD_NAMES, None),
    symbols=(["BTC/USDT:USDT"], "BTC/USDT:USDT", ("",), (7,)),
)
def test_a_scope_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A scope's symbols are a tuple; one symbol as a str is refused.
    """
    refuses(SnapshotScope(venue=KEY.venue, account=KEY.account), field, value)


@cases(
    key=("BTC", None),
    side=("long", None),
    quantity=(*BAD_MONEY, None, Decimal(-1)),
    entry_price=(*BAD_MONEY, Decimal(0), Decimal(-1)),
)
def test_a_venue_position_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A quantity is zero or more and has a side; an unknown price is ``None`` and not 0.
    """
    refuses(VenuePosition(key=KEY, side=Side.LONG, quantity=Decimal(1)), field, value)


def test_a_flat_position_needs_no_side() -> None:
    """
    A position with quantity zero needs no side.
    """
    flat = VenuePosition(key=KEY, side=None, quantity=Decimal(0))

    assert Decimal(0) == snapshot(flat).quantity_of(KEY)


@cases(
    scope=("bybit", None),
    covers=(["BTC/USDT:USDT"], "BTC/USDT:USDT", ("",), (7,)),
    complete=BOOLS,
    positions=([], None, ("BTC",)),
    unreadable=([], "row 1", (7,)),
    asked_at=(*BAD_TIMES, None),
    at=(*BAD_TIMES, None),
)
def test_a_snapshot_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    Neither an empty list nor a truthy str stands for a complete answer (incidents 1, 2).
    """
    refuses(snapshot(), field, value)


def test_a_snapshot_says_what_it_shows() -> None:
    """
    A long quantity is above zero, a short one below, and that of a flat symbol zero.
    """
    short = replace(OTHER, leg=Leg.SHORT)
    shown = snapshot(
        VenuePosition(key=KEY, side=Side.LONG, quantity=Decimal(3)),
        VenuePosition(key=short, side=Side.SHORT, quantity=Decimal(5)),
    )

    assert Decimal(3) == shown.quantity_of(KEY)
    assert Decimal(-5) == shown.quantity_of(short)
    assert Decimal(0) == shown.quantity_of(replace(KEY, symbol=Symbol("ETH/USDT:USDT")))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"leg": Leg.LONG}, id="hedge mode"),
        pytest.param({"margin_mode": MarginMode.CROSS}, id="a margin mode"),
        pytest.param({"venue": Venue("binance")}, id="another venue"),
        pytest.param({"account": Account("second")}, id="another account"),
    ],
)
def test_a_snapshot_says_nothing_of_what_it_was_not_asked_for(fields: dict[str, Any]) -> None:
    """
    Nothing is known of a key in another mode than the one shown, or of another venue (incident 38).
    """
    shown = snapshot(VenuePosition(key=KEY, side=Side.LONG, quantity=Decimal(3)))

    assert shown.quantity_of(replace(KEY, **fields)) is None


@pytest.mark.parametrize(
    "fields, said",
    [
        pytest.param({}, True, id="complete, of the whole account"),
        pytest.param({"covers": (KEY.symbol,)}, True, id="complete, of the symbol"),
        pytest.param({"complete": False}, False, id="incomplete"),
        pytest.param({"covers": (OTHER.symbol,)}, False, id="of another symbol"),
        pytest.param({"covers": ()}, False, id="of no symbol"),
        pytest.param({"unreadable": ("a row without a symbol",)}, False, id="with an unreadable row"),
    ],
)
def test_absence_counts_only_in_a_complete_snapshot(fields: dict[str, Any], *, said: bool) -> None:
    """
    A symbol that is not shown is flat only if all that was covered was read (incidents 1, 2, 3).
    """
    assert (Decimal(0) if said else None) == snapshot(**fields).quantity_of(KEY)


@pytest.mark.parametrize("traps", [[], [Inexact]], ids=["rounding", "raising"])
def test_a_quantity_is_exact_whatever_the_hosts_decimal_context_is(traps: list[type[Inexact]]) -> None:
    """
    A short quantity has all its digits for a host that calculates with three (incident 44).
    """
    held = VenuePosition(key=KEY, side=Side.SHORT, quantity=Decimal("123456.789"))
    with localcontext(Context(prec=3, traps=traps)):
        quantity = snapshot(held).quantity_of(KEY)

    assert Decimal("-123456.789") == quantity


def test_presence_counts_in_any_snapshot() -> None:
    """
    A position that an incomplete snapshot shows is there.
    """
    held = VenuePosition(key=KEY, side=Side.SHORT, quantity=Decimal(3))

    assert Decimal(-3) == snapshot(held, complete=False).quantity_of(KEY)
