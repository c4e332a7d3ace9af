"""
Misuse that mypy and pyright must reject: each line ignores its error, and each ignore must stay needed.

Read by the type checkers, never run. Where only one checker sees an error, the docstring says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

from typing_extensions import assert_never, override

from poslife import (
    ClosedPosition,
    Opened,
    OpeningOutcome,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionId,
    PositionKey,
    PositionTracker,
    Rejected,
    Side,
    Symbol,
    Venue,
)
from poslife.memory import MemoryStore
from poslife.protocols import Repository
from poslife.protocols import EventSink
from poslife.storage import Change


async def pending_where_persisted_is_needed(tracker: PositionTracker, pending: PendingPosition) -> None:
    """
    A pending position cannot be closed: it has no id yet (incident 22).
    """
    tracker.closing(pending)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def no_id_on_pending(pending: PendingPosition) -> PositionId:
    """
    A pending position has no id, not even an optional one.
    """
    return pending.id  # type: ignore[attr-defined, no-any-return]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def no_id_on_a_union(position: Position) -> PositionId:
    """
    A `Position` has no id before it is known to be persisted or closed.
    """
    return position.id  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def closing_what_is_closed(tracker: PositionTracker, closed: ClosedPosition) -> None:
    """
    A closed position cannot be closed again.
    """
    tracker.closing(closed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def sentinel_id(persisted: PersistedPosition) -> PositionId:
    """
    A text is not an id.
    """
    sentinel: PositionId = "pending"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    return sentinel


def raw_int_as_id() -> PositionId:
    """
    A bare number is not an id: only a repository mints one.
    """
    return 7  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def raw_int_asked_for(tracker: PositionTracker) -> None:
    """
    A bare number cannot be asked for as an id.
    """
    await tracker.get_by_id(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def symbol_for_venue() -> PositionKey:
    """
    A symbol is not a venue, and a text is not an account.
    """
    return PositionKey(venue=Symbol("BTC/USDT:USDT"), account="main", symbol=Venue("bybit"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def float_money(tracker: PositionTracker, key: PositionKey) -> None:
    """
    A float is not a quantity: numbers are `Decimal`.
    """
    tracker.opening(key, side=Side.LONG, quantity=0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def text_side(tracker: PositionTracker, key: PositionKey) -> None:
    """
    A text is not a side (incident 5).
    """
    tracker.opening(key, side="long", quantity=Decimal(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def write_compared_to_false(repository: Repository, change: Change) -> None:
    """
    A commit does not return `False`.
    """
    if await repository.commit(change) is False:  # type: ignore[comparison-overlap]  # pyright: ignore[reportUnnecessaryComparison]
        return


async def write_taken_for_a_bool(repository: Repository, change: Change) -> None:
    """
    The result of a commit has no truth value. Pyright has no such check.
    """
    if not await repository.commit(change):  # type: ignore[truthy-bool]
        return


async def not_awaited(repository: Repository, change: Change) -> None:
    """
    A coroutine that is not awaited is truthy, and does nothing (incident 21).
    """
    repository.commit(change)  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


async def coroutine_taken_for_its_answer(tracker: PositionTracker, key: PositionKey) -> None:
    """
    `if tracker.find_live(key)` would always hold: every signal blocked (incident 21).
    """
    if tracker.find_live(key):  # type: ignore[truthy-bool]  # pyright: ignore[reportUnnecessaryComparison]
        return


class ReturnsBool(MemoryStore):
    """
    A repository whose method returns bool.
    """

    @override
    async def end_run(self, run: object, /) -> bool:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """
        Return a flag.
        """
        return False


class AwaitedEmit:
    """
    A sink with an `emit` to be awaited, which would hold up the trade (incident 7).
    """

    async def emit(self, event: object, /) -> None:
        """
        Wait.
        """

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        Flush.
        """

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        Close.
        """


def sink_that_must_be_awaited() -> EventSink:
    """
    A sink with an `emit` to be awaited is not an `EventSink`.
    """
    return AwaitedEmit()  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def started_task(tracker: PositionTracker, key: PositionKey, request: asyncio.Task[str]) -> None:
    """
    A started task may have sent already; `submit` takes a coroutine that can still be held back.
    """
    async with tracker.opening(key, side=Side.LONG, quantity=Decimal(1)) as opening:
        await opening.submit(request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def any_awaitable(tracker: PositionTracker, key: PositionKey, request: Awaitable[str]) -> None:
    """
    An awaitable of unknown origin may be a started task.
    """
    async with tracker.opening(key, side=Side.LONG, quantity=Decimal(1)) as opening:
        await opening.submit(request)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def forgotten_case(position: Position) -> str:
    """
    A match over positions must handle a closed one.
    """
    match position:  # type: ignore[exhaustive-match]  # pyright: ignore[reportMatchNotExhaustive]
        case PendingPosition():
            return "pending"
        case PersistedPosition():
            return "persisted"
    return "forgotten"


def forgotten_outcome(outcome: OpeningOutcome) -> str:
    """
    A match over outcomes must handle the one in doubt.
    """
    match outcome:
        case Opened():
            return "opened"
        case Rejected():
            return "rejected"
        case _:
            assert_never(outcome)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def changed_in_place(position: PersistedPosition) -> None:
    """
    A field of a position cannot be set: a change is a new value.
    """
    position.entered_quantity = Decimal(1)  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def item_assigned(position: PersistedPosition) -> None:
    """
    A position is no dictionary: `position["stop_loss"] = …` was a TypeError at each stop (incident 4).
    """
    position["stop_loss"] = Decimal(1)  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


def patched_in(position: PersistedPosition) -> None:
    """
    Nor does it take an attribute that its class has not (incident 4).
    """
    position.stop_loss = Decimal(1)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def patched_step(tracker: PositionTracker) -> None:
    """
    A method is not replaced from outside: such a fix is lost with the file it stands in (incident 4).
    """
    tracker.steps.protected = print  # type: ignore[method-assign, assignment]  # pyright: ignore[reportAttributeAccessIssue]
