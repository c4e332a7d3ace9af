"""
Plans, and the changes made of them.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from poslife import (
    Order,
    OrderStatus,
    PositionStatus,
)
from poslife._domain.plans import Plan, planned_event, replaced, revised
from poslife.events import (
    Actor,
    PositionEnded,
)
from tests.values import (
    AT,
    KEY,
    RUN,
    change_from,
    claimed,
    later,
    order,
    persisted,
    position_after,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus


def test_orders_are_put_in_their_place() -> None:
    """
    Touched orders replace those of their ordinal, new ones follow.
    """
    first, second, third = order(WORKING), order(WORKING, ordinal=1), order(ordinal=2)
    moved: Order = replace(first, status=FILLED)

    assert (moved, second, third) == replaced((first, second), (third, moved))


def test_a_status_changes_only_as_its_table_says() -> None:
    """
    Orders that would make a pending position's status go astray raise before a plan is made.
    """
    position = persisted()
    event = planned_event(position, PositionEnded())

    assert PositionStatus.OPEN is position_after(revised(position, (), (event,))).status
    assert 5 == revised(position, (), (event,)).events[0].version


def test_a_change_numbers_its_events() -> None:
    """
    Each event has its index, the change's author and time, and the venue's own time where there is one.
    """
    plan = claimed()
    earlier = msgspec.structs.replace(plan.events[1], occurred_at=AT)
    made = change_from(msgspec.structs.replace(plan, events=(plan.events[0], earlier)))

    assert [0, 1] == [event.index for event in made.events]
    assert [later(5), AT] == [event.header.occurred_at for event in made.events]
    assert {(RUN, Actor.STRATEGY, KEY.venue)} == {
        (event.header.run, event.header.actor, event.header.venue) for event in made.events
    }
    assert ["position.claimed", "order.prepared"] == [event.header.type for event in made.events]
    assert Plan().empty
    assert () == change_from(Plan()).transitions
