"""
Exceptions cross process boundaries: a host's worker process may raise any of them.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from poslife import (
    ClosedPosition,
    CloseReason,
    Fill,
    OrderSide,
    PendingPosition,
    PositionId,
    Side,
    TradeId,
    errors,
)
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_ref
from tests.tracker.scenes import KEY

REF = new_ref(SystemClock())
AT = datetime(2026, 1, 1, tzinfo=UTC)
PENDING = PendingPosition(
    ref=REF, key=KEY, side=Side.LONG, requested_quantity=Decimal(1), created_at=AT, orders=(), version=1
)
CLOSED = ClosedPosition(
    id=PositionId(1),
    ref=REF,
    key=KEY,
    side=Side.LONG,
    reason=CloseReason.STRATEGY,
    requested_quantity=Decimal(1),
    entered_quantity=Decimal(1),
    entered_cost=Decimal(1),
    exited_cost=Decimal(1),
    created_at=AT,
    opened_at=AT,
    closed_at=AT,
    version=1,
)
FILL = Fill(
    venue=KEY.venue,
    account=KEY.account,
    symbol=KEY.symbol,
    trade_id=TradeId("t1"),
    side=OrderSide.BUY,
    quantity=Decimal(1),
    price=Decimal(1),
    at=AT,
)

RAISED: tuple[errors.PoslifeError, ...] = (
    errors.PoslifeError("plain"),
    errors.RepositoryError("plain"),
    errors.SinkError("plain"),
    errors.VenueError("plain"),
    errors.ConfigurationError("plain"),
    errors.InvalidValue("PersistedPosition.id", "pending", "a positive int"),
    errors.IllegalTransition("order 2", "filled", "working", ("canceled",)),
    errors.AlreadyClosing(REF),
    errors.UnknownVenueFormat("nowhere", ("bybit",)),
    errors.NotRecovered(),
    errors.SubmitWindowPassed(6.0, 5.0),
    errors.BlockMisused("submit", "twice"),
    errors.TrackerNotStarted("opening"),
    errors.PositionNotFound(REF),
    errors.AlreadyClosed(CLOSED),
    errors.StaleVersion(REF, 1, 2),
    errors.DuplicatePosition(KEY, PENDING),
    errors.KeyInDoubt(KEY, PENDING),
    errors.StorageRejected("too long", constraint="a_check"),
    errors.FillAlreadyStored(FILL),
    errors.ChangeIdReused(uuid4()),
    errors.StorageUnavailable("connection refused"),
    errors.StorageBusy("locked"),
    errors.StorageNotReady("no table"),
    errors.DeadLetterNotFound(uuid4()),
    errors.JournalUnavailable("full"),
    errors.RunLost(uuid4()),
    errors.SchemaVersionError(2, 1, "newer"),
    errors.SchemaMismatch("bot.db", ("a column is missing",)),
    errors.FlushTimeout(1.0, 5, "connection refused"),
    errors.VenueUnavailable("bybit", "an order", "time-out"),
    errors.InvalidUrl("nonsense://", "no such scheme"),
    errors.MissingExtra("ccxt", "ccxt"),
)


def pickled(error: errors.PoslifeError) -> errors.PoslifeError:
    """
    As another process would receive it.
    """
    received = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(received, errors.PoslifeError)
    return received


@pytest.mark.parametrize("travel", [pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("error", RAISED, ids=[type(error).__name__ for error in RAISED])
def test_an_exception_arrives_whole(
    error: errors.PoslifeError, travel: Callable[[errors.PoslifeError], errors.PoslifeError]
) -> None:
    """
    With its class, its message and every attribute.
    """
    arrived = travel(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)


def test_every_exception_was_tried() -> None:
    """
    A new one joins the list above.
    """
    public = {
        name
        for name in errors.__all__
        if isinstance(kind := getattr(errors, name), type) and issubclass(kind, errors.PoslifeError)
    }
    assert {type(error).__name__ for error in RAISED} == public


def test_an_unreachable_store_says_only_that() -> None:
    """
    A refused connection at the start knows of no change to repeat.
    """
    assert str(errors.StorageUnavailable("refused")) == "the store did not answer: refused"
