"""
The tasks of a tracker: they go on when the call that started them is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TypeVar

from poslife.protocols import Clock

__all__ = ["Tasks"]

logger = logging.getLogger("poslife.tracker")

ResultT = TypeVar("ResultT")


class Tasks:
    """
    Starts tasks, and waits for them when the tracker stops.

    Args:
        clock: The clock that waiting goes by.
        patience: Seconds for which a caller waits for a task.
    """

    def __init__(self, *, clock: Clock, patience: float) -> None:
        self._clock = clock
        self._patience = patience
        self._running: set[asyncio.Task[object]] = set()

    def spawn(
        self, work: Coroutine[object, object, ResultT], *, name: str, context: Context | None = None
    ) -> asyncio.Task[ResultT]:
        """
        Start *work* in a task that goes on when its caller is cancelled.
        """
        task = asyncio.get_running_loop().create_task(work, name=f"poslife {name}", context=context)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            # Retrieved here, because a cancelled caller does not: asyncio would log it as never retrieved.
            task.exception()

    def begin(
        self, work: Coroutine[object, object, ResultT], *, name: str
    ) -> tuple[asyncio.Task[ResultT], asyncio.Future[ResultT]]:
        """
        Start *work* as `spawn` does, and return its task with a future of its result.

        The future wakes its waiter at once. A task does so one turn of the loop after its end, and
        `asyncio.shield` after another one.
        """
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        return self.spawn(_answering(answer, work), name=name), answer

    async def shielded(self, work: Coroutine[object, object, ResultT], *, name: str) -> ResultT:
        """
        Await *work* in a task that goes on to its end when the caller is cancelled.
        """
        _, answer = self.begin(work, name=name)
        try:
            return await answer
        finally:
            answer.cancel()

    def let_run(self, work: Coroutine[object, object, object], *, name: str, context: Context) -> None:
        """
        Start *work* without waiting for it. Its failure is logged; `settle` waits for its end.
        """
        task: asyncio.Task[object] = self.spawn(work, name=name, context=context)
        task.add_done_callback(_log_failure)
        logger.debug("%s goes on in the background", task.get_name())

    async def outwait(self, task: asyncio.Task[ResultT]) -> asyncio.CancelledError | None:
        """
        Wait for *task*, through any number of cancellations, until it ends or the patience does.

        Returns:
            The last of the cancellations, for the caller to raise when everything else is done.
        """
        alarm = asyncio.ensure_future(self._clock.sleep(self._patience))
        interrupted: asyncio.CancelledError | None = None
        try:
            while not task.done() and not alarm.done():
                try:
                    await asyncio.wait((task, alarm), return_when=asyncio.FIRST_COMPLETED)
                except asyncio.CancelledError as again:
                    interrupted = again
        finally:
            alarm.cancel()
        return interrupted

    async def within_patience(
        self, answer: asyncio.Future[ResultT], too_late: Callable[[], Exception]
    ) -> ResultT:
        """
        Return the result of *answer*, or raise the error that *too_late* makes when the patience ends first.
        """

        def give_up(_: object) -> None:
            if not answer.done():
                answer.set_exception(too_late())

        alarm = asyncio.ensure_future(self._clock.sleep(self._patience))
        alarm.add_done_callback(give_up)
        try:
            return await answer
        finally:
            answer.cancel()
            alarm.cancel()

    async def settle(self, deadline: float, *, before_cancelling: Callable[[], None]) -> None:
        """
        Wait for the running tasks, at most *deadline* seconds, and cancel those that are left.

        Args:
            deadline: Seconds by the event loop's clock.
            before_cancelling: Called when the waiting is over, also where no task is left.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + deadline
        while self._running and (left := give_up - loop.time()) > 0:
            await asyncio.wait(tuple(self._running), timeout=left)
        before_cancelling()
        if late := tuple(self._running):
            for task in late:
                logger.error(
                    "%s did not end within %g s and is cancelled: the next recovery settles its order",
                    task.get_name(),
                    deadline,
                )
                task.cancel()
            await asyncio.wait(late)


async def _answering(answer: asyncio.Future[ResultT], work: Coroutine[object, object, ResultT]) -> ResultT:
    try:
        result = await work
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except BaseException as error:
        if not answer.done():
            answer.set_exception(error)
        raise
    if not answer.done():
        answer.set_result(result)
    return result


def _log_failure(task: asyncio.Task[object]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("%s failed: %s", task.get_name(), failure)
