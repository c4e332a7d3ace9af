"""
One thread with one session: it does pieces of work one after the other, and the event loop does not wait.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeVar

from poslife.errors import StorageUnavailable
from poslife.sqlite._errors import translated
from poslife.sqlite._session import Session

__all__ = ["Worker"]

# So many urgent pieces in a row, and then a patient one has its turn.
_MOST_URGENT: Final = 32

ResultT = TypeVar("ResultT")
Piece = Callable[[], None]


class Worker:
    """
    A thread that has the session to itself.

    It is an executor's thread, and so no daemon: one that nobody closed finishes its work, and ends, when the
    interpreter does.

    Args:
        name: The thread's.
        session: What it works with.
    """

    def __init__(self, name: str, session: Session) -> None:
        self._session = session
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._urgent: deque[Piece] = deque()
        self._patient: deque[Piece] = deque()
        self._urgent_in_a_row = 0
        self._process = os.getpid()

    async def do(self, work: Callable[[Session], ResultT], *, urgent: bool = True) -> ResultT:
        """
        Have *work* done, and its exceptions translated.

        A caller that is cancelled gets its `CancelledError` at once; the work is still done to its end.

        Args:
            work: What to do with the session.
            urgent: Whether it goes before what is not.

        Raises:
            StorageUnavailable: The worker was closed, or is another process's.
        """
        piece, answer = self._piece(work)
        waiting = self._urgent if urgent else self._patient
        waiting.append(piece)
        try:
            # One turn for each piece; which one is decided when the turn has come.
            self._submit(self._take_turn)
        except StorageUnavailable:
            waiting.remove(piece)
            raise
        return await answer

    async def aclose(self) -> None:
        """
        Finish what was handed in, close the session, and end the thread.
        """
        piece, closed = self._piece(Session.close)
        self._submit(piece)
        self._executor.shutdown(wait=False)
        await closed
        # It has nothing left to do but to return.
        self._executor.shutdown(wait=True)

    def abandon(self) -> None:
        """
        The same without waiting for it.
        """
        with suppress(StorageUnavailable):
            self._submit(self._session.close)
        self._executor.shutdown(wait=False)

    def _piece(self, work: Callable[[Session], ResultT]) -> tuple[Piece, asyncio.Future[ResultT]]:
        if os.getpid() != self._process:
            raise StorageUnavailable(
                f"{self._session.path}: the store was opened before a fork, and SQLite does not survive one: "
                "make and open another store in the child"
            )
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ResultT] = loop.create_future()
        session = self._session

        def piece() -> None:
            # A loop that is closed by now has nobody who waits.
            with suppress(RuntimeError):
                try:
                    with translated(session.path):
                        result = work(session)
                except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                    loop.call_soon_threadsafe(_fail, answer, error)
                else:
                    loop.call_soon_threadsafe(_succeed, answer, result)
            # The work is done, and told; what cannot be tidied now will be the next time.
            with suppress(sqlite3.Error):
                session.tidy()

        return piece, answer

    def _submit(self, turn: Piece) -> None:
        try:
            self._executor.submit(turn)
        except RuntimeError as error:
            raise StorageUnavailable(f"{self._session.path}: the store was closed ({error})") from error

    def _take_turn(self) -> None:
        urgent = bool(self._urgent) and not (self._patient and self._urgent_in_a_row >= _MOST_URGENT)
        self._urgent_in_a_row = self._urgent_in_a_row + 1 if urgent else 0
        (self._urgent if urgent else self._patient).popleft()()


def _succeed(answer: asyncio.Future[ResultT], result: ResultT) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[ResultT], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
