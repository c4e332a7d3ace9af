"""
The outcomes of an opening and of a closing.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import assert_never

import pytest

from poslife import Abandoned, Closed, ClosingOutcome, InDoubt, Opened, OpeningOutcome, Rejected, Working
from tests.values import closed, exit_order, order, pending, persisted


def name_of_opening(outcome: OpeningOutcome) -> str:
    match outcome:
        case Opened():
            return "opened"
        case Working():
            return "working"
        case Rejected():
            return "rejected"
        case InDoubt():
            return "in doubt"
        case Abandoned():
            return "abandoned"
        case _:
            assert_never(outcome)


def name_of_closing(outcome: ClosingOutcome) -> str:
    match outcome:
        case Closed():
            return "closed"
        case Working():
            return "working"
        case Rejected():
            return "rejected"
        case InDoubt():
            return "in doubt"
        case Abandoned():
            return "abandoned"
        case _:
            assert_never(outcome)


def test_an_opening_has_five_outcomes() -> None:
    """
    A `match` over the five is exhaustive, and each holds a position that fits it.
    """
    position, entry = pending(), order()
    outcomes: list[OpeningOutcome] = [
        Opened(position=persisted()),
        Working(position=position, order=entry),
        Rejected(position=position, order=entry, reason="no funds"),
        InDoubt(position=position, order=entry, reason="time-out"),
        Abandoned(position=position, order=entry, reason="left before submit"),
    ]

    assert ["opened", "working", "rejected", "in doubt", "abandoned"] == list(map(name_of_opening, outcomes))


def test_a_closing_has_five_outcomes() -> None:
    """
    A `match` over the five is exhaustive, and each holds a position that fits it.
    """
    position, leaving = persisted(), exit_order()
    outcomes: list[ClosingOutcome] = [
        Closed(position=closed()),
        Working(position=position, order=leaving),
        Rejected(position=position, order=leaving, reason="reduce-only"),
        InDoubt(position=position, order=leaving, reason="time-out"),
        Abandoned(position=position, order=leaving, reason="left before submit"),
    ]

    assert ["closed", "working", "rejected", "in doubt", "abandoned"] == list(map(name_of_closing, outcomes))


def test_an_outcome_does_not_change() -> None:
    """
    An outcome is a value: its fields cannot be set.
    """
    outcome = Opened(position=persisted())

    with pytest.raises(FrozenInstanceError):
        outcome.position = persisted()  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
