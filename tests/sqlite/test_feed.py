"""
The feed of life events.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import (
    InvalidValue,
)
from poslife.protocols import EventRecord, FeedToken
from poslife.sqlite import SqliteStore
from tests.sqlite.files import cells, opened_store


async def test_a_foreign_token_is_refused(tmp_path: Path) -> None:
    """
    A token of another file, or of this one before an older copy was restored, is refused.
    """
    async with opened_store(tmp_path / "one.db") as one, opened_store(tmp_path / "two.db") as two:
        for store, claims in ((one, 3), (two, 1)):
            story = await begin(store)
            for _ in range(claims):
                await story.claimed(store)
        token = (await one.read_life_events()).next
        assert token is not None
        number, _, event = token.partition(" ")
        for foreign in (token, f"1 {event}", f"{int(number) + 1} {event}"):
            with pytest.raises(InvalidValue, match="this file's feed"):
                await two.read_life_events(FeedToken(foreign))

        assert 2 == len((await two.read_life_events()).items)
        assert UTC is (await two.read_life_events()).items[0].recorded_at.tzinfo


FOLLOWING = Path(__file__).with_name("following.py")


@pytest.mark.slow
async def test_a_feed_followed_while_two_processes_commit(tmp_path: Path) -> None:
    """
    A feed that is followed while two processes commit gives each life event once, and misses none.
    """
    path = tmp_path / "bot.db"
    times = 150
    async with opened_store(path, lock_timeout=60) as store:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(FOLLOWING),
                str(path),
                str(times),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert b"ready\n" == await process.stdout.readline()
            ends = [asyncio.create_task(process.communicate(b"go\n")) for process in processes]
            read, pages = await _followed(store, ends)
            await asyncio.gather(*ends)
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        stored = [event for (event,) in cells(path, "SELECT event_id FROM life_events ORDER BY event_id")]
        runs = [record.header.run for record in read]

        assert 2 * 2 * times == len(stored)
        assert stored == sorted(str(record.header.id) for record in read)
        # It was followed while both wrote, in turns.
        assert pages > 10
        assert sum(one != other for one, other in pairwise(runs)) >= 1


async def _followed(
    store: SqliteStore, ends: list[asyncio.Task[tuple[bytes, bytes]]]
) -> tuple[list[EventRecord], int]:
    read: list[EventRecord] = []
    token: FeedToken | None = None
    pages = 0
    while True:
        over = all(end.done() for end in ends)
        page = await store.read_life_events(token, limit=7)
        read += page.items
        token = page.next
        pages += bool(page.items)
        if over and not page.items:
            return read, pages
