"""
A program that opens one key many times at once, and prints the result of each.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from uuid import uuid4

from poslife._domain.changes import Change, Claim
from poslife._domain.identifiers import Account, ChangeId, PositionKey, RunId, Symbol, Venue
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import new_ref, new_run_id
from poslife.conformance._example_changes import Story
from poslife.errors import DuplicatePosition
from poslife.protocols import NewRun
from poslife.sqlite import SqliteStore

KEY = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("DBR/USDT:USDT"))


async def main(path: str, times: int) -> None:
    clock = SystemClock()
    # As many connections as there are openings: nothing but the file stands between them.
    stores = [SqliteStore(path, lock_timeout=60) for _ in range(times)]
    await asyncio.gather(*(store.open() for store in stores))
    run = new_run_id(clock)
    await stores[0].start_run(NewRun(id=run, machine="here", pid=1, process_started="", lease=60.0))
    changes = [_claim(clock, run) for _ in range(times)]
    print("ready", flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.readline)
    for line in await asyncio.gather(*map(_result, stores, changes)):
        print(line, flush=True)  # noqa: T201
    await asyncio.gather(*(store.aclose() for store in stores))


def _claim(clock: SystemClock, run: RunId) -> Change:
    ref = new_ref(clock)
    example = Story().pending(KEY, run=run)
    order = replace(example.orders[0], ref=ref)
    claim = Claim(after=replace(example, ref=ref, orders=(order,)))
    return Change(id=ChangeId(uuid4()), run=run, at=clock.now(), transitions=(claim,))


async def _result(store: SqliteStore, change: Change) -> str:
    try:
        await store.commit(change)
    except DuplicatePosition as error:
        return f"lost {error.existing.ref}"
    return f"won {change.transitions[0].ref}"


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
