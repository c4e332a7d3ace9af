"""
Stores that refuse the wrong thing, with the wrong error, or not at all.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence

from typing_extensions import override

from poslife._domain.changes import Change, Claim, Close, Committed, Revise
from poslife._domain.positions import (
    ClosedPosition,
)
from poslife.errors import (
    AlreadyClosed,
    DuplicatePosition,
    FillAlreadyStored,
    StaleVersion,
)
from tests.conformance.honest_store import HonestStore
from tests.conformance.lies.bent_values import bent

__all__ = ["LIES"]


class DuplicateComesFirst(HonestStore):
    """Checks the keys before everything else."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.id not in self.inner._changes:
            for transition in change.transitions:
                if isinstance(transition, Claim):
                    holder = await self.inner.find_live(transition.after.key)
                    if holder is not None:
                        raise DuplicatePosition(transition.after.key, holder)
        return await super().take(change)


class FirstFaultComesFirst(HonestStore):
    """Makes all checks of one transition before those of the next."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.id not in self.inner._changes and len(change.transitions) > 1:
            for transition in change.transitions:
                alone = bent(change, transitions=(transition,), fills=())
                self.inner._check(alone, self.inner._positions.heads(alone, {}))
        return await super().take(change)


class TakesAnyStep(HonestStore):
    """Lets a Revise close a position."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if isinstance(transition, Revise) and isinstance(transition.after, ClosedPosition):
                return await super().take(
                    bent(change, transitions=(Close(after=transition.after, orders=transition.orders),))
                )
        return await super().take(change)


class OverwritesTheExit(HonestStore):
    """Lets the second of two exits win."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except AlreadyClosed as error:
            for transition in change.transitions:
                if isinstance(transition, Close) and transition.ref == error.closed.ref:
                    self.inner._positions.by_ref[transition.ref] = transition.after
            raise


class RevisesTheExit(HonestStore):
    """Lets a closed position be revised in more than its orders."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except AlreadyClosed:
            (transition,) = change.transitions
            if not isinstance(transition, Revise) or not isinstance(transition.after, ClosedPosition):
                raise
            self.inner._positions.by_ref[transition.ref] = transition.after
            return Committed(change_id=change.id, positions=(transition.after,))


class RefusesSettlements(HonestStore):
    """Refuses the settlements of a closed position's orders."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            stored = self.inner._positions.by_ref.get(transition.ref)
            if isinstance(stored, ClosedPosition) and change.id not in self.inner._changes:
                raise AlreadyClosed(stored)
        return await super().take(change)


class CarriesTheNewExit(HonestStore):
    """Carries the exit that was tried, not the stored one."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except AlreadyClosed as error:
            for transition in change.transitions:
                if isinstance(transition, Close):
                    raise AlreadyClosed(transition.after) from error
            raise


class HidesTheStoredVersion(HonestStore):
    """Gives a wrong stored version."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except StaleVersion as error:
            raise StaleVersion(error.ref, error.expected, error.expected + 1) from None


class OverwritesFills(HonestStore):
    """Stores a fill again, with other numbers."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except FillAlreadyStored:
            self.inner._fills.by_key = {
                key: stored
                for key, stored in self.inner._fills.by_key.items()
                if stored.fill.trade_id not in {each.fill.trade_id for each in change.fills}
            }
            return await super().take(change)


class TradeIdsAreGlobal(HonestStore):
    """Treats a trade id as unique over all symbols, accounts and venues."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.id not in self.inner._changes:
            for stored in self.inner._fills.by_key.values():
                if stored.fill.trade_id in {each.fill.trade_id for each in change.fills}:
                    raise FillAlreadyStored(stored.fill)
        return await super().take(change)


class CarriesTheNewFill(HonestStore):
    """Carries the fill that was tried, not the stored one."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except FillAlreadyStored:
            raise FillAlreadyStored(change.fills[-1].fill) from None


class KeepsOneOfTwoFills(HonestStore):
    """Keeps one of two fills of the same name in a change."""

    @override
    async def take(self, change: Change) -> Committed:
        return await super().take(bent(change, fills=tuple(dict.fromkeys(change.fills))))


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (DuplicateComesFirst, "test_precedence_over_the_whole_change"),
    (FirstFaultComesFirst, "test_precedence_over_the_whole_change"),
    (TakesAnyStep, "test_illegal_transition"),
    (OverwritesTheExit, "test_already_closed"),
    (RevisesTheExit, "test_closed_position_keeps_its_exit"),
    (RefusesSettlements, "test_closed_position_takes_settlements_of_its_orders"),
    (CarriesTheNewExit, "test_already_closed"),
    (HidesTheStoredVersion, "test_stale_version"),
    (OverwritesFills, "test_fill_already_stored"),
    (TradeIdsAreGlobal, "test_fill_already_stored"),
    (CarriesTheNewFill, "test_fill_already_stored"),
    (KeepsOneOfTwoFills, "test_one_fill_twice_in_a_change"),
)
