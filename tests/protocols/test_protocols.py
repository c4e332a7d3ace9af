from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from poslife import protocols

EVERY: list[Any] = [getattr(protocols, name) for name in protocols.__all__]
CONTRACTS = [kind for kind in EVERY if getattr(kind, "_is_protocol", False) and kind is not protocols.Store]
each = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)


def promised(contract: type) -> dict[str, Callable[..., object]]:
    """
    The methods of a protocol, and the functions behind its properties.
    """
    found: dict[str, Callable[..., object]] = {}
    for name, member in vars(contract).items():
        function: object = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and (name == "__call__" or not name.startswith("_")):
            found[name] = function
    return found


def test_every_protocol_is_tried() -> None:
    """
    The list above has every protocol but `Store`, which adds no method to those it joins.
    """
    assert {
        "BatchWriter",
        "Clock",
        "DeadLetterBox",
        "DescribesDriver",
        "EventSink",
        "Journal",
        "LifeEventFeed",
        "Repository",
        "RunEventFeed",
        "SubmitClassifier",
        "TrailKeeper",
        "TrailReader",
        "VenueSource",
    } == {contract.__name__ for contract in CONTRACTS}
    assert {} == promised(protocols.Store)


@each
def test_no_default_implementation_lies(contract: Any) -> None:
    """
    Every method is abstract, so a forgotten one cannot answer with a constant: "database ok" (incident 20).
    """
    forgetful = type("Forgetful", (contract,), {})

    assert set(promised(contract)) == set(contract.__abstractmethods__)
    with pytest.raises(TypeError, match="abstract"):
        forgetful()


@each
def test_no_method_reports_failure_by_its_value(contract: Any) -> None:
    """
    No method returns a bool, which callers would ignore (incidents 20, 22).
    """
    for name, function in promised(contract).items():
        assert "bool" not in str(inspect.signature(function).return_annotation), name


@each
def test_every_promise_is_written_down(contract: Any) -> None:
    """
    Every protocol and every method of it has a docstring, for those are the contract.
    """
    assert inspect.getdoc(contract)
    for name, member in promised(contract).items():
        assert inspect.getdoc(member), name
