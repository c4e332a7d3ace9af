"""
The checks that every repository makes before it writes.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from poslife import OrderStatus, PositionId, PositionRef, PositionStatus
from poslife._domain.changes import Claim, Close, Revise, Transition
from poslife._domain.commit_checks import StoredHead, require_found, require_settlement, require_versions
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue, PositionNotFound, StaleVersion
from tests.values import (
    OTHER_REF,
    REF,
    closed,
    later,
    order,
    pending,
    persisted,
    promote,
)

PENDING, ENDED, OPEN, CLOSING, CLOSED = PositionStatus


def head(status: PositionStatus, version: int = 4, number: int | None = 7) -> dict[PositionRef, StoredHead]:
    return {
        REF: StoredHead(status=status, version=version, id=None if number is None else PositionId(number))
    }


def test_what_is_not_there_is_not_found() -> None:
    """
    An update of nothing raises; only a claim and a first fill that nobody intended may be new (incident 22).
    """
    require_found((Claim(after=pending()), promote(version=1)), {})
    for transition in (promote(), Revise(after=pending(version=2)), Close(after=closed())):
        with pytest.raises(PositionNotFound) as missing:
            require_found((transition,), {})
        assert REF == missing.value.sought
        require_found((transition,), head(OPEN))


def test_a_closed_position_changes_in_nothing_but_its_orders() -> None:
    """
    An order settled late is written; another exit raises and carries the stored one (incident 28).
    """
    stored = closed()
    settled = replace(stored, orders=(order(OrderStatus.CANCELED, filled=Decimal(100)),), version=7)

    require_settlement(Revise(after=settled), stored)
    for other in (
        Revise(after=replace(settled, exited_cost=Decimal(1))),
        Revise(after=replace(settled, closed_at=later(9))),
        Revise(after=persisted(version=7)),
        Close(after=replace(stored, version=7)),
        Claim(after=pending()),
    ):
        with pytest.raises(AlreadyClosed) as refused:
            require_settlement(other, stored)
        assert stored is refused.value.closed


def test_a_change_is_made_from_the_stored_version() -> None:
    """
    One that was planned from another raises, and says which version is stored.
    """
    for stored in (3, 5):
        with pytest.raises(StaleVersion) as stale:
            require_versions((Revise(after=persisted(version=5)),), head(OPEN, version=stored))
        assert (REF, 4, stored) == (stale.value.ref, stale.value.expected, stale.value.stored)
    require_versions((Revise(after=persisted(version=5)),), head(OPEN, version=4))
    with pytest.raises(StaleVersion):
        require_versions((Claim(after=pending()),), head(PENDING, version=1, number=None))


@pytest.mark.parametrize(
    "transition, stored",
    [
        pytest.param(Revise(after=persisted()), head(PENDING, 3, None), id="persisted without a promotion"),
        pytest.param(Revise(after=closed(version=4)), head(OPEN, 3), id="closed by a revision"),
        pytest.param(Revise(after=closed(version=4)), head(PENDING, 3, None), id="closed while pending"),
        pytest.param(Close(after=closed(version=4)), head(PENDING, 3, None), id="closed without a fill"),
        pytest.param(Revise(after=pending(version=4)), head(OPEN, 3), id="pending again"),
        pytest.param(promote(version=4), head(OPEN, 3), id="promoted twice"),
        pytest.param(promote(version=4), head(CLOSED, 3), id="promoted when closed"),
        pytest.param(Revise(after=persisted()), head(CLOSED, 3), id="open again"),
        pytest.param(Claim(after=pending(version=4)), head(PENDING, 3, None), id="claimed twice"),
    ],
)
def test_a_step_outside_the_table_is_refused(
    transition: Transition, stored: dict[PositionRef, StoredHead]
) -> None:
    """
    Whatever a change was planned from, no store takes a way that the tables do not have.
    """
    with pytest.raises(IllegalTransition, match=str(REF)):
        require_versions((transition,), stored)


@pytest.mark.parametrize(
    "transition, stored",
    [
        pytest.param(promote(version=4), head(PENDING, 3, None), id="first fill"),
        pytest.param(promote(version=4), head(ENDED, 3, None), id="late first fill"),
        pytest.param(Revise(after=persisted()), head(OPEN, 3), id="open stays open"),
        pytest.param(Revise(after=persisted()), head(CLOSING, 3), id="open again"),
        pytest.param(Close(after=closed(version=4)), head(OPEN, 3), id="closed by the venue"),
        pytest.param(Close(after=closed(version=4)), head(CLOSING, 3), id="closed by an exit"),
        pytest.param(Revise(after=closed(version=4)), head(CLOSED, 3), id="settled"),
        pytest.param(
            Revise(after=pending(OrderStatus.REJECTED, version=4)), head(PENDING, 3, None), id="ended"
        ),
        pytest.param(
            Revise(after=pending(OrderStatus.WORKING, version=4)), head(ENDED, 3, None), id="seen after all"
        ),
    ],
)
def test_a_step_of_the_table_is_taken(transition: Transition, stored: dict[PositionRef, StoredHead]) -> None:
    """
    What the tables have passes.
    """
    require_versions((transition,), stored)


def test_a_position_keeps_its_id() -> None:
    """
    A change cannot give it another.
    """
    with pytest.raises(InvalidValue, match="7, the id of position"):
        require_versions((Revise(after=persisted(id=PositionId(8))),), head(OPEN, 3))


def test_a_stale_change_is_stale_before_it_is_illegal() -> None:
    """
    Whoever planned from an old version hears that first, over the whole change.
    """
    transitions = (
        Revise(after=closed(version=4)),
        Revise(after=pending(ref=OTHER_REF, orders=(), version=9)),
    )
    stored = head(OPEN, 3) | {OTHER_REF: StoredHead(status=PENDING, version=3, id=None)}

    with pytest.raises(StaleVersion):
        require_versions(transitions, stored)
