from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from poslife import OrderPurpose, OrderStatus, PositionId, PositionRef, PositionStatus
from poslife._domain.changes import (
    Change,
    Claim,
    Close,
    Promote,
    Revise,
    StoredHead,
    Transition,
    require_found,
    require_settlement,
    require_versions,
)
from poslife._domain.event_envelopes import EventHeader, LifeEvent
from poslife._domain.events import PositionEnded
from poslife._domain.identifiers import ChangeId
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue, PositionNotFound, StaleVersion
from tests.values import (
    AT,
    BAD_TIMES,
    KEY,
    OTHER_REF,
    OTHER_RUN,
    REF,
    RUN,
    cases,
    closed,
    exit_order,
    later,
    new_event_id,
    order,
    pending,
    persisted,
    with_orders,
)

CHANGE = ChangeId(UUID(int=1))
PENDING, ENDED, OPEN, CLOSING, CLOSED = PositionStatus


def promote(**fields: Any) -> Promote:
    values: dict[str, Any] = {
        "pending": pending(OrderStatus.WORKING),
        "entered_quantity": Decimal(100),
        "entered_cost": Decimal(200),
        "opened_at": AT,
        "version": 2,
    }
    return Promote(**(values | fields))


def change(*transitions: Transition, **fields: Any) -> Change:
    values: dict[str, Any] = {"id": CHANGE, "run": RUN, "at": AT, "transitions": transitions}
    return Change(**(values | fields))


def event(ref: PositionRef | None, version: int) -> LifeEvent:
    header = EventHeader(id=new_event_id(), type="position.ended", ref=ref, occurred_at=AT, run=RUN)
    return LifeEvent(header=header, version=version, index=0, body=PositionEnded())


def head(status: PositionStatus, version: int = 4, number: int | None = 7) -> dict[PositionRef, StoredHead]:
    return {
        REF: StoredHead(status=status, version=version, id=None if number is None else PositionId(number))
    }


# ------------------------------------------------------------------------------------------------- changes


@cases(id=("pending", 7, None), run=("run", None), at=(*BAD_TIMES, None))
def test_a_change_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    A naive time is refused before anything is written (incident 42).
    """
    with pytest.raises(InvalidValue) as refused:
        replace(change(), **{field: value})

    assert f"Change.{field}" == refused.value.field
    assert value is refused.value.value


def test_a_change_takes_each_position_one_step() -> None:
    """
    Two steps of one position are two changes.
    """
    with pytest.raises(InvalidValue, match=r"Change\.transitions: .*one transition per position"):
        change(Claim(after=pending()), Revise(after=pending(version=2)))


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(event(REF, 2), id="another version"),
        pytest.param(event(REF, 0), id="no version"),
        pytest.param(event(OTHER_REF, 1), id="another position"),
        pytest.param(event(None, 1), id="a version of no position"),
    ],
)
def test_an_event_is_of_a_version_that_its_change_makes(told: LifeEvent) -> None:
    """
    No event tells of what its transaction does not do (incidents 54, 55).
    """
    with pytest.raises(InvalidValue, match=r"Change\.events"):
        change(Claim(after=pending()), events=(told,))


def test_an_event_may_be_about_no_position() -> None:
    """
    An unclaimed fill is told of under version 0.
    """
    both = (event(REF, 1), event(None, 0))

    assert both == change(Claim(after=pending()), events=both).events


@pytest.mark.parametrize(
    "transition, needed",
    [
        pytest.param(Claim(after=pending()), True, id="claim"),
        pytest.param(
            Revise(after=pending(OrderStatus.SUBMITTING, version=2), orders=(order(OrderStatus.SUBMITTING),)),
            True,
            id="submitting an entry",
        ),
        pytest.param(
            Revise(
                after=pending(OrderStatus.SUBMITTING, version=2),
                orders=(order(OrderStatus.SUBMITTING, run=OTHER_RUN),),
            ),
            False,
            id="another run's entry",
        ),
        pytest.param(
            Revise(
                after=with_orders(persisted(), order(ordinal=1, purpose=OrderPurpose.INCREASE)),
                orders=(order(ordinal=1, purpose=OrderPurpose.INCREASE),),
            ),
            True,
            id="preparing an increase",
        ),
        pytest.param(
            Revise(after=with_orders(persisted(), exit_order()), orders=(exit_order(),)),
            False,
            id="preparing an exit",
        ),
        pytest.param(
            Revise(after=pending(OrderStatus.IN_DOUBT, version=2), orders=(order(OrderStatus.IN_DOUBT),)),
            False,
            id="recording a doubt",
        ),
        pytest.param(promote(), False, id="a fill"),
        pytest.param(Close(after=closed()), False, id="closing"),
    ],
)
def test_a_run_without_a_lease_may_record_and_not_open(transition: Transition, *, needed: bool) -> None:
    """
    What opens or increases needs the lease; exits, fills and doubts never wait for one.
    """
    assert needed is change(transition).needs_lease


def test_a_promotion_needs_a_minted_id() -> None:
    """
    Without the repository's number there is no persisted position (incident 22).
    """
    with pytest.raises(InvalidValue, match="minted"):
        promote().result(None)
    wrong: Any = "pending"
    with pytest.raises(InvalidValue, match=r"PersistedPosition\.id"):
        promote().result(wrong)

    made = promote().result(PositionId(9))
    assert (9, REF, KEY, OPEN, 2) == (made.id, made.ref, made.key, made.status, made.version)
    assert (Decimal(100), Decimal(2), Decimal(2)) == (made.quantity, made.entry_price, promote().entry_price)


def test_the_other_transitions_need_none() -> None:
    """
    Their result is what they were made with.
    """
    for transition in (Claim(after=pending()), Revise(after=persisted()), Close(after=closed())):
        assert transition.after is transition.result(None)
        assert (REF, transition.after.version) == (transition.ref, transition.version)


# -------------------------------------------------------------------------------------------------- checks


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
