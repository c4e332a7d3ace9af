"""
The demo's accounts: whatever is lost, doubled or wrong is said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from examples.demo.accounts import Truth, audit, audit_old_way, complaints
from examples.demo.books import Books, OldBooks, OrderRow, PositionRow
from examples.demo.witness import Emitting
from poslife.testing.bybit import (
    ExecutionKind,
    OrderStatus,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    TimeInForce,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)

ORDER = SimulatedOrder(
    order_id="order",
    order_link_id="ours",
    symbol="DBRUSDT",
    side=Side.BUY,
    type=OrderType.MARKET,
    time_in_force=TimeInForce.IOC,
    quantity=Decimal(100),
    price=Decimal(1),
    reduce_only=False,
    position_index=0,
    status=OrderStatus.FILLED,
    created_at=AT,
    updated_at=AT,
    filled_quantity=Decimal(100),
)

FILL = SimulatedFill(
    execution_id="fill",
    order_id="order",
    order_link_id="ours",
    symbol="DBRUSDT",
    side=Side.BUY,
    quantity=Decimal(100),
    price=Decimal(1),
    fee=Decimal(0),
    fee_rate=Decimal(0),
    is_maker=False,
    kind=ExecutionKind.TRADE,
    position_index=0,
    executed_at=AT,
    visible_at=AT,
    closed_quantity=Decimal(0),
    realised_pnl=Decimal(0),
    leaves_quantity=Decimal(0),
)

E1, E2 = (Emitting(event, "signal", run="run") for event in ("e1", "e2"))
TRUTH = Truth(emitted=(E1, E2), orders=(ORDER,), fills=(FILL,))

BOOKS = Books(
    kept=frozenset({"e1", "e2"}),
    held={"DBR/USDT:USDT": Decimal(100)},
    positions=[PositionRow("ref", "DBR/USDT:USDT", "open", 2, Decimal(100))],
    orders={"ours": OrderRow("filled", Decimal(100))},
    fills=["fill"],
    life_events=[("ref", 1, 0), ("ref", 1, 1), ("ref", 2, 0)],
    host_events=[("e1", 1), ("e2", 2)],
    dead_letters={},
    lines=["e1", "e2"],
    broken_links=[],
)


def with_events(*stored: tuple[str, int], **dead_letters: str) -> Books:
    """
    The books with other host events.
    """
    kept = frozenset(dead_letters).union(event for event, _ in stored)
    return replace(BOOKS, kept=kept, host_events=stored, dead_letters=dead_letters)


def test_sound_books_have_nothing_wrong() -> None:
    """
    Everything once, everything known: no complaint, and all of it kept.
    """
    accounts = audit(TRUTH, BOOKS)

    assert [] == complaints(accounts)
    assert [(one.what, one.total) for one in accounts] == [(one.what, one.kept) for one in accounts]


@pytest.mark.parametrize(
    "books, said",
    [
        (with_events(("e1", 1)), ["event e2 (signal) is lost"]),
        (with_events(("e1", 1), ("e2", 2), ("e2", 2)), ["event e2 is stored 2 times"]),
        (with_events(("e1", 1), ("e2", 2), ("e3", 3)), ["event e3 was never emitted"]),
        (
            with_events(("e1", 1), ("e2", 3)),
            ["event e2 is number 3 of its run, and was recorded as number 2"],
        ),
        (with_events(("e1", 1), e2="no room"), ["event e2 (signal) is a dead letter: no room"]),
        (
            with_events(("e1", 1), ("e2", 2), e2="no room"),
            ["event e2 is stored, and a dead letter, too", "event e2 (signal) is a dead letter: no room"],
        ),
        (with_events(("e1", 1), ("e2", 2), e3="no room"), ["event e3 was never emitted"]),
        (
            replace(BOOKS, life_events=BOOKS.life_events[1:]),
            ["change 1 of DBR/USDT:USDT (ref) lacks an event"],
        ),
        (
            replace(BOOKS, life_events=[*BOOKS.life_events, ("ref", 3, 0)]),
            ["events tell of change 3 of ref, which never was"],
        ),
        (replace(BOOKS, broken_links=["event e1: it was altered"]), ["event e1: it was altered"]),
        (replace(BOOKS, orders={}), ["orders at exchange, ours: 100 at the exchange, 0 in the books"]),
        (
            replace(BOOKS, orders={"ours": OrderRow("filled", Decimal(99))}),
            ["orders at exchange, ours: 100 at the exchange, 99 in the books"],
        ),
        (replace(BOOKS, orders={"ours": OrderRow("in_doubt", Decimal(100))}), ["order ours is in_doubt"]),
        (replace(BOOKS, fills=[]), ["fills at exchange, fill: 1 at the exchange, 0 in the books"]),
        (
            replace(BOOKS, fills=["fill", "fill"]),
            ["fills at exchange, fill: 1 at the exchange, 2 in the books"],
        ),
        (
            replace(BOOKS, fills=["fill", "other"]),
            ["fills at exchange, other: 0 at the exchange, 1 in the books"],
        ),
        (
            replace(BOOKS, fills=["fill", "other, of no position"]),
            ["fills at exchange, other, of no position: 0 at the exchange, 1 in the books"],
        ),
        (
            replace(BOOKS, held={"DBR/USDT:USDT": Decimal(-100)}),
            ["positions held, DBRUSDT: 100 at the exchange, -100 in the books"],
        ),
        (replace(BOOKS, held={}), ["positions held, DBRUSDT: 100 at the exchange, 0 in the books"]),
        (
            replace(BOOKS, held={"DBR/USDT:USDT": Decimal(100), "ETH/USDT:USDT": Decimal(1)}),
            ["positions held, ETHUSDT: 0 at the exchange, 1 in the books"],
        ),
    ],
    ids=[
        "event lost",
        "event twice",
        "event from nowhere",
        "numbers with a gap",
        "dead letter without a cause",
        "dead letter and stored",
        "dead letter from nowhere",
        "change half told",
        "change too many",
        "event altered",
        "order unknown",
        "order filled otherwise",
        "order in doubt",
        "fill missing",
        "fill twice",
        "fill from nowhere",
        "fill unclaimed",
        "position on the wrong side",
        "position believed closed",
        "position from nowhere",
    ],
)
def test_what_is_wrong_is_said(books: Books, said: list[str]) -> None:
    """
    One thing wrong, one complaint that names it.
    """
    assert said == complaints(audit(TRUTH, books))


def test_what_the_database_had_to_refuse_is_a_dead_letter_with_its_reason() -> None:
    """
    Then nothing is wrong; with another reason it is.
    """
    truth = replace(TRUTH, emitted=(E1, Emitting("e2", "trailing_stop.recalculated", run="run")))
    refused = with_events(("e1", 1), e2="constraint added_by_hand")
    otherwise = with_events(("e1", 1), e2="no room")

    assert [] == complaints(audit(truth, refused))
    assert ["event e2 (trailing_stop.recalculated) is a dead letter: no room"] == complaints(
        audit(truth, otherwise)
    )


def test_an_event_cut_off_by_a_kill_may_be_stored_or_not() -> None:
    """
    Its call has not returned, so nothing was promised; an event whose call has is lost when it is not there.
    """
    truth = replace(TRUTH, cut_off=frozenset({"e2"}))

    assert [] == complaints(audit(truth, BOOKS))
    assert [] == complaints(audit(truth, with_events(("e1", 1))))
    assert ["event e1 (signal) is lost"] == complaints(audit(truth, with_events(("e2", 2))))


def test_many_of_a_kind_are_counted() -> None:
    """
    Of thousands of lost events a reader gets a few by name, and how many more.
    """
    many = [Emitting(f"e{number}", "tick", run="run") for number in range(1, 1001)]
    said = complaints(audit(replace(TRUTH, emitted=many), with_events()))

    assert 4 == len(said)
    assert "... and 997 more like the last" == said[-1]


def test_the_old_way_is_measured_by_the_same_truth() -> None:
    """
    Its events, and what it believes to hold; it has no place for the rest.
    """
    books = OldBooks(kept=frozenset({"e1"}), held={"DBR/USDT:USDT": Decimal(60)})
    accounts = audit_old_way(TRUTH, books)

    assert [
        "event e2 (signal) is lost",
        "positions held, DBRUSDT: 100 at the exchange, 60 in the books",
    ] == complaints(accounts)
    assert [1, None, None, None, None, 0] == [one.kept for one in accounts]
    assert [one.what for one in audit(TRUTH, BOOKS)] == [one.what for one in accounts]
