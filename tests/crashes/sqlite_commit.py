"""
A program that stops before every statement of a commit and after it, so that it can be killed there.

Its arguments are `one` or `three`, for the changes to commit, and the path of the file.
"""

from __future__ import annotations

import asyncio
import sys

from poslife._domain.changes import Change
from poslife._domain.positions import PendingPosition
from poslife.conformance._example_changes import Story, begin
from poslife.protocols import Repository
from poslife.sqlite import SqliteStore
from poslife.testing.faults import checkpoint
from tests.sqlite.busy_writer import BusyWriter
from tests.sqlite.files import writer_of


async def scene(repository: Repository) -> tuple[PendingPosition, Change]:
    """
    Commit a claim, and return its position and a change with its first fill and another claim.

    They are the same at every run.
    """
    story = Story()
    run = story.new_run()
    story.run = run.id
    await repository.start_run(run)
    pending = story.pending()
    await repository.commit(story.claim(pending))
    other = story.claim(story.pending())
    first = story.promote(pending)
    return pending, story.change(
        *first.transitions,
        *other.transitions,
        fills=(*first.fills, *story.unclaimed("no such order").fills),
        events=(*first.events, *other.events),
    )


async def one(path: str) -> None:
    """
    Commit one change, with a checkpoint before each statement.
    """
    store = SqliteStore(path)
    await store.open()
    _, change = await scene(store)
    await _stop_before(store, "BEGIN", "INSERT", "UPDATE", "SELECT", "COMMIT")
    await store.commit(change)
    checkpoint("committed")
    await store.aclose()


async def three(path: str) -> None:
    """
    Commit three changes in one transaction, with a checkpoint before each part, and before its end.
    """
    store = SqliteStore(path)
    await store.open()
    story = await begin(store)
    claims = [story.claim(story.pending()) for _ in range(3)]
    await _stop_before(store, "SAVEPOINT", "RELEASE", "COMMIT")
    writer = BusyWriter(store)
    await writer.begun()
    waiting = [asyncio.create_task(store.commit(claim)) for claim in claims]
    await asyncio.sleep(0.05)
    await writer.release()
    await asyncio.gather(*waiting)
    checkpoint("committed")
    await store.aclose()


async def _stop_before(store: SqliteStore, *verbs: str) -> None:
    """
    Make each statement that begins with one of *verbs* a checkpoint.
    """

    def stop(statement: str) -> None:
        if statement.lstrip().startswith(verbs):
            checkpoint(" ".join(statement.split())[:60])

    await writer_of(store).do(lambda session: session.connection.set_trace_callback(stop))


if __name__ == "__main__":
    asyncio.run({"one": one, "three": three}[sys.argv[1]](sys.argv[2]))
