"""
Dead letters in a SQLite file.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from poslife._domain.identifiers import EventId
from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import Examples
from poslife.errors import DeadLetterNotFound, InvalidValue
from poslife.protocols import DeadLetter
from poslife.testing.clock import ManualClock
from tests.sqlite.files import cells, dead_letters, opened_store
from tests.sqlite.test_batches import records


async def test_dead_letters_say_what_became_of_them(tmp_path: Path) -> None:
    """
    A dead letter has its reason, its attempts, and the times of its burial and of its one replay.
    """
    path = tmp_path / "bot.db"
    clock = ManualClock()
    async with opened_store(path, clock=clock) as store:
        record = records(Examples(), 1)[0]
        await store.bury(DeadLetter(record=record, reason="too\x00long \ud800", attempts=5))
        clock.advance(60)
        await store.replay(record.header.id)
        with pytest.raises(DeadLetterNotFound):
            await store.replay(record.header.id)
        ((event, payload, attempts, buried, replayed),) = cells(
            path,
            "SELECT event_id, json_extract(CAST(record AS TEXT), '$.sequence'), attempts, buried_at, "
            "replayed_at FROM dead_letters",
        )

        assert (str(record.header.id), 1, 5) == (event, payload, attempts)
        passed = datetime.fromisoformat(str(replayed)) - datetime.fromisoformat(str(buried))
        assert timedelta(seconds=60) == passed
        assert 1 == len(dead_letters(path))
        with pytest.raises(InvalidValue):
            await store.replay(cast("EventId", "not an id"))


async def test_a_life_event_that_is_stored_is_not_buried(tmp_path: Path) -> None:
    """
    A dead letter of a life event that the store has is ignored.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        await story.claimed(store)
        (first, *_) = (await store.read_life_events()).items
        await store.bury(DeadLetter(record=first, reason="refused elsewhere"))

        assert [] == list(dead_letters(path))
