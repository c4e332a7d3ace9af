"""
Changes, and the transitions that they are made of.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from poslife import OrderPurpose, OrderStatus, PositionId, PositionRef, PositionStatus
from poslife._domain.changes import Change, Claim, Close, Revise, Transition
from poslife._domain.event_envelopes import EventHeader, LifeEvent
from poslife._domain.events import PositionEnded
from poslife._domain.identifiers import ChangeId
from poslife.errors import InvalidValue
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
    new_event_id,
    order,
    pending,
    persisted,
    promote,
    with_orders,
)

CHANGE = ChangeId(UUID(int=1))
PENDING, ENDED, OPEN, CLOSING, CLOSED = PositionStatus


def change(*transitions: Transition, **fields: Any) -> Change:
    values: dict[str, Any] = {"id": CHANGE, "run": RUN, "at": AT, "transitions": transitions}
    return Change(**(values | fields))


def event(ref: PositionRef | None, version: int) -> LifeEvent:
    header = EventHeader(id=new_event_id(), type="position.ended", ref=ref, occurred_at=AT, run=RUN)
    return LifeEvent(header=header, version=version, index=0, body=PositionEnded())


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
