"""
Options of a sink.
"""

from __future__ import annotations

from typing import Any

import pytest

from poslife import FurtherWriter, Overflow, Severity
from poslife._sink.options import is_more_severe
from poslife.errors import InvalidValue
from tests.sink.fakes import FakeStore


@pytest.mark.parametrize("name", ["store", "", "a b", "../x", None])
def test_a_writer_has_a_name_to_keep_its_place_under(name: str) -> None:
    """
    It can be the name of a file, and is not the store's.
    """
    with pytest.raises(InvalidValue, match="name"):
        FurtherWriter(name=name, writer=FakeStore())


@pytest.mark.parametrize("most_behind", [0, -1, True, 1.5])
def test_a_writer_may_be_at_least_one_event_behind(most_behind: Any) -> None:
    """
    A limit of none would drop every event.
    """
    with pytest.raises(InvalidValue, match="most_behind"):
        FurtherWriter(name="file", writer=FakeStore(), most_behind=most_behind)


@pytest.mark.parametrize(
    "options", [{"most": 0}, {"most": True}, {"most": 2.5}, {"drop_below": "warning"}], ids=str
)
def test_an_overflow_policy_is_refused_when_it_is_wired(options: dict[str, Any]) -> None:
    """
    At the start of a bot, not when its disk is full.
    """
    with pytest.raises(InvalidValue, match=f"Overflow.{next(iter(options))}"):
        Overflow(**options)


def test_severities_are_in_order() -> None:
    """
    From DEBUG to CRITICAL each is more severe than those before it, and not than itself.
    """
    severities = list(Severity)
    for place, one in enumerate(severities):
        for other_place, other in enumerate(severities):
            assert (place > other_place) is is_more_severe(one, other)
