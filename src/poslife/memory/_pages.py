"""
Pages of what is held in memory.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import TypeVar

from poslife.errors import InvalidValue
from poslife.protocols import Page, PageToken
from poslife.protocols._pages import limited, page_of

__all__ = ["paged", "token_of"]

ItemT = TypeVar("ItemT")


def paged(rows: Sequence[tuple[str, ItemT]], after: PageToken | None, limit: int) -> Page[ItemT]:
    """
    A page of *rows*, each with its token, which are in order.

    Raises:
        InvalidValue: A limit outside 1 to 1000, or what is no token.
    """
    most = limited(limit)
    if after is not None and not isinstance(after, str):
        raise InvalidValue("after", after, "the `next` of a page")
    start = 0 if after is None else bisect.bisect_right([token for token, _ in rows], after)
    return page_of(rows[start : start + most + 1], most)


def token_of(row: tuple[str, object]) -> str:
    """
    By what rows are sorted.
    """
    return row[0]
