"""
Page tokens: made and parsed. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from poslife._domain.positions import ClosedPosition
from poslife._trail.records import EventRecord, FeedPage, FeedToken
from poslife.errors import InvalidValue
from poslife.protocols._pages import PageToken

__all__ = [
    "AfterClosing",
    "AfterCommit",
    "AfterEvent",
    "AfterLifeEvent",
    "AfterNumber",
    "after_closing",
    "after_commit",
    "after_event",
    "after_number",
    "after_numbered",
    "after_run_event",
    "after_stream_event",
    "after_uuid",
    "closing_token",
    "commit_token",
    "event_token",
    "numbered_token",
    "run_event_page",
    "stream_page",
    "stream_place",
]

_FIRST = UUID(int=0)
_EPOCH = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class AfterClosing(NamedTuple):
    """
    The last closed position of a page: its time of closing as text, and its ref.
    """

    time: str
    ref: UUID


class AfterEvent(NamedTuple):
    """
    The last life event of a page.

    Attributes:
        number: Its number in the store's feed.
        event: Its id, by which a store recognises a token of its own.
    """

    number: int
    event: UUID


class AfterCommit(NamedTuple):
    """
    The last life event of a page, in a store whose feed goes by transactions.

    Attributes:
        epoch: Its epoch.
        transaction: The id of its transaction, within the epoch.
        event: Its id, by which a store recognises a token of its own.
    """

    epoch: int
    transaction: int
    event: UUID


class AfterLifeEvent(NamedTuple):
    """
    The last life event of a position on a page of streams: its ref, its version, and its index as *place*.
    """

    ref: UUID
    version: int
    place: int


class AfterNumber(NamedTuple):
    """
    The last event, or the last purge, of a page by run and number.
    """

    run: UUID
    number: int


def _refused(token: object) -> InvalidValue:
    return InvalidValue("after", token, "the `next` of a page of the same list")


def _text(token: object) -> str:
    if not isinstance(token, str):
        raise _refused(token)
    return token


def _uuid(text: str, token: object) -> UUID:
    try:
        read = UUID(text)
    except ValueError:
        raise _refused(token) from None
    if str(read) != text:
        raise _refused(token)
    return read


def after_uuid(token: PageToken | None) -> UUID:
    """
    Return the ref or id that a page ended with; the lowest without a token.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    return _FIRST if token is None else _uuid(_text(token), token)


def after_number(token: PageToken | None) -> int:
    """
    Return the number that a page ended with; 0 without a token.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return 0
    if not _NUMBER.fullmatch(_text(token)):
        raise _refused(token)
    return int(token)


def closing_token(position: ClosedPosition) -> str:
    """
    Return the token of a page that ends with *position*.
    """
    return f"{position.closed_at.isoformat(timespec='microseconds')} {position.ref}"


def after_closing(token: PageToken | None) -> AfterClosing | None:
    """
    Return the time of closing and the ref that a page ended with.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return None
    time, _, ref = _text(token).partition(" ")
    try:
        closed_at = datetime.fromisoformat(time)
    except ValueError:
        raise _refused(token) from None
    if closed_at.utcoffset() is None or closed_at.isoformat(timespec="microseconds") != time:
        raise _refused(token)
    return AfterClosing(time, _uuid(ref, token))


def event_token(after: AfterEvent) -> FeedToken:
    """
    Return the token of a page that ends with a life event.
    """
    return FeedToken(f"{after.number} {after.event}")


def after_event(token: FeedToken | None) -> AfterEvent | None:
    """
    Return the number and the id that a page of a feed ended with.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return None
    number, _, event = _text(token).partition(" ")
    if not _NUMBER.fullmatch(number):
        raise _refused(token)
    return AfterEvent(int(number), _uuid(event, token))


def commit_token(after: AfterCommit) -> FeedToken:
    """
    Return the token of a page that ends with a life event of a transaction.
    """
    return FeedToken(f"{after.epoch} {after.transaction} {after.event}")


def after_commit(token: FeedToken | None) -> AfterCommit | None:
    """
    Return the epoch, the transaction and the id that a page of a feed ended with.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return None
    match _text(token).split(" "):
        case epoch, transaction, event if _EPOCH.fullmatch(epoch) and _NUMBER.fullmatch(transaction):
            return AfterCommit(int(epoch), int(transaction), _uuid(event, token))
        case _:
            raise _refused(token)


def run_event_page(items: Sequence[EventRecord], after: UUID) -> FeedPage:
    """
    Return a page of host events by id, with its token.

    Args:
        items: The events.
        after: The id that the page before ended with.
    """
    last = items[-1].header.id if items else after
    return FeedPage(items=tuple(items), next=FeedToken(str(last)) if last.int else None)


def after_run_event(token: FeedToken | None) -> UUID:
    """
    Return the id that a page of host events ended with; the lowest without a token.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    return _FIRST if token is None else _uuid(_text(token), token)


def stream_page(items: Sequence[EventRecord], after: AfterLifeEvent | AfterNumber | None) -> FeedPage:
    """
    Return a page of life events stream by stream, with its token.

    Args:
        items: The events.
        after: The place that the page before ended with.
    """
    if items:
        after = stream_place(items[-1])
    token = None if after is None else FeedToken(" ".join(map(str, after)))
    return FeedPage(items=tuple(items), next=token)


def stream_place(record: EventRecord) -> AfterLifeEvent | AfterNumber:
    """
    Return the place of a life event in its stream.
    """
    if record.header.ref is None:
        assert record.sequence is not None  # it has no other number
        return AfterNumber(record.header.run, record.sequence)
    assert record.version is not None  # every life event of a position has one
    assert record.index is not None
    return AfterLifeEvent(record.header.ref, record.version, record.index)


def after_stream_event(token: FeedToken | None) -> AfterLifeEvent | AfterNumber | None:
    """
    Return the place that a page of life events, stream by stream, ended with.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return None
    match _text(token).split(" "):
        case ref, version, index if _NUMBER.fullmatch(version) and (index == "0" or _NUMBER.fullmatch(index)):
            return AfterLifeEvent(_uuid(ref, token), int(version), int(index))
        case _:
            return after_numbered(token)


def numbered_token(run: UUID, number: int) -> str:
    """
    Return the token of a page that ends with a number of a run.
    """
    return f"{run} {number}"


def after_numbered(token: FeedToken | PageToken | None) -> AfterNumber:
    """
    Return the run and number that a page ended with; the lowest without a token.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return AfterNumber(_FIRST, 0)
    match _text(token).split(" "):
        case run, number if _NUMBER.fullmatch(number):
            return AfterNumber(_uuid(run, token), int(number))
        case _:
            raise _refused(token)
