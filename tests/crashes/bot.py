"""
A bot that trades once, with a checkpoint before and after each commit and each request: to be killed there.

`live` is one life of it. `LIVES` are the ways it can go; ``recovery`` only starts again and recovers.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from ccxt.base.errors import InsufficientFunds, NetworkError
from typing_extensions import override

from poslife import (
    Account,
    BatchingSink,
    ClientOrderId,
    Closing,
    Fill,
    Opening,
    PersistedPosition,
    PositionKey,
    PositionRef,
    PositionTracker,
    Protection,
    RunId,
    Side,
    Symbol,
    Timings,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife.ccxt import CcxtSource, classify
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore
from poslife.storage import Change, Committed
from poslife.testing.bybit import (
    Fault,
    LateRejection,
    LostResponse,
    PartialFill,
    Refusal,
    VenueControl,
    VenueHandle,
    bybit_client,
)
from poslife.testing.faults import checkpoint
from poslife.venues import FillQuery, OrderQuery, OrderSeen

VENUE = Venue("bybit")
SYMBOL = Symbol("BTC/USDT:USDT")
QUANTITY = Decimal("0.1")
STOP = Protection(stop_price=Decimal(50000))

QUICK = Timings(
    submit_window=0.02, http_timeout=0.02, receive_window=0.02, lookup_interval=0.01, fills_within=2
)
"""
A recovery's: whoever sent the request is dead, so absence is proven soon.
"""


def key_of(account: str) -> PositionKey:
    """
    What the bot trades, in an account of this life's own.
    """
    return PositionKey(venue=VENUE, account=Account(account), symbol=SYMBOL)


def store_at(place: str) -> SqliteStore | PostgresStore:
    """
    A store at a DSN or in a file.
    """
    return PostgresStore(place) if "://" in place else SqliteStore(place)


def tracker_over(store: SqliteStore | PostgresStore, timings: Timings = QUICK) -> PositionTracker:
    """
    A tracker over *store*, whose sink is the same store.
    """
    return PositionTracker(repository=store, sink=BatchingSink(store), classify=classify, timings=timings)


# ------------------------------------------------------------------------------------------------ checkpoints


async def _standing(what: str, work: Awaitable[Any]) -> Any:
    checkpoint(f"before {what}")
    result = await work
    checkpoint(f"after {what}")
    return result


def commit_of(change: Change) -> str:
    """
    A commit's name: what it tells, of which position, and as which version of it.
    """
    told = "+".join(event.header.type for event in change.events)
    written = [f"{transition.ref} {transition.version}" for transition in change.transitions]
    return " ".join(["commit", told, *written])


class CheckedSqliteStore(SqliteStore):
    """
    Stops before and after each commit, and each end of a run.
    """

    @override
    async def commit(self, change: Change, /) -> Committed:
        committed: Committed = await _standing(commit_of(change), super().commit(change))
        return committed

    @override
    async def end_run(self, run: RunId, /) -> None:
        await _standing("end of run", super().end_run(run))


class CheckedPostgresStore(PostgresStore):
    """
    Stops before and after each commit, and each end of a run.
    """

    @override
    async def commit(self, change: Change, /) -> Committed:
        committed: Committed = await _standing(commit_of(change), super().commit(change))
        return committed

    @override
    async def end_run(self, run: RunId, /) -> None:
        await _standing("end of run", super().end_run(run))


def check_requests(client: Any) -> None:
    """
    Stop before and after each request of *client*.
    """
    ask: Callable[..., Awaitable[object]] = client.fetch

    async def fetch(url: str, *arguments: object, **options: object) -> object:
        path = urlsplit(url).path.removeprefix("/v5/")
        return await _standing(f"request {path}", ask(url, *arguments, **options))

    client.fetch = fetch


# ------------------------------------------------------------------------------------------------------ lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """
    What a life has to live with.
    """

    key: PositionKey
    tracker: PositionTracker
    client: Any
    source: CcxtSource
    venue: VenueHandle

    async def send(self, block: Opening | Closing, side: str, amount: Decimal = QUANTITY) -> VenueOrderId:
        """
        The host's order code, within a block.
        """
        params: dict[str, object] = {"clientOrderId": block.client_order_id}
        if isinstance(block, Closing):
            params["reduceOnly"] = True
        order = await block.submit(
            self.client.create_order(SYMBOL, "market", side, str(amount), params=params)
        )
        return VenueOrderId(order["id"])

    def opening(self) -> Opening:
        """
        The block that opens.
        """
        return self.tracker.opening(self.key, side=Side.LONG, quantity=QUANTITY)

    async def fills(self, client_order_id: ClientOrderId) -> tuple[Fill, ...]:
        """
        What the venue shows of an order.
        """
        query = FillQuery(
            venue=VENUE, account=self.key.account, symbol=SYMBOL, client_order_id=client_order_id
        )
        return (await self.source.fills(query)).fills

    async def held(self, ref: PositionRef) -> PersistedPosition:
        """
        The position, which has had a fill.
        """
        position = await self.tracker.get(ref)
        assert isinstance(position, PersistedPosition)
        return position

    async def close(self, position: PersistedPosition) -> Closing:
        """
        Close it with what the venue fills at once.
        """
        closing = self.tracker.closing(position)
        async with closing:
            sent = await self.send(closing, "sell", position.quantity)
            await closing.acknowledged(sent, *await self.fills(closing.client_order_id))
        return closing


async def whole(bot: Bot) -> None:
    """
    Open, partly filled at first; be protected; have the rest; close.
    """
    opening = bot.opening()
    async with opening:
        sent = await bot.send(opening, "buy")
        await opening.acknowledged(sent)
        await opening.acknowledged(sent, *await bot.fills(opening.client_order_id))
    await bot.tracker.steps.protected(opening.ref, STOP)
    bot.venue.fill(sent)
    await bot.tracker.apply_fills(*await bot.fills(opening.client_order_id))
    await bot.close(await bot.held(opening.ref))


async def one_by_one(bot: Bot) -> None:
    """
    Open with five fills, which are heard of and applied one after another; close.
    """
    opening = bot.opening()
    async with opening:
        sent = await bot.send(opening, "buy")
        for _ in range(3):
            bot.venue.fill(sent, quantity=Decimal("0.01"))
        bot.venue.fill(sent)
        fills = await bot.fills(opening.client_order_id)
        assert len(fills) == 5
        for fill in fills:
            await opening.acknowledged(None, fill)
        await opening.acknowledged(sent)
    await bot.close(await bot.held(opening.ref))


async def two_exits(bot: Bot) -> None:
    """
    Open; the exit is filled in part and its rest canceled; another exit closes what is left.
    """
    opening = bot.opening()
    async with opening:
        sent = await bot.send(opening, "buy")
        await opening.acknowledged(sent, *await bot.fills(opening.client_order_id))
    bot.venue.inject(PartialFill(ratio=Decimal("0.4")))
    closing = await bot.close(await bot.held(opening.ref))
    order = closing.order
    assert order.venue_order_id is not None
    bot.venue.cancel(order.venue_order_id)
    await bot.tracker.steps.canceled(opening.ref, order.ordinal)
    await bot.close(await bot.held(opening.ref))


async def refused(bot: Bot) -> None:
    """
    The venue refuses the order.
    """
    with contextlib.suppress(InsufficientFunds):
        async with bot.opening() as opening:
            await bot.send(opening, "buy")


async def unanswered(bot: Bot) -> None:
    """
    The venue does not answer.
    """
    with contextlib.suppress(NetworkError):
        async with bot.opening() as opening:
            await bot.send(opening, "buy")


async def rejected_later(bot: Bot) -> None:
    """
    The venue takes the order and rejects it.
    """
    opening = bot.opening()
    async with opening:
        sent = await bot.send(opening, "buy")
        await opening.acknowledged(sent)
    query = OrderQuery(
        venue=VENUE, account=bot.key.account, symbol=SYMBOL, client_order_id=opening.client_order_id
    )
    sight = await bot.source.find_order(query)
    assert isinstance(sight, OrderSeen)
    assert sight.status is OrderStatus.REJECTED
    await bot.tracker.steps.seen(opening.ref, opening.order.ordinal, sight)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """
    What the bot does, and what goes wrong at the venue.
    """

    lived: Callable[[Bot], Awaitable[None]]
    faults: tuple[Fault, ...] = ()


LIVES: Mapping[str, Life] = MappingProxyType(
    {
        "whole": Life(lived=whole, faults=(PartialFill(ratio=Decimal("0.4")),)),
        "one by one": Life(lived=one_by_one, faults=(PartialFill(ratio=Decimal("0.1")),)),
        "two exits": Life(lived=two_exits),
        "refused": Life(lived=refused, faults=(Refusal(),)),
        "rejected later": Life(lived=rejected_later, faults=(LateRejection(),)),
        "unanswered and filled": Life(lived=unanswered, faults=(LostResponse(applied=True),)),
        "unanswered and lost": Life(lived=unanswered, faults=(LostResponse(applied=False),)),
    }
)


async def _lived(place: str, url: str, account: str, life: str) -> None:
    store = CheckedPostgresStore(place) if "://" in place else CheckedSqliteStore(place)
    key = key_of(account)
    client = bybit_client(url)
    try:
        await client.load_markets()
        source = CcxtSource(client, account=key.account)
        check_requests(client)
        if life == "recovery":
            async with tracker_over(store) as tracker:
                await tracker.recover(source)
        else:
            async with tracker_over(store, Timings()) as tracker:
                await tracker.recover(source)
                bot = Bot(key=key, tracker=tracker, client=client, source=source, venue=VenueControl(url))
                await LIVES[life].lived(bot)
    finally:
        await client.close()


class _StandingSelector(selectors.DefaultSelector):
    """
    Stops whenever the event loop is about to wait: whatever the bot awaits, it is killed while it does.
    """

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        checkpoint("await")
        return super().select(timeout)


def live(place: str, url: str, account: str, life: str, *, at_every_await: bool = False) -> None:
    """
    Start, recover, and trade; for ``recovery`` start and recover only.

    Args:
        place: The store's file or DSN.
        url: The venue's.
        account: A life's own.
        life: One of `LIVES`, or ``recovery``.
        at_every_await: Stop not only at commits and requests, but whenever the event loop waits.
    """
    selector = _StandingSelector() if at_every_await else selectors.DefaultSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(_lived(place, url, account, life))
