from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

import poslife.events
from poslife._domain.events import LIFE_EVENTS
from poslife.events import PositionEnded


def test_life_events_are_told_in_the_past_tense_of_what_they_are_about() -> None:
    """
    Types are unique, in two parts, and name the class: ``order.in_doubt`` is `OrderInDoubt`.
    """
    renamed = {"position.closing_withdrawn": "ClosingWithdrawn"}
    for kind, body in LIFE_EVENTS.items():
        assert re.fullmatch(r"(position|order|fill)\.[a-z_]+", kind)
        words = "".join(word.title() for word in re.split(r"[._]", kind))
        assert renamed.get(kind, words) == body.__name__


def test_a_life_event_has_exactly_its_fields() -> None:
    """
    A body has slots for its fields alone, and its type is the class's and no field.
    """
    for kind, body in LIFE_EVENTS.items():
        assert kind == body.type
        assert "type" not in {field.name for field in dataclasses.fields(body)}
        assert "__slots__" in vars(body)


def test_the_tables_of_events_cannot_be_changed() -> None:
    """
    The table of events cannot be changed, so two trackers in one process do not affect each other.
    """
    table: Any = LIFE_EVENTS

    with pytest.raises(TypeError):
        table["position.teleported"] = PositionEnded


def test_every_event_is_public() -> None:
    """
    Each class of events has a public name, for hosts match on it.
    """
    for body in LIFE_EVENTS.values():
        assert body is getattr(poslife.events, body.__name__)
        assert body.__name__ in poslife.events.__all__
