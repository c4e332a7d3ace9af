"""
Triggers refuse to change stored events, to any program that opens the file.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady
from poslife.sqlite._session import Session
from tests.sqlite.files import cells, opened_store, ours, writer_of
from tests.sqlite.test_batches import records
from tests.tampering import tamper

ATTEMPTS = [
    "UPDATE life_events SET body = '{}'",
    "UPDATE run_events SET payload = '{}'",
    "DELETE FROM life_events",
    "DELETE FROM run_events",
]


async def filled(path: Path) -> None:
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)
        await store.write(records(Examples(), 3))


@pytest.mark.parametrize("statement", ATTEMPTS)
async def test_events_cannot_be_changed(path: Path, statement: str) -> None:
    """
    Nothing is changed or deleted, and the refusal says which calls may (feature 117).
    """
    await filled(path)
    before = cells(path, "SELECT body FROM life_events UNION ALL SELECT payload FROM run_events")
    with ours(path) as connection, pytest.raises(sqlite3.IntegrityError, match=r"append-only.*erase.*purge"):
        connection.execute(statement)

    assert before == cells(path, "SELECT body FROM life_events UNION ALL SELECT payload FROM run_events")
    tamper(path, statement)

    assert before != cells(path, "SELECT body FROM life_events UNION ALL SELECT payload FROM run_events")


async def test_a_trigger_that_changes_events_holds_the_stream(path: Path) -> None:
    """
    A host's trigger that would change events makes the store not ready, and refuses no event for good.
    """
    async with opened_store(path) as store:
        with ours(path) as connection:
            connection.execute(
                "CREATE TRIGGER changing AFTER INSERT ON run_events "
                "BEGIN UPDATE run_events SET severity = 'debug'; END"
            )
        batch = records(Examples(), 2)
        with pytest.raises(StorageNotReady, match=r"append-only.*let no trigger of yours change events"):
            await store.write(batch)
        with ours(path) as connection:
            connection.execute("DROP TRIGGER changing")
        await store.write(batch)


async def test_events_can_be_changed_in_one_transaction_alone(path: Path) -> None:
    """
    The way past the triggers ends with its block, and with a transaction that fails (feature 117).
    """
    await filled(path)
    async with opened_store(path) as store:

        def changed(session: Session) -> None:
            with session.writing():
                with session.changing_events("a test"):
                    session.run("UPDATE run_events SET severity = 'debug'")
                session.run("DELETE FROM run_events")

        with pytest.raises(StorageNotReady, match="append-only"):
            await writer_of(store).do(changed)

    assert [] == cells(path, "SELECT * FROM append_only_off")
    assert [] == cells(path, "SELECT 1 FROM run_events WHERE severity = 'debug'")
