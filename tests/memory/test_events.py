"""
Life events, host events and dead letters in memory.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue, StorageRejected
from poslife.memory import MemoryStore
from poslife.memory._events import HostEvents
from poslife.protocols import DeadLetter, EventRecord, FeedToken
from tests.values import AT, RUN, new_event_id

NOW = datetime(2026, 1, 3, tzinfo=UTC)


def record(sequence: int | None = 1) -> EventRecord:
    header = EventHeader(id=new_event_id(), type="bot.started", occurred_at=AT, run=RUN)
    version = None if sequence is not None else 1
    return EventRecord(header=header, recorded_at=AT, sequence=sequence, version=version, payload=b"{}")


async def test_a_token_of_a_store_that_is_forgotten() -> None:
    """
    A token of the feed of another store is refused, so that no event is passed over.
    """
    forgotten, store = MemoryStore(), MemoryStore()
    for one, claims in ((forgotten, 3), (store, 1)):
        story = await begin(one)
        for _ in range(claims):
            await story.claimed(one)
    token = (await forgotten.read_life_events()).next
    assert token is not None
    _, _, event = token.partition(" ")
    for foreign in (token, FeedToken(f"1 {event}")):
        with pytest.raises(InvalidValue, match="this store's feed"):
            await store.read_life_events(foreign)


async def test_a_life_event_that_is_stored_is_not_buried() -> None:
    """
    A dead letter of a life event that this very store has is not kept.
    """
    store = MemoryStore()
    story = await begin(store)
    await story.claimed(store)
    (first, *_) = (await store.read_life_events()).items
    await store.bury(DeadLetter(record=first, reason="refused elsewhere"))

    assert () == store.dead_letters()


def test_a_batch_with_a_life_event_is_refused_whole() -> None:
    """
    A batch with a life event is refused with the event's row, and nothing of it is stored.
    """
    events = HostEvents()
    with pytest.raises(StorageRejected, match="stored with its change") as caught:
        events.write([record(), record(None)])

    assert 1 == caught.value.row
    assert {} == events.records


def test_a_replayed_letter_is_kept_and_no_longer_waits() -> None:
    """
    A replay stores the event; its letter stays, and is not listed any more.
    """
    events = HostEvents()
    letter = DeadLetter(record=record(), reason="refused")
    event = letter.record.header.id
    events.bury(letter, NOW)
    events.replay(event)

    assert [letter.record] == list(events.records.values())
    assert [] == list(events.waiting())
    assert [event] == list(events.letters)
