"""
Pages of lists in memory.
"""

from __future__ import annotations

import pytest

from poslife.errors import InvalidValue
from poslife.memory._lists import page_after
from poslife.protocols import Page, PageToken

ROWS = [(3, "c"), (1, "a"), (2, "b")]


def test_a_page_holds_what_comes_after_a_place_in_order() -> None:
    """
    A page holds the items after a place in the order of their places, and its token is its last item's place.
    """
    assert Page(items=("b", "c"), next=None) == page_after(ROWS, 1, 2)
    assert Page(items=("a", "b"), next=PageToken("2")) == page_after(ROWS, 0, 2)
    assert Page(items=(), next=None) == page_after(ROWS, 3, 2)


@pytest.mark.parametrize("limit", [0, -1, 1001, True])
def test_a_limit_is_from_1_to_1000(limit: int) -> None:
    """
    A limit outside 1 to 1000 is refused, also for a list of nothing.
    """
    with pytest.raises(InvalidValue, match="limit"):
        page_after(list[tuple[int, str]](), 0, limit)
