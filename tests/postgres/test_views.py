"""
The views and functions for psql and Grafana.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from poslife._domain.identifiers import event_id_at
from poslife._runtime.ids import EventIds, new_ref
from poslife._trail.encoding import encode_payload
from poslife.conformance._example_changes import begin
from poslife.conformance._hostile_payloads import hostile_payloads
from poslife.protocols import EventRecord
from poslife.testing.clock import ManualClock
from tests.postgres.support import a_record, as_role, opened_store, role_in, session
from tests.postgres_server import psql

_TIMES = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
    datetime(2024, 2, 29, 12, 0, 0, 1000, UTC),
    datetime(2026, 3, 29, 0, 59, 59, 999_000, UTC),
    datetime(2026, 10, 25, 1, 0, 0, 500, UTC),
    datetime(2105, 7, 4, 3, 2, 1, 123_456, UTC),
    datetime(9999, 12, 31, 23, 59, 59, 998_999, UTC),
    *(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=7_919 * number) for number in range(3000)),
]


def _to_the_millisecond(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


# ---------------------------------------------------------------------------------------------- the functions


async def test_time_of_is_the_time_that_an_id_was_made_with(postgres_dsn: str) -> None:
    """
    `time_of` gives the millisecond of an event's id, of a ref and of a partition's bound, exactly.
    """
    clock = ManualClock()
    ids = [EventIds(clock).new(at) for at in _TIMES]
    refs = [new_ref(ManualClock(at)) for at in _TIMES[:100]]
    async with session(postgres_dsn) as reader:
        of_ids = await reader.fetch("SELECT poslife.time_of(id) FROM unnest($1::uuid[]) AS id", ids)
        of_refs = await reader.fetch("SELECT poslife.time_of(id) FROM unnest($1::uuid[]) AS id", refs)

    assert [_to_the_millisecond(at) for at in _TIMES] == [row[0] for row in of_ids]
    assert [_to_the_millisecond(at) for at in _TIMES[:100]] == [row[0] for row in of_refs]


async def test_first_id_is_not_above_any_id_of_its_time(postgres_dsn: str) -> None:
    """
    `first_id` has the milliseconds of the ids that poslife makes at that time, and zeros.
    """
    ids = [event_id_at(at, 0) for at in _TIMES]
    async with session(postgres_dsn) as reader:
        found = await reader.fetch("SELECT poslife.first_id(at) FROM unnest($1::timestamptz[]) AS at", _TIMES)

    assert [UUID(int=given.int >> 80 << 80) for given in ids] == [row[0] for row in found]


@pytest.mark.parametrize(
    "at, expected",
    [
        ("-infinity", UUID(int=0)),
        ("1969-12-31 23:59:59+00", UUID(int=0)),
        ("200000-01-01 00:00:00+00", UUID(int=((1 << 48) - 1) << 80)),
        ("infinity", UUID(int=((1 << 48) - 1) << 80)),
        (None, None),
    ],
)
async def test_times_without_ids_do_not_fail(
    postgres_dsn: str, at: str | None, expected: UUID | None
) -> None:
    """
    A time before 1970 is before every id, one that no id can have is after them.
    """
    async with session(postgres_dsn) as reader:
        found = await reader.fetchval("SELECT poslife.first_id($1::text::timestamptz)", at)

    assert expected == found


async def test_functions_do_not_depend_on_the_session(postgres_dsn: str) -> None:
    """
    Both are immutable and safe in parallel, whatever the session's time zone, search path and date style.
    """
    kinds = psql(
        postgres_dsn,
        "SELECT DISTINCT provolatile, proparallel FROM pg_proc "
        "WHERE oid IN ('poslife.first_id'::regproc, 'poslife.time_of'::regproc)",
    )
    expected = (event_id_at(_TIMES[2], 0), _TIMES[2])
    async with session(postgres_dsn) as reader:
        await reader.execute(
            "CREATE SCHEMA mine;"
            "CREATE FUNCTION mine.floor(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 7';"
            "SET search_path = mine, pg_catalog; SET TimeZone = 'Europe/Berlin'; SET DateStyle = 'SQL, DMY'"
        )
        found = await reader.fetchrow(
            "SELECT poslife.first_id($1), poslife.time_of($2)", _TIMES[2], expected[0]
        )

    assert "i|s" == kinds.strip()
    assert found is not None
    assert (expected[0].int >> 80 << 80, expected[1]) == (found[0].int, found[1])


# --------------------------------------------------------------------------------------------- the event log


def _record_at(at: datetime, *, ref: UUID | None = None, payload: bytes = b"{}") -> EventRecord:
    record = a_record(payload)
    return replace(
        record, header=msgspec.structs.replace(record.header, id=event_id_at(at, 7), occurred_at=at, ref=ref)
    )


async def _partitions_read(reader: asyncpg.Connection, query: str) -> set[str]:
    """
    Return the partitions that a query looks into.
    """
    plan = await reader.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}")
    return {name for name in _relations(json.loads(plan)[0]["Plan"]) if name.startswith("run_events_")}


def _relations(node: Any) -> Iterator[str]:
    if node["Actual Loops"]:
        if "Relation Name" in node:
            yield node["Relation Name"]
        for below in node.get("Plans", ()):
            yield from _relations(below)


_TEN_YEARS_OF_PARTITIONS = "".join(
    f"CREATE TABLE poslife.run_events_{year}_01 PARTITION OF poslife.run_events "
    f"FOR VALUES FROM ('{event_id_at(datetime(year, 1, 1, tzinfo=UTC), 0).int >> 80 << 80:032x}') "
    f"TO ('{event_id_at(datetime(year + 1, 1, 1, tzinfo=UTC), 0).int >> 80 << 80:032x}');"
    for year in range(2010, 2020)
)


@pytest.mark.parametrize(
    "since",
    [
        "poslife.first_id('2018-06-01 00:00+00')",
        "poslife.first_id(now() - interval '2 hours')",
    ],
)
async def test_a_time_reaches_the_partitions(postgres_dsn: str, since: str) -> None:
    """
    A query of the log by `first_id` looks into the partitions since that time, and no other.
    """
    psql(postgres_dsn, _TEN_YEARS_OF_PARTITIONS)
    async with session(postgres_dsn) as reader:
        read = await _partitions_read(reader, f"SELECT * FROM poslife.event_log WHERE event_id >= {since}")
    old = {name for name in read if name.startswith("run_events_201")}

    assert ({"run_events_2018_01", "run_events_2019_01"} if "2018" in since else set()) == old
    assert "run_events_default" in read


async def test_a_position_looks_into_the_partitions_since_its_ref(postgres_dsn: str) -> None:
    """
    A query of the log by position id looks into the partitions since the position's ref was made.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        await store.write([_record_at(story.at(), ref=held.ref)])
    psql(postgres_dsn, _TEN_YEARS_OF_PARTITIONS)
    async with session(postgres_dsn) as reader:
        where = f"WHERE position_id = {held.id}"
        read = await _partitions_read(reader, f"SELECT * FROM poslife.event_log {where}")
        types = [row[0] for row in await reader.fetch(f"SELECT type FROM poslife.event_log {where}")]

    assert {"bot.told", "position.opened"} <= set(types)
    assert read
    assert not {name for name in read if name.startswith("run_events_201")}


async def test_both_kinds_of_events_are_in_the_log(postgres_dsn: str) -> None:
    """
    Host and life events stand side by side, with the position's id, and payloads that SQL can look into.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        await store.commit(story.unclaimed("no order of ours"))
        await store.write([_record_at(story.at(), ref=held.ref, payload=b'{"price":"0.10","n":1.50}')])
    async with session(postgres_dsn) as reader:
        rows = await reader.fetch(
            "SELECT position_id, version, payload ->> 'price' AS price, payload ->> 'n' AS n, "
            "payload ->> 'entry_price' AS entry, evidence ->> 'reason' AS reason "
            "FROM poslife.event_log WHERE type IN ('bot.told', 'position.opened', 'fill.unclaimed') "
            "ORDER BY type"
        )

    assert [
        (held.id, None, "0.10", "1.50", None, None),
        (None, 0, "0.0123", None, None, "no order of ours"),
        (held.id, held.version, None, None, "0.0123", None),
    ] == [tuple(row) for row in rows]


async def test_what_was_erased_is_null_in_the_log(postgres_dsn: str) -> None:
    """
    An erased payload and erased evidence are null, not an empty object.
    """
    async with opened_store(postgres_dsn, as_given=True) as store:
        story = await begin(store)
        change, record = story.unclaimed("to be erased"), a_record()
        await store.commit(change)
        await store.write([record])
        for event in (change.events[0].header.id, record.header.id):
            await store.erase(event, why="a test")
    async with session(postgres_dsn) as reader:
        rows = await reader.fetch(
            "SELECT payload IS NULL, evidence IS NULL FROM poslife.event_log ORDER BY type"
        )

    assert [(True, True), (False, True)] == [tuple(row) for row in rows]


async def test_everything_that_record_takes_is_jsonb(postgres_dsn: str) -> None:
    """
    Each hostile payload, as poslife encodes it, is jsonb: text with NUL, 10 MB, NaN, cycles, equal keys.
    """
    payloads = [encode_payload(payload) for payload in hostile_payloads().values()]
    payloads += [
        encode_payload({"n": value}) for value in (5e-324, 1.7976931348623157e308, 2**64 - 1, -(2**63))
    ]
    async with opened_store(postgres_dsn) as store:
        await store.write(
            [
                replace(_record_at(_TIMES[-1 - number]), sequence=1 + number, payload=payload)
                for number, payload in enumerate(payloads)
            ]
        )
    async with session(postgres_dsn) as reader:
        shown = await reader.fetch("SELECT payload FROM poslife.event_log ORDER BY sequence")

    # jsonb writes a large float as the whole number that it is.
    assert [msgspec.json.decode(payload) for payload in payloads] == [
        json.loads(row[0], parse_int=lambda digits: int(digits) if len(digits) < 21 else float(digits))
        for row in shown
    ]


async def test_json_that_jsonb_refuses_fails_no_query(postgres_dsn: str) -> None:
    """
    JSON with a NUL, or of another program's making, is shown as text, and the rest of the log as ever.
    """
    refused = ['{"a":"\\u0000"}', '{"a":"\\ud800"}', '{"a":1e200000}', "not JSON", ""]
    taken = ['{"a":1,"a":2}', '{"a":"\\\\u0000"}', "null"]
    async with opened_store(postgres_dsn) as store:
        await store.write(
            [
                replace(_record_at(_TIMES[-1 - number]), sequence=1 + number)
                for number in range(len(refused) + len(taken))
            ]
        )
    async with session(postgres_dsn) as reader:
        # As another program might have stored them; poslife's writer takes no text that is not JSON.
        await reader.execute("SET poslife.append_only = 'off'")
        await reader.executemany(
            "UPDATE poslife.run_events SET payload = $2 WHERE sequence = $1",
            list(enumerate([*refused, *taken], 1)),
        )
        rows = await reader.fetch("SELECT payload FROM poslife.event_log ORDER BY sequence")
    shown = [json.loads(row[0]) for row in rows]

    assert [*({"$text": text} for text in refused), {"a": 2}, {"a": "\\u0000"}, None] == shown


# ------------------------------------------------------------------------------------------- open positions


async def test_open_positions_are_what_is_held(postgres_dsn: str) -> None:
    """
    What is open or closing is listed with its exact quantity, entry price, age and protection.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        await story.closed(store)
        await story.ended(store)
        await story.claimed(store)
        held = await story.opened(store, story.key(), quantity=Decimal("0.3"))
    psql(
        postgres_dsn,
        "UPDATE poslife.positions SET exited_quantity = 0.1, exited_cost = 1, stop_price = 0.007 "
        "WHERE status = 'open'",
    )
    async with session(postgres_dsn) as reader:
        rows = await reader.fetch(
            "SELECT position_id, ref, symbol, side, status, quantity::text, entry_price::text, "
            "stop_price::text, take_profit_price, in_doubt, age = now() - opened_at "
            "FROM poslife.open_positions"
        )

    assert [
        (
            held.id,
            held.ref,
            held.key.symbol,
            held.side.value,
            "open",
            "0.2",
            "0.0123",
            "0.007",
            None,
            False,
            True,
        )
    ] == [tuple(row) for row in rows]


async def test_an_order_in_doubt_shows(postgres_dsn: str) -> None:
    """
    An open position with an order in doubt is marked.
    """
    async with opened_store(postgres_dsn) as store:
        await (await begin(store)).closing(store)
    psql(postgres_dsn, "UPDATE poslife.orders SET status = 'in_doubt' WHERE purpose = 'exit'")

    assert "t" == psql(postgres_dsn, "SELECT in_doubt FROM poslife.open_positions").strip()


# ------------------------------------------------------------------------------------------- rights, comments


async def test_a_role_needs_the_views_alone(postgres_dsn: str) -> None:
    """
    A person's role sees the views without any right on the tables below.
    """
    async with opened_store(postgres_dsn) as store:
        await (await begin(store)).opened(store)
    with role_in(postgres_dsn) as person:
        psql(
            postgres_dsn,
            f"GRANT USAGE ON SCHEMA poslife TO {person};"
            f"GRANT SELECT ON poslife.event_log, poslife.open_positions TO {person}",
        )
        async with session(as_role(postgres_dsn, person)) as reader:
            types = await reader.fetch("SELECT type FROM poslife.event_log WHERE payload IS NOT NULL")
            held = await reader.fetch("SELECT quantity FROM poslife.open_positions")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await reader.fetch("SELECT * FROM poslife.life_events")

    assert types
    assert 1 == len(held)


async def test_a_missing_view_stops_no_bot(postgres_dsn: str) -> None:
    """
    poslife uses no view and no function itself: without them the store opens as ever.
    """
    psql(
        postgres_dsn,
        "DROP VIEW poslife.event_log, poslife.open_positions;"
        "DROP FUNCTION poslife.first_id, poslife.time_of, poslife.as_jsonb",
    )
    async with opened_store(postgres_dsn) as store:
        await (await begin(store)).opened(store)


_UNCOMMENTED = """
SELECT c.relname || coalesce('.' || a.attname, '')
FROM pg_class AS c
LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'poslife'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
  AND (col_description(c.oid, a.attnum) IS NULL OR obj_description(c.oid) IS NULL)
UNION ALL
SELECT p.oid::regprocedure::text
FROM pg_proc AS p
WHERE p.pronamespace = 'poslife'::regnamespace AND obj_description(p.oid) IS NULL
"""


def test_everything_has_a_comment(postgres_dsn: str) -> None:
    r"""
    Every table, column, view and function says what it holds, for `\d+` and for Grafana's builder.
    """
    assert [] == psql(postgres_dsn, _UNCOMMENTED).split()
