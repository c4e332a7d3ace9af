"""
Erasures and purges in memory.
"""

from __future__ import annotations

import getpass

from poslife.conformance._example_records import a_record
from poslife.conformance._example_values import Examples
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock


async def test_a_removal_says_who_and_when() -> None:
    """
    The system's user, by the store's clock.
    """
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    examples = Examples()
    records = [a_record(examples, number) for number in (1, 2)]
    await store.write(records)
    await store.erase(records[1].header.id, why="asked for")
    await store.purge(examples.run, 1, why="old")
    (erasure,) = await store.find_erasures([records[1].header.id])
    (purge,) = (await store.list_purges()).items

    assert (getpass.getuser(), clock.now()) == (erasure.by, erasure.at)
    assert (getpass.getuser(), clock.now()) == (purge.by, purge.at)
