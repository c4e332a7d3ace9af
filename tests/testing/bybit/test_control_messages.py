"""
The messages of the control endpoint.
"""

from __future__ import annotations

import msgspec
import pytest

from poslife.testing.bybit import Fault, Injection
from poslife.testing.bybit._control_messages import Command, Inject, Injected
from poslife.testing.bybit._faults import FAULTS
from tests.testing.bybit.every_fault import EVERY_FAULT


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=lambda fault: type(fault).__name__)
def test_a_fault_survives_the_way_there_and_back(fault: Fault) -> None:
    """
    The command and the injection, each encoded and decoded, hold an equal fault.
    """
    injection = Injection(number=3, fault=fault, times=2, symbol="DBRUSDT")
    sent = msgspec.json.encode(Inject.of(fault, 2, "DBRUSDT"))
    returned = msgspec.json.encode(Injected.of(injection))
    command = msgspec.json.decode(sent, type=Command)

    assert isinstance(command, Inject)
    assert fault == command.decoded()
    assert injection == msgspec.json.decode(returned, type=Injected).decoded()


def test_every_fault_has_an_example() -> None:
    """
    A new fault is not left out of these tests.
    """
    assert set(FAULTS.values()) == {type(fault) for fault in EVERY_FAULT}


@pytest.mark.parametrize(
    "command, message",
    [
        pytest.param(Inject(kind="Earthquake", fault={}), "kind: expected one of Refusal", id="kind"),
        pytest.param(Inject(kind="ServerError", fault={"status": "many"}), "status", id="type"),
        pytest.param(Inject(kind="ServerError", fault={"status": 200}), "status: expected", id="value"),
        pytest.param(Inject(kind="SlowAnswer", fault={}), "seconds", id="missing"),
    ],
)
def test_an_invalid_fault_is_refused(command: Inject, message: str) -> None:
    """
    The error is a ValueError that names the field.
    """
    with pytest.raises(ValueError, match=message):
        command.decoded()
