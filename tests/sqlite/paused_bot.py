"""
A bot that trades and records, and then waits for a line: "more" for more events, or any other for its end.
"""

from __future__ import annotations

import asyncio
import sys

from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import a_record
from poslife.sqlite import SqliteStore
from tests.read_only import fill_store


async def main(path: str) -> None:
    store = SqliteStore(path, lock_timeout=60)
    await store.open()
    story, number = await begin(store), 3
    print(await fill_store(store, story), flush=True)  # noqa: T201
    while "more" in await asyncio.to_thread(sys.stdin.readline):
        number += 1
        await story.opened(store, story.key())
        await store.write([a_record(story, number)])
        print("done", flush=True)  # noqa: T201
    await store.aclose()


asyncio.run(main(sys.argv[1]))
