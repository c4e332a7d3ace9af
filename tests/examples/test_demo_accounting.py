"""
The demo's accounts: whatever is lost, doubled or wrong is said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from examples.demo.accounting import Finding, Truth, audit, audit_old_way, count_losses
from examples.demo.books import Books, HeldRow, OldBooks, OrderRow
from examples.demo.words import Emitted
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

TRUTH = Truth(
    emitted=(Emitted(event="e1", kind="signal", run="run"), Emitted(event="e2", kind="signal", run="run")),
    orders=(ORDER,),
    fills=(FILL,),
)

HELD = HeldRow(ref="ref", symbol="DBR/USDT:USDT", status="open", version=2, quantity=Decimal(100))

BOOKS = Books(
    positions=(HELD,),
    orders=(OrderRow(client_order_id="ours", status="filled", filled=Decimal(100)),),
    fills=("fill",),
    unclaimed=0,
    life_events=(("ref", 1, 0), ("ref", 1, 1), ("ref", 2, 0)),
    host_events=(("e1", "run", 1), ("e2", "run", 2)),
    dead_letters=(),
    lines=("e1", "e2"),
    trail=(),
    old_way=OldBooks(events=(), held={}),
)


def complaints(findings: list[Finding]) -> list[str]:
    return [sentence for finding in findings for sentence in finding.wrong]


def test_sound_books_have_nothing_wrong() -> None:
    """
    Everything once, everything known: no complaint.
    """
    assert [] == complaints(audit(TRUTH, BOOKS))


@pytest.mark.parametrize(
    "books, said",
    [
        (replace(BOOKS, host_events=BOOKS.host_events[:1]), ["event e2 (signal) is lost"]),
        (
            replace(BOOKS, host_events=(*BOOKS.host_events, ("e2", "run", 2))),
            ["event e2 is stored 2 times"],
        ),
        (
            replace(BOOKS, host_events=(*BOOKS.host_events, ("e3", "run", 3))),
            ["event e3 was never emitted"],
        ),
        (
            replace(BOOKS, host_events=(("e1", "run", 1), ("e2", "run", 3))),
            ["event e2 is number 3 of its run, and was recorded as number 2"],
        ),
        (
            replace(BOOKS, host_events=BOOKS.host_events[:1], dead_letters=(("e2", "no room"),)),
            ["event e2 (signal) is a dead letter: no room"],
        ),
        (
            replace(BOOKS, dead_letters=(("e2", "no room"),)),
            ["event e2 is stored, and a dead letter, too", "event e2 (signal) is a dead letter: no room"],
        ),
        (replace(BOOKS, dead_letters=(("e3", "no room"),)), ["event e3 was never emitted"]),
        (
            replace(BOOKS, life_events=BOOKS.life_events[1:]),
            ["change 1 of DBR/USDT:USDT (ref) is not told whole"],
        ),
        (
            replace(BOOKS, life_events=(*BOOKS.life_events, ("ref", 3, 0))),
            ["events tell of change 3 of ref, which never was"],
        ),
        (
            replace(BOOKS, trail=("event e1: it was altered",)),
            ["event e1: it was altered"],
        ),
        (replace(BOOKS, orders=()), ["the exchange's order order of DBRUSDT is not known"]),
        (
            replace(BOOKS, orders=(OrderRow(client_order_id="ours", status="filled", filled=Decimal(99)),)),
            ["of order order 100 is filled, not 99"],
        ),
        (
            replace(
                BOOKS, orders=(OrderRow(client_order_id="ours", status="in_doubt", filled=Decimal(100)),)
            ),
            ["order ours is in_doubt"],
        ),
        (replace(BOOKS, fills=()), ["fill fill is missing"]),
        (replace(BOOKS, fills=("fill", "fill")), ["fill fill is stored 2 times"]),
        (replace(BOOKS, fills=("fill", "other")), ["the exchange knows no fill other"]),
        (replace(BOOKS, unclaimed=1), ["1 fills belong to no position"]),
        (
            replace(BOOKS, positions=(replace(HELD, quantity=Decimal(-100)),)),
            ["DBRUSDT: the exchange holds 100, the store says -100"],
        ),
        (
            replace(BOOKS, positions=(replace(HELD, status="closed"),)),
            ["DBRUSDT: the exchange holds 100, the store says nothing"],
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
    ],
)
def test_what_is_wrong_is_said(books: Books, said: list[str]) -> None:
    """
    One thing wrong, one complaint that names it.
    """
    assert said == complaints(audit(TRUTH, books))


def refusing(reason: str) -> list[str]:
    """
    The complaints where the database had to refuse the second event, and the reason it has is *reason*.
    """
    emitted = (TRUTH.emitted[0], Emitted(event="e2", kind="trailing_stop.recalculated", run="run"))
    books = replace(BOOKS, host_events=BOOKS.host_events[:1], dead_letters=(("e2", reason),))
    return complaints(audit(replace(TRUTH, emitted=emitted), books))


def test_what_the_database_had_to_refuse_is_a_dead_letter_with_its_reason() -> None:
    """
    Then nothing is wrong; with another reason it is.
    """
    assert [] == refusing("constraint added_by_hand")
    assert ["the reason of dead letter e2 is not the database's: no room"] == refusing("no room")


def test_an_event_cut_off_by_a_kill_may_be_stored_or_not() -> None:
    """
    Nobody was told that it was recorded; one that was is lost when it is not there.
    """
    cut_off = replace(TRUTH, under_way=frozenset({"e2"}))

    assert [] == complaints(audit(cut_off, BOOKS))
    assert [] == complaints(audit(cut_off, replace(BOOKS, host_events=BOOKS.host_events[:1])))
    assert ["event e1 (signal) is lost"] == complaints(
        audit(cut_off, replace(BOOKS, host_events=BOOKS.host_events[1:]))
    )


def test_many_of_a_kind_are_counted() -> None:
    """
    Of thousands of lost events a reader gets a few by name, and how many more.
    """
    many = tuple(Emitted(event=f"e{number}", kind="tick", run="run") for number in range(1, 1001))
    told = complaints(audit(replace(TRUTH, emitted=many), replace(BOOKS, host_events=())))

    assert 4 == len(told)
    assert "… and 997 more like the last" == told[-1]


def test_the_foil_is_measured_by_the_same_truth() -> None:
    """
    Its events, and what it believes to hold; a good event that was lost with a bad one is counted as good.
    """
    emitted = (
        Emitted(event="1", kind="signal_received"),
        Emitted(event="2", kind="position_created", about="7"),
        Emitted(event="3", kind="phantom_position_closed", about="pending"),
    )
    truth = replace(TRUTH, emitted=emitted)
    books = OldBooks(events=("1",), held={"DBR/USDT:USDT": Decimal(60)})
    losses = count_losses(truth, books)

    assert (2, 1) == (losses.total, losses.good)
    assert ["2 events lost", "DBRUSDT: the exchange holds 100, the store says 60"] == complaints(
        audit_old_way(truth, books)
    )
