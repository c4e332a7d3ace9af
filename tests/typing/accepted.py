"""
Every public name, used as a host uses it: all of it must be free of errors under strict checking.

Run by the type checkers; a test sees to it that no public name is forgotten.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import assert_never, assert_type
from uuid import uuid4

import poslife
from poslife import (
    CLIENT_ORDER_IDS,
    Abandoned,
    Account,
    BatchingSink,
    ClientOrderId,
    ClientOrderIdFormat,
    Closed,
    ClosedPosition,
    CloseReason,
    Closing,
    ClosingOutcome,
    Confidence,
    EventId,
    Fee,
    Fill,
    FillsApplied,
    FoldingSink,
    FoldingStats,
    FurtherWriter,
    InDoubt,
    KeyRedaction,
    Leg,
    LivePosition,
    MarginMode,
    Opened,
    Opening,
    OpeningOutcome,
    Order,
    OrderPurpose,
    OrderSide,
    OrderStatus,
    Origin,
    Overflow,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionId,
    PositionKey,
    PositionRef,
    PositionStatus,
    PositionTracker,
    Protection,
    Recovery,
    Redaction,
    Rejected,
    RunId,
    Severity,
    Side,
    SinkHealth,
    SinkState,
    SinkStats,
    Steps,
    StillInDoubt,
    StoredFill,
    Symbol,
    Timings,
    TradeId,
    Venue,
    VenueOrderId,
    Working,
    WriterHealth,
    WriterStats,
    acting_as,
    causing,
    redact_keys,
    redact_secrets,
)
from poslife.errors import AlreadyClosed, DuplicatePosition, KeyInDoubt
from poslife.events import Actor, EventHeader, HostEvent, Json, RecordedEvent
from poslife.jsonl import JsonLinesWriter
from poslife.memory import MemoryStore
from poslife.protocols import (
    BatchWriter,
    Clock,
    DeadLetterBox,
    EventSink,
    LifeEventFeed,
    Repository,
    SubmitContext,
    SubmitVerdict,
    VenueSource,
)
from poslife.testing.writers import Hang, LoseReply, Raise, ScriptedWriter, Slow, Store

log = logging.getLogger(__name__)

KEY = PositionKey(
    venue=Venue("bybit"),
    account=Account("main"),
    symbol=Symbol("BTC/USDT:USDT"),
    leg=Leg.NET,
    margin_mode=MarginMode.CROSS,
)


class Exchange:
    """
    The host's own client.
    """

    async def create_order(self, symbol: str, client_order_id: str) -> dict[str, str]:
        """
        Send an order.
        """
        return {"id": "v1", "clientOrderId": client_order_id, "symbol": symbol}


def a_fill() -> Fill:
    """
    What the venue says was executed.
    """
    return Fill(
        venue=Venue("bybit"),
        account=Account("main"),
        symbol=Symbol("BTC/USDT:USDT"),
        trade_id=TradeId("t1"),
        side=OrderSide.BUY,
        quantity=Decimal("0.1"),
        price=Decimal("60000.5"),
        at=datetime.now(UTC),
        venue_order_id=VenueOrderId("v1"),
        client_order_id=ClientOrderId("c1"),
        fees=(Fee(cost=Decimal("0.01"), currency="USDT"),),
    )


async def trade(tracker: PositionTracker, exchange: Exchange, source: VenueSource) -> None:
    """
    A whole life.
    """
    recovery = await tracker.recover(source)
    for doubt in recovery.still_in_doubt:
        log.warning("%s: %s", doubt.order.client_order_id, doubt.reasons)
    opening = tracker.opening(KEY, side=Side.LONG, quantity=Decimal("0.1"), price=Decimal(60000))
    async with opening:
        answer = await opening.submit(exchange.create_order(KEY.symbol, opening.client_order_id))
        assert_type(answer, dict[str, str])
        held = await opening.acknowledged(VenueOrderId(answer["id"]), a_fill())
        assert_type(held, PendingPosition | PersistedPosition)
    log.info(tell_opening(opening.outcome))
    tracker.record("signal", held, {"score": Decimal("0.7")}, severity=Severity.INFO)
    if isinstance(held, PersistedPosition):
        assert_type(held.id, PositionId)
        protection = Protection(stop_price=Decimal(55000), stop_order_id=VenueOrderId("s1"))
        assert_type(await tracker.steps.protected(held.ref, protection), Position)
        closing = tracker.closing(held, reason=CloseReason.STRATEGY)
        async with closing:
            await closing.submit(exchange.create_order(KEY.symbol, closing.client_order_id))
            assert_type(await closing.acknowledged(VenueOrderId("v2")), PersistedPosition | ClosedPosition)
        log.info(tell_closing(closing.outcome))


def tell_opening(outcome: OpeningOutcome) -> str:
    """
    All five outcomes, and no other.
    """
    match outcome:
        case Opened(position=position):
            return f"{position.id} at {position.entry_price}"
        case Working(position=position, order=order):
            return f"{position.ref} {order.status}"
        case Rejected(reason=reason) | InDoubt(reason=reason) | Abandoned(reason=reason):
            return reason
        case _:
            assert_never(outcome)


def tell_closing(outcome: ClosingOutcome) -> str:
    """
    All five outcomes, and no other.
    """
    match outcome:
        case Closed(position=position):
            return f"{position.exit_price} {position.closed_at}"
        case Working(position=position):
            return f"{position.id} {position.quantity}"
        case Rejected(reason=reason) | InDoubt(reason=reason) | Abandoned(reason=reason):
            return reason
        case _:
            assert_never(outcome)


def tell(position: Position) -> str:
    """
    All three types, and no other.
    """
    match position:
        case PendingPosition():
            ended = position.status is PositionStatus.ENDED
            return f"{position.ref} {position.requested_quantity} {ended}"
        case PersistedPosition():
            return (
                f"{position.id} {position.confidence is Confidence.CONFIRMED} {position.origin is Origin.OWN}"
            )
        case ClosedPosition():
            return f"{position.id} {position.reason}"
        case _:
            assert_never(position)


async def plain_calls(tracker: PositionTracker, ref: PositionRef) -> Order:
    """
    The same steps by ref.
    """
    order = await tracker.steps.prepare(ref, purpose=OrderPurpose.INCREASE, quantity=Decimal(1))
    await tracker.steps.submitting(ref, order.ordinal)
    position = await tracker.steps.acknowledged(
        ref, order.ordinal, a_fill(), venue_order_id=VenueOrderId("v3")
    )
    assert position.orders[order.ordinal].status is not OrderStatus.IN_DOUBT
    await tracker.apply_fills(a_fill())
    return order


async def queries(tracker: PositionTracker) -> list[LivePosition]:
    """
    What is live, and what was.
    """
    async for closed in tracker.closed(datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC)):
        assert_type(closed, ClosedPosition)
        async for event in tracker.history(closed.ref):
            log.info("%s %s", event.header.type, event.header.severity)
    try:
        async with tracker.opening(KEY, side=Side.SHORT, quantity=Decimal(1)):
            pass
    except KeyInDoubt as error:
        log.warning("%s", error.existing.orders)
    except DuplicatePosition as error:
        assert_type(error.existing, LivePosition)
    except AlreadyClosed as error:
        assert_type(error.closed, ClosedPosition)
    return [position async for position in tracker.live()]


async def annotated(
    opening: Opening, closing: Closing, steps: Steps, sink: BatchingSink
) -> tuple[Recovery | None, StillInDoubt | None, StoredFill | None]:
    """
    What a host names in its own signatures.
    """
    log.info("%s %s", opening.ref, closing.ref)
    applied = await steps.apply_fills(a_fill())
    assert_type(applied, FillsApplied)
    assert_type(sink.stats(), SinkStats)
    return None, None, applied.unclaimed[0] if applied.unclaimed else None


def watched(health: SinkHealth) -> WriterHealth:
    """
    An alarm of the host's.
    """
    for writer in health.writers:
        assert_type(writer.state, SinkState)
    return health.writers[0]


def wired(store: BatchWriter, file: BatchWriter) -> WriterStats:
    """
    A sink by hand, with all that a host may choose.
    """
    sink = BatchingSink(
        store,
        further=[FurtherWriter(name="file", writer=file)],
        overflow=Overflow(most=1000, drop_below=Severity.WARNING),
        alarm=lambda health: log.error("%s", watched(health).reason),
    )
    return sink.stats().store


def folded(inner: EventSink) -> FoldingStats:
    """
    Price ticks, one in ten seconds for each symbol.
    """
    by_type = FoldingSink(inner, fold={"price.tick"}, interval=10)
    sink: EventSink = FoldingSink(
        by_type, fold=lambda event: event.header.symbol is not None, key=lambda event: event.header.symbol
    )
    assert_type(sink.emit(HostEvent(header=a_header(), payload={"price": Decimal(1)})), EventId)
    return by_type.stats()


def a_header() -> EventHeader:
    """
    As a sink of a host's own may need one.
    """
    return EventHeader(
        id=EventId(uuid4()), type="bot.told", occurred_at=datetime.now(UTC), run=RunId(uuid4())
    )


def told(tracker: PositionTracker, event: RecordedEvent) -> None:
    """
    What caused an event, and who.
    """
    signal = tracker.record("signal", None, {"score": 0.9})
    with causing(signal), acting_as(Actor.OPERATOR):
        tracker.record("entry.decided", None, {})
    with causing(event):
        tracker.record("entry.reviewed", event.header.ref, {})


def without_balances(path: tuple[str, ...], value: Json) -> Json:
    """
    A redaction of the host's own, before the usual one.
    """
    return None if path[-1] == "balance" else redact_secrets(path, value)


def redactions() -> list[Redaction]:
    """
    By names, by a function, and the usual one.
    """
    by_name: KeyRedaction = redact_keys("apiKey", "secret", "token")
    return [by_name, without_balances, redact_secrets]


def never_refused(error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
    """
    A classifier of the host's.
    """
    log.info("%s %s", error, context.venue)
    return SubmitVerdict.UNKNOWN


def by_hand(clock: Clock) -> PositionTracker:
    """
    One import and three lines.
    """
    store = MemoryStore(clock=clock)
    repository: Repository = store
    writer: BatchWriter = store
    sink: EventSink = BatchingSink(writer)
    formats: Mapping[Venue, ClientOrderIdFormat] = {
        **CLIENT_ORDER_IDS,
        Venue("myvenue"): ClientOrderIdFormat(most=36),
    }
    return PositionTracker(
        repository=repository,
        sink=sink,
        classify=never_refused,
        clock=clock,
        timings=Timings(lease=10),
        client_order_ids=formats,
    )


async def seen_to(store: MemoryStore, event: EventId) -> BatchingSink:
    """
    A file beside the store, fed with its life events; and dead letters.
    """
    box: DeadLetterBox = store
    feed: LifeEventFeed = store
    page = await box.list_dead_letters(limit=10)
    log.info(
        "%s", [(letter.letter.reason, letter.letter.attempts, letter.buried_at) for letter in page.items]
    )
    await box.replay(event)
    told = await feed.read_life_events(None, limit=10)
    log.info("%s", [(record.version, record.index) for record in told.items])
    scripted = ScriptedWriter(
        JsonLinesWriter("bot.jsonl", most_bytes=1 << 20, keep=3),
        [Store(), Raise(OSError()), LoseReply(), Slow(0.1), Hang()],
        refuses=lambda record: record.sequence == 3,
        toxic=lambda record: record.header.type == "toxic",
    )
    lines: BatchWriter = scripted
    with scripted.failing():
        scripted.then(Store())
    return BatchingSink(store, further=[FurtherWriter(name="lines", writer=lines)], feed=feed)


def identifiers(tracker: PositionTracker) -> tuple[EventId, RunId]:
    """
    What things are called.
    """
    log.info(poslife.__version__)
    assert_type(poslife.connect("sqlite:///bot.db"), PositionTracker)
    return EventId(uuid4()), tracker.run
