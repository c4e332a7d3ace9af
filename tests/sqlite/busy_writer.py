"""
A store whose writing thread is kept busy.
"""

from __future__ import annotations

import asyncio
import threading

from poslife.sqlite import SqliteStore
from tests.sqlite.files import writer_of

__all__ = ["BusyWriter"]


class BusyWriter:
    """
    The writing thread of *store*, kept busy until it is released.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._may_go_on = threading.Event()
        self._task = asyncio.create_task(writer_of(store).do(lambda _: self._may_go_on.wait(20)))

    async def begun(self) -> None:
        await asyncio.sleep(0)

    async def release(self) -> None:
        self._may_go_on.set()
        await self._task
