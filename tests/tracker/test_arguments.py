"""
Arguments of a wrong type, for every argument of every call of the tracker and its steps.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from poslife import OrderSide, OrderStatus, PositionTracker, Side, VenueOrderId
from poslife._domain.orders import OrderPurpose
from poslife._domain.venue_answers import OrderSeen
from poslife._tracker.steps import Steps
from poslife.errors import InvalidValue
from poslife.memory import MemoryStore
from tests.tracker.scenes import AT, HUNDRED, KEY, tracking
from tests.values import REF

# An argument of each name that is taken, for the calls that need it.
_TAKEN: dict[str, Any] = {
    "key": KEY,
    "side": Side.LONG,
    "quantity": Decimal(1),
    "ref": REF,
    "purpose": OrderPurpose.EXIT,
    "ordinal": 0,
    "sight": OrderSeen(
        venue_order_id=VenueOrderId("v1"),
        client_order_id=None,
        side=OrderSide.BUY,
        status=OrderStatus.WORKING,
        quantity=HUNDRED,
        filled=Decimal(0),
        at=AT,
    ),
    "protection": None,
    "id": 1,
    "since": datetime(2026, 1, 1, tzinfo=UTC),
    "until": datetime(2026, 1, 2, tzinfo=UTC),
}
# What a host without a type checker gives: a member's value, a number, text for a number, and anything.
_WRONG = ["long", "1.5", 1.5, True, b"x", object()]

# `record` never raises (it records the misuse); flushing takes a number of seconds; a source is any object
# that answers as one.
_OTHERWISE = {"record", "flush", "recover", "refresh"}
_FREE_TEXT = {"rejected", "doubted", "abandoned"}


def _arguments(of: type) -> list[tuple[str, str]]:
    return [
        (name, parameter.name)
        for name, call in inspect.getmembers(of, inspect.isfunction)
        if not name.startswith("_") and name not in _OTHERWISE
        for parameter in inspect.signature(call).parameters.values()
        if parameter.name != "self"
    ]


async def _call(owner: object, name: str, argument: str, value: object) -> None:
    call: Callable[..., Any] = getattr(owner, name)
    signature = inspect.signature(call)
    if signature.parameters[argument].kind is inspect.Parameter.VAR_POSITIONAL:
        before = [REF, 0] if "ordinal" in signature.parameters else []
        result = call(*before, value)
    else:
        given: dict[str, Any] = {
            parameter.name: "a reason" if parameter.name == "reason" else _TAKEN[parameter.name]
            for parameter in signature.parameters.values()
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
            if (name, parameter.name) != ("closing", "position")
        }
        if name == "closing" and argument != "position":
            given["position"] = object()
        result = call(**{**given, argument: value})
    if isinstance(result, AsyncIterator):
        await anext(cast("AsyncIterator[object]", result))
    elif inspect.isawaitable(result):
        await result


def _is_right(name: str, argument: str, value: object) -> bool:
    return (argument == "venue_order_id" and isinstance(value, str)) or (
        argument == "reason" and name in _FREE_TEXT and isinstance(value, str)
    )


@pytest.mark.parametrize("value", _WRONG, ids=lambda value: type(value).__name__ + str(value)[:4])
@pytest.mark.parametrize(
    "of, name, argument",
    [(of, *one) for of in (PositionTracker, Steps) for one in _arguments(of)],
    ids=lambda part: part.__name__ if isinstance(part, type) else part,
)
async def test_a_wrong_type_is_refused_with_the_argument_and_the_value(
    of: type, name: str, argument: str, value: object
) -> None:
    """
    Every argument of a wrong type is an `InvalidValue` that names it, and nothing is written (incident 22).
    """
    if _is_right(name, argument, value):
        return
    store = MemoryStore()
    async with tracking(store) as tracker:
        with pytest.raises(InvalidValue) as refused:
            await _call(tracker if of is PositionTracker else tracker.steps, name, argument, value)

        assert [] == [position async for position in tracker.live()]

    assert value is refused.value.value
    assert argument in refused.value.field
