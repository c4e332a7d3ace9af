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
    "LINE_PREFIX",
    "Line",
    "created_at",
    "dead_letter_line",
    "encode_lines",
    "is_json",
    "parse_dead_letters",
    "parse_id",
    "replayed_line",
]

Line = tuple[bytes, bytes]
"""
The 16 bytes of an event's id, and its line with the line's end.
"""

LINE_PREFIX: Final = b'{"event_id":"'
"""
The start of each line.
"""

_ID: Final = slice(len(LINE_PREFIX), len(LINE_PREFIX) + 36)
_LARGEST: Final = (1 << 63) - 1


class _Fields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    The fields of a line, in the order in which one reads them. Those that are ``None`` are left out.
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
    evidence: msgspec.Raw | None = None
    format: int
    salt: str | None = None
    commitment: str
    evidence_salt: str | None = None
    digest: str


_encode: Final = msgspec.json.Encoder().encode
_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def encode_lines(records: Sequence[EventRecord]) -> list[Line]:
    """
    Encode a batch.

    Raises:
        StorageRejected: An event cannot be encoded; its place is the ``row``.
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
    # The header was validated when it was made.
    require_utc("EventRecord.recorded_at", record.recorded_at)
    for field in ("sequence", "version", "index"):
        number: object = getattr(record, field)
        if number is not None and (type(number) is not int or not 0 <= number <= _LARGEST):
            raise InvalidValue(f"EventRecord.{field}", number, f"an int from 0 to {_LARGEST}, or None")
    if record.payload is None:
        raise InvalidValue(
            "EventRecord.payload", None, "bytes", hint="an erased event cannot be written again"
        )
    for content in (record.payload, record.evidence):
        if content is not None:
            _json(content.decode())


def _line(record: EventRecord) -> bytes:
    header = record.header
    assert record.payload is not None  # `_require_sound` has refused it
    fields = _Fields(
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
        payload=_one_line(record.payload),
        evidence=None if record.evidence is None else _one_line(record.evidence),
        format=record.format,
        salt=None if record.salt is None else record.salt.hex(),
        commitment=record.commitment.hex(),
        evidence_salt=None if record.evidence_salt is None else record.evidence_salt.hex(),
        digest=record.digest.hex(),
    )
    return _encode(fields) + b"\n"


def _one_line(content: bytes) -> msgspec.Raw:
    if b"\n" in content or b"\r" in content:
        # They stand between values alone: within a text they are escaped.
        content = msgspec.json.format(content, indent=-1)
    return msgspec.Raw(content)


def dead_letter_line(letter: DeadLetter, now: datetime) -> Line:
    """
    Encode a dead letter, whatever its event is.
    """
    fields = {
        "event_id": str(letter.record.header.id),
        "buried_at": now.isoformat(),
        "attempts": letter.attempts,
        "reason": letter.reason,
        "record": json.loads(encode_dead_letter(letter.record)),
    }
    encoded = json.dumps(fields, separators=(",", ":"))
    return letter.record.header.id.bytes, f"{encoded}\n".encode("ascii")


def replayed_line(event: bytes, now: datetime) -> Line:
    """
    Encode the line that marks a dead letter as replayed.
    """
    fields = {"event_id": str(UUID(bytes=event)), "replayed_at": now.isoformat()}
    return event, f"{json.dumps(fields, separators=(',', ':'))}\n".encode("ascii")


def parse_dead_letters(lines: Iterable[bytes]) -> dict[bytes, BuriedLetter]:
    """
    Return the dead letters among *lines* that were not replayed, by the ids of their events.

    Other lines, and those of a newer release, are skipped.
    """
    waiting: dict[bytes, BuriedLetter] = {}
    for line in lines:
        if (event := parse_id(line)) is None:
            continue
        try:
            fields = json.loads(line)
            if "replayed_at" in fields:
                waiting.pop(event, None)
                continue
            record = decode_dead_letter(json.dumps(fields["record"]).encode("ascii"))
            letter = DeadLetter(record=record, reason=fields["reason"], attempts=fields["attempts"])
            waiting[event] = BuriedLetter(
                letter=letter, buried_at=datetime.fromisoformat(fields["buried_at"])
            )
        except (LookupError, TypeError, ValueError, msgspec.MsgspecError):
            continue
    return waiting


def created_at(event: bytes) -> float:
    """
    Return the time in an event's id: a UUIDv7 begins with the milliseconds since 1970.
    """
    return int.from_bytes(event[:6]) / 1000


def parse_id(line: bytes) -> bytes | None:
    """
    Return the 16 bytes of the id of a line; ``None`` if it is no line of an event.
    """
    if not line.startswith(LINE_PREFIX):
        return None
    try:
        return UUID(line[_ID].decode("ascii")).bytes
    except ValueError:
        return None


def is_json(line: bytes) -> bool:
    """
    Tell if a line is valid JSON.
    """
    try:
        _json(line)
    except msgspec.DecodeError:
        return False
    return True
