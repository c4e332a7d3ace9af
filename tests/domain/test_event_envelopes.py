from __future__ import annotations

import dataclasses
import pickle
from dataclasses import replace
from typing import Any

import pytest

from poslife import Severity
from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA
from poslife.errors import InvalidValue
from poslife.events import Actor, EventHeader, HostEvent, LifeEvent, PositionEnded
from tests.values import AT, BAD_COUNTS, BAD_NAMES, BAD_REFS, BAD_TIMES, KEY, REF, RUN, cases, new_event_id


def header(**fields: Any) -> EventHeader:
    values: dict[str, Any] = {"id": new_event_id(), "type": "position.ended", "occurred_at": AT, "run": RUN}
    return EventHeader(**(values | fields))


def refuses(value: Any, field: str, wrong: Any) -> None:
    with pytest.raises(InvalidValue) as refused:
        replace(value, **{field: wrong})

    assert f"{type(value).__name__}.{field}" == refused.value.field
    assert wrong is refused.value.value


@cases(
    id=("pending", 7, None),
    type=(*BAD_NAMES, None),
    schema=BAD_COUNTS,
    ref=BAD_REFS[:-1],
    venue=BAD_NAMES,
    account=BAD_NAMES,
    symbol=BAD_NAMES,
    order=BAD_COUNTS[:-1],
    severity=("info", 20, None),
    occurred_at=(*BAD_TIMES, None),
    run=("run", None),
    correlation=("trade-7", 7),
    causation=("event", 7),
    actor=("strategy", None),
)
def test_a_header_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    ``"pending"`` as a position and a naive time are refused in a header (incidents 22, 42).
    """
    refuses(header(), field, value)


def test_a_header_names_no_position_id() -> None:
    """
    Events name a position by its ref alone, so no id can be missing.
    """
    assert not [field.name for field in dataclasses.fields(EventHeader) if "position" in field.name]
    assert REF == header(ref=REF).ref


@cases(
    header=("header", None),
    version=BAD_COUNTS,
    index=BAD_COUNTS,
    body=("body", None, {"reason": "x"}, PositionEnded),
)
def test_a_life_event_refuses_what_cannot_be(field: str, value: Any) -> None:
    """
    An invalid field of a life event is refused with its name and value.
    """
    refuses(LifeEvent(header=header(), version=1, index=0, body=PositionEnded()), field, value)


@cases(header=("header", None, Severity.INFO))
def test_a_hosts_event_has_a_header(field: str, value: Any) -> None:
    """
    A host's event without a header is refused when it is made, so that `emit` never has to.
    """
    refuses(HostEvent(header=header(), payload={}), field, value)


def test_an_event_survives_pickling() -> None:
    """
    A pickled event is equal to the original.
    """
    event = LifeEvent(header=header(order=3), version=1, index=0, body=PositionEnded())

    assert event == pickle.loads(pickle.dumps(event))  # noqa: S301 - our own bytes


def test_a_header_says_what_is_usual() -> None:
    """
    By default an event is the strategy's, of severity INFO, in the schema of this release.
    """
    plain = header(venue=KEY.venue)

    assert (Actor.STRATEGY, Severity.INFO, LIFE_EVENT_SCHEMA) == (plain.actor, plain.severity, plain.schema)
