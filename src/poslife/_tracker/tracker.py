"""
The tracker: what a host holds of poslife.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextvars import Context
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Self

from poslife._domain.causation import acting_without_cause
from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.event_envelopes import Actor, RecordedEvent, Severity
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import EventId, PositionId, PositionKey, PositionRef, RunId, Side, Venue
from poslife._domain.orders import CloseReason
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife._runtime.ids import new_run_id
from poslife._runtime.process import this_run
from poslife._tracker.apply_fills import FillsApplied
from poslife._tracker.blocks import Closing, Opening
from poslife._tracker.committing import Ledger, Timings, every
from poslife._tracker.order_block import Host
from poslife._tracker.recovery import Recovery, settle_doubts, take_over
from poslife._tracker.steps import Steps
from poslife._trail.host_events import host_event
from poslife.errors import (
    BlockMisused,
    PoslifeError,
    RunLost,
    StorageUnavailable,
    TrackerNotStarted,
)
from poslife.protocols import (
    Clock,
    EventSink,
    Repository,
    SubmitClassifier,
    SubmitContext,
    SubmitVerdict,
    VenueSource,
)

__all__ = ["PositionTracker", "doubt_everything"]

logger = logging.getLogger("poslife.tracker")


def doubt_everything(_: BaseException, __: SubmitContext, /) -> SubmitVerdict:
    """
    The classifier that takes no exception for a refusal. Safe for any venue client, and slow to free a key.
    """
    return SubmitVerdict.UNKNOWN


class PositionTracker:
    """
    Knows what the host holds, and proves how it came to hold it.

    Use it as ``async with tracker:``. `record` works before and after, too. Several trackers in one process,
    over one store or several, do not meet.

    Args:
        repository: Where positions are kept. The tracker opens and closes it.
        sink: Where the host's events go. The tracker closes it.
        classify: Tells a definitive refusal out of `submit` from everything else; by default nothing is one.
        clock: Where time comes from.
        timings: How long things may take.
        client_order_ids: Formats for further venues, or other ones for those poslife knows.
    """

    def __init__(
        self,
        *,
        repository: Repository,
        sink: EventSink,
        classify: SubmitClassifier = doubt_everything,
        clock: Clock | None = None,
        timings: Timings | None = None,
        client_order_ids: Mapping[Venue, ClientOrderIdFormat] | None = None,
    ) -> None:
        clock = SystemClock() if clock is None else clock
        self._ledger = Ledger(
            repository,
            clock=clock,
            run=new_run_id(clock),
            formats={**CLIENT_ORDER_IDS, **(client_order_ids or {})},
            timings=Timings() if timings is None else timings,
        )
        self._sink = sink
        self._steps = Steps(self._ledger)
        self._host = Host(
            ledger=self._ledger, steps=self._steps, classify=classify, record_error=self._record_error
        )
        self._renewal: asyncio.Task[None] | None = None
        self._started = False
        self._lost = False
        self._beginning = asyncio.Lock()
        after_fork_in_child(self._begin_anew)

    def _begin_anew(self) -> None:
        """
        In the child of a fork: what it records is of a run of its own, which has not begun.
        """
        self._ledger.run = new_run_id(self._ledger.clock)

    @property
    def run(self) -> RunId:
        """
        This life of the host's process; a new one after `RunLost` and `recover`.
        """
        return self._ledger.run

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
        await self._ledger.repository.open()
        try:
            await self._start_run()
            where = await self._ledger.repository.describe()
        except BaseException:
            await self._ledger.repository.aclose()
            raise
        self._ledger.resume()
        self._started = True
        # What is going on while it begins is no cause of what becomes of the run.
        self._renewal = asyncio.get_running_loop().create_task(
            self._renew(), name="poslife lease", context=Context()
        )
        logger.info("run %s keeps its positions in %s", self.run, where)
        self.record("run.started", None, {"store": where})
        return self

    async def _start_run(self) -> None:
        repository, lease = self._ledger.repository, self._ledger.timings.lease
        await repository.start_run(this_run(self.run, lease))
        self._lost = False

    async def _renew(self) -> None:
        """
        Renew the lease three times within its length, for as long as the tracker is started.
        """
        lease = self._ledger.timings.lease
        while True:
            await self._ledger.clock.sleep(lease / 3)
            if self._lost:
                continue
            run = self.run
            try:
                await self._ledger.repository.renew_run(run, lease)
            except RunLost as error:
                if run != self.run:
                    continue  # `recover` has begun another meanwhile
                self._lost = True
                logger.error("%s", error)  # noqa: TRY400 - the message is all there is to tell
                self.record("run.lost", None, {}, severity=Severity.ERROR, error=error)
            except PoslifeError as error:
                logger.warning("the lease of run %s could not be renewed: %s", run, error)
            except Exception as error:
                # An adapter's bug must not let the lease run out; the next renewal may succeed.
                logger.exception("the lease of run %s could not be renewed", run)
                self.record("run.renewal_failed", None, {}, severity=Severity.ERROR, error=error)

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
        Settle what is under way, end the run, flush, close; each whatever became of the one before.
        """
        self._started = False
        ledger, deadline = self._ledger, self._ledger.timings.shutdown
        loop = asyncio.get_running_loop()
        give_up = loop.time() + deadline

        def left() -> float:
            # Each is given a moment, also when the one before has used all the time there was.
            return max(give_up - loop.time(), min(1.0, deadline))

        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait((self._renewal,))
        await ledger.settle(deadline)
        self.record("run.stopped", None, {})
        failures: list[Exception] = []
        try:
            await self._sink.aclose(left())
        except Exception as error:  # noqa: BLE001 - the repository is closed all the same, the error raised below
            failures.append(error)
        try:
            await asyncio.wait_for(ledger.repository.end_run(ledger.run), left())
        except (StorageUnavailable, TimeoutError) as error:
            logger.warning("run %s could not be ended, its lease will run out: %s", ledger.run, error)
        except Exception as error:  # noqa: BLE001 - as above
            failures.append(error)
        await ledger.repository.aclose()
        if failures:
            raise failures[0]

    async def recover(self, *sources: VenueSource) -> Recovery:
        """
        Settle what ended runs left, and this run's orders in doubt.

        Call it once after the start, and whenever an outcome was `InDoubt`.

        Orders that ended runs had prepared are abandoned; those they were submitting are in doubt. Those in
        doubt are looked up at the source of their venue and account until they are seen, with their fills, or
        proven absent: not seen in several look-ups after they could no longer arrive, while every trade since
        belongs to a known order and the venue holds what we believe. Without a source they stay in doubt.
        After `RunLost` it begins a new run.

        Args:
            sources: One for each venue and account.

        Raises:
            VenueUnavailable: A venue could not be asked; what it was to be asked about stays as it is.
                Opening is possible, and keys in doubt take no new entry.
            StorageUnavailable: The store did not answer in time.
        """
        self._require_started("recover")
        ledger = self._ledger
        # What is in doubt may be another signal's, or another run's.
        with acting_without_cause(Actor.RECOVERY):
            async with self._beginning:  # two recoveries at once must not begin two runs
                await self._require_run()
            taken_over = await take_over(ledger)
            self._steps.recovered = True
            return await settle_doubts(ledger, self._steps, sources, taken_over)

    async def _require_run(self) -> None:
        ledger = self._ledger
        try:
            await ledger.repository.renew_run(self.run, ledger.timings.lease)
        except RunLost as lost:
            ledger.run = new_run_id(ledger.clock)
            await self._start_run()
            self.record("run.started", None, {"because": "the run before lost its lease"}, error=lost)

    def opening(
        self, key: PositionKey, *, side: Side, quantity: Decimal, price: Decimal | None = None
    ) -> Opening:
        """
        The block that opens a position. Entering it commits the intention and claims the key.

        Args:
            key: What to open.
            side: Long or short.
            quantity: In contracts.
            price: The limit, or the price the decision was made at.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``. On entering: what `Steps.claim` raises.
        """
        self._require_started("opening")
        return Opening(self._host, key, side=side, quantity=quantity, price=price)

    def closing(
        self,
        position: PersistedPosition,
        *,
        reason: CloseReason = CloseReason.STRATEGY,
        price: Decimal | None = None,
    ) -> Closing:
        """
        The block that closes a position. Entering it commits the intention and takes the closing for itself.

        Args:
            position: What to close; a pending one is a type error.
            reason: Why.
            price: The limit of the exit, or ``None``.

        Raises:
            TrackerNotStarted: Outside ``async with tracker``.
            AlreadyClosed: The position is closed; carries the stored exit. On entering: what `Steps.prepare`
                raises.
        """
        self._require_started("closing")
        return Closing(self._host, position, reason=reason, price=price)

    async def apply_fills(self, *fills: Fill) -> FillsApplied:
        """
        Apply fills, from whatever source and as often as they come: each is booked once.

        See `Steps.apply_fills`.
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
        Record an event of the host's, at any time, from any coroutine or thread.

        It never raises and never waits.

        Args:
            type: Its name, for example ``stop_loss.placed``.
            about: A position of any kind, a ref, or ``None``.
            payload: Whatever is to be kept; what JSON has no word for is written as text.
            severity: How much it matters.
            error: An exception to keep with its traceback.

        Returns:
            The event's id. What type checkers would have refused is stored with severity ERROR and a
            `PoslifeMisuseWarning`.
        """
        event = host_event(
            type,
            about,
            payload,
            severity=severity,
            error=error,
            run=self._ledger.run,
            now=self._ledger.clock.now,
            new_event_id=self._ledger.event_ids.new,
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
        The position with this ref.

        Raises:
            PositionNotFound: There is none.
        """
        return await self._reading().get(ref)

    async def get_by_id(self, id: PositionId) -> PersistedPosition | ClosedPosition:
        """
        The position with this id.

        Raises:
            PositionNotFound: There is none.
        """
        return await self._reading().get_by_id(id)

    async def find_live(self, key: PositionKey) -> LivePosition | None:
        """
        The live position that holds *key*, pending or open; ``None`` where there is none.
        """
        return await self._reading().find_live(key)

    def live(self) -> AsyncIterator[LivePosition]:
        """
        Every position that holds a key, pending ones included.
        """
        return every(self._reading().list_live)

    async def pending(self) -> AsyncIterator[PendingPosition]:
        """
        Every position that holds a key and has had no fill.
        """
        async for position in self.live():
            if isinstance(position, PendingPosition):
                yield position

    def in_doubt(self) -> AsyncIterator[Position]:
        """
        Every position with an order in doubt.
        """
        return every(self._reading().list_in_doubt)

    def closed(self, since: datetime, until: datetime) -> AsyncIterator[ClosedPosition]:
        """
        Every position closed from *since* (included) to *until* (not included), by time of closing.
        """
        repository = self._reading()
        return every(lambda after: repository.list_closed(since, until, after))

    def history(self, ref: PositionRef) -> AsyncIterator[RecordedEvent]:
        """
        Every stored event of a position, its time as a pending one included, in order.

        Host events are among them once they are flushed.
        """
        repository = self._reading()
        return every(lambda after: repository.list_history(ref, after))

    def fills(self, ref: PositionRef) -> AsyncIterator[StoredFill]:
        """
        Every fill of a position, in the order they were stored.
        """
        repository = self._reading()
        return every(lambda after: repository.list_fills(ref, after))

    def unclaimed(self) -> AsyncIterator[StoredFill]:
        """
        Every fill that could not be assigned.
        """
        return every(self._reading().list_unclaimed)

    def _reading(self) -> Repository:
        self._require_started("reading")
        return self._ledger.repository

    def _require_started(self, wanted: str) -> None:
        if not self._started:
            raise TrackerNotStarted(wanted)
