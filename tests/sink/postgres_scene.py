"""
A bot that trades into a real PostgreSQL, over a network that fails on demand.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from poslife import BatchingSink, EventId, RunId, SinkHealth
from poslife.events import verify_trail
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from poslife.protocols import Clock
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import as_role, open_at_last, session
from tests.sink.zoo import Found, TradingBot, assert_all_there

__all__ = ["Scene", "found_in", "scene"]

# A row's `xmin` is the transaction that wrote it, so it tells the order in which rows came.
_FOUND = """
    SELECT event_id, false AS buried, xmin::text::bigint AS turn, run, sequence FROM poslife.run_events
    UNION ALL
    SELECT event_id, true, xmin::text::bigint, NULL, NULL FROM poslife.dead_letters
"""


async def found_in(dsn: str) -> list[Found]:
    """
    The events in the database, stored and buried.
    """
    async with session(dsn) as other:
        rows = await other.fetch(_FOUND)
    return [
        Found(
            EventId(row["event_id"]),
            row["buried"],
            row["turn"],
            None if row["run"] is None else RunId(row["run"]),
            row["sequence"],
        )
        for row in rows
    ]


@dataclass(slots=True, kw_only=True)
class Scene:
    """
    What a test may turn against the bot.

    Attributes:
        dsn: Leads straight to the database, as its owner.
        role: The bot's, which the store is let in as.
        proxy: Between the store and the server.
        store: The bot's.
        sink: The bot's.
        bot: Trades all the while.
        alarms: The health that the alarm was called with, each time.
    """

    dsn: str
    role: str
    proxy: PostgresFaultProxy
    store: PostgresStore
    sink: BatchingSink
    bot: TradingBot
    alarms: list[SinkHealth]

    async def does(self, *statements: str) -> None:
        """
        Run a statement in another session.
        """
        async with session(self.dsn) as other:
            for statement in statements:
                await other.execute(statement)


@asynccontextmanager
async def _role(dsn: str) -> AsyncGenerator[tuple[str, str]]:
    """
    A bot's role for this test alone, and the DSN with it.
    """
    role = f"bot_{secrets.token_hex(6)}"
    async with session(dsn) as owner:
        await owner.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret' IN ROLE poslife_bot")
    yield role, as_role(dsn, role)
    async with session(dsn) as owner:
        # A primary without its standby would wait for it.
        await owner.execute("SET synchronous_commit = local")
        await owner.execute(f"DROP OWNED BY {role}")
        await owner.execute(f"DROP ROLE {role}")


def _take_no_notice_of_forgotten_answers() -> None:
    """
    A connection that ends amid a COPY leaves asyncpg with an answer that it never reads.

    It has raised what we see, and asyncio tells of the forgotten one besides.
    """
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, asyncpg.ConnectionDoesNotExistError) and "never retrieved" in str(context):
            return
        if before is None:
            loop.default_exception_handler(context)
        else:
            before(loop, context)

    loop.set_exception_handler(handle)


@asynccontextmanager
async def scene(
    dsn: str,
    directory: Path,
    *,
    is_poison: Callable[[int], bool] = lambda _: False,
    clock: Clock | None = None,
    letters_a_minute: int = 20,
    misjudged: bool = False,
) -> AsyncGenerator[Scene]:
    """
    All goes well when it is entered, and has when it is left: then the database's books are held against the
    bot's.
    """
    _take_no_notice_of_forgotten_answers()
    async with _role(dsn) as (role, its_dsn), PostgresFaultProxy.for_dsn(its_dsn) as proxy:
        store = PostgresStore(
            proxy.dsn, connect_timeout=0.5, command_timeout=0.5, lock_timeout=0.1, pool_size=2
        )
        await open_at_last(store)
        sink = BatchingSink(
            store,
            journal=FileJournal(directory / "journal"),
            batch=100,
            linger=0.01,
            clock=clock,
            letters_a_minute=letters_a_minute,
            alarm=(alarms := list[SinkHealth]()).append,
        )
        bot = TradingBot(sink, is_poison=is_poison)
        there = Scene(dsn=dsn, role=role, proxy=proxy, store=store, sink=sink, bot=bot, alarms=alarms)
        try:
            async with bot:
                await bot.emits(100)
                yield there
                await bot.emits(100)
            await sink.aclose(15)
            assert () == (await verify_trail(store)).faults
        finally:
            await store.aclose()
        assert_all_there(bot, await found_in(there.dsn), misjudged=misjudged)
