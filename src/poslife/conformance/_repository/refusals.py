"""
Clauses of `Repository.commit`: its errors, and their order of precedence.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from decimal import Decimal

from poslife._domain.changes import Change, Claim, Close, Promote, Revise, Transition
from poslife._domain.decimals import exact_product
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import Account, PositionId, RunId, Venue
from poslife._domain.orders import CloseReason, OrderStatus
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition
from poslife.conformance._assertions import refused, same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.candidates import stored_fill
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import (
    AlreadyClosed,
    ChangeIdReused,
    DuplicatePosition,
    FillAlreadyStored,
    IllegalTransition,
    InvalidValue,
    PositionNotFound,
    PoslifeError,
    RunLost,
    StaleVersion,
    StorageRejected,
)
from poslife.protocols import Repository

__all__ = ["RefusalTests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fault:
    """
    A part of a change that is refused.
    """

    error: type[PoslifeError]
    transition: Transition | None = None
    fill: StoredFill | None = None
    run: RunId | None = None


class RefusalTests(RepositoryHooks):
    """
    A faulty change raises the error of its first fault and leaves nothing.
    """

    @promised_by(Repository.commit)
    async def test_position_not_found(self) -> None:
        """
        A transition of an unknown position raises `PositionNotFound`, which names the ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            absent = replace(held, ref=story.ref(), orders=(), key=story.key())
            pending = replace(story.pending(), version=4)
            for transition in (
                Revise(after=replace(absent, version=2)),
                Revise(after=replace(absent, version=1)),
                Revise(after=replace(story.pending(), version=1)),
                story.promoted(pending),
                story.closed_from(absent, story.exit_order(absent, OrderStatus.FILLED)),
            ):
                error = await refused(
                    repository.commit(story.change(transition)),
                    PositionNotFound,
                    f"a {type(transition).__name__} of an unknown position",
                )
                same(transition.ref, error.sought, "PositionNotFound.sought")

    @promised_by(Repository.commit)
    async def test_already_closed(self) -> None:
        """
        Closing a closed position again raises `AlreadyClosed` with the stored exit (incident 28).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            closed = await story.commit_one(repository, story.close(held), ClosedPosition)
            again = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED))
            better = replace(
                again.after,
                exited_cost=exact_product(closed.exited_cost, Decimal(2)),
                reason=CloseReason.OPERATOR,
            )
            next_version = closed.version + 1
            for transition in (
                again,
                Close(after=replace(better, version=next_version)),
                Close(after=replace(better, version=next_version + 5)),
                Revise(after=replace(held, version=next_version)),
                Claim(after=replace(story.pending(), ref=held.ref, orders=())),
            ):
                error = await refused(
                    repository.commit(story.change(transition)),
                    AlreadyClosed,
                    f"a {type(transition).__name__} of a closed position",
                )
                same(closed, error.closed, "AlreadyClosed.closed")
                same(closed, await repository.get(held.ref), "the closed position")

    @promised_by(Repository.commit)
    async def test_closed_position_keeps_its_exit(self) -> None:
        """
        Changing anything but the orders of a closed position raises `AlreadyClosed` (incident 28).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            closed = await story.closed(repository)
            version = closed.version + 1
            for other in (
                replace(closed, version=version, exited_cost=exact_product(closed.exited_cost, Decimal(2))),
                replace(closed, version=version, reason=CloseReason.LIQUIDATION),
                replace(closed, version=version, closed_at=story.at()),
                replace(closed, version=version, entered_cost=exact_product(closed.entered_cost, Decimal(2))),
            ):
                error = await refused(
                    repository.commit(story.change(Revise(after=other))),
                    AlreadyClosed,
                    "a Revise that changes a stored exit",
                )
                same(closed, error.closed, "AlreadyClosed.closed")
                same(closed, await repository.get(closed.ref), "the closed position")

    @promised_by(Repository.commit)
    async def test_stale_version(self) -> None:
        """
        A transition from another than the stored version raises `StaleVersion` with the stored one.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            pending = await story.claimed(repository)
            order = story.exit_order(held, OrderStatus.PREPARED)
            faults: list[tuple[Transition, int]] = [
                (Revise(after=replace(held, version=version)), held.version)
                for version in (1, held.version, held.version + 2, held.version + 100)
            ]
            faults += [
                (Close(after=replace(story.closed_from(held, order).after, version=held.version)), 2),
                (replace(story.promoted(pending), version=pending.version), 1),
                (replace(story.promoted(pending), version=pending.version + 2), 1),
                (Claim(after=pending), 1),
                (Revise(after=replace(pending, version=3)), 1),
            ]
            for transition, stored in faults:
                error = await refused(
                    repository.commit(story.change(transition)),
                    StaleVersion,
                    f"a {type(transition).__name__} planned from another version",
                )
                same(
                    (transition.ref, transition.version - 1, stored),
                    (error.ref, error.expected, error.stored),
                    "StaleVersion's ref, expected and stored version",
                )
            same(held, await repository.get(held.ref), "the position")
            same(pending, await repository.get(pending.ref), "the pending position")

    @promised_by(Repository.commit)
    async def test_illegal_transition(self) -> None:
        """
        A step that `POSITION_TRANSITIONS` does not have raises `IllegalTransition`, and nothing is written.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, pending = await story.opened(repository), await story.claimed(repository)
            ended = await story.ended(repository)
            closing = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED)).after
            steps: list[tuple[str, Transition]] = [
                ("pending to closed", Close(after=_as(closing, pending))),
                ("ended to closed", Close(after=_as(closing, ended))),
                ("pending to open without Promote", Revise(after=_held_as(held, pending))),
                ("open to promoted", _promote_of(story, held)),
                ("open to pending", Revise(after=_pending_of(story, held))),
                ("open to claimed", Claim(after=_pending_of(story, held))),
                ("pending to claimed", Claim(after=replace(pending, version=pending.version + 1))),
                ("open to closed without Close", Revise(after=closing)),
            ]
            for step, transition in steps:
                await refused(repository.commit(story.change(transition)), IllegalTransition, step)

            same(held, await repository.get(held.ref), "the open position")
            same(pending, await repository.get(pending.ref), "the pending position")
            same(ended, await repository.get(ended.ref), "the ended position")

    @promised_by(Repository.commit)
    async def test_id_never_changes(self) -> None:
        """
        A change that gives a position another id than the stored one raises `InvalidValue`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, other = await story.opened(repository), await story.opened(repository)
            for minted in (other.id, PositionId(held.id + 1000)):
                stranger = replace(held, id=minted, version=held.version + 1)
                await refused(
                    repository.commit(story.change(Revise(after=stranger))), InvalidValue, "another id"
                )
            same(held, await repository.get(held.ref), "the position")
            same(held, await repository.get_by_id(held.id), "the position by its id")

    @promised_by(Repository.commit)
    async def test_fill_already_stored(self) -> None:
        """
        A fill with venue, account, symbol and trade id of a stored one raises `FillAlreadyStored` with it.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            page = await repository.list_fills(held.ref)
            assigned = page.items[0]
            await repository.commit(change := story.unclaimed("no such order"))
            for stored in (assigned, change.fills[0]):
                other = replace(
                    stored.fill, price=exact_product(stored.fill.price, Decimal(2)), at=story.at(), fees=()
                )
                for again in (
                    stored,
                    StoredFill(fill=other, ref=held.ref),
                    StoredFill(fill=other, ref=None, unclaimed_because="again"),
                ):
                    error = await refused(
                        repository.commit(story.change(fills=(again,))), FillAlreadyStored, "a stored fill"
                    )
                    same(stored.fill, error.stored, "FillAlreadyStored.stored")

                # The same trade id elsewhere is another fill.
                for apart in (
                    replace(stored.fill, symbol=story.symbol()),
                    replace(stored.fill, account=Account("second")),
                    replace(stored.fill, venue=Venue("okx")),
                ):
                    apart_stored = StoredFill(fill=apart, ref=None, unclaimed_because="elsewhere")
                    await repository.commit(story.change(fills=(apart_stored,)))
                    found = await stored_fill(repository, apart)
                    same(apart_stored, found, "the fill of the same trade id elsewhere")

            page = await repository.list_fills(held.ref)
            same((assigned,), page.items, "the fills")

    @promised_by(Repository.commit)
    async def test_one_fill_twice_in_a_change(self) -> None:
        """
        A change that stores one fill twice, or a fill of an unknown position, is refused whole.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            change = story.unclaimed("first")
            twice = replace(change, fills=(*change.fills, *change.fills))
            await refused(repository.commit(twice), StorageRejected, "a change that stores one fill twice")
            stray = StoredFill(fill=story.fill(story.key()), ref=story.ref())
            await refused(
                repository.commit(story.change(fills=(*change.fills, stray))),
                PoslifeError,
                "a fill of a position that is not there",
            )
            unclaimed = await repository.list_unclaimed()
            same((), unclaimed.items, "the unclaimed fills")

    @promised_by(Repository.commit)
    async def test_precedence_over_the_whole_change(self) -> None:
        """
        Of several faults the first in the order of precedence is raised, wherever in the change it is.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            faults = await _faults(story, repository)
            for first, second in itertools.combinations(faults, 2):
                for pair in ((first, second), (second, first)):
                    change = _faulty(story, *pair)
                    names = " and ".join(fault.error.__name__ for fault in pair)
                    await refused(repository.commit(change), first.error, f"a change with {names}")
            for change in (_faulty(story, *faults), _faulty(story, *reversed(faults))):
                await refused(repository.commit(change), faults[0].error, "a change with every fault")

    @promised_by(Repository.commit)
    async def test_reused_change_id_comes_first(self) -> None:
        """
        A used change id raises `ChangeIdReused` before any other fault of the change.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            faults = await _faults(story, repository)
            await repository.commit(used := story.unclaimed("used"))
            for fault in faults:
                change = replace(_faulty(story, fault), id=used.id)
                await refused(
                    repository.commit(change), ChangeIdReused, f"a used id and {fault.error.__name__}"
                )

    @promised_by(Repository.commit)
    async def test_each_refusal_leaves_nothing(self) -> None:
        """
        A refused change leaves nothing: no other position, fill or event of it, and its id stays free.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for fault in await _faults(story, repository):
                bystander = await story.claimed(repository)
                good = story.promote(bystander)
                before = await repository.list_history(bystander.ref)
                faulty = _faulty(story, fault)
                change = replace(
                    faulty,
                    transitions=(*good.transitions, *faulty.transitions),
                    fills=(*good.fills, *faulty.fills),
                    events=good.events,
                )
                when = f"after {fault.error.__name__}"
                await refused(repository.commit(change), fault.error, "a faulty change")
                same(bystander, await repository.get(bystander.ref), f"the other position {when}")
                fills = await repository.list_fills(bystander.ref)
                same((), fills.items, f"its fills {when}")
                same(before, await repository.list_history(bystander.ref), f"its history {when}")
                committed = await repository.commit(replace(good, id=change.id))
                same(False, committed.repeated, f"Committed.repeated of another change of this id {when}")


async def _faults(story: Story, repository: Repository) -> list[_Fault]:
    """
    Return every fault, in order of precedence. A refused fault leaves nothing, so each can be tried again.
    """
    ended_run = story.new_run()
    await repository.start_run(ended_run)
    await repository.end_run(ended_run.id)
    absent = replace(story.pending(), version=2)
    held, moved = await story.opened(repository), await story.opened(repository)
    closed, holder = await story.closed(repository), await story.claimed(repository)
    other = await story.opened(repository)
    renamed = replace(other, id=PositionId(other.id + 1000), version=other.version + 1)
    await repository.commit(taken := story.unclaimed("taken"))
    return [
        _Fault(error=RunLost, run=ended_run.id, transition=Claim(after=story.pending())),
        _Fault(error=PositionNotFound, transition=Revise(after=absent)),
        _Fault(error=AlreadyClosed, transition=Close(after=replace(closed, version=closed.version + 1))),
        _Fault(error=StaleVersion, transition=Revise(after=moved)),
        _Fault(error=InvalidValue, transition=Revise(after=renamed)),
        _Fault(error=IllegalTransition, transition=_promote_of(story, held)),
        _Fault(error=DuplicatePosition, transition=Claim(after=story.pending(holder.key))),
        _Fault(error=FillAlreadyStored, fill=taken.fills[0]),
    ]


def _faulty(story: Story, *faults: _Fault) -> Change:
    runs = [fault.run for fault in faults if fault.run is not None]
    return story.change(
        *(fault.transition for fault in faults if fault.transition is not None),
        fills=[fault.fill for fault in faults if fault.fill is not None],
        run=runs[0] if runs else None,
    )


def _promote_of(story: Story, held: PersistedPosition) -> Promote:
    return story.promoted(replace(_pending_of(story, held), version=held.version))


def _pending_of(story: Story, held: PersistedPosition) -> PendingPosition:
    return replace(
        story.pending(held.key), ref=held.ref, orders=(story.order(held.ref),), version=held.version + 1
    )


def _as(closed: ClosedPosition, position: PendingPosition) -> ClosedPosition:
    return replace(closed, ref=position.ref, key=position.key, orders=(), version=position.version + 1)


def _held_as(held: PersistedPosition, position: PendingPosition) -> PersistedPosition:
    return replace(
        held,
        ref=position.ref,
        key=position.key,
        orders=(),
        entered_cost=Decimal(1),
        version=position.version + 1,
    )
