"""
Stored values are exact and complete, even where another program writes into the tables.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import asyncpg
import pytest

from poslife._domain.changes import Change, Revise
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import begin
from poslife.errors import StorageRejected
from tests.postgres.support import count, opened_store, session
from tests.postgres_server import psql


@pytest.mark.parametrize(
    "number",
    [
        Decimal("1.234e-9"),
        Decimal("1e13"),
        Decimal(123456789012345678),
        Decimal("1234567890123456789012345678901234567890.1234567890123456789012345678901234567891"),
        Decimal("9" * 80 + "." + "9" * 80),
        Decimal("0." + "0" * 85 + "123456789"),
        Decimal("1E-16383"),
    ],
    ids=lambda number: f"{number:.3e}",
)
async def test_sums_are_exact(postgres_dsn: str, number: Decimal) -> None:
    """
    A sum comes back with every digit it has (incident 44).
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        after = replace(held, entered_cost=number, version=held.version + 1)
        await store.commit(story.change(Revise(after=after)))
        read = await store.get(held.ref)

        assert isinstance(read, PersistedPosition)
        assert number == read.entered_cost
        assert number.as_tuple() == read.entered_cost.as_tuple() or "E" in str(number)


@pytest.mark.parametrize("number", [Decimal("1E-16384"), Decimal("1E+131072")], ids=str)
async def test_a_number_too_long_is_refused(postgres_dsn: str, number: Decimal) -> None:
    """
    A number beyond `numeric` is refused, not rounded.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        after = replace(held, entered_cost=number, version=held.version + 1)
        change: Change = story.change(Revise(after=after))
        with pytest.raises(StorageRejected, match="22003"):
            await store.commit(change)

        assert held == await store.get(held.ref)
    assert count(postgres_dsn, "changes", f"change_id = '{change.id}'") == 0


async def test_times_are_utc_whatever_the_session_says(postgres_dsn: str) -> None:
    """
    A time comes back in UTC, whatever the time zones of server and database (incident 42).
    """
    psql(
        postgres_dsn,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = ''Pacific/Chatham''', "
        "current_database()); END $$",
    )
    moment = datetime(2026, 4, 5, 2, 45, 0, 123457, tzinfo=UTC)
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        pending = replace(story.pending(), created_at=moment)
        await store.commit(story.claim(pending))
        read = await store.get(pending.ref)

        assert (moment, UTC) == (read.created_at, read.created_at.tzinfo)
    assert (
        psql(postgres_dsn, "SELECT created_at AT TIME ZONE 'UTC' FROM poslife.positions").strip()
        == "2026-04-05 02:45:00.123457"
    )


INTRUSIONS = {
    "positions_status_known": "UPDATE poslife.positions SET status = 'phantom', confidence = NULL",
    "positions_id_positive": "UPDATE poslife.positions SET id = -1",
    "positions_id_from_first_fill": "UPDATE poslife.positions SET id = NULL",
    "positions_version_from_1": "UPDATE poslife.positions SET version = 0",
    "positions_opened_at_from_first_fill": "UPDATE poslife.positions SET opened_at = NULL",
    "positions_sums_from_first_fill": "UPDATE poslife.positions SET exited_cost = NULL",
    "positions_confidence_while_open": "UPDATE poslife.positions SET confidence = NULL",
    "positions_closed_at_when_closed": (
        "UPDATE poslife.positions SET status = 'closed', confidence = NULL, "
        "exited_quantity = entered_quantity, close_reason = 'operator'"
    ),
    "positions_close_reason_when_closed": (
        "UPDATE poslife.positions SET status = 'closed', confidence = NULL, "
        "exited_quantity = entered_quantity, closed_at = now()"
    ),
    "positions_closed_at_zero": (
        "UPDATE poslife.positions SET status = 'closed', confidence = NULL, "
        "close_reason = 'operator', closed_at = 'infinity'"
    ),
    "positions_closed_after_opened": (
        "UPDATE poslife.positions SET status = 'closed', confidence = NULL, "
        "exited_quantity = entered_quantity, close_reason = 'operator', closed_at = '-infinity'"
    ),
    "positions_exited_within_entered": "UPDATE poslife.positions SET exited_quantity = entered_quantity + 1",
    "positions_requested_quantity_sound": "UPDATE poslife.positions SET requested_quantity = 'NaN'",
    "positions_requested_price_sound": "UPDATE poslife.positions SET requested_price = 0",
    "positions_entered_cost_sound": "UPDATE poslife.positions SET entered_cost = 'Infinity'",
    "positions_exited_quantity_sound": "UPDATE poslife.positions SET exited_quantity = -1",
    "orders_quantity_sound": "UPDATE poslife.orders SET quantity = 0",
    "orders_filled_sound": "UPDATE poslife.orders SET filled = 'NaN'",
    "orders_price_sound": "UPDATE poslife.orders SET price = '-Infinity'",
    "orders_ordinal_in_name": "UPDATE poslife.orders SET ordinal = 65536",
    "orders_close_reason_of_exits": "UPDATE poslife.orders SET close_reason = 'operator'",
    "orders_of_a_position": "DELETE FROM poslife.positions",
    "fills_price_sound": "UPDATE poslife.fills SET price = 'NaN'",
    "fills_assigned_or_why_not": "UPDATE poslife.fills SET ref = NULL",
    "changes_fingerprint_whole": "UPDATE poslife.changes SET fingerprint = ''",
}


async def test_the_tables_defend_themselves(postgres_dsn: str) -> None:
    """
    The tables refuse rows that no position can be, such as a closed one without time or reason (incidents 17,
    56).
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        await story.opened(store)
    async with session(postgres_dsn) as other:
        for constraint, intrusion in INTRUSIONS.items():
            with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
                await other.execute(intrusion)

            assert constraint == caught.value.constraint_name
