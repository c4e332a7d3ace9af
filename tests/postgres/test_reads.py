"""
Pages continue where the one before ended, and reads of host events leave partitions out.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

import pytest

from poslife._domain.identifiers import PositionRef, event_id_at, position_ref_at
from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue
from poslife.postgres._dead_letters import BURY
from poslife.postgres._event_writer import STORED
from poslife.postgres._partition_ranges import Width, missing
from poslife.postgres._reads import LIST_HISTORY, history_arguments
from poslife.protocols import PageToken
from tests.postgres.support import opened_store, session


async def partitions_read(dsn: str, statement: str, *arguments: object) -> list[str]:
    """
    Return the partitions that a statement looks into, by its plan, with the default one.
    """
    async with session(dsn) as other:
        plan = await other.fetch(f"EXPLAIN (COSTS OFF) {statement}", *arguments)
    return sorted(set(re.findall(r" on (run_events_\w+)", "\n".join(row[0] for row in plan))))


async def with_days(dsn: str, days: int) -> None:
    """
    Make partitions of the days that have passed.
    """
    now = datetime.now(UTC)
    ranges = missing(Width.DAY, (), now - timedelta(days=days), now - timedelta(days=1))
    async with session(dsn) as other:
        for table in await other.fetch(
            "SELECT inhrelid::regclass::text FROM pg_inherits "
            "WHERE inhparent = 'poslife.run_events'::regclass "
            "AND inhrelid <> 'poslife.run_events_default'::regclass"
        ):
            await other.execute(f"DROP TABLE {table[0]}")
        await other.execute(
            ";".join(
                f"CREATE TABLE poslife.{one.name} PARTITION OF poslife.run_events "
                f"FOR VALUES FROM ('{one.begin}') TO ('{one.end}')"
                for one in ranges
            )
        )


def day(days: int) -> str:
    return f"run_events_{datetime.now(UTC) - timedelta(days=days):%Y_%m_%d}"


async def test_a_history_looks_into_the_partitions_since_its_ref_was_made(postgres_dsn: str) -> None:
    """
    Of 40 partitions only those since the ref was made are read, less an hour, and the default one.
    """
    await with_days(postgres_dsn, 40)
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=3)
    midnight = noon.replace(hour=0, minute=30)
    expected = [day(3), day(2), day(1), "run_events_default"]
    arguments = history_arguments(position_ref_at(noon, 1), UUID(int=0), 100)

    assert expected == await partitions_read(postgres_dsn, LIST_HISTORY, *arguments)
    arguments = history_arguments(position_ref_at(midnight, 1), UUID(int=0), 100)

    assert [day(4), *expected] == await partitions_read(postgres_dsn, LIST_HISTORY, *arguments)
    arguments = history_arguments(position_ref_at(noon, 1), event_id_at(noon + timedelta(days=1), 1), 100)

    assert expected[1:] == await partitions_read(postgres_dsn, LIST_HISTORY, *arguments)


async def test_a_ref_without_a_time_has_no_bound(postgres_dsn: str) -> None:
    """
    A ref that is no UUIDv7 says nothing of its time, so each partition is read.
    """
    await with_days(postgres_dsn, 10)
    ref = PositionRef(UUID("5f0c2b1e-5d3e-4c27-9a63-0d7b5a4d0000"))
    arguments = history_arguments(ref, UUID(int=0), 100)

    assert 11 == len(await partitions_read(postgres_dsn, LIST_HISTORY, *arguments))


async def test_reads_by_id_look_into_one_partition(postgres_dsn: str) -> None:
    """
    Burying a letter and skipping the events that are stored look into the partition of the ids alone.
    """
    await with_days(postgres_dsn, 20)
    noon = datetime.now(UTC).replace(hour=12) - timedelta(days=3)
    first, last = event_id_at(noon, 1), event_id_at(noon, 2)

    assert [day(3)] == await partitions_read(postgres_dsn, BURY, str(first), "00", "a reason", "1")
    assert [day(3)] == await partitions_read(postgres_dsn, STORED, [first, last], first, last)


async def test_tokens_are_read_strictly(postgres_dsn: str) -> None:
    """
    A token of no page is refused before the database is asked.
    """
    ref = "0190aaaa-0000-7000-8000-000000000000"
    tokens = ["", "x", "1 ", "0", "-1", "٣", "9" * 30, "\x00", ref.upper(), f"{{{ref}}}", f" {ref}"]
    tokens += [f"2026-01-01 {ref}", f"2026-01-01T00:00:00.000000 {ref}", "2026-01-01T00:00:00.000000+00:00 x"]
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        since, until = story.at(), story.at()
        for token in [*map(PageToken, tokens), cast("PageToken", 5)]:
            for call in (
                store.list_live(token),
                store.list_closed(since, until, token),
                store.list_unclaimed(token),
                store.list_fills(story.ref(), token),
                store.list_history(story.ref(), token),
                store.list_runs(token),
            ):
                with pytest.raises(InvalidValue, match="after"):
                    await call
