"""
Payloads that have broken audit trails: none of them may make an `emit` raise or cost another event.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from typing_extensions import override

__all__ = ["hostile_payloads"]


class _Colour(enum.Enum):
    RED = object()


@dataclass
class _Held:
    price: object


class _Unprintable:
    @override
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @override
    def __str__(self) -> str:
        raise RuntimeError("no str")


class _UnprintableError(Exception):
    @override
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @override
    def __str__(self) -> str:
        raise RuntimeError("no str")


class _Unreadable(Mapping[str, object]):
    @override
    def __getitem__(self, key: str) -> object:
        raise RuntimeError("no item")

    @override
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no keys")

    @override
    def __len__(self) -> int:
        raise RuntimeError("no length")


def hostile_payloads() -> dict[str, Mapping[str, object]]:
    """
    Return payloads by their fault, made anew: reading some of them changes them.
    """
    cycle: dict[str, object] = {}
    cycle["self"] = [cycle]
    ring: list[object] = []
    ring.append(ring)
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    strange_keys: dict[object, object] = {
        None: 1,
        1: "one",
        "1": "another one",
        (1, 2): "pair",
        b"key": "bytes",
        "\x00\ud800": 1,
    }
    values: dict[str, object] = {
        "not a number": float("nan"),
        "infinities": [float("inf"), float("-inf"), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")],
        "NUL": "a\x00b",
        "lone surrogates": "a\ud800b\udfff",
        "a cycle": cycle,
        "a ring": ring,
        "depth": deep,
        "a repr that raises": _Unprintable(),
        "an error that raises": _UnprintableError(_Unprintable()),
        "10 MB": "x" * 10_000_000,
        "10 MB of NUL": "\x00" * 10_000_000,
        "many items": list(range(200_000)),
        "a large number": 10**10_000,
        "numbers of 64 bits": [1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63), -(1 << 63) - 1],
        "decimals": [Decimal("1.234e-9"), Decimal("1E+13"), Decimal("1E+999999")],
        "times": [datetime(2026, 1, 2), date(2026, 1, 2), timedelta.max],  # noqa: DTZ001 - naive on purpose
        "bytes": [b"\xff\x00", bytearray(b"\xff"), memoryview(b"\xff")],
        "a set": {1, "one", None, (1, 2), UUID(int=1)},
        "an enum": _Colour.RED,
        "a dataclass": _Held(_Unprintable()),
        "a type": _Held,
        "a generator": (number for number in range(3)),
        "a function": hostile_payloads,
        "a mapping that raises": _Unreadable(),
        "strange keys": strange_keys,
        "the old sentinel": "pending",
    }
    found: dict[str, Mapping[str, object]] = {name: {"value": value} for name, value in values.items()}
    found["a payload that raises"] = _Unreadable()
    found["a payload within itself"] = cycle
    found["long keys"] = {"k" * 1_000_000: 1}
    found["nothing"] = {}
    return found
