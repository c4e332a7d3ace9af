"""
Pages of a list; the limit and the token, checked the same way by every store. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NewType

from typing_extensions import TypeVar

from poslife.errors import InvalidValue

__all__ = ["MOST_PER_PAGE", "Page", "PageToken", "limited", "page_of"]

MOST_PER_PAGE = 1000

PageToken = NewType("PageToken", str)
"""
Where a list goes on; opaque.
"""

ItemT_co = TypeVar("ItemT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[ItemT_co]):
    """
    Part of a list.

    Attributes:
        items: The part.
        next: Where it goes on, or ``None`` at the end.
    """

    items: tuple[ItemT_co, ...]
    next: PageToken | None


def limited(limit: object) -> int:
    """
    The limit of a page, if it is an `int` from 1 to 1000.

    Raises:
        InvalidValue: For anything else.
    """
    if type(limit) is not int or not 1 <= limit <= MOST_PER_PAGE:
        raise InvalidValue("limit", limit, f"an int from 1 to {MOST_PER_PAGE}")
    return limit


def page_of(rows: Sequence[tuple[str, ItemT_co]], limit: int) -> Page[ItemT_co]:
    """
    The page of *rows*, each with its token, of which one more than *limit* was read where there is more.
    """
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(items=tuple(item for _, item in shown), next=PageToken(shown[-1][0]) if more else None)
