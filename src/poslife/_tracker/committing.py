"""
The ledger: reads a position, plans a step on it, commits, and repeats until it is known what became of it.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from poslife._domain.causation import current_context
from poslife._domain.changes import Committed
from poslife._domain.client_order_ids import ClientOrderIdFormat, client_order_id
from poslife._domain.event_envelopes import Actor
from poslife._domain.fills import Fill
from poslife._domain.identifiers import ChangeId, ClientOrderId, PositionRef, RunId, Venue
from poslife._domain.plans import Plan, change_of
from poslife._domain.positions import ClosedPosition, Position
from poslife._runtime.ids import EventIds
from poslife._trail.host_events import warn
from poslife.errors import (
    AlreadyClosed,
    IllegalTransition,
    PositionNotFound,
    StaleVersion,
    StorageUnavailable,
)
from poslife.protocols import Clock, Page, PageToken, Repository

__all__ = ["Ledger", "Timings", "every"]

logger = logging.getLogger("poslife.tracker")

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0
_MOST_REPLANS = 50

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """
    How long things may take, in seconds.

    Attributes:
        submit_window: From the commit of SUBMITTING to the request; past it the request is not made.
        http_timeout: How long the host's venue client waits for an answer (ccxt: ``timeout``, 10,000 ms).
        receive_window: How late the venue still takes a request (ccxt: ``recvWindow``).
        lookups: How often a venue must have not seen an order before it can be proven absent.
        lookup_interval: Between two look-ups of one order.
        fills_within: How late after an order a venue may show its fills.
        commit: How long a commit is repeated while the store does not answer, before the host hears of it.
        lease: How long a run counts as alive without a sign of life.
        shutdown: How long leaving ``async with tracker`` may take to settle and flush.
    """

    submit_window: float = 5.0
    http_timeout: float = 10.0
    receive_window: float = 5.0
    lookups: int = 2
    lookup_interval: float = 1.0
    fills_within: float = 10.0
    commit: float = 10.0
    lease: float = 30.0
    shutdown: float = 10.0

    @property
    def quiet(self) -> float:
        """
        How long after SUBMITTING a request may still reach the venue.
        """
        return self.submit_window + self.http_timeout + self.receive_window


async def every(list_page: Callable[[PageToken | None], Awaitable[Page[ItemT]]]) -> AsyncIterator[ItemT]:
    """
    Every item of a list that comes in pages.
    """
    after: PageToken | None = None
    while True:
        page = await list_page(after)
        for item in page.items:
            yield item
        if page.next is None:
            return
        after = page.next


class Ledger:
    """
    Commits the plans of one run.

    Every commit runs in a task of its own, which goes on when the caller is cancelled; `settle` waits for
    them.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        clock: Clock,
        run: RunId,
        formats: Mapping[Venue, ClientOrderIdFormat],
        timings: Timings,
    ) -> None:
        self.repository = repository
        self.clock = clock
        self.run = run
        self.formats = formats
        self.timings = timings
        self.event_ids: EventIds = EventIds(clock)
        self.last_trouble: str = "it was not asked yet"
        self._tasks: set[asyncio.Task[object]] = set()
        self._stopped = False
        self.conflicts_told: set[Fill] = set()

    def client_order_id(self, ref: PositionRef, ordinal: int, venue: Venue) -> ClientOrderId:
        """
        Our name for an order, as the venue takes it.
        """
        return client_order_id(ref, ordinal, venue=venue, formats=self.formats)

    def spawn(
        self, work: Coroutine[object, object, ResultT], *, name: str, context: Context | None = None
    ) -> asyncio.Task[ResultT]:
        """
        Start *work* in a task that outlives its caller's cancellation.
        """
        task = asyncio.get_running_loop().create_task(work, name=f"poslife {name}", context=context)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def begin(
        self, work: Coroutine[object, object, ResultT], *, name: str
    ) -> tuple[asyncio.Task[ResultT], asyncio.Future[ResultT]]:
        """
        Start *work* as `spawn` does, with a future of what comes of it for whoever waits.

        That future wakes them at once: a task that ends tells its own end one turn of the loop later, and
        `asyncio.shield` another one.
        """
        answer: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        return self.spawn(_answering(answer, work), name=name), answer

    def let_run(self, work: Coroutine[object, object, object], *, name: str, context: Context) -> None:
        """
        Start *work* for its own sake; `settle` waits for it.
        """
        task: asyncio.Task[object] = self.spawn(work, name=name, context=context)
        task.add_done_callback(_tell_failure)
        logger.debug("%s goes on by itself", task.get_name())

    def resume(self) -> None:
        """
        Begin, or begin again after `settle`.
        """
        self._stopped = False

    def _forget(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever awaits the task hears of it; one whose caller was cancelled has no other ear.
            task.exception()

    async def settle(self, deadline: float) -> None:
        """
        Wait for the tasks that are under way, at most *deadline* seconds, and cancel the rest.

        From then on nothing is repeated: a block that is left later finds its store closed, and says so.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + deadline
        while self._tasks and (left := give_up - loop.time()) > 0:
            await asyncio.wait(tuple(self._tasks), timeout=left)
        self._stopped = True
        if late := tuple(self._tasks):
            for task in late:
                logger.error("%s did not end in time and is left to the next recovery", task.get_name())
                task.cancel()
            await asyncio.wait(late)

    async def put(
        self, plan: Plan, *, actor: Actor | None = None, patience: float | None = None
    ) -> Committed:
        """
        Commit *plan*, repeating the same change while the store does not answer.

        Args:
            plan: What to commit.
            actor: Who caused it; who acts here and now by default.
            patience: For how many seconds; `Timings.commit` by default.

        Raises:
            StorageUnavailable: The store did not answer in time; whether the plan was committed is unknown.
            RepositoryError: As `Repository.commit` says.
        """
        around = current_context()
        if around.invalid:
            given = ", ".join(type(one).__name__ for one in around.invalid)
            warn(f"causing(…) or acting_as(…): not what it takes: {given}; stored with severity ERROR")
        change = change_of(
            plan,
            # Such an id, too, is nobody else's; and as ids in order, changes are cheaper to index.
            id=ChangeId(self.event_ids.new()),
            run=self.run,
            at=self.clock.now(),
            around=around if actor is None else replace(around, actor=actor),
            new_event_id=self.event_ids.new,
        )
        return await self._repeated(
            lambda: self.repository.commit(change), self.timings.commit if patience is None else patience
        )

    async def read(self, ref: PositionRef, *, patience: float | None = None) -> Position:
        """
        The position, as of now.

        Raises:
            PositionNotFound: There is none.
            StorageUnavailable: The store did not answer in time.
        """
        return await self._repeated(
            lambda: self.repository.get(ref), self.timings.commit if patience is None else patience
        )

    async def ask(self, question: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """
        What the repository answers, asked again while it does not, for `Timings.commit` seconds.

        Raises:
            StorageUnavailable: The store did not answer in time.
        """
        return await self._repeated(question, self.timings.commit)

    async def _repeated(self, attempt: Callable[[], Awaitable[ResultT]], patience: float) -> ResultT:
        give_up = self.clock.monotonic() + patience
        wait = _FIRST_WAIT
        while True:
            try:
                return await attempt()
            except StorageUnavailable as error:
                self.last_trouble = error.reason
                left = give_up - self.clock.monotonic()
                if left <= 0 or self._stopped:
                    raise
                await self.clock.sleep(min(left, wait * random.uniform(0.5, 1.0)))  # noqa: S311 - jitter
                wait = min(wait * 2, _LONGEST_WAIT)

    async def take(
        self,
        ref: PositionRef,
        step: Callable[[Position, datetime], Plan],
        *,
        known: Position | None = None,
        actor: Actor | None = None,
        patience: float | None = None,
    ) -> Position:
        """
        Take a step: read the position, plan, commit; plan anew where the position has moved on meanwhile.

        Args:
            ref: The position.
            step: Plans from the position and the time; an empty plan commits nothing.
            known: The position as it was last seen, to plan from without reading it; what follows from one
                that is out of date is planned anew.
            actor: Who caused it; who acts here and now by default.
            patience: For how many seconds a store that does not answer is asked again.

        Raises:
            IllegalTransition: And whatever else *step* raises: nothing was written.
            RepositoryError: As `Repository.commit` says.
        """

        async def planned(position: Position, at: datetime) -> Plan:
            return step(position, at)

        return await self.take_looking(ref, planned, known=known, actor=actor, patience=patience)

    async def take_looking(
        self,
        ref: PositionRef,
        step: Callable[[Position, datetime], Awaitable[Plan]],
        *,
        known: Position | None = None,
        actor: Actor | None = None,
        patience: float | None = None,
    ) -> Position:
        """
        As `take`, for a step that has to read more than the position.
        """
        if known is not None:
            try:
                return await self._planned_from(known, step, actor, patience)
            except (IllegalTransition, PositionNotFound, StaleVersion, AlreadyClosed):
                pass  # it has moved on since it was seen; what is there now is read below
        replans = 0
        while True:
            position = await self.read(ref, patience=patience)
            try:
                return await self._planned_from(position, step, actor, patience)
            except (StaleVersion, AlreadyClosed) as error:
                replans += 1
                known_closed = isinstance(error, AlreadyClosed) and isinstance(position, ClosedPosition)
                if known_closed or replans > _MOST_REPLANS:
                    raise

    async def _planned_from(
        self,
        position: Position,
        step: Callable[[Position, datetime], Awaitable[Plan]],
        actor: Actor | None,
        patience: float | None,
    ) -> Position:
        plan = await step(position, self.clock.now())
        if plan.empty:
            return position
        return (await self.put(plan, actor=actor, patience=patience)).position_of(position.ref) or position

    async def outwait(self, task: asyncio.Task[ResultT]) -> asyncio.CancelledError | None:
        """
        Wait for *task*, for `Timings.commit` seconds at most, through any number of cancellations.

        Returns:
            The last of the cancellations: raise it once everything else is seen to.
        """
        alarm = asyncio.ensure_future(self.clock.sleep(self.timings.commit))
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

    async def within_patience(self, answer: asyncio.Future[ResultT]) -> ResultT:
        """
        What *answer* gives, if it comes within `Timings.commit` seconds.

        Raises:
            StorageUnavailable: It did not.
        """

        def give_up(_: object) -> None:
            if not answer.done():
                answer.set_exception(StorageUnavailable(self.last_trouble))

        alarm = asyncio.ensure_future(self.clock.sleep(self.timings.commit))
        alarm.add_done_callback(give_up)
        try:
            return await answer
        finally:
            answer.cancel()
            alarm.cancel()

    async def shielded(self, work: Coroutine[object, object, ResultT], *, name: str) -> ResultT:
        """
        Await *work* in a task of its own, which goes on to its end when the caller is cancelled.
        """
        _, answer = self.begin(work, name=name)
        try:
            return await answer
        finally:
            answer.cancel()


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


def _tell_failure(task: asyncio.Task[object]) -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        logger.error("%s failed: %s", task.get_name(), failure)
