"""
The reads of a verification of a PostgreSQL database.
"""

from __future__ import annotations

import pytest

from poslife.conformance._example_changes import begin
from tests.postgres.support import opened_store
from tests.postgres_server import psql
from tests.tampering import tamper_postgres


async def test_what_the_feed_withholds_is_read_and_counted(postgres_dsn: str) -> None:
    """
    Events of a transaction id that lies in the future, as after a restored dump.
    """
    async with opened_store(postgres_dsn) as store:
        await (await begin(store)).closed(store)
        stored = (await store.count_events()).life_events
        tamper_postgres(postgres_dsn, "UPDATE poslife.life_events SET commit_xid = '900000000000'")

        assert stored == len((await store.read_life_streams()).items)
        assert stored == (await store.count_events()).life_events
        assert 0 < stored


@pytest.mark.parametrize(
    "condition, order, index",
    [
        (
            "ref IS NOT NULL AND (ref, version, index) > (gen_random_uuid(), 0, 0)",
            "ref, version, index",
            "life_events_numbered",
        ),
        (
            "ref IS NULL AND (run, sequence) > (gen_random_uuid(), 0)",
            "run, sequence",
            "life_events_without_position_numbered",
        ),
    ],
)
async def test_streams_are_read_by_their_index(
    postgres_dsn: str, condition: str, order: str, index: str
) -> None:
    """
    Page after page, without sorting all events.
    """
    plan = psql(
        postgres_dsn,
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; EXPLAIN SELECT body "
        f"FROM poslife.life_events WHERE {condition} ORDER BY {order} LIMIT 9",
    )

    assert f"Index Scan using {index} on life_events" in plan
    assert "Sort" not in plan


def test_no_index_serves_the_order_of_runs_alone(postgres_dsn: str) -> None:
    """
    Host events are read by id, so that recording one writes no index for verification.
    """
    found = psql(postgres_dsn, "SELECT indexname FROM pg_indexes WHERE tablename = 'run_events'").split()

    assert "run_events_by_run" not in found
