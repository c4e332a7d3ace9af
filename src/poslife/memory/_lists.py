"""
Pages of lists in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import TypeVar
from uuid import UUID

from poslife.protocols import Page
from poslife.protocols._pages import limited, page_of

__all__ = ["page_after"]

ItemT = TypeVar("ItemT")
PlaceT = TypeVar("PlaceT", UUID, int, str)


def page_after(rows: Iterable[tuple[PlaceT, ItemT]], after: PlaceT, limit: int) -> Page[ItemT]:
    """
    Return the page of at most *limit* items that come after the place *after*.

    Args:
        rows: Each item with its place in the list, in any order. The place of a page's last item is the token
            of the next page.
        after: The place that the page before ended with.
        limit: 1 to 1000.

    Raises:
        InvalidValue: Another limit.
    """
    most = limited(limit)
    later = sorted((row for row in rows if row[0] > after), key=itemgetter(0))
    return page_of([(str(place), item) for place, item in later[: most + 1]], most)
