"""
Values as SQLite stores them: exact, readable, and sorted as they should be.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife._domain.changes import Revise
from poslife._domain.decimals import canonical_text
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import begin
from poslife.errors import StorageRejected
from poslife.sqlite._cells import cells_of, time_of, time_text
from tests.sqlite.files import cells, opened_store


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
    A sum comes back with every digit (incident 44).
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
    A number with more than 16,383 digits is refused and not rounded.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        held = await story.opened(store)
        after = replace(held, entered_cost=number, version=held.version + 1)
        with pytest.raises(StorageRejected, match="more than 16383 digits"):
            await store.commit(story.change(Revise(after=after)))

        assert held == await store.get(held.ref)


@given(
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(0), "GMT")])),
    other=st.datetimes(timezones=st.just(UTC)),
)
def test_times_sort_as_texts(at: datetime, other: datetime) -> None:
    """
    A time is text of one width, comes back in UTC, and sorts as its text does (incident 42).
    """
    assert (at, UTC) == (time_of(time_text(at)), time_of(time_text(at)).tzinfo)
    assert 27 == len(time_text(at))
    assert (at < other) is (time_text(at) < time_text(other))


def test_classes_of_the_hosts() -> None:
    """
    A number, time or text of a subclass is stored like one of the class itself.
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
    Numbers, times and UUIDs can be read in the file with the `sqlite3` shell.
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
