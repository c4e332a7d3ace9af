"""
A program that commits changes to a file, for the test of a feed that is followed meanwhile.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from uuid import uuid4

from poslife._domain.changes import Change
from poslife._domain.identifiers import ChangeId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds, new_run_id
from poslife.conformance._example_changes import Story
from poslife.protocols import NewRun
from poslife.sqlite import SqliteStore

IDS = EventIds(SystemClock())


async def main(path: str, times: int) -> None:
    clock = SystemClock()
    store = SqliteStore(path, lock_timeout=60)
    await store.open()
    run = new_run_id(clock)
    await store.start_run(NewRun(id=run, machine="here", pid=1, process_started="", lease=60.0))
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    for _ in range(times):
        await store.commit(_change(run))
    await store.aclose()


def _change(run: RunId) -> Change:
    """
    Two events of no position.
    """
    story = Story()
    change = story.unclaimed("nobody's", "nobody's either")
    events = [replace(event, header=replace(event.header, id=IDS.new(), run=run)) for event in change.events]
    return replace(change, id=ChangeId(uuid4()), run=run, fills=(), events=tuple(events))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
