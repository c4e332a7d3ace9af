"""
One thread with one session: it does pieces of work one after the other, and the event loop does not wait.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, TypeVar

from poslife.errors import StorageUnavailable
from poslife.sqlite._errors import translated
from poslife.sqlite._session import Session

__all__ = ["Worker"]

# So many urgent pieces in a row, and then a patient one has its turn.
_MOST_URGENT: Final = 32

# So many commits share a transaction at most: none of them waits long for the others.
_MOST_TOGETHER: Final = 16

ResultT = TypeVar("ResultT")


class _Piece(Generic[ResultT]):
    """
    One piece of work, and who waits for it.
    """

    def __init__(
        self, work: Callable[[Session], ResultT], loop: asyncio.AbstractEventLoop, *, together: bool
    ) -> None:
        self._work = work
        self.loop = loop
        self.together = together
        self.answer: asyncio.Future[ResultT] = loop.create_future()
        self._tell: Callable[[], None] = lambda: None

    def do(self, session: Session) -> None:
        """
        Do it. What became of it is not told yet.
        """
        try:
            with translated(session.path):
                result = self._work(session)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self.fail(error)
        else:
            self._tell = partial(_succeed, self.answer, result)

    def fail(self, error: BaseException) -> None:
        """
        It came to this, whatever it came to before.
        """
        self._tell = partial(_fail, self.answer, error)

    def tell(self) -> None:
        """
        Tell whoever waits; in its event loop.
        """
        self._tell()


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
        self._urgent: deque[_Piece[Any]] = deque()
        self._patient: deque[_Piece[Any]] = deque()
        self._urgent_in_a_row = 0
        self._asked_in: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()

    async def do(
        self, work: Callable[[Session], ResultT], *, urgent: bool = True, together: bool = False
    ) -> ResultT:
        """
        Have *work* done, and its exceptions translated.

        A caller that is cancelled gets its `CancelledError` at once; the work is still done to its end.

        Args:
            work: What to do with the session.
            urgent: Whether it goes before what is not.
            together: Whether it is one transaction, which may become part of a larger one: others that wait
                behind it share its way to the disk. Each has its own result or exception, told when all of
                it is durable; if that fails, each has that exception.

        Raises:
            StorageUnavailable: The worker was closed, or is another process's.
        """
        piece = self._piece(work, together=together)
        (self._urgent if urgent else self._patient).append(piece)
        if not together:
            self._ask_for_turns()
        elif self._asked_in is not piece.loop:
            # Not before whatever else this turn of the loop hands in: tasks that one transaction has woken
            # commit again in one.
            self._asked_in = piece.loop
            piece.loop.call_soon(self._ask_for_turns)
        return await piece.answer

    async def aclose(self) -> None:
        """
        Finish what was handed in, close the session, and end the thread.
        """
        piece = self._piece(Session.close)
        self._submit(partial(self._do, piece))
        self._executor.shutdown(wait=False)
        await piece.answer
        # It has nothing left to do but to return.
        self._executor.shutdown(wait=True)

    def abandon(self) -> None:
        """
        The same without waiting for it.
        """
        with suppress(StorageUnavailable):
            self._submit(self._session.close)
        self._executor.shutdown(wait=False)

    def _piece(self, work: Callable[[Session], ResultT], *, together: bool = False) -> _Piece[ResultT]:
        if os.getpid() != self._process:
            raise StorageUnavailable(
                f"{self._session.path}: the store was opened before a fork, and SQLite does not survive one: "
                "make and open another store in the child"
            )
        return _Piece(work, asyncio.get_running_loop(), together=together)

    def _submit(self, turn: Callable[[], None]) -> None:
        try:
            self._executor.submit(turn)
        except RuntimeError as error:
            raise StorageUnavailable(f"{self._session.path}: the store was closed ({error})") from error

    def _ask_for_turns(self) -> None:
        self._asked_in = None
        try:
            self._submit(self._take_turns)
        except StorageUnavailable as error:
            for waiting in (self._urgent, self._patient):
                while waiting:
                    piece = waiting.popleft()
                    piece.fail(error)
                    _tell((piece,))

    def _take_turns(self) -> None:
        while self._urgent or self._patient:
            self._take_turn()

    def _take_turn(self) -> None:
        urgent = bool(self._urgent) and not (self._patient and self._urgent_in_a_row >= _MOST_URGENT)
        waiting = self._urgent if urgent else self._patient
        pieces = [waiting.popleft()]
        if pieces[0].together:
            while waiting and waiting[0].together and len(pieces) < _MOST_TOGETHER:
                pieces.append(waiting.popleft())
        self._urgent_in_a_row = self._urgent_in_a_row + len(pieces) if urgent else 0
        self._do(*pieces)

    def _do(self, *pieces: _Piece[Any]) -> None:
        session = self._session
        if len(pieces) == 1:
            pieces[0].do(session)
        else:
            self._do_together(pieces)
        _tell(pieces)
        # The work is done, and told; what cannot be tidied now will be the next time.
        with suppress(sqlite3.Error):
            session.tidy()

    def _do_together(self, pieces: Sequence[_Piece[Any]]) -> None:
        session = self._session
        try:
            with translated(session.path), session.together():
                for piece in pieces:
                    piece.do(session)
                    session.require_transaction()
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            # Each has seen what the others did, and nothing of it is durable.
            for piece in pieces:
                piece.fail(error)


def _tell(pieces: Sequence[_Piece[Any]]) -> None:
    """
    Wake each event loop once, for all of its answers.
    """
    for loop in {piece.loop for piece in pieces}:
        answers = [piece.tell for piece in pieces if piece.loop is loop]
        # A loop that is closed by now has nobody who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_call_each, answers)


def _call_each(answers: Sequence[Callable[[], None]]) -> None:
    for answer in answers:
        answer()


def _succeed(answer: asyncio.Future[ResultT], result: ResultT) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[ResultT], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
