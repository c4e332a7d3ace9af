"""
What the store in memory adds to the contracts, which `test_conformance` holds it to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue, StorageRejected
from poslife.memory import MemoryStore
from poslife.protocols import PageToken


async def test_nothing_in_a_commit_waits() -> None:
    """
    A commit gives the event loop a turn before it begins, and none from its first check to its last write.
    """
    store = MemoryStore()
    story = await begin(store)
    commit = store.commit(story.claim(story.pending()))
    commit.send(None)
    with pytest.raises(StopIteration):
        commit.send(None)


async def test_a_refused_change_leaves_its_id_free() -> None:
    """
    A change that was refused may be put right and committed under the same id.
    """
    store = MemoryStore()
    story = await begin(store)
    change = story.unclaimed("no such order")
    with pytest.raises(StorageRejected):
        await store.commit(replace(change, fills=(*change.fills, *change.fills)))

    assert not (await store.commit(change)).repeated


@pytest.mark.parametrize("token", ["", "x", "~", "1 ", "00000000-0000-0000-0000-00000000000A"])
async def test_a_token_that_no_page_gave_is_refused(token: str) -> None:
    """
    Every list refuses what cannot be the token of one of its pages, as the stores with tables do.
    """
    store = MemoryStore()
    story = await begin(store)
    reads: list[Callable[[PageToken], Awaitable[object]]] = [
        store.list_live,
        store.list_in_doubt,
        store.list_left_by_ended_runs,
        lambda after: store.list_closed(story.at(), story.at(), after),
        lambda after: store.list_fills(story.ref(), after),
        store.list_unclaimed,
        lambda after: store.list_history(story.ref(), after),
        store.list_runs,
        store.list_dead_letters,
    ]
    for read in reads:
        with pytest.raises(InvalidValue):
            await read(PageToken(token))
