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
    "AfterRunEvent",
    "after_closing",
    "after_commit",
    "after_event",
    "after_number",
    "after_run_event",
    "after_uuid",
    "closing_token",
    "commit_token",
    "event_token",
    "page_of_run_events",
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


class AfterRunEvent(NamedTuple):
    """
    The last host event of a page: its run, sequence and id.
    """

    run: UUID
    sequence: int
    event: UUID


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


def page_of_run_events(items: Sequence[EventRecord], after: AfterRunEvent) -> FeedPage:
    """
    Return a page of host events, with its token.
    """
    if items:
        last = items[-1]
        assert last.sequence is not None  # a host event has one
        after = AfterRunEvent(last.header.run, last.sequence, last.header.id)
    token = FeedToken(f"{after.run} {after.sequence} {after.event}")
    return FeedPage(items=tuple(items), next=token if after.sequence else None)


def after_run_event(token: FeedToken | None) -> AfterRunEvent:
    """
    Return the run, sequence and id that a page of host events ended with; the lowest without a token.

    Raises:
        InvalidValue: It is no token of such a page.
    """
    if token is None:
        return AfterRunEvent(_FIRST, 0, _FIRST)
    match _text(token).split(" "):
        case run, sequence, event if _NUMBER.fullmatch(sequence):
            return AfterRunEvent(_uuid(run, token), int(sequence), _uuid(event, token))
        case _:
            raise _refused(token)
