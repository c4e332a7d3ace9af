"""
A thread with one session: it runs jobs one after the other, so that the event loop never waits for the disk.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, TypeVar

from poslife.errors import StorageUnavailable
from poslife.sqlite._errors import translated
from poslife.sqlite._session import Session

__all__ = ["Worker"]

# After so many urgent jobs in a row, one that is not urgent has its turn.
_MOST_URGENT: Final = 32

# At most so many commits share a transaction, so that none waits long for the others.
_MOST_TOGETHER: Final = 16

ResultT = TypeVar("ResultT")


class _Job(Generic[ResultT]):
    """
    A job, and the future that its caller waits for.
    """

    def __init__(
        self, work: Callable[[Session], ResultT], loop: asyncio.AbstractEventLoop, *, together: bool
    ) -> None:
        self._work = work
        self.loop = loop
        self.together = together
        self.answer: asyncio.Future[ResultT] = loop.create_future()
        self._publish: Callable[[], None] = lambda: None

    def do(self, session: Session) -> None:
        """
        Run the job, and keep its result until `publish`.
        """
        try:
            with translated(session.path):
                result = self._work(session)
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            self.fail(error)
        else:
            self._publish = partial(_succeed, self.answer, result)

    def fail(self, error: BaseException) -> None:
        """
        Replace the result by *error*.
        """
        self._publish = partial(_fail, self.answer, error)

    def publish(self) -> None:
        """
        Resolve the future; called in the caller's event loop.
        """
        self._publish()


class Worker:
    """
    A thread that owns a session.

    It is an executor's thread and no daemon: if it is not closed, it finishes its jobs and ends with the
    interpreter.

    Args:
        name: The name of the thread.
        session: The session.
    """

    def __init__(self, name: str, session: Session) -> None:
        self._session = session
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._urgent: deque[_Job[Any]] = deque()
        self._background: deque[_Job[Any]] = deque()
        self._urgent_in_a_row = 0
        self._asked_in: asyncio.AbstractEventLoop | None = None
        self._process = os.getpid()
        self._left: Future[None] | None = None

    async def do(
        self, work: Callable[[Session], ResultT], *, urgent: bool = True, together: bool = False
    ) -> ResultT:
        """
        Run *work* in the thread, with its exceptions translated.

        A caller that is cancelled gets its `CancelledError` at once; the job still runs to its end.

        Args:
            work: The job.
            urgent: Run it before jobs that are not urgent.
            together: The job is one transaction that may become part of a larger one: jobs that wait behind
                it share its sync of the disk. Each has its own result or exception, published when all of
                them are durable; if the larger transaction fails, each has that exception.

        Raises:
            StorageUnavailable: The worker was closed, or belongs to another process.
        """
        job = self._new_job(work, together=together)
        (self._urgent if urgent else self._background).append(job)
        if not together:
            self._ask_for_turns()
        elif self._asked_in is not job.loop:
            # After the other jobs of this turn of the loop: tasks that one transaction has woken commit
            # together again.
            self._asked_in = job.loop
            job.loop.call_soon(self._ask_for_turns)
        return await job.answer

    async def aclose(self) -> None:
        """
        Run the waiting jobs, close the session, and end the thread.
        """
        job = self._new_job(Session.close)
        self._submit(partial(self._do, job))
        self._executor.shutdown(wait=False)
        await job.answer
        # The thread has only to return.
        self._executor.shutdown(wait=True)

    def abandon(self) -> None:
        """
        Do the same without waiting for it.
        """
        with suppress(StorageUnavailable):
            self._left = self._submit(self._session.close)
        self._executor.shutdown(wait=False)

    async def left(self) -> None:
        """
        Wait until an abandoned worker has closed its session.
        """
        # After a fork the thread exists in the parent alone.
        if self._left is not None and os.getpid() == self._process:
            # Unlike `await`, a cancelled `wait` does not cancel the closing.
            await asyncio.wait([asyncio.wrap_future(self._left)])

    def _new_job(self, work: Callable[[Session], ResultT], *, together: bool = False) -> _Job[ResultT]:
        if os.getpid() != self._process:
            raise StorageUnavailable(
                f"{self._session.path}: the store was opened before a fork, and SQLite does not survive one: "
                "make and open another store in the child"
            )
        return _Job(work, asyncio.get_running_loop(), together=together)

    def _submit(self, turn: Callable[[], None]) -> Future[None]:
        try:
            return self._executor.submit(turn)
        except RuntimeError as error:
            raise StorageUnavailable(f"{self._session.path}: the store was closed ({error})") from error

    def _ask_for_turns(self) -> None:
        self._asked_in = None
        try:
            self._submit(self._take_turns)
        except StorageUnavailable as error:
            for waiting in (self._urgent, self._background):
                while waiting:
                    job = waiting.popleft()
                    job.fail(error)
                    _publish((job,))

    def _take_turns(self) -> None:
        while self._urgent or self._background:
            self._take_turn()

    def _take_turn(self) -> None:
        urgent = bool(self._urgent) and not (self._background and self._urgent_in_a_row >= _MOST_URGENT)
        waiting = self._urgent if urgent else self._background
        jobs = [waiting.popleft()]
        if jobs[0].together:
            while waiting and waiting[0].together and len(jobs) < _MOST_TOGETHER:
                jobs.append(waiting.popleft())
        self._urgent_in_a_row = self._urgent_in_a_row + len(jobs) if urgent else 0
        self._do(*jobs)

    def _do(self, *jobs: _Job[Any]) -> None:
        session = self._session
        if len(jobs) == 1:
            jobs[0].do(session)
        else:
            self._do_together(jobs)
        _publish(jobs)
        # The results are published; a checkpoint that fails now is made the next time.
        with suppress(sqlite3.Error):
            session.tidy()

    def _do_together(self, jobs: Sequence[_Job[Any]]) -> None:
        session = self._session
        try:
            with translated(session.path), session.together():
                for job in jobs:
                    job.do(session)
                    session.require_transaction()
        except BaseException as error:  # noqa: BLE001 - the caller gets it
            # Each job has seen the others' changes, and none of them is durable.
            for job in jobs:
                job.fail(error)


def _publish(jobs: Sequence[_Job[Any]]) -> None:
    """
    Wake each event loop once, for all of its futures.
    """
    for loop in {job.loop for job in jobs}:
        answers = [job.publish for job in jobs if job.loop is loop]
        # A closed loop has no callers left.
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
