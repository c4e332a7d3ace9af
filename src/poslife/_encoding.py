"""
Events to bytes and back. Encoding is total: nothing a host puts into a payload raises. Pure.

The bytes are UTF-8 JSON without NUL characters and lone surrogates, so every store takes them.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import hashlib
import math
import traceback
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import TYPE_CHECKING, cast
from uuid import UUID

import msgspec

from poslife._events import LIFE_EVENT_SCHEMA, LIFE_EVENTS, HostBody, Json, LifeBody, UnknownBody
from poslife.errors import StorageRejected

if TYPE_CHECKING:
    from poslife._changes import Change

__all__ = ["clean_text", "decode_body", "describe_error", "encode_body", "encode_payload", "fingerprint"]

_DEEPEST = 32
_LONGEST_TEXT = 16 * 1024
_LARGEST_PAYLOAD = 64 * 1024
_KEPT_OF_OVERSIZE = 4 * 1024

_encoder = msgspec.json.Encoder(order="deterministic")


def clean_text(text: str, *, most: int = _LONGEST_TEXT) -> str:
    """
    The text as every store takes it: NUL and lone surrogates written out as escapes, and cut at *most*.
    """
    if len(text) > most:
        text = f"{text[:most]}… ({len(text)} characters)"
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def describe_error(error: BaseException) -> str:
    """
    An exception in one line, as a reason is stored: its class and message.
    """
    return clean_text(f"{type(error).__module__}.{type(error).__qualname__}: {_text_of(error)}", most=2000)


def encode_payload(payload: Mapping[str, object], error: BaseException | None = None) -> bytes:
    """
    A host's payload, with an error's class, message and traceback under ``error`` where one is given.

    Never raises: what JSON has no word for is written as text, a cycle, too great a depth or a value whose
    ``repr`` raises as a marker, and a payload over 64 KiB as its beginning, its size and its SHA-256.
    """
    plain = _plain(payload, 0, ())
    content: dict[str, Json] = plain if isinstance(plain, dict) else {"payload": plain}
    if error is not None:
        content = {**content, "error": _error(error)}
    encoded = _encoder.encode(content)
    if len(encoded) <= _LARGEST_PAYLOAD:
        return encoded
    beginning = encoded[:_KEPT_OF_OVERSIZE].decode("utf-8", "ignore")
    digest = hashlib.sha256(encoded).hexdigest()
    return _encoder.encode({"$oversize": {"beginning": beginning, "bytes": len(encoded), "sha256": digest}})


def encode_body(body: LifeBody) -> bytes:
    """
    The body of a life event.
    """
    return _encoder.encode(body)


def decode_body(kind: str, schema: int, encoded: bytes, *, life: bool) -> LifeBody | HostBody | UnknownBody:
    """
    The body an event was stored with; `UnknownBody` for a life event of a newer release.
    """
    if not life:
        return HostBody(payload=cast("dict[str, Json]", msgspec.json.decode(encoded, type=dict)))
    known = LIFE_EVENTS.get(kind)
    if known is None or schema > LIFE_EVENT_SCHEMA:
        return UnknownBody(content=cast("Json", msgspec.json.decode(encoded)))
    return msgspec.json.decode(encoded, type=known)


def fingerprint(change: Change) -> bytes:
    """
    32 bytes that tell whether a repeated change id comes with the same change.

    Raises:
        StorageRejected: A text holds a lone surrogate, which no store keeps.
    """
    try:
        encoded = _encoder.encode(change)
    except UnicodeEncodeError as error:
        raise StorageRejected(f"a text that is not Unicode: {error}") from error
    return hashlib.sha256(encoded).digest()


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a host's __str__ may raise anything, and encoding is total
        return f"<{type(value).__name__}, whose str raises {type(error).__name__}>"


def _repr_of(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a host's __repr__ may raise anything, and encoding is total
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"


def _error(error: BaseException) -> Json:
    try:
        lines = traceback.format_exception(error)
    except Exception:  # noqa: BLE001 - formatting calls the exception's own __str__
        lines = [_repr_of(error)]
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "message": clean_text(_text_of(error)),
        "traceback": clean_text("".join(lines)),
    }


def _plain(value: object, depth: int, above: tuple[int, ...]) -> Json:
    try:
        return _scalar(value)
    except _NotScalar:
        pass
    except Exception:  # noqa: BLE001 - a host's subclass of a scalar may raise anything, and encoding is total
        return clean_text(_repr_of(value))
    if id(value) in above:
        return f"<cycle: {type(value).__name__}>"
    if depth >= _DEEPEST:
        return f"<deeper than {_DEEPEST}: {type(value).__name__}>"
    try:
        return _container(value, depth + 1, (*above, id(value)))
    except Exception:  # noqa: BLE001 - a host's container may raise anything, and encoding is total
        return clean_text(_repr_of(value))


class _NotScalar(Exception):
    pass


def _scalar(value: object) -> Json:
    match value:
        case enum.Enum():
            return _plain(value.value, _DEEPEST, ())
        case None | bool():
            return value
        case str():
            return clean_text(str.__str__(value))
        case int():
            return int(value) if -(1 << 63) <= value < 1 << 64 else _large(value)
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case Decimal() | UUID() | dt.timedelta():
            return str(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return clean_text("base64:" + base64.b64encode(bytes(cast("bytes", value))).decode("ascii"))
        case BaseException():
            return _error(value)
        case _:
            raise _NotScalar


def _large(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write more than 4300 digits in decimal
        return clean_text(hex(value))


def _container(value: object, depth: int, above: tuple[int, ...]) -> Json:
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key): _plain(item, depth, above) for key, item in items}
    if isinstance(value, AbstractSet):
        members = [_plain(member, depth, above) for member in cast("AbstractSet[object]", value)]
        return sorted(members, key=_encoder.encode)
    if isinstance(value, list | tuple):
        return [_plain(item, depth, above) for item in cast("Iterable[object]", value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name, None), depth, above)
            for field in dataclasses.fields(value)
        }
    item = getattr(value, "item", None)  # numpy and pandas scalars give their Python value
    if type(value).__module__.partition(".")[0] in ("numpy", "pandas") and callable(item):
        return _plain(item(), depth, above)
    return clean_text(_repr_of(value))


def _key(key: object) -> str:
    return clean_text(key) if isinstance(key, str) else clean_text(_text_of(key))
