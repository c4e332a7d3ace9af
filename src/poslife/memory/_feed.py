"""
The life events in memory, for those who follow them.
"""

from __future__ import annotations

from collections.abc import Sequence

from poslife.errors import InvalidValue
from poslife.protocols import EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import limited
from poslife.storage._page_tokens import AfterEvent, after_event, event_token

__all__ = ["page_of_feed"]


def page_of_feed(told: Sequence[EventRecord], after: FeedToken | None, limit: int) -> FeedPage:
    """
    See `LifeEventFeed.read_life_events`.

    Args:
        told: Every life event, as they were committed.
        after: Where the page begins.
        limit: The most events in it.
    """
    start, most = after_event(after), limited(limit)
    passed = 0 if start is None else start.number
    if start is not None and (passed > len(told) or told[passed - 1].header.id != start.event):
        raise InvalidValue("after", after, "the `next` of a page of this store's feed")
    items = tuple(told[passed : passed + most])
    last = AfterEvent(passed + len(items), items[-1].header.id) if items else start
    return FeedPage(items=items, next=None if last is None else event_token(last))
