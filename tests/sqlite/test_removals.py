"""
Erasures and purges in a SQLite file.
"""

from __future__ import annotations

import getpass
import sqlite3
from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import Examples
from poslife.errors import EventNotFound, PurgeRefused
from poslife.protocols import DeadLetter
from poslife.testing.clock import ManualClock
from tests.sqlite.files import cells, opened_store
from tests.sqlite.test_batches import records
from tests.values import new_event_id


async def test_a_removal_says_who_when_and_why(tmp_path: Path) -> None:
    """
    The row has the system's user and the time by the store's clock; append-only holds again afterwards.
    """
    path, clock = tmp_path / "bot.db", ManualClock()
    async with opened_store(path, clock=clock) as store:
        batch = records(Examples(), 3)
        await store.write(batch)
        await store.erase(batch[2].header.id, why="asked for")
        await store.purge(batch[0].header.run, 1, why="old")
    now = f"{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"

    assert [(str(batch[2].header.id), "payload", getpass.getuser(), now, "asked for")] == cells(
        path, 'SELECT event_id, what, "by", "at", why FROM erasures'
    )
    assert [(str(batch[0].header.run), 1, batch[0].digest, getpass.getuser(), now, "old")] == cells(
        path, 'SELECT run, upto, digest, "by", "at", why FROM purges'
    )
    assert [] == cells(path, "SELECT * FROM append_only_off")
    for statement in ("UPDATE erasures SET why = ''", "DELETE FROM purges", "DELETE FROM run_events"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            cells(path, statement)


async def test_a_refused_removal_leaves_nothing_behind(tmp_path: Path) -> None:
    """
    No record, no changed event, and the file still refuses changes.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 3)
        await store.write(batch)
        with pytest.raises(EventNotFound):
            await store.erase(new_event_id(), why="asked for")
        with pytest.raises(PurgeRefused):
            await store.purge(batch[0].header.run, 4, why="old")

    assert [(3, 0, 0, 0)] == cells(
        path,
        "SELECT (SELECT count(*) FROM run_events), (SELECT count(*) FROM erasures), "
        "(SELECT count(*) FROM purges), (SELECT count(*) FROM append_only_off)",
    )


async def test_no_byte_of_an_erased_payload_stays_in_a_column(tmp_path: Path) -> None:
    """
    Neither in the table of events nor in that of dead letters, in any form.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        record, letter = records(Examples(), 2)
        await store.write([record])
        await store.bury(DeadLetter(record=letter, reason=f"refused: {letter.payload!r}"))
        await store.replay(letter.header.id)
        for one in (record, letter):
            await store.erase(one.header.id, why="asked for")

    assert [(None, None)] * 2 == cells(path, "SELECT payload, salt FROM run_events")
    ((encoded, reason),) = cells(path, "SELECT CAST(record AS TEXT), reason FROM dead_letters")
    assert '"payload": null' in str(encoded)
    assert '"salt": null' in str(encoded)
    assert "refused" not in str(reason)


async def test_evidence_is_erased_and_the_body_is_not(tmp_path: Path) -> None:
    """
    The unclaimed fill can still be replayed; its reason is gone.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await store.commit((await begin(store)).unclaimed("a name"))
        (record,) = (await store.read_life_events()).items
        await store.erase(record.header.id, why="asked for")

    assert [(1, None, None)] == cells(
        path, "SELECT body IS NOT NULL, evidence, evidence_salt FROM life_events"
    )
