"""
Events and dead letters as lines of JSON. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from poslife._domain.checks import require_utc
from poslife._trail.dead_letters import decode_dead_letter, encode_dead_letter
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import BuriedLetter, DeadLetter, EventRecord

__all__ = [
    "BEGINNING",
    "Line",
    "id_of",
    "is_json",
    "letter_line",
    "letters_in",
    "lines_of",
    "made_at",
    "replayed_line",
]

Line = tuple[bytes, bytes]
"""
The 16 bytes of an event's id, and its line with the line's end.
"""

BEGINNING: Final = b'{"event_id":"'
"""
How each line begins.
"""

_ID: Final = slice(len(BEGINNING), len(BEGINNING) + 36)
_LARGEST: Final = (1 << 63) - 1


class _Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    An event, in the order in which one reads it. What is ``None`` is left out.
    """

    event_id: UUID
    recorded_at: datetime
    occurred_at: datetime
    severity: str
    type: str
    schema: int
    venue: str | None = None
    account: str | None = None
    symbol: str | None = None
    ref: UUID | None = None
    order: int | None = None
    version: int | None = None
    index: int | None = None
    run: UUID
    sequence: int | None = None
    actor: str
    correlation: UUID | None = None
    causation: UUID | None = None
    payload: msgspec.Raw
    digest: str


_encode: Final = msgspec.json.Encoder().encode
_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def lines_of(records: Sequence[EventRecord]) -> list[Line]:
    """
    The lines of a batch.

    Raises:
        StorageRejected: One cannot be written as it is; at its ``row``.
    """
    lines: list[Line] = []
    for record in records:
        try:
            _require_sound(record)
            lines.append((record.header.id.bytes, _line(record)))
        except (UnicodeError, msgspec.MsgspecError, InvalidValue, AttributeError, TypeError) as error:
            raise StorageRejected(f"event {record.header.id}: {error}", row=len(lines)) from error
    return lines


def _require_sound(record: EventRecord) -> None:
    # The header has seen to itself when it was made.
    require_utc("EventRecord.recorded_at", record.recorded_at)
    for field in ("sequence", "version", "index"):
        number: object = getattr(record, field)
        if number is not None and (type(number) is not int or not 0 <= number <= _LARGEST):
            raise InvalidValue(f"EventRecord.{field}", number, f"an int from 0 to {_LARGEST}, or None")
    _json(record.payload.decode())


def _line(record: EventRecord) -> bytes:
    header, payload = record.header, record.payload
    if b"\n" in payload or b"\r" in payload:
        # Between values alone: within a text they are escaped.
        payload = msgspec.json.format(payload, indent=-1)
    told = _Told(
        event_id=header.id,
        recorded_at=record.recorded_at,
        occurred_at=header.occurred_at,
        severity=header.severity.value,
        type=header.type,
        schema=header.schema,
        venue=header.venue,
        account=header.account,
        symbol=header.symbol,
        ref=header.ref,
        order=header.order,
        version=record.version,
        index=record.index,
        run=header.run,
        sequence=record.sequence,
        actor=header.actor.value,
        correlation=header.correlation,
        causation=header.causation,
        payload=msgspec.Raw(payload),
        digest=record.digest.hex(),
    )
    return _encode(told) + b"\n"


def letter_line(letter: DeadLetter, now: datetime) -> Line:
    """
    The line of a dead letter, whatever its event is.
    """
    told = {
        "event_id": str(letter.record.header.id),
        "buried_at": now.isoformat(),
        "attempts": letter.attempts,
        "reason": letter.reason,
        "record": json.loads(encode_dead_letter(letter.record)),
    }
    encoded = json.dumps(told, separators=(",", ":"))
    return letter.record.header.id.bytes, f"{encoded}\n".encode("ascii")


def replayed_line(event: bytes, now: datetime) -> Line:
    """
    The line that says that a dead letter was replayed.
    """
    told = {"event_id": str(UUID(bytes=event)), "replayed_at": now.isoformat()}
    return event, f"{json.dumps(told, separators=(',', ':'))}\n".encode("ascii")


def letters_in(lines: Iterable[bytes]) -> dict[bytes, BuriedLetter]:
    """
    The dead letters among *lines* that were not replayed, by the ids of their events.

    What is no letter, or a newer release's, is passed over.
    """
    waiting: dict[bytes, BuriedLetter] = {}
    for line in lines:
        if (event := id_of(line)) is None:
            continue
        try:
            told = json.loads(line)
            if "replayed_at" in told:
                waiting.pop(event, None)
                continue
            record = decode_dead_letter(json.dumps(told["record"]).encode("ascii"))
            letter = DeadLetter(record=record, reason=told["reason"], attempts=told["attempts"])
            waiting[event] = BuriedLetter(letter=letter, buried_at=datetime.fromisoformat(told["buried_at"]))
        except (LookupError, TypeError, ValueError, msgspec.MsgspecError):
            continue
    return waiting


def made_at(event: bytes) -> float:
    """
    When an event was made, by its id: a UUIDv7 begins with the milliseconds since 1970.
    """
    return int.from_bytes(event[:6]) / 1000


def id_of(line: bytes) -> bytes | None:
    """
    The 16 bytes of the id in a line of ours; ``None`` for any other.
    """
    if not line.startswith(BEGINNING):
        return None
    try:
        return UUID(line[_ID].decode("ascii")).bytes
    except ValueError:
        return None


def is_json(line: bytes) -> bool:
    """
    Whether a line is whole.
    """
    try:
        _json(line)
    except msgspec.DecodeError:
        return False
    return True
