"""
The common part of an opening and a closing block: one order, from its preparation to its outcome.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import enum
import inspect
import logging
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from poslife._domain.fills import Fill
from poslife._domain.identifiers import ClientOrderId, PositionRef, VenueOrderId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.outcomes import Abandoned, InDoubt, PositionT, Rejected, Working
from poslife._domain.positions import Position
from poslife._tracker.committing import Committer
from poslife._tracker.steps import Steps
from poslife._tracker.tasks import Tasks
from poslife._trail.encoding import error_summary
from poslife.errors import (
    AlreadyClosed,
    BlockMisused,
    IllegalTransition,
    InvalidValue,
    PoslifeError,
    SubmitWindowPassed,
)
from poslife.protocols import SubmitClassifier, SubmitContext, SubmitVerdict

__all__ = ["BlockContext", "OrderBlock", "doubt_everything"]

logger = logging.getLogger("poslife.tracker")

AnswerT = TypeVar("AnswerT")


class _Stage(enum.Enum):
    """
    The progress of a block.
    """

    NEW = "not entered"
    PREPARED = "prepared"
    UNSENT = "not sent"
    SENT = "sent"
    REFUSED = "refused"
    DOUBTED = "in doubt"
    COMMITTED = "settled"


def doubt_everything(_: BaseException, __: SubmitContext, /) -> SubmitVerdict:
    """
    Classify every exception as unknown: the order is in doubt. Safe for any venue client, slow to free a key.
    """
    return SubmitVerdict.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext:
    """
    The parts of a tracker that its blocks use.

    Attributes:
        tasks: Runs every commit of a block, so that it goes on when the host's code is cancelled.
        steps: The steps that the host's code waits for.
        patient_steps: The same for work in a task: repeated until the store answers.
        patient_committer: The committer of *patient_steps*.
        classify: Classifies an exception out of `OrderBlock.submit`.
        record_error: Records an exception about a position, under the given event type.
    """

    tasks: Tasks
    steps: Steps
    patient_steps: Steps
    patient_committer: Committer
    classify: SubmitClassifier
    record_error: Callable[[str, PositionRef, BaseException], None]


class OrderBlock:
    """
    The common part of an opening and a closing: one order, from its preparation to its outcome.
    """

    __slots__ = ("_context", "_left", "_ordinal", "_position", "_reason", "_stage", "_tracker")

    _what = "order"

    def __init__(self, context: BlockContext) -> None:
        self._tracker = context
        self._stage = _Stage.NEW
        self._reason = ""
        self._position: Position | None = None
        self._ordinal = 0
        self._left = False

    @abstractmethod
    async def _prepare(self) -> Position: ...

    @property
    def order(self) -> Order:
        """
        The order, as the block last knew it.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self._held().orders[self._ordinal]

    @property
    def client_order_id(self) -> ClientOrderId:
        """
        The name to send the order under, in the parameter that the venue takes it in.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self.order.client_order_id

    def _held(self) -> Position:
        if self._position is None:
            raise BlockMisused(self._what, "enter the block first: `async with` it")
        return self._position

    # ------------------------------------------------------------------------------------------- entering

    async def __aenter__(self) -> Self:
        if self._stage is not _Stage.NEW:
            raise BlockMisused(self._what, "a block is entered once; make another")
        tasks, committer = self._tracker.tasks, self._tracker.patient_committer
        # A coroutine may be closed in another context, whose cause and actor are not this block's.
        self._context = contextvars.copy_context()
        preparing, answer = tasks.begin(self._prepare(), name=f"prepares an {self._what}")
        try:
            self._position = await tasks.within_patience(answer, committer.unavailable)
        except BaseException:
            # A block that was not entered is not left either: an order that was prepared is abandoned here,
            # whatever was thrown in.
            if not _loop_runs():
                raise  # closed after its event loop: the next recovery finds the prepared order
            tasks.let_run(
                self._abandon_after(preparing), name=f"abandons an {self._what}", context=self._context
            )
            raise
        self._stage = _Stage.PREPARED
        return self

    async def _abandon_after(self, preparing: asyncio.Task[Position]) -> None:
        await asyncio.wait((preparing,))
        if preparing.cancelled() or preparing.exception() is not None:
            return
        position = preparing.result()
        await self._abandon(position.ref, "the block was interrupted while the order was being prepared")

    async def _abandon(self, ref: PositionRef, reason: str) -> Position:
        return await self._tracker.patient_steps.abandoned(ref, self._ordinal, reason=reason)

    # --------------------------------------------------------------------------------------- within the block

    async def submit(self, request: Coroutine[Any, Any, AnswerT], /) -> AnswerT:
        """
        Commit SUBMITTING, then await *request* and return its result.

        Args:
            request: The not yet started coroutine that makes the request. It is closed unstarted when the
                request must not be made.

        Raises:
            SubmitWindowPassed: The commit took too long; the request was not made.
            StorageUnavailable: The store did not answer; the request was not made.
            BlockMisused: Submitted before, or outside the block.
            InvalidValue: *request* is no coroutine, or was started: the request may have been made already,
                so the order is in doubt when the block is left without a word.
        """
        if not inspect.iscoroutine(request) or inspect.getcoroutinestate(request) != inspect.CORO_CREATED:
            misuse = InvalidValue(
                "submit",
                request,
                "a coroutine that has not started, such as exchange.create_order(…)",
                hint="hand over the call itself, without `await`: the order may have been sent already",
            )
            if self._stage is not _Stage.NEW and not self._left:
                await self._presume_sent(misuse)
            raise misuse
        if self._left or self._stage is not _Stage.PREPARED:
            request.close()
            state = "left" if self._left else self._stage.value
            raise BlockMisused("submit", f"this block's order is {state}; one block submits one order, once")
        self._stage = _Stage.UNSENT
        self._reason = "the request was not made"
        try:
            await self._commit_submitting()
        except BaseException as error:
            request.close()
            self._reason = f"the request was not made: {error_summary(error)}"
            raise
        self._stage = _Stage.SENT
        try:
            answer: AnswerT = await request
        except BaseException as error:
            self._reason = error_summary(error)
            self._stage = self._stage_after(error)
            raise
        return answer

    async def _presume_sent(self, misuse: PoslifeError) -> None:
        """
        Take the order for one that may exist although `submit` did not send it, and record *misuse*.
        """
        self._tracker.record_error(f"{self._what}.misused", self._held().ref, misuse)
        if self._stage in (_Stage.PREPARED, _Stage.UNSENT, _Stage.REFUSED):
            self._stage = _Stage.DOUBTED
            self._reason = error_summary(misuse)
        await self._tracker.tasks.shielded(
            self._commit_presumed_sent(self._tracker.steps), name=f"presumes an {self._what} sent"
        )

    async def _commit_presumed_sent(self, steps: Steps) -> None:
        # SUBMITTING first, as for every request: an order that is only prepared would be abandoned after a
        # crash.
        if self.order.status is OrderStatus.PREPARED:
            with contextlib.suppress(IllegalTransition, AlreadyClosed):  # shown by the venue meanwhile
                self._position = await steps.submitting(self._held().ref, self._ordinal, known=self._position)

    async def _commit_submitting(self) -> None:
        clock = self._tracker.patient_committer.clock
        window = self._tracker.patient_committer.timings.submit_window
        started = clock.monotonic()
        self._position = await self._tracker.tasks.shielded(
            self._tracker.steps.submitting(self._held().ref, self._ordinal, known=self._position),
            name=f"submits an {self._what}",
        )
        waited = clock.monotonic() - started
        if waited > window:
            raise SubmitWindowPassed(waited, window)

    def _stage_after(self, error: BaseException) -> _Stage:
        position = self._held()
        context = SubmitContext(
            venue=position.key.venue,
            side=self.order.side,
            in_doubt_before=_others_in_doubt(position, self._ordinal),
        )
        verdict = SubmitVerdict.UNKNOWN
        if isinstance(error, Exception):
            try:
                verdict = self._tracker.classify(error, context)
            except Exception:  # the venue's exception is what the host has to see, not the classifier's
                logger.exception("the submit classifier failed; the order is in doubt")
        return _Stage.REFUSED if verdict is SubmitVerdict.REFUSED else _Stage.DOUBTED

    async def rejected(self, reason: str, /) -> None:
        """
        Say that the venue has definitely refused the order, where its client raised nothing.

        Raises:
            BlockMisused: Before `submit`.
        """
        self._require_sent("rejected")
        self._position = await self._tracker.tasks.shielded(
            self._tracker.steps.rejected(self._held().ref, self._ordinal, reason=reason), name="rejects"
        )
        self._reason = reason
        self._stage = _Stage.COMMITTED

    async def _acknowledge(self, venue_order_id: VenueOrderId | None, fills: tuple[Fill, ...]) -> Position:
        if not self._left and self._stage in (_Stage.PREPARED, _Stage.UNSENT):
            await self._presume_sent(
                BlockMisused("acknowledged", "the order was not sent by `submit`, and is recorded as sent")
            )
        self._require_sent("acknowledged")
        self._position = await self._tracker.tasks.shielded(
            self._tracker.steps.acknowledged(
                self._held().ref,
                self._ordinal,
                *fills,
                venue_order_id=venue_order_id,
                known=self._position,
            ),
            name="acknowledges",
        )
        self._stage = _Stage.COMMITTED
        return self._position

    def _require_sent(self, wanted: str) -> None:
        sent = (_Stage.SENT, _Stage.REFUSED, _Stage.DOUBTED, _Stage.COMMITTED)
        if self._left or self._stage not in sent:
            raise BlockMisused(
                wanted, "the order was not sent in this block; call it after `submit`, inside the block"
            )

    # -------------------------------------------------------------------------------------------- leaving

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left = True
        if error is not None:
            context = self._context if isinstance(error, GeneratorExit) else contextvars.copy_context()
            context.run(self._tracker.record_error, f"{self._what}.failed", self._held().ref, error)
        if self._stage is _Stage.COMMITTED:
            return
        if not _loop_runs():
            return  # closed after its event loop: the next recovery finds the order as it was committed last
        name = f"settles an {self._what}"
        if isinstance(error, GeneratorExit):
            # Nothing may be awaited while a coroutine is closed; the task goes on.
            self._tracker.tasks.let_run(self._settle(error), name=name, context=self._context)
            return
        settling = self._tracker.tasks.spawn(self._settle(error), name=name)
        interrupted = await self._tracker.tasks.outwait(settling)
        failure = self._failure_of(settling)
        if failure is not None:
            logger.error("%s %s is not settled: %s", self._what, self._held().ref, failure)
        if interrupted is not None:
            raise interrupted
        if failure is not None and error is None:
            raise failure

    def _failure_of(self, settling: asyncio.Task[None]) -> BaseException | None:
        if not settling.done():
            return self._tracker.patient_committer.unavailable()
        return None if settling.cancelled() else settling.exception()

    async def _settle(self, error: BaseException | None) -> None:
        try:
            await self._commit_outcome(error)
        except IllegalTransition:
            # The venue has shown the order meanwhile: presence at the venue counts for more than the host's
            # word.
            self._position = await self._tracker.patient_committer.read(self._held().ref)

    async def _commit_outcome(self, error: BaseException | None) -> None:
        ref, steps = self._held().ref, self._tracker.patient_steps
        match self._stage:
            case _Stage.PREPARED:
                self._reason = _with_error("left before submit", error)
                self._position = await self._abandon(ref, self._reason)
                self._stage = _Stage.UNSENT
            case _Stage.UNSENT:
                self._position = await self._abandon(ref, self._reason)
            case _Stage.REFUSED:
                self._position = await steps.rejected(ref, self._ordinal, reason=self._reason)
            case _Stage.SENT:
                self._reason = _with_error("left before the venue's answer was reported", error)
                self._stage = _Stage.DOUBTED
                self._position = await steps.doubted(ref, self._ordinal, reason=self._reason)
            case _Stage.DOUBTED:
                await self._commit_presumed_sent(steps)
                self._position = await steps.doubted(ref, self._ordinal, reason=self._reason)
            case _Stage.COMMITTED | _Stage.NEW:  # pragma: no cover - then nothing is to be settled
                pass

    def _unfilled_outcome(
        self, position: PositionT
    ) -> Working[PositionT] | Rejected[PositionT] | InDoubt[PositionT] | Abandoned[PositionT]:
        """
        Return the outcome of an order that did not bring the position where the block was to bring it.
        """
        order, reason = self.order, self._reason
        match order.status:
            case OrderStatus.REJECTED | OrderStatus.CANCELED | OrderStatus.EXPIRED:
                return Rejected(position=position, order=order, reason=reason or order.status.value)
            case OrderStatus.ABANDONED:
                return Abandoned(position=position, order=order, reason=reason)
            case OrderStatus.WORKING | OrderStatus.FILLED:
                return Working(position=position, order=order)
            case OrderStatus.IN_DOUBT:
                return InDoubt(position=position, order=order, reason=reason)
            case OrderStatus.PREPARED | OrderStatus.SUBMITTING:
                # The commit on leaving failed; the block still knows if a request was made.
                if self._stage in (_Stage.PREPARED, _Stage.UNSENT):
                    return Abandoned(position=position, order=order, reason=reason)
                return InDoubt(position=position, order=order, reason=reason)


def _with_error(reason: str, error: BaseException | None) -> str:
    return reason if error is None else f"{reason}: {error_summary(error)}"


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _others_in_doubt(position: Position, ordinal: int) -> bool:
    return any(order.status is OrderStatus.IN_DOUBT and order.ordinal != ordinal for order in position.orders)
