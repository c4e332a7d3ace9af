"""
The fast path to bytes, for payloads as most are: of texts, numbers, and lists and dicts of them. Pure.

It gives the very bytes that flattening and redacting give, in 2.5 us instead of 21.7 for six values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias, cast
from uuid import UUID

import msgspec

from poslife._domain.text import LONGEST_TEXT
from poslife._trail.flattening import DEEPEST
from poslife._trail.redaction import LONGEST_PLAIN, SHORTEST_SUSPECT, KeyRedaction

__all__ = ["encode_plain"]

_Container: TypeAlias = dict[str, object] | Sequence[object]

_MOST_VALUES: Final = 2000
_LEAST: Final = -(1 << 63)
_MOST: Final = (1 << 64) - 1
_TEXTS: Final = frozenset({str})
_CONTAINERS: Final = frozenset({dict, list, tuple})
_AS_THEY_ARE: Final = frozenset({bool, type(None), Decimal, UUID})

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


def encode_plain(payload: dict[str, object], redact: KeyRedaction | None) -> bytes | None:
    """
    Encode the payload; ``None`` if it has to be flattened or redacted.
    """
    try:
        if not _is_plain(payload, redact):
            return None
        encoded = _encode(payload)
    except Exception:  # noqa: BLE001 - a lone surrogate, or a dict that another thread is changing
        return None
    # Within this size no text is too long to be kept whole.
    if len(encoded) > LONGEST_TEXT or (b"\\" in encoded and b"\\u0000" in encoded):
        return None
    return encoded


def _is_plain(payload: dict[str, object], redact: KeyRedaction | None) -> bool:
    """
    Tell if all values are exactly of JSON's types, and none is to be redacted.
    """
    below: list[_Container] = []
    if len(payload) > _MOST_VALUES or not _has_plain_keys(payload, redact):
        return False
    return _are_plain(payload.values(), redact, below) and (not below or _is_plain_below(below, redact))


def _is_plain_below(level: list[_Container], redact: KeyRedaction | None) -> bool:
    left = _MOST_VALUES
    for _ in range(DEEPEST - 1):
        below: list[_Container] = []
        for container in level:
            left -= len(container)
            if left < 0:
                return False
            if isinstance(container, dict):
                if not _has_plain_keys(container, redact):
                    return False
                values: Iterable[object] = container.values()
            else:
                values = container
            if not _are_plain(values, redact, below):
                return False
        if not below:
            return True
        level = below
    return False


def _has_plain_keys(container: dict[str, object], redact: KeyRedaction | None) -> bool:
    if not _TEXTS.issuperset(map(type, container)):
        return False
    if redact is not None:
        return redact.are_harmless(container)
    return max(map(len, container), default=0) <= LONGEST_PLAIN


def _are_plain(values: Iterable[object], redact: KeyRedaction | None, below: list[_Container]) -> bool:
    """
    Tell if each is a plain value, or a container, which is added to *below*.
    """
    for value in values:
        if type(value) is str:
            if len(value) >= SHORTEST_SUSPECT and (
                len(value) > LONGEST_PLAIN or (redact is not None and redact.may_hold_secret(value))
            ):
                return False
        elif type(value) in _AS_THEY_ARE:
            continue
        elif type(value) is int:
            if not _LEAST <= value <= _MOST:
                return False
        elif type(value) is float:
            if value - value != 0.0:  # NaN, or infinite
                return False
        elif type(value) in _CONTAINERS:
            below.append(cast("_Container", value))
        else:
            return False
    return True
