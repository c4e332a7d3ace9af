"""
Making a host's event of any arguments, and encoding it: nothing here raises.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from uuid import UUID

import msgspec

from poslife._domain.causation import current_context
from poslife._domain.event_envelopes import EventHeader, HostEvent, Severity
from poslife._domain.identifiers import Account, EventId, PositionRef, RunId, Symbol, Venue
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._trail.encoding import encode_redacted
from poslife._trail.redaction import Redaction
from poslife.errors import PoslifeMisuseWarning

__all__ = ["encode_event", "host_event", "warn"]

logger = logging.getLogger("poslife.tracker")

_LONGEST_TYPE: Final = 120
_MOST_KEYS: Final = 64 * 1024  # more do not fit into a payload, and a host's mapping may be endless
_POSITIONS: Final = frozenset({PendingPosition, PersistedPosition, ClosedPosition})

_class_of = type  # `host_event` has an argument of this name


def host_event(
    type: object,
    about: object,
    payload: object,
    *,
    severity: object,
    error: object,
    run: RunId,
    now: Callable[[], datetime],
    new_event_id: Callable[[datetime], EventId],
) -> HostEvent:
    """
    Make the event. Invalid arguments are kept in its payload, with severity ERROR and a warning.

    A clock that raises, or shows no UTC time, counts as an invalid argument.
    """
    misuse: dict[str, object] = {}
    kind = _event_type(type, misuse)
    if about is None:
        ref = venue = account = symbol = None
    else:
        ref, venue, account, symbol = _subject(about, misuse)
    context = current_context()
    content = _copied(payload, misuse)
    if _class_of(severity) is not Severity:
        misuse["severity"] = severity
        severity = Severity.ERROR
    raised = None if error is None else _exception(error, misuse)
    if context.invalid:
        misuse["within"] = context.invalid
    try:
        at = now()
        if at.tzinfo is not UTC:
            at = _utc(at, misuse)
    except Exception as unreadable:  # noqa: BLE001 - a host's clock may raise anything; nothing here may
        misuse["clock"], at = unreadable, datetime.now(UTC)
    if misuse:
        severity = Severity.ERROR
        content["misuse"] = misuse
        warn(f"record({kind!r}, …): invalid {', '.join(misuse)}; stored with severity ERROR")
    header = EventHeader(
        id=new_event_id(at),
        type=kind,
        ref=ref,
        venue=venue,
        account=account,
        symbol=symbol,
        severity=severity,
        occurred_at=at,
        run=run,
        correlation=context.correlation,
        causation=context.causation,
        actor=context.actor,
    )
    return HostEvent(header=header, payload=content, error=raised)


def encode_event(event: HostEvent, redact: Redaction | None) -> tuple[EventHeader, bytes]:
    """
    Return header and encoded payload of an event, as a sink stores them.

    If the redaction fails, nothing of payload and error is kept, since it might be a secret; the event has
    severity ERROR, and a warning is given.
    """
    payload, failure = encode_redacted(event.payload, event.error, redact)
    if failure is None:
        return event.header, payload
    warn(f"redacting the payload of {event.header.type!r} failed, nothing of it is kept: {failure}")
    return msgspec.structs.replace(event.header, severity=Severity.ERROR), payload


def _event_type(given: object, misuse: dict[str, object]) -> str:
    if _class_of(given) is str:
        text = given
    else:
        try:
            # Not `str()`: an object's `__str__` may raise, and its `__class__` may be any.
            text = str.__getitem__(cast("str", given), slice(_LONGEST_TYPE + 1))
        except TypeError:
            text = ""
    if 0 < len(text) <= _LONGEST_TYPE and text.isprintable() and text[0] != " " and text[-1] != " ":
        return text
    misuse["type"] = given
    return "poslife.misuse"


def _subject(
    about: object, misuse: dict[str, object]
) -> tuple[PositionRef | None, Venue | None, Account | None, Symbol | None]:
    # By `type`: a mock in a host's tests may have a position's `__class__`, and no ref.
    kind = type(about)
    if kind in _POSITIONS:
        position = cast("Position", about)
        key = position.key
        return position.ref, key.venue, key.account, key.symbol
    if kind is UUID:
        number = cast("UUID", about).int
        if not number & 0xFFFF and number >> 76 & 0xF == 7 and number >> 62 & 3 == 2:
            return PositionRef(cast("UUID", about)), None, None, None
    misuse["about"] = about
    return None, None, None, None


def _copied(payload: object, misuse: dict[str, object]) -> dict[str, object]:
    """
    Return a copy of the payload: what the host does to its own later changes no event.
    """
    kind: type = type(payload)
    if kind is dict:
        given = cast("dict[str, object]", payload)
        if len(given) <= _MOST_KEYS:
            return given.copy()
    copied: dict[str, object] = {}
    try:
        if issubclass(kind, Mapping):
            copied = _beginning(cast("Mapping[str, object]", payload))
        else:
            misuse["payload"] = payload
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as unreadable:  # noqa: BLE001 - a host's mapping may raise anything; nothing here may
        copied.clear()
        misuse["payload_error"] = unreadable
    return copied


def _beginning(payload: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key in payload:
        kept[key] = payload[key]
        if len(kept) >= _MOST_KEYS:
            break
    return kept


def _exception(error: object, misuse: dict[str, object]) -> BaseException | None:
    if issubclass(type(error), BaseException):
        return cast("BaseException", error)
    misuse["error"] = error
    return None


def _utc(at: datetime, misuse: dict[str, object]) -> datetime:
    if at.utcoffset() == timedelta(0):
        return at
    misuse["clock"] = at
    return datetime.now(UTC)


def warn(message: str) -> None:
    """
    Warn of misuse, without raising where the host turns warnings into errors.
    """
    try:
        warnings.warn(message, PoslifeMisuseWarning, stacklevel=4)
    except Exception:  # noqa: BLE001 - a host's own showwarning may raise anything, too
        logger.error("%s", message)  # noqa: TRY400 - the message is all there is to tell
