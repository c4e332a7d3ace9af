"""
The full values of the suites set every field, no two alike: else a dropped or swapped field would not show.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import cast
from uuid import UUID

import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife._domain.events import LIFE_EVENTS
from poslife._domain.fills import Fee, Fill, StoredFill
from poslife._domain.identifiers import PositionId, PositionKey
from poslife._domain.orders import Order
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition
from poslife._domain.protection import Protection
from poslife.conformance import _full_values as full_values
from poslife.conformance._example_changes import Story


def everything() -> list[object]:
    story = Story()
    pending = full_values.full_pending(story)
    held = story.promoted(pending, quantity=Decimal("11.5")).result(PositionId(7))
    full = full_values.full_held(story, held)
    close = story.closed_from(full, full.orders[-1])
    closed = full_values.full_closed(story, close.after)
    fills = [full_values.full_fill(story, pending.key, ref) for ref in (pending.ref, None)]
    header = full_values.full_header(story, pending, "signal.seen", schema=3)
    return [pending, full, closed, *fills, header, *full_values.life_bodies()]


def walked(value: object) -> Iterator[object]:
    if isinstance(value, tuple):
        for item in cast("tuple[object, ...]", value):
            yield from walked(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for field in dataclasses.fields(value):
            yield from walked(getattr(value, field.name))


@pytest.mark.parametrize(
    "kind",
    [
        PositionKey,
        Order,
        PendingPosition,
        PersistedPosition,
        ClosedPosition,
        Protection,
        Fee,
        Fill,
        StoredFill,
        EventHeader,
        *LIFE_EVENTS.values(),
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_field_is_set(kind: type[object]) -> None:
    """
    Each type has examples that set every field to something else than its default (incident 36).
    """
    examples = [value for value in walked(tuple(everything())) if type(value) is kind]
    assert dataclasses.is_dataclass(kind)
    unset = {
        field.name
        for field in dataclasses.fields(kind)
        if all(getattr(value, field.name) in (None, (), 0, "", field.default) for value in examples)
    }
    # A pending position's version is 1; a first version is what it has.
    unset -= {"version"} if kind is PendingPosition else set()

    assert examples
    assert unset == set()


def test_no_two_fields_alike() -> None:
    """
    Within one example no two numbers, times or ids are equal.
    """
    for example in everything()[:6]:
        assert dataclasses.is_dataclass(example)
        seen: dict[object, str] = {}
        for field in dataclasses.fields(example):
            value: object = getattr(example, field.name)
            if isinstance(value, Decimal | datetime | UUID):
                assert value not in seen, (
                    f"{type(example).__name__}: {field.name} and {seen[value]} are alike"
                )
                seen[value] = field.name


def test_every_life_event_has_a_specimen() -> None:
    """
    Every life event is among the examples.
    """
    assert sorted(LIFE_EVENTS) == sorted(body.type for body in full_values.life_bodies())


def test_enumerations_are_no_numbers() -> None:
    """
    No enumeration is a number or a text, so that none is equal to its value.
    """
    for example in walked(tuple(everything())):
        assert dataclasses.is_dataclass(example)
        for field in dataclasses.fields(example):
            value: object = getattr(example, field.name)
            if isinstance(value, Enum):
                assert not isinstance(value, int | str)
