"""
Commits that wait for a connection share one transaction.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from poslife._domain.changes import Change, Committed
from poslife._domain.identifiers import PositionRef
from poslife.postgres._commit import NotTogether, commit, commit_together
from poslife.postgres._database import Database

__all__ = ["Commits"]

# The most commits in a transaction: so that none waits long for the others.
_MOST_TOGETHER: Final = 16

_Waiting = tuple[Change, "asyncio.Future[Committed]"]


class Commits:
    """
    Commits, as many at a time as there are connections. The others wait, and are committed together.

    Args:
        database: The database.
        most: The most transactions at a time.
    """

    def __init__(self, database: Database, most: int) -> None:
        self._database = database
        self._free = most
        self._waiting: deque[_Waiting] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def commit(self, change: Change) -> Committed:
        """
        Commit a change. It may be left out where its caller is cancelled while it waits.
        """
        if self._free:
            self._free -= 1
            try:
                return await commit(self._database, change)
            finally:
                self._pass_on()
        answer: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, answer))
        return await answer

    def _pass_on(self) -> None:
        """
        Start the next transaction, or free its place.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # The event loop has ended, and with it the tasks that waited.
            self._waiting.clear()
            self._free += 1
            return
        if batch := self._take():
            task = loop.create_task(self._serve(batch), name="poslife commits together")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._free += 1

    def _take(self) -> Sequence[_Waiting]:
        """
        Return the changes that waited longest, up to the first that repeats a position.
        """
        batch: list[_Waiting] = []
        refs: set[PositionRef] = set()
        while self._waiting and len(batch) < _MOST_TOGETHER:
            change, answer = self._waiting[0]
            if not answer.done():
                if not refs.isdisjoint(change.refs):
                    break
                batch.append((change, answer))
                refs |= change.refs
            self._waiting.popleft()
        return batch

    async def _serve(self, batch: Sequence[_Waiting]) -> None:
        try:
            if len(batch) == 1 or not await self._together(batch):
                await asyncio.gather(*(self._alone(change, answer) for change, answer in batch))
        finally:
            self._pass_on()

    async def _together(self, batch: Sequence[_Waiting]) -> bool:
        """
        Commit all of them in one transaction, and return True where each has its result.
        """
        try:
            committed = await commit_together(self._database, [change for change, _ in batch])
        except NotTogether:
            return False
        except BaseException as error:
            for _, answer in batch:
                _fail(answer, error)
            if not isinstance(error, Exception):
                raise
        else:
            for (_, answer), one in zip(batch, committed, strict=True):
                if not answer.done():
                    answer.set_result(one)
        return True

    async def _alone(self, change: Change, answer: asyncio.Future[Committed]) -> None:
        try:
            committed = await commit(self._database, change)
        except BaseException as error:
            _fail(answer, error)
            if not isinstance(error, Exception):
                raise
        else:
            if not answer.done():
                answer.set_result(committed)


def _fail(answer: asyncio.Future[Committed], error: BaseException) -> None:
    if answer.done():
        return
    if isinstance(error, asyncio.CancelledError):
        answer.cancel()
    else:
        answer.set_exception(error)
