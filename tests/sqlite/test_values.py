"""
What is stored is exact, whole and sound, even where somebody else writes into the tables.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife._domain.changes import Revise
from poslife._domain.decimals import canonical_text
from poslife._domain.events import PositionEnded
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import EventRecord, PageToken
from poslife.sqlite._cells import cells_of, time_of, time_text
from poslife.sqlite._migrations import MIGRATIONS
from poslife.testing.clock import ManualClock
from tests.sqlite.files import cells, opened_store, ours


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
        Decimal("-0"),
        Decimal("100.00"),
    ],
    ids=lambda number: f"{number:.3e}",
)
async def test_sums_are_exact(tmp_path: Path, number: Decimal) -> None:
    """
    A sum comes back with every digit it has (incident 44).
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        held = await story.opened(store)
        after = replace(held, entered_cost=number, version=held.version + 1)
        await store.commit(story.change(Revise(after=after)))
        read = await store.get(held.ref)

        assert isinstance(read, PersistedPosition)
        assert number == read.entered_cost
        assert canonical_text(number) == str(
            cells(tmp_path / "bot.db", "SELECT entered_cost FROM positions")[0][0]
        )


@pytest.mark.parametrize("number", [Decimal("1E-16384"), Decimal("1E+16384"), Decimal("1E+999999")], ids=str)
async def test_a_number_too_long_is_refused(tmp_path: Path, number: Decimal) -> None:
    """
    A number that would fill a book is refused, not rounded.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        held = await story.opened(store)
        after = replace(held, entered_cost=number, version=held.version + 1)
        with pytest.raises(StorageRejected, match="more than 16383 digits"):
            await store.commit(story.change(Revise(after=after)))

        assert held == await store.get(held.ref)


@pytest.fixture(scope="module")
def tables() -> Generator[sqlite3.Connection]:
    """
    The tables alone, to ask their checks.
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
            "INSERT INTO orders "
            "VALUES (?, 0, ?, 'entry', 'buy', ?, ?, NULL, 'c', NULL, 'prepared', ?, NULL, NULL)",
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
    The checks take the text of every number of zero or more; zero only where it belongs.
    """
    if abs(number.adjusted()) < 1000:
        assert _is_taken(tables, "1", canonical_text(number))
        assert bool(number) is _is_taken(tables, canonical_text(number), "0")


@given(text=st.text(alphabet="0123456789.-+eE nN", max_size=6))
def test_a_number_has_one_text(tables: sqlite3.Connection, text: str) -> None:
    """
    The checks take no text but the one of a number: no exponent, no sign, no zero too much.
    """
    canonical = re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", text) is not None

    assert canonical is _is_taken(tables, "1", text)


@given(
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(0), "GMT")])),
    other=st.datetimes(timezones=st.just(UTC)),
)
def test_times_sort_as_texts(at: datetime, other: datetime) -> None:
    """
    A time has a text of one width, comes back in UTC, and sorts as its text does (incident 42).
    """
    assert (at, UTC) == (time_of(time_text(at)), time_of(time_text(at)).tzinfo)
    assert 27 == len(time_text(at))
    assert (at < other) is (time_text(at) < time_text(other))


def test_classes_of_the_hosts() -> None:
    """
    A number, a time or a text of a host's own class is stored as what it is.
    """

    class Number(Decimal):
        pass

    class Time(datetime):
        pass

    class Text(str):
        __slots__ = ()

    row = (Number("1.50"), Time(2026, 1, 2, tzinfo=UTC), Text("x"), 7, None, b"y")

    assert ("1.5", "2026-01-02T00:00:00.000000Z", "x", 7, None, b"y") == cells_of(row)


async def test_the_file_is_readable(tmp_path: Path) -> None:
    """
    Who opens the file with the shell reads numbers, times and UUIDs.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        moment = datetime(2026, 4, 5, 2, 45, 0, 123457, tzinfo=UTC)
        pending = replace(story.pending(), created_at=moment, requested_price=Decimal("1.230E-9"))
        await store.commit(story.claim(pending))

    assert [(str(pending.ref), "2026-04-05T02:45:00.123457Z", "100.5", "0.00000000123")] == cells(
        path, "SELECT ref, created_at, requested_quantity, requested_price FROM positions"
    )


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
    "orders_ordinal_in_name": "UPDATE orders SET ordinal = 4096",
    "fills_price_sound": "UPDATE fills SET price = 'Infinity'",
    "fills_assigned_or_why_not": "UPDATE fills SET ref = NULL",
    "life_events_index_from_0": 'UPDATE life_events SET "index" = -1',
    "changes_fingerprint_whole": "UPDATE changes SET fingerprint = x'00'",
    "position_ids_one_row": "INSERT INTO position_ids VALUES (2, 0)",
}


@pytest.mark.parametrize("constraint,statement", INTRUSIONS.items(), ids=INTRUSIONS)
async def test_a_constraint_keeps_nonsense_out(tmp_path: Path, constraint: str, statement: str) -> None:
    """
    Not even by hand is a row made that no position can be, for example closed without a time (incident 56).
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
    with ours(path) as connection, pytest.raises(sqlite3.IntegrityError, match=f"CHECK.*{constraint}$"):
        connection.execute(statement)


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
    Tables are STRICT: a text does not get into a column of numbers.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
    with ours(path) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


async def test_closed_rows_are_complete(tmp_path: Path) -> None:
    """
    A closed position has a time and a reason of closing, whatever way it went there (incident 56).
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        for _ in range(3):
            await story.closed(store)

    assert [(3, 3, 3)] == cells(path, "SELECT count(*), count(closed_at), count(close_reason) FROM positions")


async def test_a_constraint_is_named(tmp_path: Path) -> None:
    """
    A change that a constraint refuses says which one, unique indexes included.
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
    A value that fits no column is refused, and the next one taken.
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
        )
        with pytest.raises(StorageRejected, match="can't decode byte 0xff"):
            await store.write([record])
        await store.write([replace(record, payload=b"{}")])


async def test_a_lost_counter(tmp_path: Path) -> None:
    """
    Where the counter of ids is gone, no id is made up.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        cells(path, "DELETE FROM position_ids")
        pending = await story.claimed(store)
        with pytest.raises(StorageRejected, match="position_ids has no row"):
            await store.commit(story.promote(pending))

        assert pending == await store.get(pending.ref)


async def test_ids_are_never_minted_again(tmp_path: Path) -> None:
    """
    An id that was given is not given again, not even where its row is gone.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        first = await story.opened(store)
    with ours(path) as connection:
        for table in ("life_events", "fills", "orders", "positions"):
            connection.execute(f"DELETE FROM {table}")
    async with opened_store(path) as store:
        second = await story.opened(store)

        assert second.id > first.id


async def test_a_lost_run_stays_lost(tmp_path: Path) -> None:
    """
    A run whose lease was seen to have run out is lost even if the machine's clock goes back.
    """
    late, early = ManualClock(), ManualClock()
    late.advance(100)
    async with opened_store(tmp_path / "bot.db", clock=early) as store:
        new = (await begin(store)).new_run(lease=50.0)
        await store.start_run(new)

        async def ended() -> list[bool]:
            return [run.ended for run in (await store.list_runs()).items if run.id == new.id]

        assert [False] == await ended()
        async with opened_store(tmp_path / "bot.db", clock=late) as other:
            assert 2 == len((await other.list_runs()).items)
        assert [True] == await ended()


@pytest.mark.parametrize(
    "token", ["", "0", "-1", "x", "1e3", 7, "2026-01-01 x", "2026-01-01T00:00:00.000000+00:00 x"]
)
async def test_a_token_of_no_page(tmp_path: Path, token: Any) -> None:
    """
    What is no token of a list is refused.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        after = PageToken(token)
        for call in (
            store.list_live(after),
            store.list_in_doubt(after),
            store.list_left_by_ended_runs(after),
            store.list_closed(story.at(), story.at(), after),
            store.list_fills(story.ref(), after),
            store.list_unclaimed(after),
            store.list_history(story.ref(), after),
            store.list_runs(after),
        ):
            with pytest.raises(InvalidValue, match="after"):
                await call
