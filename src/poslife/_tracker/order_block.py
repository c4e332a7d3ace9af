"""
What an opening and a closing block have in common: one order, from its preparation to its outcome.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
import inspect
import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from poslife._domain.fills import Fill
from poslife._domain.identifiers import ClientOrderId, PositionRef, VenueOrderId
from poslife._domain.orders import Order, OrderStatus
from poslife._domain.positions import Position
from poslife._tracker.committing import Ledger
from poslife._tracker.steps import Steps
from poslife._trail.encoding import error_summary
from poslife.errors import (
    BlockMisused,
    IllegalTransition,
    InvalidValue,
    StorageUnavailable,
    SubmitWindowPassed,
)
from poslife.protocols import SubmitClassifier, SubmitContext, SubmitVerdict

__all__ = ["Host", "OrderBlock", "Stage"]

logger = logging.getLogger("poslife.tracker")

AnswerT = TypeVar("AnswerT")


class Stage(enum.Enum):
    """
    How far a block has come.
    """

    NEW = "not entered"
    PREPARED = "prepared"
    UNSENT = "not sent"
    SENT = "sent"
    REFUSED = "refused"
    DOUBTED = "in doubt"
    TOLD = "told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """
    What a block needs of its tracker.
    """

    ledger: Ledger
    steps: Steps
    classify: SubmitClassifier
    record_error: Callable[[str, PositionRef, BaseException], None]


class OrderBlock:
    """
    What an opening and a closing have in common: one order, from its preparation to its outcome.
    """

    _what = "order"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stage = Stage.NEW
        self._reason = ""
        self._failure: BaseException | None = None
        self._position: Position | None = None
        self._ordinal = 0
        self._left = False
        self._unsettled: BaseException | None = None

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
        What to send the order under, in whatever parameter the venue takes it.

        Raises:
            BlockMisused: Before the block is entered.
        """
        return self.order.client_order_id

    def _held(self) -> Position:
        if self._position is None:
            raise BlockMisused(self._what, "enter the block first: `async with` it")
        return self._position

    async def __aenter__(self) -> Self:
        if self._stage is not Stage.NEW:
            raise BlockMisused(self._what, "a block is entered once; make another")
        ledger = self._host.ledger
        # Whoever closes a coroutine may do so amid something else, which caused none of this.
        self._context = contextvars.copy_context()
        preparing, answer = ledger.begin(self._prepare(), name=f"prepares an {self._what}")
        try:
            self._position = await ledger.within_patience(answer)
        except (asyncio.CancelledError, GeneratorExit, StorageUnavailable):
            # Nobody will leave a block that was never entered, so what may have been prepared is abandoned
            # here.
            if not _loop_runs():
                raise  # closed after its event loop: the next recovery finds what was prepared
            ledger.let_run(
                self._abandon_after(preparing), name=f"abandons an {self._what}", context=self._context
            )
            raise
        self._stage = Stage.PREPARED
        return self

    async def _abandon_after(self, preparing: asyncio.Task[Position]) -> None:
        await asyncio.wait((preparing,))
        if preparing.cancelled() or preparing.exception() is not None:
            return
        position = preparing.result()
        await self._abandon(position.ref, "cancelled while it was being prepared")

    async def _abandon(self, ref: PositionRef, reason: str) -> Position:
        return await self._host.steps.abandoned(ref, self._ordinal, reason=reason, patience=math.inf)

    async def submit(self, request: Coroutine[Any, Any, AnswerT], /) -> AnswerT:
        """
        Commit SUBMITTING, then await *request* and return what it returns.

        Args:
            request: The not yet started coroutine that makes the request. It is closed unstarted when the
                request must not be made.

        Raises:
            SubmitWindowPassed: The commit took too long; the request was not made.
            StorageUnavailable: The store did not answer; the request was not made.
            BlockMisused: Submitted before, or outside the block.
            InvalidValue: *request* is no coroutine, or was started: a Task may have sent already.
        """
        if not inspect.iscoroutine(request) or inspect.getcoroutinestate(request) != inspect.CORO_CREATED:
            raise InvalidValue(
                "submit", request, "a coroutine that was not started, such as exchange.create_order(…)"
            )
        if self._left or self._stage is not Stage.PREPARED:
            request.close()
            state = "left" if self._left else self._stage.value
            raise BlockMisused("submit", f"this block's order is {state}; one block submits one order, once")
        ref, ledger = self._held().ref, self._host.ledger
        started = ledger.clock.monotonic()
        self._stage = Stage.UNSENT
        self._reason = "the request was not made"
        try:
            self._position = await ledger.shielded(
                self._host.steps.submitting(ref, self._ordinal, known=self._position),
                name=f"submits an {self._what}",
            )
            waited = ledger.clock.monotonic() - started
            if waited > ledger.timings.submit_window:
                raise SubmitWindowPassed(  # noqa: TRY301 - it is told like all that can go wrong here
                    waited, ledger.timings.submit_window
                )
        except BaseException as error:
            request.close()
            self._reason = f"the request was not made: {error_summary(error)}"
            raise
        self._stage = Stage.SENT
        try:
            answer: AnswerT = await request
        except BaseException as error:
            self._classify(error)
            raise
        return answer

    def _classify(self, error: BaseException) -> None:
        self._failure = error
        self._reason = error_summary(error)
        position = self._held()
        context = SubmitContext(
            venue=position.key.venue,
            side=self.order.side,
            in_doubt_before=_others_in_doubt(position, self._ordinal),
        )
        verdict = SubmitVerdict.UNKNOWN
        if isinstance(error, Exception):
            try:
                verdict = self._host.classify(error, context)
            except (
                Exception
            ):  # whatever a classifier does, the venue's exception goes on its way, and is not a refusal
                logger.exception("the submit classifier failed; the order is in doubt")
        self._stage = Stage.REFUSED if verdict is SubmitVerdict.REFUSED else Stage.DOUBTED

    async def rejected(self, reason: str, /) -> None:
        """
        Say that the venue has definitely refused the order, where its client raised nothing.

        Raises:
            BlockMisused: Before `submit`.
        """
        self._require_sent("rejected")
        self._position = await self._host.ledger.shielded(
            self._host.steps.rejected(self._held().ref, self._ordinal, reason=reason), name="rejects"
        )
        self._reason = reason
        self._stage = Stage.TOLD

    async def _acknowledge(self, venue_order_id: VenueOrderId | None, fills: tuple[Fill, ...]) -> Position:
        self._require_sent("acknowledged")
        self._position = await self._host.ledger.shielded(
            self._host.steps.acknowledged(
                self._held().ref,
                self._ordinal,
                *fills,
                venue_order_id=venue_order_id,
                known=self._position,
            ),
            name="acknowledges",
        )
        self._stage = Stage.TOLD
        return self._position

    def _require_sent(self, wanted: str) -> None:
        if self._left or self._stage not in (Stage.SENT, Stage.REFUSED, Stage.DOUBTED, Stage.TOLD):
            raise BlockMisused(
                wanted, "the order was not sent in this block; say what became of it inside the block"
            )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._left = True
        if error is not None:
            context = self._context if isinstance(error, GeneratorExit) else contextvars.copy_context()
            context.run(self._host.record_error, f"{self._what}.failed", self._held().ref, error)
        if self._stage is Stage.TOLD:
            return  # what came of the order is committed
        if not _loop_runs():
            return  # closed after its event loop: the next recovery finds the order as it was committed last
        if isinstance(error, GeneratorExit):
            # Nothing may be awaited while a coroutine is closed; the task goes on.
            self._host.ledger.let_run(
                self._settle(error), name=f"settles an {self._what}", context=self._context
            )
            return
        settling = self._host.ledger.spawn(self._settle(error), name=f"settles an {self._what}")
        interrupted = await self._host.ledger.outwait(settling)
        self._unsettled = self._failure_of(settling)
        if self._unsettled is not None:
            logger.error("%s %s is not settled: %s", self._what, self._held().ref, self._unsettled)
        if interrupted is not None:
            raise interrupted
        if self._unsettled is not None and error is None:
            raise self._unsettled

    def _failure_of(self, settling: asyncio.Task[None]) -> BaseException | None:
        if not settling.done():
            return StorageUnavailable(self._host.ledger.last_trouble)
        return None if settling.cancelled() else settling.exception()

    async def _settle(self, error: BaseException | None) -> None:
        try:
            await self._commit_outcome(error)
        except IllegalTransition:
            # The venue has shown the order meanwhile, and what it showed stands against what the host
            # believes.
            self._position = await self._host.ledger.read(self._held().ref, patience=math.inf)

    async def _commit_outcome(self, error: BaseException | None) -> None:
        ref, steps, forever = self._held().ref, self._host.steps, math.inf
        match self._stage:
            case Stage.PREPARED:
                self._reason = (
                    "left before submit" if error is None else f"left before submit: {error_summary(error)}"
                )
                self._position = await self._abandon(ref, self._reason)
                self._stage = Stage.UNSENT
            case Stage.UNSENT:
                self._position = await self._abandon(ref, self._reason)
            case Stage.REFUSED:
                self._position = await steps.rejected(
                    ref, self._ordinal, reason=self._reason, patience=forever
                )
            case Stage.SENT:
                self._reason = (
                    "left without a word" if error is None else f"left without a word: {error_summary(error)}"
                )
                self._stage = Stage.DOUBTED
                self._position = await steps.doubted(
                    ref, self._ordinal, reason=self._reason, patience=forever
                )
            case Stage.DOUBTED:
                self._position = await steps.doubted(
                    ref, self._ordinal, reason=self._reason, patience=forever
                )
            case Stage.TOLD | Stage.NEW:
                pass


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _others_in_doubt(position: Position, ordinal: int) -> bool:
    return any(order.status is OrderStatus.IN_DOUBT and order.ordinal != ordinal for order in position.orders)
