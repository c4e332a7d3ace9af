from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife.errors import InvalidValue
from poslife.protocols._pages import MOST_PER_PAGE, Page, limited, page_of


@pytest.mark.parametrize("limit", [0, -1, MOST_PER_PAGE + 1, True, 1.0, "100", None], ids=repr)
def test_a_limit_is_an_int_from_1_to_1000(limit: Any) -> None:
    """
    A limit that is no int from 1 to 1000 is refused, and not adjusted.
    """
    with pytest.raises(InvalidValue, match="limit: expected an int from 1 to 1000"):
        limited(limit)


@pytest.mark.parametrize("limit", [1, MOST_PER_PAGE])
def test_both_bounds_are_limits(limit: int) -> None:
    """
    1 and 1000 are valid limits.
    """
    assert limit == limited(limit)


@given(st.integers(0, 30), st.integers(1, 10))
def test_pages_give_every_item_once(count: int, limit: int) -> None:
    """
    The pages of a list, read one after the other, have every item once and in order.
    """
    rows = [(f"{number:03}", number) for number in range(count)]
    found: list[int] = []
    start = 0
    while True:
        page: Page[int] = page_of(rows[start : start + limit + 1], limit)
        found += page.items
        assert len(page.items) <= limit
        if page.next is None:
            break
        assert limit == len(page.items)
        start = [token for token, _ in rows].index(page.next) + 1

    assert list(range(count)) == found


def test_the_last_page_says_that_it_is_the_last() -> None:
    """
    The last page has no next one, also if it is just full or empty.
    """
    assert Page(items=(1, 2), next=None) == page_of([("a", 1), ("b", 2)], 2)
    assert Page(items=(), next=None) == page_of([], 2)
    assert "b" == page_of([("a", 1), ("b", 2), ("c", 3)], 2).next
