from __future__ import annotations

import itertools
from typing import Any

import pytest

from poslife import PositionStatus
from poslife._domain.position_status import POSITION_TRANSITIONS, require_transition
from poslife.errors import IllegalTransition
from tests.values import REF

PENDING, ENDED, OPEN, CLOSING, CLOSED = PositionStatus
LIVES = {
    PENDING: {OPEN, ENDED},
    ENDED: {OPEN, PENDING},
    OPEN: {CLOSING, CLOSED},
    CLOSING: {OPEN, CLOSED},
    CLOSED: set[PositionStatus](),
}


@pytest.mark.parametrize("before, after", list(itertools.product(PositionStatus, PositionStatus)), ids=str)
def test_a_position_moves_only_as_its_table_says(before: PositionStatus, after: PositionStatus) -> None:
    """
    Each of the 25 changes of status is allowed, no change, or raises; nothing leads out of closed.
    """
    assert LIVES[before] == set(POSITION_TRANSITIONS[before])
    if after is before or after in LIVES[before]:
        require_transition(REF, before, after)
        return
    with pytest.raises(IllegalTransition) as refused:
        require_transition(REF, before, after)
    assert (f"position {REF}", before.value, after.value) == (
        refused.value.subject,
        refused.value.current,
        refused.value.wanted,
    )
    assert {status.value for status in LIVES[before]} == set(refused.value.allowed)


def test_the_table_has_every_status_and_cannot_be_changed() -> None:
    """
    Every status has a row in the table, which cannot be changed.
    """
    table: Any = POSITION_TRANSITIONS

    assert list(PositionStatus) == list(POSITION_TRANSITIONS)
    with pytest.raises(TypeError):
        table[CLOSED] = frozenset({OPEN})


def test_a_refused_transition_says_which_are_allowed() -> None:
    """
    The message names the position, both statuses, and the allowed ones or that there are none.
    """
    with pytest.raises(IllegalTransition, match=r"is pending and cannot become closing; .* only ended, open"):
        require_transition(REF, PENDING, CLOSING)
    with pytest.raises(IllegalTransition, match="is closed and cannot become open; closed is final"):
        require_transition(REF, CLOSED, OPEN)
