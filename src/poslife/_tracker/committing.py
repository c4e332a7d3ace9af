"""
Committing plans: read a position, plan, commit, and repeat until the result is known.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from msgspec import structs

from poslife._domain.causation import current_context
from poslife._domain.changes import Committed
from poslife._domain.client_order_ids import ClientOrderIdFormat, client_order_id
from poslife._domain.event_envelopes import Actor
from poslife._domain.identifiers import ChangeId, ClientOrderId, PositionRef, Venue
from poslife._domain.plans import Plan, change_of
from poslife._domain.positions import ClosedPosition, Position
from poslife._runtime.ids import EventIds
from poslife._tracker.run_life import RunLife
from poslife._tracker.timings import Timings
from poslife._trail.encoding import redacted_evidence
from poslife._trail.host_events import warn
from poslife.errors import (
    AlreadyClosed,
    IllegalTransition,
    PositionNotFound,
    StaleVersion,
    StorageUnavailable,
)
from poslife.protocols import Clock, Repository

__all__ = ["Committer", "Step"]

_FIRST_WAIT = 0.02
_LONGEST_WAIT = 1.0
_MOST_REPLANS = 50

ResultT = TypeVar("ResultT")

Step = Callable[[Position, datetime], Plan | Awaitable[Plan]]
"""
Plans from a position and the time. An empty plan commits nothing; one that has to read more is awaited.
"""


class Committer:
    """
    Commits the plans of one tracker, each as a change of its current run.

    Attributes:
        repository: The repository.
        clock: The clock that changes are dated by, and that waiting goes by.
        life: The current run.
        formats: The formats of client order ids, by venue.
        timings: The tracker's timings.
        event_ids: Makes the ids of events and changes.
        patience: Seconds for which a call is repeated while the store does not answer.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        clock: Clock,
        life: RunLife,
        formats: Mapping[Venue, ClientOrderIdFormat],
        timings: Timings,
    ) -> None:
        self.repository = repository
        self.clock = clock
        self.life = life
        self.formats = formats
        self.timings = timings
        self.event_ids: EventIds = EventIds(clock)
        self._retries = _Retries(clock)
        self.patience: float = timings.commit

    def with_patience(self, seconds: float) -> Committer:
        """
        Return this committer with another patience; all else is shared.
        """
        other = copy.copy(self)
        other.patience = seconds
        return other

    def client_order_id(self, ref: PositionRef, ordinal: int, venue: Venue) -> ClientOrderId:
        """
        Return our name for an order, in the format of the venue.
        """
        return client_order_id(ref, ordinal, venue=venue, formats=self.formats)

    def unavailable(self) -> StorageUnavailable:
        """
        Return the error for a caller that waits no longer, with the reason of the last failed attempt.
        """
        return StorageUnavailable(self._retries.last_reason)

    def stop_retrying(self) -> None:
        """
        Repeat nothing from now on: the store is about to be closed.
        """
        self._retries.stopped = True

    def resume_retrying(self) -> None:
        """
        Repeat again what a store did not answer.
        """
        self._retries.stopped = False

    async def put(self, plan: Plan, *, actor: Actor | None = None) -> Committed:
        """
        Commit *plan*, repeating the same change while the store does not answer.

        Args:
            plan: The plan.
            actor: The actor of its events; by default the one of the current context.

        Raises:
            StorageUnavailable: The store did not answer in time. It is unknown if the plan was committed.
            RepositoryError: As `Repository.commit` says.
        """
        around = current_context()
        if around.invalid:
            given = ", ".join(type(one).__name__ for one in around.invalid)
            warn(f"causing(…) or acting_as(…): invalid {given}; stored with severity ERROR")
        change = change_of(
            _with_redacted_evidence(plan),
            # From the maker of event ids, because ids in order are cheaper to index.
            id=ChangeId(self.event_ids.new()),
            run=self.life.id,
            at=self.clock.now(),
            around=around if actor is None else replace(around, actor=actor),
            new_event_id=self.event_ids.new,
        )
        return await self.repeat(lambda: self.repository.commit(change))

    async def read(self, ref: PositionRef) -> Position:
        """
        Return the position, as of the last commit.

        Raises:
            PositionNotFound: There is none.
            StorageUnavailable: The store did not answer in time.
        """
        return await self.repeat(lambda: self.repository.get(ref))

    async def repeat(self, attempt: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """
        Return the result of *attempt*, made again while the store does not answer.

        Raises:
            StorageUnavailable: The store did not answer in time.
        """
        return await self._retries.repeat(attempt, self.patience)

    async def take(
        self, ref: PositionRef, step: Step, *, known: Position | None = None, actor: Actor | None = None
    ) -> Position:
        """
        Read a position, plan, commit; plan again where the position has changed meanwhile.

        Args:
            ref: The position.
            step: The step.
            known: The position as it was last seen, to plan from without reading it. Where it is out of date
                the step is planned from the stored one.
            actor: The actor of the events; by default the one of the current context.

        Raises:
            IllegalTransition: And everything else that *step* raises: nothing was written.
            RepositoryError: As `Repository.commit` says.
        """
        if known is not None:
            try:
                return await self._commit_step(known, step, actor)
            except (IllegalTransition, PositionNotFound, StaleVersion, AlreadyClosed):
                pass  # it may have changed since it was seen: the stored one decides
        replans = 0
        while True:
            position = await self.read(ref)
            try:
                return await self._commit_step(position, step, actor)
            except (StaleVersion, AlreadyClosed) as error:
                replans += 1
                known_closed = isinstance(error, AlreadyClosed) and isinstance(position, ClosedPosition)
                if known_closed or replans > _MOST_REPLANS:
                    raise

    async def _commit_step(self, position: Position, step: Step, actor: Actor | None) -> Position:
        plan = step(position, self.clock.now())
        if not isinstance(plan, Plan):
            plan = await plan
        if plan.empty:
            return position
        return (await self.put(plan, actor=actor)).position_of(position.ref) or position


def _with_redacted_evidence(plan: Plan) -> Plan:
    if all(event.evidence is None for event in plan.events):
        return plan
    events = [
        event
        if event.evidence is None
        else structs.replace(event, evidence=redacted_evidence(event.evidence))
        for event in plan.events
    ]
    return structs.replace(plan, events=tuple(events))


class _Retries:
    """
    Repeated calls to a store, shared by the committers of one tracker.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last_reason = "it was not asked yet"
        self.stopped = False

    async def repeat(self, attempt: Callable[[], Awaitable[ResultT]], patience: float) -> ResultT:
        give_up = self._clock.monotonic() + patience
        wait = _FIRST_WAIT
        while True:
            try:
                return await attempt()
            except StorageUnavailable as error:
                self.last_reason = error.reason
                left = give_up - self._clock.monotonic()
                if left <= 0 or self.stopped:
                    raise
                await self._clock.sleep(min(left, wait * random.uniform(0.5, 1.0)))  # noqa: S311 - jitter
                wait = min(wait * 2, _LONGEST_WAIT)
