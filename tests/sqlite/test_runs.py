"""
Runs whose lease has run out.
"""

from __future__ import annotations

from pathlib import Path

from poslife.conformance._example_changes import begin
from poslife.testing.clock import ManualClock
from tests.sqlite.files import opened_store


async def test_a_lost_run_stays_lost(tmp_path: Path) -> None:
    """
    A run whose lease was seen to have run out stays lost if the clock goes back.
    """
    late, early = ManualClock(), ManualClock()
    late.advance(100)
    async with opened_store(tmp_path / "bot.db", clock=early) as store:
        new = (await begin(store)).new_run(lease=50.0)
        await store.start_run(new)

        async def ended() -> list[bool]:
            return [run.ended for run in (await store.list_runs()).items if run.id == new.id]

        assert [False] == await ended()
        async with opened_store(tmp_path / "bot.db", clock=late) as other:
            assert 2 == len((await other.list_runs()).items)
        assert [True] == await ended()
