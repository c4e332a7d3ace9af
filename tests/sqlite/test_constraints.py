"""
Constraints of the tables: they refuse unsound rows, also those that another program writes.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife._domain.decimals import canonical_text
from poslife._domain.events import PositionEnded
from poslife.conformance._example_changes import begin
from poslife.errors import StorageRejected
from poslife.protocols import EventRecord
from poslife.sqlite._migrations import MIGRATIONS
from tests.sqlite.files import cells, opened_store, ours
from tests.tampering import tamper


@pytest.fixture(scope="module")
def tables() -> Generator[sqlite3.Connection]:
    """
    The tables alone, to try their constraints.
    """
    # A property test uses it many times over, each in a savepoint of its own.
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for migration in MIGRATIONS:
            connection.executescript(migration.script)
        yield connection


def _is_taken(tables: sqlite3.Connection, quantity: str, filled: str) -> bool:
    tables.execute("SAVEPOINT here")
    try:
        tables.execute(
            "INSERT INTO orders (ref, ordinal, run, purpose, side, quantity, filled, client_order_id, "
            "status, prepared_at) VALUES (?, 0, ?, 'entry', 'buy', ?, ?, 'c', 'prepared', ?)",
            ("r", "0" * 36, quantity, filled, "2026-01-02T03:04:05.678901Z"),
        )
    except sqlite3.IntegrityError:
        return False
    else:
        return True
    finally:
        tables.execute("ROLLBACK TO here")
        tables.execute("RELEASE here")


@given(number=st.decimals(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_number_has_a_text_that_is_taken(tables: sqlite3.Connection, number: Decimal) -> None:
    """
    The constraints accept the text of every number of zero or more, and zero only in columns that allow it.
    """
    if abs(number.adjusted()) < 1000:
        assert _is_taken(tables, "1", canonical_text(number))
        assert bool(number) is _is_taken(tables, canonical_text(number), "0")


@given(text=st.text(alphabet="0123456789.-+eE nN", max_size=6))
def test_a_number_has_one_text(tables: sqlite3.Connection, text: str) -> None:
    """
    The constraints accept one text of a number: no exponent, no sign, no superfluous zero.
    """
    canonical = re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", text) is not None

    assert canonical is _is_taken(tables, "1", text)


INTRUSIONS = {
    "positions_status_known": "UPDATE positions SET status = 'phantom', confidence = NULL",
    "positions_id_positive": "UPDATE positions SET id = -1",
    "positions_id_from_first_fill": "UPDATE positions SET id = NULL",
    "positions_version_from_1": "UPDATE positions SET version = 0",
    "positions_opened_at_from_first_fill": "UPDATE positions SET opened_at = NULL",
    "positions_sums_from_first_fill": "UPDATE positions SET exited_cost = NULL",
    "positions_confidence_while_open": "UPDATE positions SET confidence = NULL",
    "positions_closed_at_when_closed": (
        "UPDATE positions SET status = 'closed', confidence = NULL, "
        "exited_quantity = entered_quantity, close_reason = 'operator'"
    ),
    "positions_close_reason_when_closed": (
        "UPDATE positions SET status = 'closed', confidence = NULL, "
        "exited_quantity = entered_quantity, closed_at = opened_at"
    ),
    "positions_closed_after_opened": (
        "UPDATE positions SET status = 'closed', confidence = NULL, exited_quantity = entered_quantity, "
        "close_reason = 'operator', closed_at = '2001-01-01T00:00:00.000000Z'"
    ),
    "positions_closed_at_zero": "UPDATE positions SET exited_quantity = entered_quantity",
    "positions_protection_while_open": (
        "UPDATE positions SET status = 'closed', confidence = NULL, exited_quantity = entered_quantity, "
        "close_reason = 'operator', closed_at = opened_at, stop_price = '1'"
    ),
    "positions_entered_quantity_sound": "UPDATE positions SET entered_quantity = '1e3'",
    "positions_entered_cost_sound": "UPDATE positions SET entered_cost = '-1'",
    "positions_exited_cost_sound": "UPDATE positions SET exited_cost = 'NaN'",
    "positions_stop_price_sound": "UPDATE positions SET stop_price = '0'",
    "positions_created_at_sound": "UPDATE positions SET created_at = '2026-01-02 03:04:05'",
    "orders_quantity_sound": "UPDATE orders SET quantity = '0'",
    "orders_filled_sound": "UPDATE orders SET filled = '1.50'",
    "orders_close_reason_of_exits": "UPDATE orders SET close_reason = 'operator'",
    "orders_ordinal_in_name": "UPDATE orders SET ordinal = 65536",
    "fills_price_sound": "UPDATE fills SET price = 'Infinity'",
    "fills_assigned_or_why_not": "UPDATE fills SET ref = NULL",
    "life_events_index_from_0": 'UPDATE life_events SET "index" = -1',
    "changes_fingerprint_whole": "UPDATE changes SET fingerprint = x'00'",
    "position_ids_one_row": "INSERT INTO position_ids VALUES (2, 0)",
}


@pytest.mark.parametrize("constraint,statement", INTRUSIONS.items(), ids=INTRUSIONS)
async def test_a_constraint_keeps_nonsense_out(tmp_path: Path, constraint: str, statement: str) -> None:
    """
    An impossible row, such as one closed without a time, is refused even from another program (incident 56).
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
    with pytest.raises(sqlite3.IntegrityError, match=f"CHECK.*{constraint}$"):
        tamper(path, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE positions SET version = 'one'",
        "UPDATE fills SET number = 'one'",
        "UPDATE runs SET pid = x'00'",
    ],
)
async def test_columns_have_types(tmp_path: Path, statement: str) -> None:
    """
    Tables are STRICT: a column of numbers refuses text.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
    with ours(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


async def test_closed_rows_are_complete(tmp_path: Path) -> None:
    """
    A closed position has a time and a reason of closing (incident 56).
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        for _ in range(3):
            await story.closed(store)

    assert [(3, 3, 3)] == cells(path, "SELECT count(*), count(closed_at), count(close_reason) FROM positions")


async def test_a_constraint_is_named(tmp_path: Path) -> None:
    """
    A refused change names the constraint, also if it is a unique index.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        one, two = story.claim(story.pending()), story.claim(story.pending())
        await store.commit(one)
        event = replace(two.events[0], header=replace(two.events[0].header, id=one.events[0].header.id))
        with pytest.raises(StorageRejected) as caught:
            await store.commit(replace(two, events=(event, *two.events[1:])))

        assert "life_events_once" == caught.value.constraint
        twice = replace(two.events[1], index=0)
        with pytest.raises(StorageRejected) as caught:
            await store.commit(replace(two, events=(two.events[0], twice)))

        assert "life_events_numbered" == caught.value.constraint
        await store.commit(two)


async def test_what_sqlite_cannot_hold_is_refused(tmp_path: Path) -> None:
    """
    A value that fits no column is refused, and the next one is accepted.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        with pytest.raises(StorageRejected, match="out of SQLite's range"):
            await store.start_run(replace(story.new_run(), lease=1e300))
        record = EventRecord(
            header=story.event(await story.claimed(store), 0, PositionEnded()).header,
            recorded_at=story.at(),
            sequence=1,
            payload=b"\xff",
            salt=bytes(16),
        )
        with pytest.raises(StorageRejected, match="can't decode byte 0xff"):
            await store.write([record])
        await store.write([replace(record, payload=b"{}")])
