"""
Stores that do not keep one live position per key.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from typing_extensions import override

from poslife._domain.changes import Change, Claim, Committed, Promote
from poslife._domain.identifiers import (
    PositionId,
    PositionKey,
    PositionRef,
)
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import LivePosition
from poslife.errors import (
    DuplicatePosition,
    KeyInDoubt,
    StorageRejected,
)
from tests.conformance.honest_store import HonestStore
from tests.conformance.lies.bent_values import bent, fresh

__all__ = ["LIES"]


class AllowsTwo(HonestStore):
    """Lets two live positions hold one key."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if isinstance(transition, Claim):
                self.inner._positions.holders.pop(transition.after.key, None)
        return await super().take(change)


class LooksThenWrites(HonestStore):
    """Checks a key and takes it in two steps, so that concurrent claims all find it free."""

    @override
    async def take(self, change: Change) -> Committed:
        claims = [each for each in change.transitions if isinstance(each, Claim)]
        for claim in claims:
            if (holder := await self.inner.find_live(claim.after.key)) is not None:
                raise DuplicatePosition(claim.after.key, holder)
        try:
            return await super().take(change)
        except DuplicatePosition:  # of a claim that looked at the same time
            for claim in claims:
                self.inner._positions.holders.pop(claim.after.key, None)
            return await super().take(change)


class KeepsKeys(HonestStore):
    """Never frees a key."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: dict[PositionKey, PositionRef] = {}

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if isinstance(transition, Claim):
                ref = self.taken.setdefault(transition.after.key, transition.ref)
                if ref != transition.ref and change.id not in self.inner._changes:
                    holder = await self.inner.get(ref)
                    raise DuplicatePosition(transition.after.key, cast("LivePosition", holder))
        return await super().take(change)


class FreesKeysWhileClosing(HonestStore):
    """Frees a key as soon as an exit owns its position."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        for position in committed.positions:
            if position.status is PositionStatus.CLOSING:
                self.inner._positions.holders.pop(position.key, None)
        return committed


class ForgetsToTakeAgain(HonestStore):
    """Lets an ended position come alive beside the one that has its key."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if not isinstance(transition, Claim) and transition.result(PositionId(1)).live:
                holder = self.inner._positions.holders.get(transition.result(PositionId(1)).key)
                if holder != transition.ref and len(change.transitions) == 1:
                    self.inner._positions.holders.pop(transition.result(PositionId(1)).key, None)
        return await super().take(change)


class NeverInDoubt(HonestStore):
    """Never raises KeyInDoubt."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except KeyInDoubt as error:
            raise DuplicatePosition(error.key, error.existing) from None


class AlwaysInDoubt(HonestStore):
    """Raises KeyInDoubt for every held key."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except DuplicatePosition as error:
            raise KeyInDoubt(error.key, error.existing) from None


class CarriesTheClaimant(HonestStore):
    """Carries the claimant instead of the holder."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except DuplicatePosition as error:
            claimant = change.transitions[0].result(PositionId(1))
            raise type(error)(error.key, cast("LivePosition", claimant)) from None


class FoldsCase(HonestStore):
    """Takes keys that differ in case for the same."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if isinstance(transition, Claim) and change.id not in self.inner._changes:
                for key, holder in tuple(self.inner._positions.holders.items()):
                    if str(key).lower() == str(transition.after.key).lower():
                        existing = await self.inner.get(holder)
                        raise DuplicatePosition(transition.after.key, cast("LivePosition", existing))
        return await super().take(change)


class KeyIsTheSymbol(HonestStore):
    """Compares keys by symbol alone."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if isinstance(transition, Claim) and change.id not in self.inner._changes:
                for key, holder in tuple(self.inner._positions.holders.items()):
                    if key.symbol == transition.after.key.symbol:
                        existing = await self.inner.get(holder)
                        raise DuplicatePosition(transition.after.key, cast("LivePosition", existing))
        return await super().take(change)


class ClaimsBeforeItCloses(HonestStore):
    """Checks a key before the change that releases it."""

    @override
    async def take(self, change: Change) -> Committed:
        if change.id not in self.inner._changes:
            for transition in change.transitions:
                key = transition.result(PositionId(1)).key
                holder = await self.inner.find_live(key)
                if isinstance(transition, Promote) and holder is not None and holder.ref != transition.ref:
                    raise DuplicatePosition(key, holder)
        return await super().take(change)


class ClaimsTwiceInOne(HonestStore):
    """Lets one change claim a key twice."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except StorageRejected:
            results = [
                await super(ClaimsTwiceInOne, self).take(fresh(bent(change, transitions=(transition,))))
                for transition in change.transitions[:1]
            ]
            return results[0]


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (AllowsTwo, "test_duplicate_carries_the_holder"),
    (LooksThenWrites, "test_concurrent_claims"),
    (KeepsKeys, "test_key_is_free_after_the_end"),
    (FreesKeysWhileClosing, "test_key_is_held_while_closing"),
    (ForgetsToTakeAgain, "test_ended_position_takes_its_key_again"),
    (NeverInDoubt, "test_key_in_doubt"),
    (AlwaysInDoubt, "test_duplicate_carries_the_holder"),
    (CarriesTheClaimant, "test_duplicate_carries_the_holder"),
    (FoldsCase, "test_keys_are_told_apart"),
    (KeyIsTheSymbol, "test_keys_are_told_apart"),
    (ClaimsBeforeItCloses, "test_flip_in_one_change"),
    (ClaimsTwiceInOne, "test_one_key_twice_in_a_change"),
)
