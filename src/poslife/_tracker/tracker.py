"""
The tracker: the object that a host holds and calls.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from poslife._domain.causation import acting_without_cause
from poslife._domain.checks import require_member, require_utc
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.event_envelopes import Actor, RecordedEvent, Severity
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import EventId, PositionId, PositionKey, PositionRef, RunId, Side, Venue
from poslife._domain.orders import CloseReason, Trigger
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.venue_answers import FillPage
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife._tracker.apply_fills import FillApplier, FillsApplied
from poslife._tracker.arguments import require_arguments, require_optional_arguments
from poslife._tracker.closing import Closing
from poslife._tracker.committing import Committer
from poslife._tracker.manifest import Manifest
from poslife._tracker.opening import Opening
from poslife._tracker.order_block import BlockContext, doubt_everything
from poslife._tracker.recovery import Recovery, recover
from poslife._tracker.run_life import RunLife
from poslife._tracker.steps import Steps
from poslife._tracker.tasks import Tasks
from poslife._tracker.timings import Timings
from poslife._trail.host_events import host_event
from poslife.errors import BlockMisused, TrackerNotStarted
from poslife.protocols import Clock, EventSink, Repository, SubmitClassifier, VenueSource
from poslife.protocols._pages import every_item

__all__ = ["PositionTracker"]

logger = logging.getLogger("poslife.tracker")


class PositionTracker:
    """
    The positions of a host, and the trail that proves how it came to hold them.

    Use it as ``async with tracker:``. `record` works before and after, too. Several trackers in one process,
    over one store or several, share nothing.

    Args:
        repository: The repository of positions. The tracker opens and closes it.
        sink: The sink of the host's events. The tracker closes it.
        classify: Recognizes a definitive refusal out of `submit`; by default no exception is one.
        clock: The clock; by default the system's.
        timings: Time-outs and intervals.
        client_order_ids: Formats for further venues, or other ones for those that poslife knows.
        host_version: The host's own version, for the manifest of each run: see `poslife.connect`.
        configuration: The host's configuration, of which the manifest has a digest.

    Raises:
        InvalidValue: The version or the configuration is refused; nothing was opened or written.
    """

    __slots__ = (
        "_block_context",
        "_committer",
        "_fills",
        "_life",
        "_repository",
        "_sink",
        "_started",
        "_steps",
        "_tasks",
        "_timings",
    )

    def __init__(
        self,
        *,
        repository: Repository,
        sink: EventSink,
        classify: SubmitClassifier = doubt_everything,
        clock: Clock | None = None,
        timings: Timings | None = None,
        client_order_ids: Mapping[Venue, ClientOrderIdFormat] | None = None,
        host_version: str | None = None,
        configuration: Mapping[str, object] | None = None,
    ) -> None:
        clock = SystemClock() if clock is None else clock
        timings = Timings() if timings is None else timings
        manifest = Manifest(
            host_version=host_version,
            configuration=configuration,
            timings=timings,
            client_order_ids=client_order_ids or {},
        )
        self._repository = repository
        self._sink = sink
        self._timings = timings
        self._started = False
        self._life = RunLife(
            repository, clock=clock, lease=timings.lease, manifest=manifest, record=self.record
        )
        self._tasks = Tasks(clock=clock, patience=timings.commit)
        self._committer = Committer(
            repository,
            clock=clock,
            life=self._life,
            formats={**CLIENT_ORDER_IDS, **(client_order_ids or {})},
            timings=timings,
        )
        self._fills = FillApplier(self._committer, self.record)
        self._steps = Steps(self._committer, self._fills)
        patient = self._committer.with_patience(math.inf)
        self._block_context = BlockContext(
            tasks=self._tasks,
            steps=self._steps,
            patient_steps=Steps(patient, self._fills),
            patient_committer=patient,
            classify=classify,
            record_error=self._record_error,
        )
        after_fork_in_child(self._life.reset_after_fork)

    @property
    def run(self) -> RunId:
        """
        The id of this life of the host's process; a new one after `RunLost` and `recover`.
        """
        return self._life.id

    @property
    def steps(self) -> Steps:
        """
        The steps of orders and positions as plain calls, by ref, for code that does not fit a block.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``.
        """
        self._require_started("steps")
        return self._steps

    async def __aenter__(self) -> Self:
        if self._started:
            raise BlockMisused("async with tracker", "it is entered already")
        await self._repository.open()
        try:
            await self._life.start()
            where = await self._life.describe_store()
        except BaseException:
            await self._repository.aclose()
            raise
        self._committer.resume_retrying()
        self._started = True
        self._life.start_renewing()
        logger.info("run %s keeps its positions in %s", self.run, where)
        self._life.record_start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        stopping = asyncio.get_running_loop().create_task(self._stop(), name="poslife stops")
        interrupted: asyncio.CancelledError | None = None
        while not stopping.done():
            try:
                await asyncio.wait((stopping,))
            except asyncio.CancelledError as again:
                interrupted = again
        failure = stopping.exception()
        if interrupted is not None:
            raise interrupted
        if failure is not None and error is None:
            raise failure
        if failure is not None:
            logger.error("while stopping: %s", failure)

    async def _stop(self) -> None:
        """
        Settle the running tasks, flush, end the run, close; each whatever became of the one before.
        """
        self._started = False
        loop, deadline = asyncio.get_running_loop(), self._timings.shutdown
        give_up = loop.time() + deadline

        def left() -> float:
            # Each is given a moment, also when the one before has used all the time there was.
            return max(give_up - loop.time(), min(1.0, deadline))

        await self._life.stop_renewing()
        await self._tasks.settle(deadline, before_cancelling=self._committer.stop_retrying)
        self.record("run.stopped", None, {})
        failures: list[Exception] = []
        try:
            await self._sink.aclose(left())
        except Exception as error:  # noqa: BLE001 - raised below, once the repository is closed
            failures.append(error)
        try:
            await self._life.end(left())
        except Exception as error:  # noqa: BLE001 - as above
            failures.append(error)
        await self._repository.aclose()
        if failures:
            raise failures[0]

    async def recover(self, *sources: VenueSource) -> Recovery:
        """
        Settle the orders that ended runs left, and this run's orders in doubt.

        Call it once after the start, and whenever an outcome was `InDoubt`.

        Orders that ended runs had prepared are abandoned; those they were submitting are in doubt. Those in
        doubt are looked up at the source of their venue and account until they are seen, with their fills, or
        proven absent: not seen in several look-ups after they could no longer arrive, while every trade since
        belongs to a known order and the venue holds what the store has. Without a source they stay in doubt.
        After `RunLost` it begins a new run.

        Args:
            sources: One for each venue and account.

        Raises:
            VenueUnavailable: A venue could not be asked; the orders it was asked about stay as they are.
                Opening is possible, and keys in doubt take no new entry.
            StorageUnavailable: The store did not answer in time.
        """
        self._require_started("recover")
        # The orders in doubt may belong to another signal or another run than the caller's context says.
        with acting_without_cause(Actor.RECOVERY):
            await self._life.ensure()
            return await recover(self._committer, self._steps, self._fills, sources)

    def opening(
        self,
        key: PositionKey,
        *,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        trigger: Trigger | None = None,
    ) -> Opening:
        """
        Return the block that opens a position. Entering it commits the intention and claims the key.

        Args:
            key: The key of the position.
            side: Long or short.
            quantity: In contracts.
            price: The limit, or the price the decision was made at.
            trigger: The condition of a conditional entry: it says where the order is looked up.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``. On entering: what `Steps.claim` raises.
        """
        self._require_started("opening")
        require_arguments(key=key, side=side, quantity=quantity)
        require_optional_arguments(price=price, trigger=trigger)
        return Opening(self._block_context, key, side=side, quantity=quantity, price=price, trigger=trigger)

    def closing(
        self,
        position: PersistedPosition,
        *,
        reason: CloseReason = CloseReason.STRATEGY,
        price: Decimal | None = None,
    ) -> Closing:
        """
        Return the block that closes a position. Entering it commits the exit, which owns the closing.

        Args:
            position: The position; a pending one is a type error.
            reason: The reason.
            price: The limit of the exit, or ``None``.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``.
            AlreadyClosed: The position is closed; carries the stored exit. On entering: what `Steps.prepare`
                raises.
        """
        self._require_started("closing")
        require_member("reason", reason, CloseReason)
        require_optional_arguments(price=price)
        return Closing(self._block_context, position, reason=reason, price=price)

    async def apply_fills(self, *fills: Fill | FillPage) -> FillsApplied:
        """
        Apply fills, from whatever source and as often as they come: each is booked once.

        A fill goes to its order's position if that is live, else to the key's live holder, else it opens a
        position; one that cannot be assigned is stored as unclaimed, with an event of severity ERROR. Rows of
        a page that could not be read are recorded as ``fill.unreadable`` with severity ERROR.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``.
            StorageUnavailable: The store did not answer in time. Apply the same fills again.
        """
        self._require_started("apply_fills")
        return await self._steps.apply_fills(*fills)

    def record(
        self,
        type: str,
        about: Position | PositionRef | None,
        payload: Mapping[str, object],
        *,
        severity: Severity = Severity.INFO,
        error: BaseException | None = None,
    ) -> EventId:
        """
        Record a host event, at any time, from any coroutine or thread.

        It never raises and never waits.

        Args:
            type: Its name, for example ``stop_loss.placed``.
            about: A position of any kind, a ref, or ``None``.
            payload: Any values by name; those that JSON cannot express are written as text.
            severity: The severity.
            error: An exception to keep with its traceback.

        Returns:
            The event's id. Arguments that type checkers refuse are stored with severity ERROR, and a
            `PoslifeMisuseWarning` is issued.
        """
        event = host_event(
            type,
            about,
            payload,
            severity=severity,
            error=error,
            run=self._life.id,
            now=self._committer.clock.now,
            new_event_id=self._committer.event_ids.new,
        )
        return self._sink.emit(event)

    def _record_error(self, type: str, ref: PositionRef, error: BaseException) -> None:
        self.record(type, ref, {}, severity=Severity.ERROR, error=error)

    async def flush(self, timeout: float | None = None) -> None:
        """
        Return when every event recorded before is stored, or kept as a dead letter.

        Raises:
            FlushTimeout: *timeout* seconds went by first. Nothing is lost.
        """
        await self._sink.flush(timeout)

    async def get(self, ref: PositionRef) -> Position:
        """
        Return the position with this ref.

        Raises:
            PositionNotFound: There is none.
        """
        require_arguments(ref=ref)
        return await self._reading().get(ref)

    async def get_by_id(self, id: PositionId) -> PersistedPosition | ClosedPosition:
        """
        Return the position with this id.

        Raises:
            PositionNotFound: There is none.
        """
        return await self._reading().get_by_id(id)

    async def find_live(self, key: PositionKey) -> LivePosition | None:
        """
        Return the live position that holds *key*, pending or open; ``None`` where there is none.
        """
        require_arguments(key=key)
        return await self._reading().find_live(key)

    def live(self) -> AsyncIterator[LivePosition]:
        """
        Iterate over every position that holds a key, pending ones included.
        """
        return every_item(self._reading().list_live)

    async def pending(self) -> AsyncIterator[PendingPosition]:
        """
        Iterate over every position that holds a key and has had no fill.
        """
        async for position in self.live():
            if isinstance(position, PendingPosition):
                yield position

    def in_doubt(self) -> AsyncIterator[Position]:
        """
        Iterate over every position with an order in doubt.
        """
        return every_item(self._reading().list_in_doubt)

    def closed(self, since: datetime, until: datetime) -> AsyncIterator[ClosedPosition]:
        """
        Iterate over the positions closed from *since* (included) to *until* (not included), by closing time.
        """
        require_utc("since", since)
        require_utc("until", until)
        repository = self._reading()
        return every_item(lambda after: repository.list_closed(since, until, after))

    def history(self, ref: PositionRef) -> AsyncIterator[RecordedEvent]:
        """
        Iterate over every stored event of a position, its time as a pending one included, in order.

        Host events are among them once they are flushed.
        """
        require_arguments(ref=ref)
        repository = self._reading()
        return every_item(lambda after: repository.list_history(ref, after))

    def fills(self, ref: PositionRef) -> AsyncIterator[StoredFill]:
        """
        Iterate over every fill of a position, in the order they were stored.
        """
        require_arguments(ref=ref)
        repository = self._reading()
        return every_item(lambda after: repository.list_fills(ref, after))

    def unclaimed(self) -> AsyncIterator[StoredFill]:
        """
        Iterate over every fill that could not be assigned.
        """
        return every_item(self._reading().list_unclaimed)

    def _reading(self) -> Repository:
        self._require_started("reading")
        return self._repository

    def _require_started(self, wanted: str) -> None:
        if not self._started:
            raise TrackerNotStarted(wanted)
