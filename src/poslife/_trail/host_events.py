"""
A host's event, made from whatever it was given, and its bytes: nothing here raises.
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
from poslife._domain.identifiers import EventId, PositionKey, PositionRef, RunId
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife._trail.encoding import encode_redacted
from poslife._trail.redaction import Redaction
from poslife.errors import PoslifeMisuseWarning

__all__ = ["encode_event", "host_event", "warn"]

logger = logging.getLogger("poslife.tracker")

_LONGEST_TYPE: Final = 120
_MOST_KEYS: Final = 64 * 1024  # more do not fit into a payload, and a host's mapping may never end
_POSITIONS: Final = frozenset({PendingPosition, PersistedPosition, ClosedPosition})

_class_of = type  # `record` has an argument of this name


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
    The event; what was given wrongly is in its payload, under severity ERROR, with a warning.

    A clock that raises, or gives no UTC time, is misuse, too.
    """
    wrong: dict[str, object] = {}
    kind = _event_type(type, wrong)
    ref, key = _subject(about, wrong)
    around = current_context()
    given = _given(payload, wrong)
    if _class_of(severity) is not Severity:
        wrong["severity"] = severity
        severity = Severity.ERROR
    if error is not None and not _is_error(error):
        wrong["error"] = error
        error = None
    if around.invalid:
        wrong["within"] = around.invalid
    at = _time(now, wrong)
    if wrong:
        severity = Severity.ERROR
        given["misuse"] = wrong
        warn(f"record({kind!r}, …): not what it takes: {', '.join(wrong)}; stored with severity ERROR")
    header = EventHeader(
        id=new_event_id(at),
        type=kind,
        ref=ref,
        venue=None if key is None else key.venue,
        account=None if key is None else key.account,
        symbol=None if key is None else key.symbol,
        severity=severity,
        occurred_at=at,
        run=run,
        correlation=around.correlation,
        causation=around.causation,
        actor=around.actor,
    )
    return HostEvent(header=header, payload=given, error=cast("BaseException | None", error))


def encode_event(event: HostEvent, redact: Redaction | None) -> tuple[EventHeader, bytes]:
    """
    What a sink stores of an event: its header and its payload's bytes.

    Where the redaction fails, nothing of payload and error is kept, the event has severity ERROR, and a
    warning is given: what might be a secret is not written.
    """
    payload, failure = encode_redacted(event.payload, event.error, redact)
    if failure is None:
        return event.header, payload
    warn(f"redacting the payload of {event.header.type!r} failed, nothing of it is kept: {failure}")
    return msgspec.structs.replace(event.header, severity=Severity.ERROR), payload


def _event_type(given: object, wrong: dict[str, object]) -> str:
    if _class_of(given) is str:
        text = given
    else:
        try:
            # Not `str()`, for an object may raise, or only say that it is text.
            text = str.__getitem__(cast("str", given), slice(_LONGEST_TYPE + 1))
        except TypeError:
            text = ""
    if 0 < len(text) <= _LONGEST_TYPE and text.isprintable() and text[0] != " " and text[-1] != " ":
        return text
    wrong["type"] = given
    return "poslife.misuse"


def _subject(about: object, wrong: dict[str, object]) -> tuple[PositionRef | None, PositionKey | None]:
    if about is None:
        return None, None
    # By `type`, for an object may only say that it is a position: a stand-in in a host's tests has no ref.
    kind = type(about)
    if kind in _POSITIONS:
        position = cast("Position", about)
        return position.ref, position.key
    if kind is UUID:
        number = cast("UUID", about).int
        if not number & 0xFFF and number >> 76 & 0xF == 7 and number >> 62 & 3 == 2:
            return PositionRef(cast("UUID", about)), None
    wrong["about"] = about
    return None, None


def _given(payload: object, wrong: dict[str, object]) -> dict[str, object]:
    """
    A copy of the payload: what the host does to its own later changes no event.
    """
    kind: type = type(payload)
    if kind is dict and len(cast("dict[str, object]", payload)) <= _MOST_KEYS:
        return cast("dict[str, object]", payload).copy()
    given: dict[str, object] = {}
    try:
        if issubclass(kind, Mapping):
            given = _beginning(cast("Mapping[str, object]", payload))
        else:
            wrong["payload"] = payload
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as unreadable:  # noqa: BLE001 - a host's mapping may raise anything; nothing here may
        given.clear()
        wrong["payload_error"] = unreadable
    return given


def _beginning(payload: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for key in payload:
        kept[key] = payload[key]
        if len(kept) >= _MOST_KEYS:
            break
    return kept


def _is_error(error: object) -> bool:
    # By `type`, as above.
    return issubclass(type(error), BaseException)


def _time(now: Callable[[], datetime], wrong: dict[str, object]) -> datetime:
    try:
        at = now()
        if at.tzinfo is UTC:
            return at
        if at.utcoffset() == timedelta(0):
            return at
        wrong["clock"] = at
    except Exception as unreadable:  # noqa: BLE001 - a host's clock may raise anything; nothing here may
        wrong["clock"] = unreadable
    return datetime.now(UTC)


def warn(message: str) -> None:
    """
    Warn, also where the host turns warnings into errors: its trade must not break on one.
    """
    try:
        warnings.warn(message, PoslifeMisuseWarning, stacklevel=4)
    except Exception:  # noqa: BLE001 - a host's own showwarning may raise anything, too
        logger.error("%s", message)  # noqa: TRY400 - the message is all there is to tell
