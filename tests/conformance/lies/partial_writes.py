"""
Stores that write parts of a change.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from typing_extensions import override

from poslife._domain.changes import Change, Close, Committed, Revise
from poslife._domain.identifiers import (
    ChangeId,
    PositionId,
)
from poslife._trail.encoding import fingerprint
from poslife.errors import (
    RepositoryError,
    StaleVersion,
    StorageRejected,
)
from tests.conformance.honest_store import HonestStore, PositionT
from tests.conformance.lies.bent_values import bent, fresh

__all__ = ["LIES"]


class IgnoresVersions(HonestStore):
    """Writes whatever version a change was planned from."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except StaleVersion as stale:
            version = stale.stored + 1
            moved = tuple(
                bent(transition, after=bent(transition.after, version=version))
                if isinstance(transition, Revise | Close) and transition.ref == stale.ref
                else transition
                for transition in change.transitions
            )
            return await super().take(replace(change, transitions=moved, events=()))


class ForgetsEvents(HonestStore):
    """Writes no events."""

    @override
    async def take(self, change: Change) -> Committed:
        return await super().take(bent(change, events=()))


class ForgetsLastEvent(HonestStore):
    """Leaves out the last of several events."""

    @override
    async def take(self, change: Change) -> Committed:
        return await super().take(bent(change, events=change.events[: max(1, len(change.events) - 1)]))


class ForgetsFills(HonestStore):
    """Writes no fills."""

    @override
    async def take(self, change: Change) -> Committed:
        return await super().take(bent(change, fills=()))


class ForgetsLastTransition(HonestStore):
    """Writes all transitions but the last of several, and says that it wrote them all."""

    @override
    async def take(self, change: Change) -> Committed:
        if len(change.transitions) < 2:
            return await super().take(change)
        kept = await super().take(bent(change, transitions=change.transitions[:-1], events=()))
        last = change.transitions[-1].result(PositionId(1))
        return replace(kept, positions=(*kept.positions, last))


class ForgetsOrders(HonestStore):
    """Gives a position with its first order only."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return bent(position, orders=position.orders[:1])


class WritesPartly(HonestStore):
    """Writes each transition by itself, then the fills and events."""

    @override
    async def take(self, change: Change) -> Committed:
        known = change.id in self.inner._changes
        if known or len(change.transitions) < 2:
            return await super().take(change)
        for transition in change.transitions:
            await super().take(fresh(bent(change, transitions=(transition,), fills=(), events=())))
        rest = await super().take(bent(change, transitions=()))
        positions = [await self.inner.get(transition.ref) for transition in change.transitions]
        return replace(rest, positions=tuple(positions))


class WritesFillsFirst(HonestStore):
    """Writes the fills before it knows whether it refuses the change."""

    @override
    async def take(self, change: Change) -> Committed:
        for stored in change.fills:
            key = stored.fill.id
            if change.id not in self.inner._changes and key not in self.inner._fills.by_key:
                try:
                    return await super().take(change)
                except RepositoryError:
                    self.inner._fills.by_key[key] = stored
                    raise
        return await super().take(change)


class ShufflesPositions(HonestStore):
    """Gives the positions of a change in another order than its transitions."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        return replace(committed, positions=committed.positions[::-1])


class NamesAnotherChange(HonestStore):
    """Gives the result under another change id."""

    @override
    async def commit(self, change: Change, /) -> Committed:
        return replace(await super().commit(change), change_id=ChangeId(uuid4()))


class AnswersBeforeWriting(HonestStore):
    """Lets two changes from one version through when they come together."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            await asyncio.sleep(0)
            return await super().take(change)
        except StaleVersion:
            positions = tuple(transition.result(PositionId(1)) for transition in change.transitions)
            return Committed(change_id=change.id, positions=positions)


class BreaksWhenCancelled(HonestStore):
    """Loses the events of a cancelled change, and takes the change for written."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.id in self.inner._changes:
            return await super().take(change)
        committed = await super().take(bent(change, events=()))
        self.inner._changes[change.id] = fingerprint(change), committed
        await asyncio.sleep(0)
        self.inner._life_events.append(change, {})
        return committed


class CountsEventsOfNothing(HonestStore):
    """Refuses a second event without a position as a duplicate of the first."""

    @override
    async def take(self, change: Change) -> Committed:
        taken = {event.index for event in self.inner._life_events.records if event.header.ref is None}
        for event in change.events:
            if event.header.ref is None and event.index in taken:
                raise StorageRejected("duplicate key (version, index)")
        return await super().take(change)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (IgnoresVersions, "test_stale_version"),
    (ForgetsEvents, "test_commit_writes_transitions_orders_fills_and_events"),
    (ForgetsLastEvent, "test_commit_writes_transitions_orders_fills_and_events"),
    (ForgetsFills, "test_commit_writes_transitions_orders_fills_and_events"),
    (ForgetsLastTransition, "test_commit_gives_positions_in_order"),
    (ForgetsOrders, "test_every_field_of_a_held_position"),
    (WritesPartly, "test_last_fill_refused_leaves_nothing"),
    (WritesFillsFirst, "test_each_refusal_leaves_nothing"),
    (ShufflesPositions, "test_commit_gives_positions_in_order"),
    (NamesAnotherChange, "test_commit_writes_transitions_orders_fills_and_events"),
    (AnswersBeforeWriting, "test_one_of_many_changes_from_a_version"),
    (BreaksWhenCancelled, "test_cancelled_commit_is_repeated"),
    (CountsEventsOfNothing, "test_commit_of_fills_alone"),
)
