"""
Pages of a list, and the check of their limit that every store shares.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NewType

from typing_extensions import TypeVar

from poslife.errors import InvalidValue

__all__ = ["MOST_PER_PAGE", "Page", "PageToken", "every_item", "limited", "page_of"]

MOST_PER_PAGE = 1000

PageToken = NewType("PageToken", str)
"""
The position in a list at which the next page begins; opaque to the caller.
"""

ItemT_co = TypeVar("ItemT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[ItemT_co]):
    """
    A page of a list.

    Attributes:
        items: The items of this page.
        next: The token of the next page, or ``None`` on the last one.
    """

    items: tuple[ItemT_co, ...]
    next: PageToken | None


async def every_item(
    list_page: Callable[[PageToken | None], Awaitable[Page[ItemT_co]]],
) -> AsyncIterator[ItemT_co]:
    """
    Yield every item of a list that comes in pages.
    """
    after: PageToken | None = None
    while True:
        page = await list_page(after)
        for item in page.items:
            yield item
        if page.next is None:
            return
        after = page.next


def limited(limit: object) -> int:
    """
    Return *limit* if it is an `int` from 1 to 1000.

    Raises:
        InvalidValue: For anything else.
    """
    if type(limit) is not int or not 1 <= limit <= MOST_PER_PAGE:
        raise InvalidValue("limit", limit, f"an int from 1 to {MOST_PER_PAGE}")
    return limit


def page_of(rows: Sequence[tuple[str, ItemT_co]], limit: int) -> Page[ItemT_co]:
    """
    Return the page of the first *limit* items of *rows*, which are pairs of token and item.

    A row beyond the limit shows that there is a next page; so read one more than *limit*.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=tuple(item for _, item in shown), next=PageToken(shown[-1][0]) if more else None)
