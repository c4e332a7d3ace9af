"""
Invalid events at the writer, which no constructor of poslife would make.

A value is forced into a record behind its back, as a broken release or a broken memory would. Each is refused
for good, for itself: nothing of its batch is stored, and the rest of it is stored right after.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from poslife.errors import StorageRejected
from poslife.postgres import PostgresStore
from poslife.protocols import DeadLetter, EventRecord
from tests.postgres.support import a_record, count, opened_store, records
from tests.postgres_roles import as_bot
from tests.postgres_server import psql

PAYLOADS: dict[str, object] = {
    "NUL": b'{"a":"\x00"}',
    "no UTF-8": b'{"a":"\xff"}',
    "a lone surrogate": b'{"a":"\xed\xa0\x80"}',
    "cut off": b'{"a":',
    "two of them": b"{}{}",
    "nothing": b"",
    "no object": b"[1]",
    "deeper than any": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "text": '{"a":1}',
    "None": None,
    "a number": 7,
    # As a parameter it would end the connection, as a dead server does (sink facts, 7).
    "too much": b" " * ((1 << 28) + 1),
}
SEQUENCES: dict[str, object] = {
    "zero": 0,
    "negative": -1,
    "beyond 64 bit": 1 << 63,
    "beyond any": 1 << 200,
    "True": True,
    "1.99": 1.99,
    "Decimal": Decimal("2.7"),
    "text": "3",
    "none": None,
    "NaN": float("nan"),
}
TIMES: dict[str, object] = {
    "naive": datetime(2026, 1, 1),  # noqa: DTZ001 - the very fault
    "elsewhere": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=9))),
    "text": "2026-01-01T00:00:00Z",
    "a number": 1_767_225_600,
    "none": None,
}
HEADERS: dict[str, tuple[str, object]] = {
    "type with NUL": ("type", "bot\x00told"),
    "type with a lone surrogate": ("type", "bot\ud800told"),
    "type none": ("type", None),
    "type of bytes": ("type", b"bot.told"),
    "venue a number": ("venue", 7),
    "symbol with a lone surrogate": ("symbol", "BTC\udfff"),
    "account a list": ("account", ["main"]),
    "order beyond 32 bit": ("order", 1 << 31),
    "order text": ("order", "1"),
    "order 1.99": ("order", 1.99),
    "order True": ("order", True),
    "schema beyond 32 bit": ("schema", 1 << 40),
    "schema 1.99": ("schema", 1.99),
    "schema None": ("schema", None),
    "id text": ("id", "no id"),
    "id none": ("id", None),
    "run a number": ("run", 7),
    "ref text": ("ref", "pending"),
    "naive time": ("occurred_at", datetime(2026, 1, 1)),  # noqa: DTZ001 - the very fault
    "time elsewhere": ("occurred_at", datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-5)))),
    "severity text": ("severity", "info"),
    "actor none": ("actor", None),
    "causation a number": ("causation", 1.5),
}


def forced(record: EventRecord, field: str, value: object) -> EventRecord:
    header, copy = replace(record.header), replace(record)
    of_header = field in {one.name for one in msgspec.structs.fields(header)}
    msgspec.structs.force_setattr(header if of_header else copy, field, value)
    if of_header:
        msgspec.structs.force_setattr(copy, "header", header)
    return copy


CASES = {
    **{f"payload: {name}": ("payload", value) for name, value in PAYLOADS.items()},
    **{f"sequence: {name}": ("sequence", value) for name, value in SEQUENCES.items()},
    **{f"recorded_at: {name}": ("recorded_at", value) for name, value in TIMES.items()},
    **{f"header: {name}": case for name, case in HEADERS.items()},
}


@asynccontextmanager
async def stored_by(way: str, dsn: str) -> AsyncGenerator[PostgresStore]:
    if way == "borrowed":
        async with asyncpg.create_pool(as_bot(dsn), min_size=1, max_size=2) as pool:
            store = PostgresStore.borrowing(pool)
            await store.open()
            yield store
            await store.aclose()
    else:
        async with opened_store(dsn) as store:
            yield store


@pytest.mark.parametrize("way", ["clear", "in doubt", "borrowed"])
async def test_poison_is_refused_at_its_row_and_alone(postgres_dsn: str, way: str) -> None:
    """
    Each invalid event is refused with a typed error and its row, and nothing of its batch is stored.
    """
    wrong: dict[str, object] = {}
    stored = 0
    async with stored_by(way, postgres_dsn) as store:
        if way == "clear":
            await store.write(records(1, first=9000))
            stored += 1
        for number, (name, (field, value)) in enumerate(CASES.items()):
            good = records(4, first=10 + 10 * number)
            batch = [*good[:2], forced(good[2], field, value), good[3]]
            try:
                await store.write(batch)
            except StorageRejected as refused:
                if refused.row != 2:
                    wrong[name] = refused
            except Exception as error:  # noqa: BLE001 - told below
                wrong[name] = error
            else:
                wrong[name] = "stored"
            if way == "clear" or number % 8 == 0:
                await store.write(good[:2])
                stored += 2

    assert {} == wrong
    assert stored == count(postgres_dsn, "run_events")


async def test_names_too_long_for_somebodys_column(postgres_dsn: str) -> None:
    """
    A column that an operator made narrower refuses a name of 255 characters, with its row.
    """
    batch = records(6)
    long = replace(batch[4].header, type="é" * 255)
    async with opened_store(postgres_dsn) as store:
        psql(
            postgres_dsn,
            "DROP VIEW poslife.event_log; ALTER TABLE poslife.run_events ALTER COLUMN type TYPE varchar(100)",
        )
        with pytest.raises(StorageRejected, match="22001") as caught:
            await store.write([*batch[:4], replace(batch[4], header=long), batch[5]])

        assert 4 == caught.value.row
    assert 0 == count(postgres_dsn, "run_events")


@pytest.mark.parametrize("way", ["own", "borrowed"])
async def test_strange_and_sound_is_stored_as_it_is(postgres_dsn: str, way: str) -> None:
    """
    The largest number, the longest name, the first and last time and a payload of 1 MiB are stored unchanged.
    """
    first, second, third, fourth, fifth = records(5)
    strange = [
        replace(first, sequence=(1 << 63) - 1),
        replace(second, header=replace(second.header, type="\N{ROCKET}é" + "x" * 253)),
        replace(third, recorded_at=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        replace(fourth, header=replace(fourth.header, occurred_at=datetime(1, 1, 1, tzinfo=UTC))),
        replace(fifth, payload=b'{"a":"' + "\N{ROCKET}".encode() * (1 << 18) + b'"}'),
    ]
    async with stored_by(way, postgres_dsn) as store:
        await store.write(strange[:1])
        await store.write(strange)

    assert 5 == count(postgres_dsn, "run_events")
    assert 1 == count(
        postgres_dsn,
        "run_events",
        f"sequence = {(1 << 63) - 1} AND recorded_at < '9999-01-01'",
    )
    assert 1 == count(postgres_dsn, "run_events", "recorded_at = '9999-12-31 23:59:59.999999+00'")
    assert 1 == count(postgres_dsn, "run_events", "occurred_at = '0001-01-01 00:00:00+00'")
    assert 1 == count(postgres_dsn, "run_events", f"octet_length(payload) = {8 + (4 << 18)}")


@pytest.mark.parametrize(
    "payload", [b"\xff", b'"\xed\xa0\x80"', b'{"a":"\x00"}'], ids=["not_utf8", "surrogate", "nul"]
)
async def test_bytes_that_are_no_text_are_refused(postgres_dsn: str, payload: bytes) -> None:
    """
    A payload that the column cannot hold is refused for good, so that the sink can bury it.
    """
    async with opened_store(postgres_dsn) as store:
        with pytest.raises(StorageRejected):
            await store.write([a_record(payload)])
        await store.bury(DeadLetter(record=a_record(payload), reason="no \x00 text \ud800"))

    assert count(postgres_dsn, "run_events") == 0
    assert psql(postgres_dsn, "SELECT reason FROM poslife.dead_letters").strip() == "no \\x00 text \\ud800"


async def test_payloads_are_kept_byte_for_byte(postgres_dsn: str) -> None:
    """
    A payload is stored byte for byte, so that it can be hashed.
    """
    payload = '{"b":1.10,"a":1e2,"a":"dup","n":"\\u0000","é":"\N{ROCKET}"}'.encode()
    async with opened_store(postgres_dsn) as store:
        await store.write([a_record(payload)])

    assert payload == psql(postgres_dsn, "SELECT payload FROM poslife.run_events").strip().encode()
