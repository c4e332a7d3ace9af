"""
A program that stands still before every statement of a commit and after it, so that it can be killed there.
"""

from __future__ import annotations

import asyncio
import sys

from poslife._domain.changes import Change
from poslife._domain.positions import PendingPosition
from poslife.conformance._example_changes import Story
from poslife.protocols import Repository
from poslife.sqlite import SqliteStore
from poslife.testing.faults import checkpoint
from tests.sqlite.files import writer_of


async def scene(repository: Repository) -> tuple[PendingPosition, Change]:
    """
    A claimed position, and the change of its first fill with another claim: the same at every run.
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


async def main(path: str) -> None:
    store = SqliteStore(path)
    await store.open()
    _, change = await scene(store)
    await writer_of(store).do(lambda session: session.connection.set_trace_callback(_told))
    await store.commit(change)
    checkpoint("committed")
    await store.aclose()


def _told(statement: str) -> None:
    if statement.lstrip().startswith(("BEGIN", "INSERT", "UPDATE", "SELECT", "COMMIT")):
        checkpoint(" ".join(statement.split())[:60])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
