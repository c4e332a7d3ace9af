"""
Clauses of `Repository.commit` about keys: one live position per key.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from poslife._domain.changes import Claim
from poslife._domain.identifiers import Account, Leg, MarginMode, PositionKey, Symbol, Venue
from poslife._domain.orders import OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import PendingPosition, PersistedPosition
from poslife.conformance._assertions import check, refused, same
from poslife.conformance._example_changes import begin
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.commits import CONCURRENT
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.errors import DuplicatePosition, KeyInDoubt, PositionNotFound, PoslifeError
from poslife.protocols import Repository

__all__ = ["KeyTests"]


class KeyTests(RepositoryHooks):
    """
    One live position per key, pending or open.
    """

    @promised_by(Repository.commit)
    async def test_duplicate_carries_the_holder(self) -> None:
        """
        A claim of a key that a live position holds raises `DuplicatePosition` with it (incident 10).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for holder in (
                await story.claimed(repository),
                await story.claimed(repository, status=OrderStatus.WORKING),
                await story.opened(repository),
                await story.closing(repository),
            ):
                error = await refused(
                    repository.commit(story.claim(claimant := story.pending(holder.key))),
                    DuplicatePosition,
                    f"a claim of a key that a {holder.status.value} position holds",
                )
                check(type(error) is DuplicatePosition, f"the error of a key without doubt: got {error!r}")
                same(holder.key, error.key, "DuplicatePosition.key")
                same(holder, error.existing, "DuplicatePosition.existing")
                same(holder, await repository.find_live(holder.key), "the holder of the key")
                await refused(repository.get(claimant.ref), PositionNotFound, "the position that lost")

    @promised_by(Repository.commit)
    async def test_key_in_doubt(self) -> None:
        """
        A claim of a key whose holder has an order in doubt raises `KeyInDoubt` with the holder.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            submitting = await story.claimed(repository, status=OrderStatus.SUBMITTING)
            doubted = replace(submitting.orders[0], status=OrderStatus.IN_DOUBT)
            pending = await story.commit_one(
                repository, story.set_order(submitting, doubted), PendingPosition
            )
            opened = await story.opened(repository)
            increase = story.order(opened.ref, 1, purpose=OrderPurpose.INCREASE, status=OrderStatus.IN_DOUBT)
            held = await story.commit_one(repository, story.set_order(opened, increase), PersistedPosition)
            for holder in (pending, held):
                claim = story.claim(story.pending(holder.key))
                error = await refused(repository.commit(claim), KeyInDoubt, "a claim of a key in doubt")
                same(holder, error.existing, "KeyInDoubt.existing")
                same(holder.key, error.key, "KeyInDoubt.key")

    @promised_by(Repository.commit)
    async def test_concurrent_claims(self) -> None:
        """
        Of concurrent claims of a key one succeeds; others raise `DuplicatePosition` with it (incident 11).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            key = story.key()
            pendings = [story.pending(key) for _ in range(CONCURRENT)]
            results = await asyncio.gather(
                *(
                    (repository, other)[index % 2].commit(story.claim(pending))
                    for index, pending in enumerate(pendings)
                ),
                return_exceptions=True,
            )
            won = [result for result in results if not isinstance(result, BaseException)]
            lost = [result for result in results if isinstance(result, DuplicatePosition)]
            same(
                (1, CONCURRENT - 1),
                (len(won), len(lost)),
                f"the numbers of claims that succeed and fail, of {results!r}",
            )
            (winner,) = won[0].positions
            for error in lost:
                same(winner, error.existing, "DuplicatePosition.existing")
            for store in (repository, other):
                same(winner, await store.find_live(key), "the holder of the key")
                live = await store.list_live()
                same((winner,), live.items, "the live positions")

    @promised_by(Repository.commit, Repository.find_live)
    async def test_key_is_free_after_the_end(self) -> None:
        """
        A key is free as soon as its position has ended or is closed (incident 24).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            key = story.key()
            for turn in range(2):
                store = (repository, other)[turn]
                await story.ended(store, key)
                same(None, await repository.find_live(key), "the holder of a key whose position ended")
                await story.closed(other, key)
                same(None, await repository.find_live(key), "the holder of a key whose position is closed")
            holder = await story.claimed(repository, key)
            same(holder, await other.find_live(key), "the holder of the key")

    @promised_by(Repository.commit, Repository.find_live)
    async def test_key_is_held_while_closing(self) -> None:
        """
        A key is held from the claim to the close: pending, open, closing and open again.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            closing = await story.closing(repository)
            same(PositionStatus.CLOSING, closing.status, "the status of a position with a working exit")
            same(closing, await repository.find_live(closing.key), "the holder of the key while closing")
            refusal = replace(closing.orders[1], status=OrderStatus.REJECTED)
            opened = await story.commit_one(repository, story.set_order(closing, refusal), PersistedPosition)
            same(PositionStatus.OPEN, opened.status, "the status after the exit was refused")
            claim = story.claim(story.pending(closing.key))
            await refused(repository.commit(claim), DuplicatePosition, "a claim after a refused exit")

    @promised_by(Repository.commit)
    async def test_ended_position_takes_its_key_again(self) -> None:
        """
        An ended position that comes alive takes its key again, or raises `DuplicatePosition` if it is taken.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for filled in (False, True):
                ended = await story.ended(repository)
                seen = replace(ended.orders[0], status=OrderStatus.WORKING)
                change = story.promote(ended) if filled else story.set_order(ended, seen)
                rival = await story.claimed(repository, ended.key)
                error = await refused(
                    repository.commit(change), DuplicatePosition, "an ended position whose key is taken"
                )
                same(rival, error.existing, "DuplicatePosition.existing")
                same(ended, await repository.get(ended.ref), "the ended position")
                gone = replace(rival.orders[0], status=OrderStatus.ABANDONED)
                await repository.commit(story.set_order(rival, gone))
                committed = await repository.commit(change)
                same(committed.positions[0], await repository.find_live(ended.key), "the holder of the key")

    @promised_by(Repository.commit)
    async def test_one_key_twice_in_a_change(self) -> None:
        """
        A change that claims one key twice is refused whole.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            key = story.key()
            change = story.change(Claim(after=story.pending(key)), Claim(after=story.pending(key)))
            await refused(repository.commit(change), PoslifeError, "a change that claims one key twice")
            same(None, await repository.find_live(key), "the holder of the key")

    @promised_by(Repository.commit, Repository.find_live)
    async def test_keys_are_told_apart(self) -> None:
        """
        A key is venue, account, symbol, leg and margin mode, each compared exactly (incident 38).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            key = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("É/USDT:USDT"))
            keys = [
                key,
                replace(key, venue=Venue("okx")),
                replace(key, venue=Venue("Bybit")),
                replace(key, account=Account("Main")),
                replace(key, account=Account("main 2")),
                replace(key, symbol=Symbol("é/USDT:USDT")),
                replace(key, symbol=Symbol("E\N{COMBINING ACUTE ACCENT}/USDT:USDT")),
                replace(key, symbol=Symbol("É/USDT:USDT-261225")),
                replace(key, leg=Leg.LONG),
                replace(key, leg=Leg.SHORT),
                replace(key, margin_mode=MarginMode.CROSS),
                replace(key, margin_mode=MarginMode.ISOLATED),
                replace(key, leg=Leg.LONG, margin_mode=MarginMode.CROSS),
                # Venue and account that are one text when joined by a space.
                replace(key, venue=Venue("a"), account=Account("b c")),
                replace(key, venue=Venue("a b"), account=Account("c")),
            ]
            holders = [await story.claimed(repository, each) for each in keys]
            for holder in holders:
                same(holder, await repository.find_live(holder.key), f"the holder of {holder.key}")
                claim = story.claim(story.pending(holder.key))
                await refused(repository.commit(claim), DuplicatePosition, f"a claim of {holder.key}")
