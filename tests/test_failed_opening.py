"""
Why the library exists, in one page.

A bot registered a position before its order was filled, with ``id="pending"``. The order was rejected, but
the entry stayed in memory. The periodic sync took it for a phantom and closed it: the repository failed,
logged that, and returned ``False``. The event of it went into the logger's batch, which the database refused
whole minutes later, and every good event in the batch was lost.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from decimal import Decimal

import pytest

import poslife
from poslife import Account, PositionKey, PositionStatus, Rejected, Severity, Side, Symbol, Venue
from poslife._domain.event_envelopes import HostBody
from poslife._domain.identifiers import position_ref_at
from poslife._sink import BatchingSink
from poslife.errors import PositionNotFound, PoslifeMisuseWarning
from poslife.memory import MemoryStore
from poslife.protocols import SubmitContext, SubmitVerdict

KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("DBR/USDT:USDT"))


class InsufficientFunds(Exception):
    """
    The venue's refusal.
    """


async def refused() -> None:
    raise InsufficientFunds("110007: ab not enough for new order")


def refusal(error: BaseException, _: SubmitContext, /) -> SubmitVerdict:
    return SubmitVerdict.REFUSED if isinstance(error, InsufficientFunds) else SubmitVerdict.UNKNOWN


async def test_a_failed_opening_leaves_nothing_to_close_and_loses_nothing() -> None:
    """
    A refused opening holds no key, has no id, and its events are all stored (incidents 22, 24, 46).
    """
    tracker = poslife.connect("memory://", classify=refusal)
    async with tracker:
        await tracker.recover()

        opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal(100))
        with pytest.raises(InsufficientFunds):
            async with opening:
                tracker.record("position.registered", opening.position, {"symbol": "DBRUSDT"})
                await opening.submit(refused())

        # The periodic sync finds nothing to close: a rejected opening holds no key and has no id.
        assert isinstance(opening.outcome, Rejected)
        assert PositionStatus.ENDED is opening.outcome.position.status
        assert [] == [position async for position in tracker.live()]
        with pytest.raises(AttributeError, match="no id"):
            _ = opening.position.id  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]

        # Its history is complete, from before it could have an id.
        await tracker.flush(1)
        types = [event.header.type async for event in tracker.history(opening.ref)]
        assert [
            "position.claimed",
            "order.prepared",
            "position.registered",
            "order.submitting",
            "opening.failed",
            "order.rejected",
            "position.ended",
        ] == types


async def test_a_sentinel_breaks_no_batch() -> None:
    """
    ``"pending"`` for a position is a type error; at run time its event is stored whole, with severity ERROR.
    """
    store = MemoryStore()
    tracker = poslife.PositionTracker(repository=store, sink=BatchingSink(store))
    async with tracker:
        with pytest.warns(PoslifeMisuseWarning, match="about"):
            tracker.record("phantom.closed", "pending", {"symbol": "DBRUSDT"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with warnings.catch_warnings(action="error"):
            tracker.record("phantom.closed", "pending", {})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        tracker.record("good.event", None, {"fine": True})
        await tracker.flush(1)
        kept = [event for event in store.recorded_events() if not event.header.type.startswith("run.")]

        assert ["phantom.closed", "phantom.closed", "good.event"] == [event.header.type for event in kept]
        assert Severity.ERROR is kept[0].header.severity
        assert isinstance(kept[0].body, HostBody)
        assert {"symbol": "DBRUSDT", "misuse": {"about": "pending"}} == kept[0].body.payload


async def test_an_unknown_position_raises() -> None:
    """
    A step of an unknown position raises an error that names it; it does not return False (incidents 20, 22).
    """
    tracker = poslife.connect("memory://")
    async with tracker:
        await tracker.recover()
        with pytest.raises(PositionNotFound, match="no position"):
            await tracker.steps.rejected(position_ref_at(datetime.now(UTC), 1), reason="by the sync")
