"""
Committing a change: the ids that it mints.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import StorageRejected
from tests.sqlite.files import cells, opened_store
from tests.tampering import tamper


async def test_a_lost_counter(tmp_path: Path) -> None:
    """
    Without the counter of ids a first fill is refused, and no id is made up.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        cells(path, "DELETE FROM position_ids")
        pending = await story.claimed(store)
        with pytest.raises(StorageRejected, match="position_ids has no row"):
            await store.commit(story.promote(pending))

        assert pending == await store.get(pending.ref)


async def test_ids_are_never_minted_again(tmp_path: Path) -> None:
    """
    An id is given once, even if the row of its position is gone.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        story = await begin(store)
        first = await story.opened(store)
    for table in ("life_events", "fills", "orders", "positions"):
        tamper(path, f"DELETE FROM {table}")
    async with opened_store(path) as store:
        second = await story.opened(store)

        assert second.id > first.id
