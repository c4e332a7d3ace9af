"""
Events to bytes and back. Encoding is total: nothing that a host puts into a payload raises. Pure.

The bytes are UTF-8 JSON without NUL characters and lone surrogates, so every store takes them, and canonical:
the same values give the same bytes, whatever the order of a dict's keys or a set's members.

Total, because one value that JSON cannot write cost a bot the 49 good events of its batch. A payload of six
values takes 2.5 us, redaction included; `json.dumps` takes 4.1, msgspec alone 0.4, and both may raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

import msgspec

from poslife._domain.event_envelopes import (
    LIFE_EVENT_SCHEMA,
    ErasedBody,
    HostBody,
    Json,
    RecordedEvent,
    UnknownBody,
)
from poslife._domain.events import LIFE_EVENTS, LifeBody
from poslife._domain.text import ENDS_PROCESS, class_name, clean_text, text_of
from poslife._trail.flattening import Flattening, free_name
from poslife._trail.plain import encode_plain
from poslife._trail.records import EventRecord
from poslife._trail.redaction import KeyRedaction, Redaction, redact_secrets
from poslife._trail.tracebacks import describe_exception
from poslife.errors import StorageRejected

if TYPE_CHECKING:
    from poslife._domain.changes import Change

__all__ = [
    "decode_body",
    "decode_event",
    "encode_body",
    "encode_evidence",
    "encode_payload",
    "encode_redacted",
    "error_summary",
    "evidence_commitment",
    "fingerprint",
    "redacted_evidence",
]

_LARGEST_PAYLOAD: Final = 64 * 1024
_KEPT_OF_OVERSIZE: Final = 4 * 1024
_LONGEST_REASON: Final = 2000

_encoder = msgspec.json.Encoder(order="deterministic")


def error_summary(error: BaseException) -> str:
    """
    Return class and message of an exception, in one line and without secrets, as a reason is stored.
    """
    summary = f"{class_name(type(error), full=True)}: {text_of(error)}"
    return clean_text(redact_secrets.text(summary), most=_LONGEST_REASON)


def encode_payload(
    payload: Mapping[str, object], error: BaseException | None = None, *, redact: Redaction | None = None
) -> bytes:
    """
    Encode a host's payload, with the class, message and traceback of *error*, if given, under ``error``.

    Never raises, but for a `KeyboardInterrupt` or `SystemExit` that arrives meanwhile. A value that JSON has
    no type for is written as text; a cycle, too great a depth or a value whose ``repr`` raises as a marker;
    a payload over 64 KiB as its beginning, its size and its SHA-256, where ``more`` says that these are of
    the part that was read. Keys that are equal as JSON are numbered.

    Args:
        payload: The payload.
        error: An exception to keep with it.
        redact: Leaves secrets out. If it raises, nothing is kept but ``$unredacted``.
    """
    return encode_redacted(payload, error, redact)[0]


def encode_redacted(
    payload: Mapping[str, object], error: BaseException | None, redact: Redaction | None
) -> tuple[bytes, str | None]:
    """
    Encode as `encode_payload`; return the bytes, and the class of error of a redaction that failed.
    """
    given: object = payload
    try:
        if error is None and type(given) is dict and (redact is None or isinstance(redact, KeyRedaction)):
            encoded = encode_plain(cast("dict[str, object]", given), redact)
            if encoded is not None:
                return encoded, None
        return _flattened(payload, error, redact)
    except ENDS_PROCESS:
        raise
    except BaseException:  # noqa: BLE001 - such as a RecursionError: no stack is left to flatten anything
        return b'{"$unencodable":true}', None


def _flattened(
    payload: Mapping[str, object], error: BaseException | None, redact: Redaction | None
) -> tuple[bytes, str | None]:
    flattening = Flattening(_LARGEST_PAYLOAD + 64)
    flat = flattening.flatten(payload)
    content: dict[str, Json] = flat if isinstance(flat, dict) else {"payload": flat}
    if error is not None:
        if "error" in content:
            content[free_name("error", content)] = content["error"]
        content["error"] = (
            describe_exception(error) if issubclass(type(error), BaseException) else repr(error)
        )
    if redact is not None:
        try:
            content = _redacted_object(redact, (), content)
        except ENDS_PROCESS:
            raise
        except BaseException as failure:  # noqa: BLE001 - a host's function may raise anything
            # Its message may hold the secret that it was to leave out.
            reason = class_name(type(failure), full=True)
            return _encoder.encode({"$unredacted": reason}), reason
    encoded = _encoder.encode(content)
    if len(encoded) > _LARGEST_PAYLOAD:
        encoded = _oversize(encoded, content, more=flattening.cut)
    return encoded, None


def _redacted(redact: Redaction, path: tuple[str, ...], value: Json) -> Json:
    chosen = redact(path, value)
    if chosen is not value:
        return Flattening(_LARGEST_PAYLOAD + 64).flatten(chosen)  # a host's function may return anything
    if isinstance(value, dict):
        return _redacted_object(redact, path, value)
    if isinstance(value, list):
        return [_redacted(redact, path, item) for item in value]
    return value


def _redacted_object(redact: Redaction, path: tuple[str, ...], value: dict[str, Json]) -> dict[str, Json]:
    flat: dict[str, Json] = {}
    for name, item in value.items():
        kept = redact.text(name) if isinstance(redact, KeyRedaction) else name
        flat[free_name(kept, flat)] = _redacted(redact, (*path, name), item)
    return flat


def _oversize(encoded: bytes, content: dict[str, Json], *, more: bool) -> bytes:
    summary: dict[str, Json] = {
        "beginning": encoded[:_KEPT_OF_OVERSIZE].decode("utf-8", "ignore"),
        "bytes": len(encoded),
        "sha256": hashlib.sha256(encoded).hexdigest(),
    }
    if more:
        summary["more"] = True
    error = content.get("error")
    if isinstance(error, dict):
        summary["error"] = clean_text(f"{error.get('type')}: {error.get('message')}", most=_LONGEST_REASON)
    return _encoder.encode({"$oversize": summary})


def encode_body(body: LifeBody, *, evidence: bytes | None = None) -> bytes:
    """
    Encode the body of a life event, with the commitment to its evidence where there is some.
    """
    if evidence is None:
        return _encoder.encode(body)
    return _encoder.encode({**msgspec.to_builtins(body), "evidence": evidence.hex()})


def redacted_evidence(evidence: Mapping[str, object]) -> dict[str, Json]:
    """
    Return the evidence of a life event as a host's payload is stored: secrets left out, at most 64 KiB.
    """
    return cast("dict[str, Json]", msgspec.json.decode(encode_payload(evidence, redact=redact_secrets)))


def encode_evidence(evidence: Mapping[str, Json]) -> bytes:
    """
    Encode the evidence of a life event.

    Raises:
        UnicodeEncodeError: A text holds a lone surrogate.
    """
    return _encoder.encode(evidence)


def evidence_commitment(body: bytes) -> bytes | None:
    """
    Return the commitment to the evidence of a life event that its encoded body holds; ``None`` without one.

    Raises:
        msgspec.MsgspecError: The body is no JSON object, or holds another value under ``evidence``.
    """
    found = msgspec.json.decode(body, type=_WithEvidence).evidence
    return None if found is None else bytes.fromhex(found)


class _WithEvidence(msgspec.Struct):
    evidence: str | None = None


def decode_body(kind: str, schema: int, encoded: bytes, *, life: bool) -> LifeBody | HostBody | UnknownBody:
    """
    Decode the body of a stored event; `UnknownBody` for a life event of a newer release.
    """
    if not life:
        return HostBody(payload=_json_object(encoded))
    known = LIFE_EVENTS.get(kind)
    if known is None or schema > LIFE_EVENT_SCHEMA:
        return UnknownBody(content=cast("Json", msgspec.json.decode(encoded)))
    return msgspec.json.decode(encoded, type=known)


def _json_object(encoded: bytes) -> dict[str, Json]:
    return cast("dict[str, Json]", msgspec.json.decode(encoded, type=dict[str, object]))


def decode_event(record: EventRecord) -> RecordedEvent:
    """
    Return a stored event with its body decoded. One with a version is a life event.
    """
    return RecordedEvent(
        header=record.header,
        body=_decoded(record),
        recorded_at=record.recorded_at,
        version=record.version,
        index=record.index,
        sequence=record.sequence,
        evidence=None if record.evidence is None else _json_object(record.evidence),
        digest=record.digest,
    )


def _decoded(record: EventRecord) -> LifeBody | HostBody | ErasedBody | UnknownBody:
    if record.payload is None:
        return ErasedBody()
    header = record.header
    return decode_body(header.type, header.schema, record.payload, life=record.version is not None)


def fingerprint(change: Change) -> bytes:
    """
    Return 32 bytes that are equal for equal changes: a change id must come back with the same change.

    Raises:
        StorageRejected: A text holds a lone surrogate, which no store keeps.
    """
    try:
        encoded = _encoder.encode(change)
    except UnicodeEncodeError as error:
        raise StorageRejected(f"a text is not valid Unicode: {error}") from error
    return hashlib.sha256(encoded).digest()
