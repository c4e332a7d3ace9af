"""
What is in the database at the end: read with plain SQL, so that poslife does not vouch for itself.

`verify_trail` alone is poslife's; the tests alter a store to see that it notices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from examples.demo.database import Database
from poslife.events import verify_trail
from poslife.postgres import PostgresStore
from poslife.sqlite import SqliteStore


class PositionRow(NamedTuple):
    ref: str
    symbol: str
    status: str
    version: int
    quantity: Decimal


class OrderRow(NamedTuple):
    status: str
    filled: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class OldBooks:
    """
    The names of the events that a bot has kept, and what its books hold of each symbol.
    """

    kept: frozenset[str]
    held: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books(OldBooks):
    """
    What poslife has kept.

    Attributes:
        positions: Every position, oldest first.
        orders: Every order, by client order id.
        fills: The trade id of every fill; one that belongs to no position is marked.
        life_events: Position, version and index of every life event.
        host_events: Event and number within its run of every host event.
        dead_letters: The reason of each, by event.
        lines: The events in the second writer's file.
        broken_links: Where the digest chain is broken, a sentence each.
    """

    positions: Sequence[PositionRow]
    orders: Mapping[str, OrderRow]
    fills: Sequence[str]
    life_events: Sequence[tuple[str, int, int]]
    host_events: Sequence[tuple[str, int]]
    dead_letters: Mapping[str, str]
    lines: Sequence[str]
    broken_links: Sequence[str]


async def read_books(database: Database) -> Books:
    positions = [
        PositionRow(ref, symbol, status, int(version), Decimal(entered or 0) - Decimal(exited or 0))
        for ref, symbol, status, version, entered, exited in await database.run(
            "SELECT ref, symbol, status, version, entered_quantity, exited_quantity FROM positions"
            " ORDER BY ref"
        )
    ]
    orders = await database.run("SELECT client_order_id, status, filled FROM orders")
    fills = await database.run("SELECT trade_id, ref FROM fills")
    life_events = await database.run('SELECT ref, version, "index" FROM life_events WHERE ref IS NOT NULL')
    host_events = await database.run("SELECT event_id, sequence FROM run_events")
    dead_letters = await database.run("SELECT event_id, reason FROM dead_letters")
    return Books(
        kept=frozenset(row[0] for row in host_events + dead_letters),
        held={one.symbol: one.quantity for one in positions if one.status in {"open", "closing"}},
        positions=positions,
        orders={name: OrderRow(status, Decimal(filled)) for name, status, filled in orders},
        fills=[trade if ref else f"{trade}, of no position" for trade, ref in fills],
        life_events=[(ref, int(version), int(index)) for ref, version, index in life_events],
        host_events=[(event, int(sequence)) for event, sequence in host_events],
        dead_letters={row[0]: row[1] for row in dead_letters},
        lines=_lines(database),
        broken_links=await _broken_links(database),
    )


async def read_old_books(database: Database) -> OldBooks:
    events = await database.run("SELECT event_data FROM old_way_events")
    positions = await database.run("SELECT symbol, quantity FROM old_way_positions WHERE status = 'active'")
    return OldBooks(
        kept=frozenset(str(json.loads(data)["event"]) for (data,) in events),
        held={symbol: Decimal(quantity) for symbol, quantity in positions},
    )


async def _broken_links(database: Database) -> list[str]:
    store = PostgresStore(database.address) if database.is_postgres else SqliteStore(database.address)
    await store.open()
    try:
        report = await verify_trail(store)
    finally:
        await store.aclose()
    return [f"event {fault.event}: {fault.what}" for fault in report.faults]


def _lines(database: Database) -> list[str]:
    """
    Read the second writer's events; its last line may be cut off.
    """
    file = database.folder / "events.jsonl"
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    return [str(json.loads(line)["event_id"]) for line in lines if line.endswith(b"\n")]


async def count_kept(database: Database, bot: str) -> Mapping[str, int]:
    """
    Count the events that each writer of a bot has, dead letters included.
    """
    if bot != "poslife":
        return {"store": int((await database.run("SELECT count(*) FROM old_way_events"))[0][0])}
    counts = await database.run("SELECT count(*) FROM run_events UNION ALL SELECT count(*) FROM dead_letters")
    return {"store": sum(int(count) for (count,) in counts), "file": len(_lines(database))}
