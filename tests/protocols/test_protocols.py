from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from poslife import protocols

CONTRACTS: list[Any] = [
    protocols.Repository,
    protocols.EventSink,
    protocols.BatchWriter,
    protocols.VenueSource,
    protocols.Clock,
    protocols.SubmitClassifier,
]
each = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)


def promised(contract: type) -> dict[str, Callable[..., object]]:
    """
    The methods of a contract, and what reads its properties.
    """
    found: dict[str, Callable[..., object]] = {}
    for name, member in vars(contract).items():
        function: object = member.fget if isinstance(member, property) else member
        if inspect.isfunction(function) and (name == "__call__" or not name.startswith("_")):
            found[name] = function
    return found


@each
def test_no_default_implementation_lies(contract: Any) -> None:
    """
    Every method is abstract, so none is forgotten and answered with a constant: "database ok" (incident 20).
    """
    forgetful = type("Forgetful", (contract,), {})

    assert set(promised(contract)) == set(contract.__abstractmethods__)
    with pytest.raises(TypeError, match="abstract"):
        forgetful()


@each
def test_no_method_reports_failure_by_its_value(contract: Any) -> None:
    """
    None returns a bool that nobody would look at (incidents 20, 22).
    """
    for name, function in promised(contract).items():
        assert "bool" not in str(inspect.signature(function).return_annotation), name


@each
def test_every_promise_is_written_down(contract: Any) -> None:
    """
    The docstrings are the contract: each method has one.
    """
    assert inspect.getdoc(contract)
    for name, member in promised(contract).items():
        assert inspect.getdoc(member), name
