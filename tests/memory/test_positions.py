"""
Positions and fills in memory: the checks that come before a commit writes, and the indexes it keeps.
"""

from __future__ import annotations

import pytest

from poslife._domain.changes import Transition
from poslife._domain.fills import StoredFill
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition
from poslife.conformance._example_changes import Story
from poslife.errors import DuplicatePosition, FillAlreadyStored, StorageRejected
from poslife.memory._positions import Fills, Positions


def check(positions: Positions, story: Story, *transitions: Transition) -> None:
    change = story.change(*transitions)
    positions.check(transitions, positions.heads(change, {}))


def test_the_indexes_follow_a_position_through_its_life() -> None:
    """
    A position is found by its key while it is live, and by its id from its first fill on.
    """
    story, positions = Story(), Positions()
    pending = story.pending(status=OrderStatus.SUBMITTING)
    (claim,) = story.claim(pending).transitions
    positions.write(claim)

    assert {pending.key: pending.ref} == positions.holders
    assert {} == positions.refs

    held = positions.write(story.promoted(pending))
    assert isinstance(held, PersistedPosition)

    assert {pending.key: pending.ref} == positions.holders
    assert {held.id: pending.ref} == positions.refs

    positions.write(story.closed_from(held, story.exit_order(held, OrderStatus.FILLED)))

    assert {} == positions.holders
    assert {held.id: pending.ref} == positions.refs
    assert [] == list(positions.live())


@pytest.mark.parametrize("backwards", [False, True])
def test_a_key_that_the_change_releases_may_be_claimed_in_it(*, backwards: bool) -> None:
    """
    One change may close a position and claim its key, in either order.
    """
    story, positions = Story(), Positions()
    pending = story.pending(status=OrderStatus.SUBMITTING)
    positions.write(story.claim(pending).transitions[0])
    held = positions.write(story.promoted(pending))
    assert isinstance(held, PersistedPosition)
    closing = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED))
    (claim,) = story.claim(story.pending(held.key)).transitions

    check(positions, story, *((claim, closing) if backwards else (closing, claim)))
    with pytest.raises(DuplicatePosition):
        check(positions, story, claim)


def test_a_key_is_claimed_once_in_a_change() -> None:
    """
    Two claims of one free key in a change are refused.
    """
    story = Story()
    claims = [story.claim(story.pending(story.key())).transitions[0]]
    claims += story.claim(story.pending(claims[0].result(None).key)).transitions

    with pytest.raises(StorageRejected, match="twice"):
        check(Positions(), story, *claims)


def test_fills_keep_their_place() -> None:
    """
    The place of a fill is its number among all fills of the store, in the order they were stored.
    """
    story, fills = Story(), Fills()
    ref, key = story.ref(), story.key()
    mine = [StoredFill(fill=story.fill(key), ref=ref) for _ in range(2)]
    stray = StoredFill(fill=story.fill(key), ref=None, unclaimed_because="no such order")
    fills.write([mine[0], stray, mine[1]])

    assert [(1, mine[0]), (3, mine[1])] == list(fills.of(ref))
    assert [(2, stray)] == list(fills.of(None))


def test_a_fill_is_checked_against_those_stored_and_those_of_its_change() -> None:
    """
    A stored fill is refused with the stored one, and a fill of an unknown position or one given twice at all.
    """
    story, fills = Story(), Fills()
    stored = story.unclaimed("no such order").fills[0]
    fills.write([stored])
    unknown = StoredFill(fill=story.fill(story.key()), ref=story.ref())
    new = story.unclaimed("no such order").fills[0]

    with pytest.raises(FillAlreadyStored) as caught:
        fills.check(story.change(fills=[stored]), Positions())
    assert stored.fill == caught.value.stored
    with pytest.raises(StorageRejected, match="no stored position"):
        fills.check(story.change(fills=[unknown]), Positions())
    with pytest.raises(StorageRejected, match="twice"):
        fills.check(story.change(fills=[new, new]), Positions())
