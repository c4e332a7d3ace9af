"""
What is in the store at the end: read with plain SQL, so that poslife does not vouch for itself.

But for the links between events, which `verify_trail` looks at; that it sees what was altered, tests show.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import UUID

from examples.demo.place import Place, lines_in
from poslife import PositionRef
from poslife._connect import store_at
from poslife.events import verify_trail

__all__ = [
    "EVENTS_OF",
    "Books",
    "HeldRow",
    "OldBooks",
    "OrderRow",
    "Sabotage",
    "carry_out",
    "count_kept",
    "count_stored",
    "damage",
    "read_books",
]

OF_AN_EVENT = (
    "type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run,"
    " correlation, causation, actor, sequence, payload, digest"
)

Sabotage = Literal[
    "altered",
    "dead-letter",
    "fill",
    "host-event",
    "host-event-twice",
    "journal",
    "life-event",
    "line",
    "position",
]

# Of the journal `Stage` takes care, of a line `damage` itself.
DAMAGE: dict[Sabotage, str] = {
    "altered": (
        "UPDATE life_events SET body = replace(body, '\"long\"', '\"short\"') WHERE type = 'position.claimed'"
    ),
    "host-event": "DELETE FROM run_events WHERE type = 'signal.accepted' AND symbol = 'ETH/USDT:USDT'",
    "host-event-twice": (
        f"INSERT INTO run_events (event_id, {OF_AN_EVENT})"
        f" SELECT '01890000-0000-7000-8000-000000000000', {OF_AN_EVENT}"
        " FROM run_events WHERE type = 'take_profit.placed'"
    ),
    "dead-letter": "DELETE FROM dead_letters",
    "life-event": "DELETE FROM life_events WHERE type = 'order.submitting'",
    "fill": "DELETE FROM fills WHERE symbol = 'DOGE/USDT:USDT'",
    "position": "UPDATE positions SET entered_quantity = '999' WHERE symbol = 'ETH/USDT:USDT'",
}


EVENTS_OF = {"poslife": ("run_events", "type"), "old-way": ("old_way_events", "event_type")}
"""
By bot: the table of its events, and the column of their types.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """
    What a store says of a position.
    """

    ref: str
    symbol: str
    status: str
    version: int
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """
    What a store says of an order.
    """

    client_order_id: str
    status: str
    filled: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OldBooks:
    """
    What the foil has stored.

    Attributes:
        events: The numbers of its events.
        held: What it believes to hold, by symbol.
    """

    events: tuple[str, ...]
    held: dict[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """
    What poslife has stored.

    Attributes:
        positions: Every position there ever was, oldest first.
        orders: Every order there ever was.
        fills: The trade ids of the fills that were assigned.
        unclaimed: How many could not be.
        life_events: Position, version and index of every life event.
        host_events: Event, run and number within the run of every host event.
        dead_letters: Event and reason of every event that was refused for good.
        lines: The events in the file of lines.
        trail: Where an event does not follow from the one before it, a sentence each.
        old_way: What the foil has stored.
    """

    positions: tuple[HeldRow, ...]
    orders: tuple[OrderRow, ...]
    fills: tuple[str, ...]
    unclaimed: int
    life_events: tuple[tuple[str, int, int], ...]
    host_events: tuple[tuple[str, str, int], ...]
    dead_letters: tuple[tuple[str, str], ...]
    lines: tuple[str, ...]
    trail: tuple[str, ...]
    old_way: OldBooks

    @property
    def refs(self) -> tuple[PositionRef, ...]:
        """
        The names of all positions, oldest first.
        """
        return tuple(PositionRef(UUID(position.ref)) for position in self.positions)


Rows = list[tuple[str, ...]]
Query = Callable[[str], Awaitable[Rows]]


@contextlib.asynccontextmanager
async def _querying(place: Place) -> AsyncGenerator[Query]:
    """
    A way to ask the store; every value comes as text, and ``None`` as the empty one.
    """
    if "://" in place.address:
        import asyncpg

        connection = await asyncpg.connect(place.address, server_settings={"search_path": "poslife,public"})

        async def ask_postgres(statement: str) -> Rows:
            return [_texts(tuple(row)) for row in await connection.fetch(statement)]

        try:
            yield ask_postgres
        finally:
            await connection.close()
        return
    with contextlib.closing(sqlite3.connect(place.address, timeout=10.0)) as file:

        async def ask_sqlite(statement: str) -> Rows:
            with file:
                return [_texts(row) for row in file.execute(statement)]

        yield ask_sqlite


def _texts(row: tuple[object, ...]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in row)


async def damage(place: Place, sabotage: Sabotage) -> None:
    """
    Do what must not go unnoticed.
    """
    if statement := DAMAGE.get(sabotage):
        await carry_out(place, statement)
    if sabotage == "line":
        file = lines_in(place.folder)
        file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))


async def carry_out(place: Place, statement: str) -> None:
    """
    Run a statement behind both bots' backs.
    """
    async with _querying(place) as ask:
        await ask(statement)


async def count_stored(place: Place, bot: str, *kinds: str) -> int:
    """
    How many events of some types a bot has in its table.
    """
    table, column = EVENTS_OF[bot]
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    async with _querying(place) as ask:
        ((count,),) = await ask(f"SELECT count(*) FROM {table} WHERE {column} IN ({listed})")
    return int(count)


async def count_kept(place: Place, bot: str) -> dict[str, int]:
    """
    How many events each writer of a bot has, dead letters included.
    """
    tables = ("run_events", "dead_letters") if bot == "poslife" else ("old_way_events",)
    async with _querying(place) as ask:
        counts = [await ask(f"SELECT count(*) FROM {table}") for table in tables]
    kept = {"store": sum(int(count) for ((count,),) in counts)}
    return {**kept, "file": len(_events_in(lines_in(place.folder)))} if bot == "poslife" else kept


def _events_in(file: Path) -> tuple[str, ...]:
    """
    The events of a file of lines; the last may be half a line.
    """
    lines = file.read_bytes().splitlines(keepends=True)
    return tuple(str(json.loads(line)["event_id"]) for line in lines if line.endswith(b"\n"))


async def _trail(place: Place) -> tuple[str, ...]:
    store = store_at(place.url, None)
    await store.open()
    try:
        report = await verify_trail(store)
    finally:
        await store.aclose()
    return tuple(f"event {fault.event}: {fault.what}" for fault in report.faults)


async def read_books(place: Place) -> Books:
    """
    Read everything.
    """
    async with _querying(place) as ask:
        positions = await ask(
            "SELECT ref, symbol, status, version, side, entered_quantity, exited_quantity FROM positions"
            " ORDER BY ref"
        )
        orders = await ask("SELECT client_order_id, status, filled FROM orders")
        fills = await ask("SELECT trade_id, ref FROM fills")
        life_events = await ask('SELECT ref, version, "index" FROM life_events WHERE ref IS NOT NULL')
        host_events = await ask("SELECT event_id, run, sequence FROM run_events")
        dead_letters = await ask("SELECT event_id, reason FROM dead_letters")
        old_events = await ask("SELECT event_data FROM old_way_events")
        old_held = await ask("SELECT symbol, quantity FROM old_way_positions WHERE status = 'active'")
    return Books(
        positions=tuple(_held(*row) for row in positions),
        orders=tuple(
            OrderRow(client_order_id=name, status=status, filled=Decimal(filled))
            for name, status, filled in orders
        ),
        fills=tuple(trade for trade, ref in fills if ref),
        unclaimed=sum(not ref for _, ref in fills),
        life_events=tuple((ref, int(version), int(index)) for ref, version, index in life_events),
        host_events=tuple((event, run, int(sequence)) for event, run, sequence in host_events),
        dead_letters=tuple((event, reason) for event, reason in dead_letters),
        lines=_events_in(lines_in(place.folder)),
        trail=await _trail(place),
        old_way=_old_books(old_events, old_held),
    )


def _held(ref: str, symbol: str, status: str, version: str, side: str, entered: str, exited: str) -> HeldRow:
    quantity = Decimal(entered or 0) - Decimal(exited or 0)
    return HeldRow(
        ref=ref,
        symbol=symbol,
        status=status,
        version=int(version),
        quantity=-quantity if side == "short" else quantity,
    )


def _old_books(events: Rows, held: Rows) -> OldBooks:
    believed: dict[str, Decimal] = {}
    for symbol, quantity in held:
        believed[symbol] = believed.get(symbol, Decimal(0)) + Decimal(quantity)
    return OldBooks(events=tuple(str(json.loads(data)["number"]) for (data,) in events), held=believed)
