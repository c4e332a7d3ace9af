"""
The rules of erasures and purges.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from poslife._domain.identifiers import RunId
from poslife.errors import InvalidValue, PurgeRefused
from poslife.storage._event_rows import EMPTY_STREAM, StreamHead
from poslife.storage._removals import end_of_purge, require_few, require_purge, require_purgeable
from tests.values import RUN

ONE, TWO = bytes(31) + b"1", bytes(31) + b"2"


def test_a_purge_ends_at_the_last_deleted_event() -> None:
    """
    With its digest; that of the one before where the last could not be encoded.
    """
    assert (7, TWO) == end_of_purge([StreamHead(7, TWO), StreamHead(3, ONE)])
    assert (8, TWO) == end_of_purge([StreamHead(8, bytes(32)), StreamHead(7, TWO)])
    assert (9, ONE) == end_of_purge([StreamHead(2, TWO)], StreamHead(9, ONE))
    assert EMPTY_STREAM == end_of_purge([])


@pytest.mark.parametrize(
    "state, reason",
    [
        ({"is_running": False, "last": 0, "purged": 0}, "no host event of this run is stored"),
        ({"is_running": True, "last": 9, "purged": 0}, "has not ended"),
        ({"is_running": False, "last": 4, "purged": 0}, "its last event is number 4"),
        ({"is_running": False, "last": 0, "purged": 3}, "its last event is number 3"),
    ],
)
def test_a_purge_is_refused_with_a_reason(state: dict[str, Any], reason: str) -> None:
    """
    An unknown run, one that runs, and a number beyond the last.
    """
    with pytest.raises(PurgeRefused, match=reason):
        require_purgeable(RUN, 5, **state)


def test_what_may_be_purged() -> None:
    """
    Up to the last event, or up to where it was purged before.
    """
    require_purgeable(RUN, 5, is_running=False, last=5, purged=0)
    require_purgeable(RUN, 5, is_running=False, last=0, purged=5)


def test_bad_arguments_are_refused() -> None:
    """
    A run that is none, a number that is none, and more events than a page has.
    """
    with pytest.raises(InvalidValue, match="upto"):
        require_purge(RUN, 0, "old")
    with pytest.raises(InvalidValue, match="run"):
        require_purge(cast("RunId", "no run"), 1, "old")
    with pytest.raises(InvalidValue, match="at most 1000 events, got 1001"):
        require_few((), 1001)
