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
    ``repr`` raises as a marker, and a payload over 64 KiB as its beginning, its size and its SHA-256, where
    ``more`` says that these are of the part that was read. Keys that JSON cannot tell apart are numbered.
    """
    flattening = _Flattening()
    plain = flattening.plain(payload)
    content: dict[str, Json] = plain if isinstance(plain, dict) else {"payload": plain}
    if error is not None:
        if "error" in content:
            content[_free("error", content)] = content["error"]
        content["error"] = _error(error)
    encoded = _encoder.encode(content)
    if len(encoded) <= _LARGEST_PAYLOAD:
        return encoded
    beginning = encoded[:_KEPT_OF_OVERSIZE].decode("utf-8", "ignore")
    told: dict[str, Json] = {
        "beginning": beginning,
        "bytes": len(encoded),
        "sha256": hashlib.sha256(encoded).hexdigest(),
    }
    if flattening.cut:
        told["more"] = True
    if error is not None:
        told["error"] = describe_error(error)
    return _encoder.encode({"$oversize": told})


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


class _NotScalar(Exception):
    pass


class _Flattening:
    """
    Turns values into JSON's, no more of them than the largest payload holds.

    A host's container may be endless, or hold the same list twice at each of thirty levels.
    """

    def __init__(self) -> None:
        self._left = _LARGEST_PAYLOAD + 64

    @property
    def cut(self) -> bool:
        """
        Whether there was more; what was flattened is too large for a payload by then.
        """
        return self._left <= 0

    def plain(self, value: object, depth: int = 0, above: tuple[int, ...] = ()) -> Json:
        # No value takes less than two bytes, and no text less than its length.
        self._left -= 2
        try:
            return self._told(_scalar(value))
        except _NotScalar:
            pass
        except Exception:  # noqa: BLE001 - a host's subclass of a scalar may raise anything, and encoding is total
            return self._told(clean_text(_repr_of(value)))
        if id(value) in above:
            return f"<cycle: {type(value).__name__}>"
        if depth >= _DEEPEST:
            return f"<deeper than {_DEEPEST}: {type(value).__name__}>"
        try:
            return self._container(value, depth + 1, (*above, id(value)))
        except Exception:  # noqa: BLE001 - a host's container may raise anything, and encoding is total
            return self._told(clean_text(_repr_of(value)))

    def _told(self, scalar: Json) -> Json:
        texts = scalar.values() if isinstance(scalar, dict) else (scalar,)
        self._left -= sum(len(text) for text in texts if isinstance(text, str))
        return scalar

    def _container(self, value: object, depth: int, above: tuple[int, ...]) -> Json:
        if isinstance(value, enum.Enum):
            return self.plain(value.value, depth, above)
        if isinstance(value, Mapping):
            return self._object(cast("Mapping[object, object]", value).items(), depth, above)
        if isinstance(value, AbstractSet):
            return sorted(self._list(cast("AbstractSet[object]", value), depth, above), key=_encoder.encode)
        if isinstance(value, list | tuple):
            return self._list(cast("Iterable[object]", value), depth, above)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))
            return self._object(fields, depth, above)
        item = getattr(value, "item", None)  # numpy and pandas scalars give their Python value
        if type(value).__module__.partition(".")[0] in ("numpy", "pandas") and callable(item):
            inner: object = item()
            # A long double is its own Python value.
            return self.plain(inner if type(inner) is not type(value) else repr(value), depth, above)
        return self._told(clean_text(_repr_of(value)))

    def _list(self, items: Iterable[object], depth: int, above: tuple[int, ...]) -> list[Json]:
        flat: list[Json] = []
        for item in items:
            if self.cut:
                break
            flat.append(self.plain(item, depth, above))
        return flat

    def _object(self, items: Iterable[tuple[object, object]], depth: int, above: tuple[int, ...]) -> Json:
        flat: dict[str, Json] = {}
        for key, item in items:
            if self.cut:
                break
            name = _free(_key(key), flat)
            self._told(name)
            flat[name] = self.plain(item, depth, above)
        return flat


def _scalar(value: object) -> Json:
    match value:
        case enum.Enum():
            raise _NotScalar
        case None | bool():
            return value
        case str():
            return clean_text(str.__str__(value))
        case int():
            return int(value) if -(1 << 63) <= value < 1 << 64 else _large(value)
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case Decimal() | UUID() | dt.timedelta():
            return clean_text(str(value))
        case dt.datetime() | dt.date() | dt.time():
            return clean_text(value.isoformat())
        case bytes() | bytearray() | memoryview():
            return _base64(bytes(cast("bytes", value)))
        case BaseException():
            return _error(value)
        case _:
            raise _NotScalar


def _large(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write more than 4300 digits in decimal
        return clean_text(hex(value))


def _base64(value: bytes) -> str:
    kept = value[: _LONGEST_TEXT // 4 * 3]
    text = "base64:" + base64.b64encode(kept).decode("ascii")
    return text if len(kept) == len(value) else f"{text}… ({len(value)} bytes)"


def _key(key: object) -> str:
    return clean_text(str.__str__(key) if isinstance(key, str) else _text_of(key))


def _free(name: str, taken: Mapping[str, Json]) -> str:
    """
    The name, or where it is taken (``1`` and ``"1"`` are two keys) one with its place behind it.
    """
    fresh, place = name, len(taken)
    while fresh in taken:
        place += 1
        fresh = f"{name} #{place}"
    return fresh
