"""
The error for a refusal by a unique index names the conflict.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import FillAlreadyStored, StorageRejected
from tests.postgres.support import opened_store


async def test_a_key_released_while_it_is_waited_for(postgres_dsn: str) -> None:
    """
    A claim waits for the change that is about to release its key, and then has it (incident 24).
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        for _ in range(10):
            held = await story.opened(store)
            claim = story.claim(story.pending(held.key))
            # The claim comes after the close, or is refused and retried.
            closed, claimed = await asyncio.gather(
                store.commit(story.close(held)), store.commit(claim), return_exceptions=True
            )

            assert not isinstance(closed, BaseException)
            if isinstance(claimed, BaseException):
                claimed = await store.commit(claim)
            assert claimed.positions[0] == await store.find_live(held.key)


async def test_a_flip_with_a_fill_that_is_stored(postgres_dsn: str) -> None:
    """
    A change that releases a key and claims it again has no conflict with itself: the error names the stored
    fill.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        held = await story.opened(store)
        await store.commit(taken := story.unclaimed("taken"))
        close, claim = story.close(held), story.claim(story.pending(held.key))
        flip = story.change(*claim.transitions, *close.transitions, fills=taken.fills)
        with pytest.raises(FillAlreadyStored):
            await store.commit(flip)

        assert held == await store.find_live(held.key)


async def test_events_numbered_alike_are_refused(postgres_dsn: str) -> None:
    """
    A change with two events of one position, version and index is refused with the constraint's name.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        claim = story.claim(story.pending())
        alike = replace(claim, events=tuple(replace(event, index=0) for event in claim.events))
        with pytest.raises(StorageRejected, match="two events 0 of version 1") as caught:
            await store.commit(alike)

        assert caught.value.constraint == "life_events_numbered"
        assert not (await store.commit(claim)).repeated
