"""
Events that no change carries: written in batches, each once.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife.conformance._example_values import Examples
from poslife.errors import StorageRejected
from poslife.protocols import DeadLetter, EventRecord
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import count, opened_store
from tests.postgres_server import psql


def a_record(payload: bytes = b'{"a":1}') -> EventRecord:
    examples = Examples()
    header = EventHeader(id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run)
    return EventRecord(header=header, recorded_at=examples.at(), sequence=1, payload=payload)


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
    What is stored can be hashed: no byte of the JSON is turned.
    """
    payload = '{"b":1.10,"a":1e2,"a":"dup","n":"\\u0000","é":"\N{ROCKET}"}'.encode()
    async with opened_store(postgres_dsn) as store:
        await store.write([a_record(payload)])

    assert payload == psql(postgres_dsn, "SELECT payload FROM poslife.run_events").strip().encode()


@pytest.mark.slow
async def test_lost_replies_of_a_write(postgres_dsn: str) -> None:
    """
    Whichever reply of a write is lost, writing again stores every event once.
    """
    from poslife.errors import StorageUnavailable

    examples = Examples()
    async with (
        PostgresFaultProxy.for_dsn(postgres_dsn) as proxy,
        opened_store(proxy.dsn, pool_size=1) as store,
    ):
        await store.write([])
        for number in range(1, 4):
            header = replace(a_record().header, id=examples.event_id())
            record = replace(a_record(), header=header)
            trap = proxy.drop_reply(number)
            for _ in range(2):
                try:
                    await store.write([record])
                except StorageUnavailable:
                    continue
            proxy.disarm()

            assert trap.sprung
            assert count(postgres_dsn, "run_events", f"event_id = '{header.id}'") == 1
