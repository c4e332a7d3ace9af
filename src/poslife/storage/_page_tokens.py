"""
Where a list goes on: the tokens of its pages, read back strictly. Pure.
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
    "AfterEvent",
    "AfterRunEvent",
    "after_closing",
    "after_event",
    "after_number",
    "after_run_event",
    "after_uuid",
    "closing_token",
    "event_token",
    "page_of_run_events",
]

_FIRST = UUID(int=0)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class AfterClosing(NamedTuple):
    """
    The time of closing, as text, and the ref that a page ended with.
    """

    time: str
    ref: UUID


class AfterEvent(NamedTuple):
    """
    The number of a life event in its store's feed, and its id, by which the store knows its own.
    """

    number: int
    event: UUID


class AfterRunEvent(NamedTuple):
    """
    The run, the sequence and the id of a host event that a page ended with.
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
    The ref or id that a page ended with; before all of them without a token.

    Raises:
        InvalidValue: No page ended with that.
    """
    return _FIRST if token is None else _uuid(_text(token), token)


def after_number(token: PageToken | None) -> int:
    """
    The number that a page ended with; 0 without a token.

    Raises:
        InvalidValue: No page ended with that.
    """
    if token is None:
        return 0
    if not _NUMBER.fullmatch(_text(token)):
        raise _refused(token)
    return int(token)


def closing_token(position: ClosedPosition) -> str:
    """
    The time of closing and the ref.
    """
    return f"{position.closed_at.isoformat(timespec='microseconds')} {position.ref}"


def after_closing(token: PageToken | None) -> AfterClosing | None:
    """
    The time of closing and the ref that a page ended with.

    Raises:
        InvalidValue: No page ended with that.
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
    Number and id.
    """
    return FeedToken(f"{after.number} {after.event}")


def after_event(token: FeedToken | None) -> AfterEvent | None:
    """
    The number and the id that a page of a feed ended with.

    Raises:
        InvalidValue: No page ended with that.
    """
    if token is None:
        return None
    number, _, event = _text(token).partition(" ")
    if not _NUMBER.fullmatch(number):
        raise _refused(token)
    return AfterEvent(int(number), _uuid(event, token))


def page_of_run_events(items: Sequence[EventRecord], after: AfterRunEvent) -> FeedPage:
    """
    A page of host events, and where the next one goes on.
    """
    if items:
        last = items[-1]
        assert last.sequence is not None  # a host event has one
        after = AfterRunEvent(last.header.run, last.sequence, last.header.id)
    token = FeedToken(f"{after.run} {after.sequence} {after.event}")
    return FeedPage(items=tuple(items), next=token if after.sequence else None)


def after_run_event(token: FeedToken | None) -> AfterRunEvent:
    """
    The run, the sequence and the id that a page of host events ended with; before all of them without one.

    Raises:
        InvalidValue: No page ended with that.
    """
    if token is None:
        return AfterRunEvent(_FIRST, 0, _FIRST)
    match _text(token).split(" "):
        case run, sequence, event if _NUMBER.fullmatch(sequence):
            return AfterRunEvent(_uuid(run, token), int(sequence), _uuid(event, token))
        case _:
            raise _refused(token)
