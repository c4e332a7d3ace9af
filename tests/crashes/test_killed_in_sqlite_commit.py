"""
A process killed within a commit to a SQLite file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife._domain.changes import Change
from poslife._domain.positions import PendingPosition, PersistedPosition
from poslife.sqlite import SqliteStore
from poslife.testing.faults import ChildProgram, kill_at, run_to_end
from tests.crashes.sqlite_commit import scene
from tests.sqlite.files import cells, opened_store

COMMITTING = "tests.crashes.sqlite_commit"


@pytest.mark.slow
async def test_killed_within_a_commit(tmp_path: Path) -> None:
    """
    A process killed before any statement of a commit leaves nothing of it, and after its end all of it.

    Repeating the change then gives its result, once.
    """
    whole = await run_to_end(ChildProgram.module(COMMITTING, "one", str(tmp_path / "whole.db")))
    statements = whole.checkpoints[:-1]

    assert ("BEGIN IMMEDIATE", "COMMIT") == (statements[0], statements[-1])
    assert len(statements) > 12
    for where, name in enumerate(whole.checkpoints):
        path = tmp_path / f"killed{where}.db"
        report = await kill_at(ChildProgram.module(COMMITTING, "one", str(path)), where)

        assert report.was_killed
        async with opened_store(path) as store:
            survived = name == "committed"
            pending, change = await scene(store)
            found = await store.get(pending.ref)

            assert isinstance(found, PersistedPosition if survived else PendingPosition), name
            assert [(survived * 2,)] == cells(path, "SELECT count(*) FROM fills"), name
            assert survived is await _repeated(store, change), name
            assert [(2, 2, 2)] == cells(
                path,
                "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM fills), "
                "(SELECT count(*) FROM changes)",
            )


async def _repeated(store: SqliteStore, change: Change) -> bool:
    first = await store.commit(change)
    again = await store.commit(change)

    assert again.positions == first.positions
    assert again.repeated
    return first.repeated


@pytest.mark.slow
async def test_killed_within_a_transaction_of_several(tmp_path: Path) -> None:
    """
    A process killed within a transaction of several commits leaves none of them, and after its end all.
    """
    whole = await run_to_end(ChildProgram.module(COMMITTING, "three", str(tmp_path / "whole.db")))

    assert ["SAVEPOINT part", "RELEASE part"] * 3 + ["COMMIT", "committed"] == list(whole.checkpoints)
    for where, name in enumerate(whole.checkpoints):
        path = tmp_path / f"killed{where}.db"
        report = await kill_at(ChildProgram.module(COMMITTING, "three", str(path)), where)

        assert report.was_killed
        expected = 3 if name == "committed" else 0
        assert [(expected, expected)] == cells(
            path, "SELECT (SELECT count(*) FROM positions), (SELECT count(*) FROM changes)"
        )
