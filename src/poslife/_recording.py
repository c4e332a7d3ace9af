"""
A host's event, made from whatever it was given: nothing here raises.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast
from uuid import UUID

from poslife._encoding import clean_text
from poslife._events import EventHeader, HostEvent, Severity
from poslife._identifiers import EventId, PositionKey, PositionRef, RunId
from poslife._position import ClosedPosition, PendingPosition, PersistedPosition, Position
from poslife.errors import PoslifeMisuseWarning

__all__ = ["host_event"]

logger = logging.getLogger("poslife.tracker")

_LONGEST_TYPE = 120


def host_event(
    type: object,
    about: object,
    payload: object,
    *,
    severity: object,
    error: object,
    run: RunId,
    now: datetime,
    new_event_id: Callable[[], EventId],
) -> HostEvent:
    """
    The event; what was given wrongly is in its payload, under severity ERROR, with a warning.
    """
    wrong: dict[str, object] = {}
    kind = _event_type(type, wrong)
    ref, key = _subject(about, wrong)
    given: dict[object, object] = {}
    try:
        given.update(cast("Mapping[object, object]", payload) if isinstance(payload, Mapping) else {})
    except Exception as unreadable:  # noqa: BLE001 - a host's mapping may raise anything; nothing here may
        given.clear()
        wrong["payload_error"] = unreadable
    if not isinstance(payload, Mapping):
        wrong["payload"] = payload
    if not isinstance(severity, Severity):
        wrong["severity"] = severity
        severity = Severity.ERROR
    if error is not None and not isinstance(error, BaseException):
        wrong["error"] = error
        error = None
    if wrong:
        severity = Severity.ERROR
        given["misuse"] = wrong
        warn(f"record({kind!r}, …): not what it takes: {', '.join(wrong)}; stored with severity ERROR")
    header = EventHeader(
        id=new_event_id(),
        type=kind,
        ref=ref,
        venue=None if key is None else key.venue,
        account=None if key is None else key.account,
        symbol=None if key is None else key.symbol,
        severity=severity,
        occurred_at=now,
        run=run,
    )
    return HostEvent(header=header, payload=cast("Mapping[str, object]", given), error=error)


def _event_type(given: object, wrong: dict[str, object]) -> str:
    try:
        text = str.__str__(cast("str", given))
    except TypeError:
        text = ""  # no text, or an object that only says it is one
    kept = clean_text(text.strip(), most=_LONGEST_TYPE)
    if kept == text and kept and kept.isprintable():
        return kept
    wrong["type"] = given
    return "poslife.misuse"


def _subject(about: object, wrong: dict[str, object]) -> tuple[PositionRef | None, PositionKey | None]:
    if about is None:
        return None, None
    # By `type`, for an object may only say that it is a position: a stand-in in a host's tests has no ref.
    if type(about) in (PendingPosition, PersistedPosition, ClosedPosition):
        position = cast("Position", about)
        return position.ref, position.key
    if isinstance(about, UUID) and about.version == 7 and not about.int & 0xFFF:
        return PositionRef(about), None
    wrong["about"] = about
    return None, None


def warn(message: str) -> None:
    """
    Warn, also where the host turns warnings into errors: its trade must not break on one.
    """
    try:
        warnings.warn(message, PoslifeMisuseWarning, stacklevel=4)
    except Exception:  # noqa: BLE001 - a host's own showwarning may raise anything, too
        logger.error("%s", message)  # noqa: TRY400 - the message is all there is to tell
