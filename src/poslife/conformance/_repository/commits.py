"""
Clauses of `Repository.commit`: all of a change is written or nothing, once.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from poslife._domain.changes import Change, Committed, Promote
from poslife._domain.decimals import exact_product
from poslife._domain.fills import StoredFill
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import ClosedPosition, Origin, PendingPosition, PersistedPosition
from poslife.conformance._assertions import check, narrowed, refused, same, together
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import QUANTITY
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.candidates import stored_fill
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import ChangeIdReused, FillAlreadyStored, StaleVersion, StorageRejected
from poslife.protocols import Repository

__all__ = ["CommitTests"]

CONCURRENT = 20


class CommitTests(RepositoryHooks):
    """
    A change is written whole, and once however often it is committed.
    """

    @promised_by(Repository.commit)
    async def test_commit_writes_transitions_orders_fills_and_events(self) -> None:
        """
        A commit writes all of a change: transitions, orders, fills, life events.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            claim = story.claim(pending := story.pending())
            same(
                Committed(change_id=claim.id, positions=(pending,)),
                await repository.commit(claim),
                "Committed",
            )
            promote = story.promote(pending)
            committed = await repository.commit(promote)
            held = narrowed(committed.positions[0], PersistedPosition, "the result of Promote")

            same(promote.id, committed.change_id, "Committed.change_id")
            same(held, await repository.get(pending.ref), "the position")
            fills = await repository.list_fills(pending.ref)
            same(promote.fills, fills.items, "the fills")
            history = await repository.list_history(pending.ref)
            events = [*claim.events, *promote.events]
            same([event.header for event in events], [event.header for event in history.items], "the headers")
            same([event.body for event in events], [event.body for event in history.items], "the bodies")

    @promised_by(Repository.commit)
    async def test_commit_gives_positions_in_order(self) -> None:
        """
        `Committed.positions` are the positions afterwards, in the order of the change's transitions.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held, other = await story.opened(repository), await story.claimed(repository)
            parts = (
                story.close(held),
                story.claim(story.pending()),
                story.set_order(other, replace(other.orders[0], status=OrderStatus.ABANDONED)),
                story.claim(story.pending()),
            )
            change = _joined(story, *parts)
            committed = await repository.commit(change)

            same(
                [transition.result(None) for transition in change.transitions],
                list(committed.positions),
                "Committed.positions",
            )
            for position in committed.positions:
                same(position, await repository.get(position.ref), "the stored position")

    @promised_by(Repository.commit)
    async def test_commit_of_fills_alone(self) -> None:
        """
        A change may hold fills and events of no position; two such changes do not collide.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for change in (story.unclaimed("no such order"), story.unclaimed("flat", "flat again")):
                committed = await repository.commit(change)

                same(Committed(change_id=change.id, positions=()), committed, "Committed")
                for stored in change.fills:
                    fill = stored.fill
                    found = await stored_fill(repository, fill)
                    same(stored, found, "the fill")

    @promised_by(Repository.commit)
    async def test_same_change_again_writes_nothing(self) -> None:
        """
        A repeated change writes nothing and returns the first result, marked as repeated.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            changes = [story.claim(pending := story.pending())]
            changes.append(story.promote(pending))
            changes.append(story.unclaimed("no such order"))
            for change in changes:
                first = await repository.commit(change)
                same(False, first.repeated, "Committed.repeated the first time")
                for _ in range(2):
                    again = await repository.commit(change)
                    same(replace(first, repeated=True), again, "Committed of a repetition")

            await _check_once(repository, pending, changes[:2])
            unclaimed = await repository.list_unclaimed()
            same(changes[2].fills, unclaimed.items, "the unclaimed fills")

    @promised_by(Repository.commit)
    async def test_same_change_again_after_everything_else(self) -> None:
        """
        A repeated change gives its first result also after later changes, a close and the end of its run.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            claim = story.claim(pending := story.pending(status=OrderStatus.SUBMITTING))
            claimed = await repository.commit(claim)
            promote = story.promote(pending)
            promoted = await repository.commit(promote)
            held = narrowed(promoted.positions[0], PersistedPosition, "the result of Promote")
            close = story.close(held)
            closed = await repository.commit(close)
            await story.claimed(repository, pending.key)
            await repository.end_run(story.run)

            for store in (repository, other):
                for change, first in ((claim, claimed), (promote, promoted), (close, closed)):
                    again = await store.commit(change)
                    same(replace(first, repeated=True), again, "Committed of a repetition")
            await _check_once(repository, pending, [claim, promote, close])

    @promised_by(Repository.commit)
    async def test_concurrent_repetitions(self) -> None:
        """
        Of concurrent commits of one change exactly one writes, and all return its result.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            pending = await story.claimed(repository)
            change = story.promote(pending)
            stores = [repository, other] * (CONCURRENT // 2)
            results = await together(*(store.commit(change) for store in stores))

            firsts = [committed for committed in results if not committed.repeated]
            same(1, len(firsts), "the number of commits with repeated=False")
            for committed in results:
                same(firsts[0].positions, committed.positions, "Committed.positions of a repetition")
            fills = await repository.list_fills(pending.ref)
            same(change.fills, fills.items, "the fills")

    @promised_by(Repository.commit)
    async def test_change_id_with_other_contents(self) -> None:
        """
        A used change id with other contents raises `ChangeIdReused`, and nothing is written.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            pending = await story.claimed(repository)
            change = story.promote(pending)
            await repository.commit(change)
            before = await repository.get(pending.ref)
            unknown = story.claim(story.pending())
            others = {
                "at": replace(change, at=change.at + timedelta(microseconds=1)),
                "run": replace(change, run=story.run_id()),
                "fills": replace(change, fills=(*change.fills, *story.unclaimed("new").fills)),
                "events": replace(change, events=change.events[:1]),
                "transitions": replace(unknown, id=change.id),
                "nothing": replace(change, transitions=(), fills=(), events=()),
            }
            for what, reuse in others.items():
                for store in (repository, other):
                    error = await refused(
                        store.commit(reuse), ChangeIdReused, f"a change id used again with other {what}"
                    )
                    same(change.id, error.change_id, "ChangeIdReused.change_id")

            same(before, await repository.get(pending.ref), "the position")
            live = await repository.list_live()
            same((before,), live.items, "the live positions")
            unclaimed = await repository.list_unclaimed()
            same((), unclaimed.items, "the unclaimed fills")

    @promised_by(Repository.commit)
    async def test_change_id_with_other_contents_after_the_close(self) -> None:
        """
        A change id stays used after its position is closed and its run has ended.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            change = story.close(held)
            await repository.commit(change)
            await repository.end_run(story.run)
            reuse = replace(change, at=change.at + timedelta(seconds=1))
            await refused(repository.commit(reuse), ChangeIdReused, "a change id used again")

    @promised_by(Repository.commit)
    async def test_ids_are_minted_once(self) -> None:
        """
        The `Promote` of a first fill mints the `PositionId`, and no id is used twice.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            ids: list[int] = []
            for turn in range(6):
                store = (repository, other)[turn % 2]
                pending = await story.claimed(store)
                change = story.promote(pending)
                refusal = replace(change, id=story.change_id(), fills=(*change.fills, *change.fills))
                if turn == 2:
                    await refused(
                        store.commit(refusal), StorageRejected, "a change that stores one fill twice"
                    )
                held = await story.commit_one(store, change, PersistedPosition)
                check(
                    type(held.id) is int and held.id > 0, f"an id: expected a positive int, got {held.id!r}"
                )
                check(held.id not in ids, f"an id: expected a new one, got {held.id} after {ids}")
                ids.append(held.id)
                same(held, await repository.get_by_id(held.id), "the position by its id")
                if turn % 2:
                    await repository.commit(story.close(held))

            pendings = [await story.claimed(repository) for _ in range(CONCURRENT)]
            changes = [story.promote(pending) for pending in pendings]
            results = await together(
                *((repository, other)[index % 2].commit(change) for index, change in enumerate(changes))
            )
            ids += [
                narrowed(committed.positions[0], PersistedPosition, "the result of Promote").id
                for committed in results
            ]
            same(len(set(ids)), len(ids), "the number of different ids")

    @promised_by(Repository.commit)
    async def test_last_fill_refused_leaves_nothing(self) -> None:
        """
        A change whose last fill is refused is not written in any part.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            first, second = await story.claimed(repository), await story.claimed(repository)
            taken = story.unclaimed("taken")
            await repository.commit(taken)
            joined = _joined(
                story, story.promote(first), story.promote(second), story.claim(third := story.pending())
            )
            broken = replace(joined, fills=(*joined.fills, taken.fills[0]))
            histories = [await repository.list_history(position.ref) for position in (first, second)]
            await refused(repository.commit(broken), FillAlreadyStored, "a change whose last fill is stored")

            for position, history in zip((first, second), histories, strict=True):
                same(position, await repository.get(position.ref), "a position after a refused change")
                same(history, await repository.list_history(position.ref), "its history")
                fills = await repository.list_fills(position.ref)
                same((), fills.items, "its fills")
            same(None, await repository.find_live(third.key), "the holder of a key after a refused change")
            history = await repository.list_history(third.ref)
            same((), history.items, "the history of a position that was not claimed")

            # The id was not written either: the corrected change may have it.
            committed = await repository.commit(replace(joined, id=broken.id))
            same(False, committed.repeated, "Committed.repeated of the corrected change")

    @promised_by(Repository.commit)
    async def test_flip_in_one_change(self) -> None:
        """
        One change may close a position and open the next on its key, in either order of the transitions.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for backwards in (False, True):
                held = await story.opened(repository)
                close = story.close(held)
                # The position that an adopted fill opens was never claimed: it is planned from version 0.
                intended = replace(story.pending(held.key), orders=())
                promote = Promote(
                    pending=intended,
                    entered_quantity=QUANTITY,
                    entered_cost=exact_product(QUANTITY, Decimal(2)),
                    opened_at=story.at(),
                    origin=Origin.ADOPTED,
                    version=1,
                )
                parts = (close.transitions[0], promote)
                fill = StoredFill(fill=story.fill(held.key), ref=intended.ref)
                change = story.change(*(reversed(parts) if backwards else parts), fills=(*close.fills, fill))
                await repository.commit(change)

                same(close.transitions[0].result(None), await repository.get(held.ref), "the closed position")
                holder = narrowed(
                    await repository.find_live(held.key), PersistedPosition, "the holder of the key"
                )
                same(promote.result(holder.id), holder, "the position opened by the same change")

    @promised_by(Repository.commit)
    async def test_one_of_many_changes_from_a_version(self) -> None:
        """
        Of concurrent changes from one version exactly one is written; the others raise `StaleVersion`.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            held = await story.opened(repository)
            changes = [
                story.set_order(held, story.exit_order(held, OrderStatus.PREPARED)) for _ in range(CONCURRENT)
            ]
            results = await asyncio.gather(
                *((repository, other)[index % 2].commit(change) for index, change in enumerate(changes)),
                return_exceptions=True,
            )
            won = [result for result in results if not isinstance(result, BaseException)]
            lost = [result for result in results if isinstance(result, StaleVersion)]
            same(
                (1, CONCURRENT - 1),
                (len(won), len(lost)),
                f"the numbers of changes written and stale, of {results!r}",
            )
            same(won[0].positions[0], await repository.get(held.ref), "the position")
            same(won[0].positions[0].version, lost[0].stored, "StaleVersion.stored")

    @promised_by(Repository.commit)
    async def test_cancelled_commit_is_repeated(self) -> None:
        """
        A cancelled commit that is repeated has written its change once.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for turns in range(12):
                change = story.claim(pending := story.pending())
                task = asyncio.ensure_future(repository.commit(change))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                committed = await repository.commit(change)

                same((pending,), committed.positions, "Committed.positions after a cancellation")
                same(pending, await repository.get(pending.ref), "the position after a cancellation")
                await _check_once(repository, pending, [change])
                again = await repository.commit(change)
                same(True, again.repeated, "Committed.repeated of a repetition")

    @promised_by(Repository.commit)
    async def test_closed_position_takes_settlements_of_its_orders(self) -> None:
        """
        The orders of a closed position can be settled, and nothing else of it changes.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            leftover = replace(held.orders[0], status=OrderStatus.WORKING)
            working = await story.commit_one(repository, story.set_order(held, leftover), PersistedPosition)
            closed = await story.commit_one(repository, story.close(working), ClosedPosition)
            settled = replace(closed.orders[0], status=OrderStatus.CANCELED)
            after = await story.commit_one(repository, story.set_order(closed, settled), ClosedPosition)

            wanted = replace(closed, orders=(settled, *closed.orders[1:]), version=closed.version + 1)
            same(wanted, after, "the closed position whose order was settled")
            same(wanted, await repository.get(closed.ref), "the stored one")


def _joined(story: Story, *parts: Change) -> Change:
    return story.change(
        *(transition for part in parts for transition in part.transitions),
        fills=[fill for part in parts for fill in part.fills],
        events=[event for part in parts for event in part.events],
    )


async def _check_once(repository: Repository, position: PendingPosition, changes: list[Change]) -> None:
    history = await repository.list_history(position.ref)
    ids = [event.header.id for change in changes for event in change.events]
    same(sorted(ids), [event.header.id for event in history.items], "the events stored, each once")
    fills = await repository.list_fills(position.ref)
    wanted: tuple[StoredFill, ...] = tuple(fill for change in changes for fill in change.fills)
    same(wanted, fills.items, "the fills stored, each once")
