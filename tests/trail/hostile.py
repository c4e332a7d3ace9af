"""
Values that raise, lie, never end or look like a library's; and payloads read back.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from typing_extensions import override

from poslife._trail.encoding import encode_payload

__all__ = [
    "LARGEST",
    "NUL",
    "RAISED",
    "Awkward",
    "EndlessMapping",
    "EndlessSequence",
    "FakeArray",
    "FakeFrame",
    "Hostile",
    "HostileEnum",
    "HostileError",
    "HostileList",
    "HostileNumber",
    "HostileRecord",
    "HostileText",
    "HostileZone",
    "Level",
    "LikeAttrs",
    "LikeModel",
    "LongDouble",
    "Quote",
    "RaisingMeta",
    "Row",
    "Weekdays",
    "deep",
    "hostile",
    "numpy_scalar",
    "raised_with",
    "released",
    "same_list_at_every_level",
    "texts",
    "written",
]

LARGEST = 64 * 1024

NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")
"""
NUL, as it is or as JSON escapes it; a backslash that was written out before ``u0000`` is none.
"""


def written(value: object, **beside: object) -> Any:
    """
    What a payload with *value* holds when it is read again, having been encoded as every store needs it.
    """
    encoded = encode_payload({"value": value, **beside})
    text = encoded.decode("utf-8")
    assert len(encoded) <= LARGEST
    assert not NUL.search(encoded)
    assert encoded == encode_payload({"value": value, **beside})
    content = json.loads(text)
    return content.get("value", content)


texts = st.text(st.characters(exclude_categories=()))


class Hostile:
    """
    Raises, whatever it is asked.
    """

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    @override
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @override
    def __str__(self) -> str:
        raise RuntimeError("no str")


class HostileZone(tzinfo):
    @override
    def tzname(self, dt: datetime | None) -> str:
        raise RuntimeError("no name")

    @override
    def dst(self, dt: datetime | None) -> timedelta:
        raise RuntimeError("no saving")

    @override
    def utcoffset(self, dt: datetime | None) -> timedelta:
        raise RuntimeError("no offset")


class HostileNumber(Decimal):
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")


class HostileEnum(enum.Enum):
    ONE = 1

    @property
    def value(self) -> object:  # type: ignore[override]
        raise RuntimeError("no value")


class HostileList(list[object]):
    @override
    def __iter__(self) -> Iterator[object]:
        yield 1
        raise RuntimeError("no more")


class HostileError(Exception):
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")


class HostileText(str):  # noqa: SLOT000 - as a host would write it
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")

    @override
    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        raise RuntimeError("no bytes")


@dataclasses.dataclass
class HostileRecord:
    kept: int = 1

    @property
    def gone(self) -> int:
        raise RuntimeError("no")


def released() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


class EndlessMapping(Mapping[str, object]):
    """
    Never runs out of keys.
    """

    @override
    def __getitem__(self, key: str) -> object:
        return key

    @override
    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)

    @override
    def __len__(self) -> int:
        return 1


def same_list_at_every_level() -> list[object]:
    level: list[object] = [0]
    for _ in range(31):
        level = [level, level]
    return level


class RaisingMeta(type):
    @override
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


def hostile(raised: BaseException) -> Mapping[str, Callable[[], object]]:
    """
    Values that raise this, each where it can.
    """

    def raising(*_: object, **__: object) -> Any:
        raise raised

    def made(*bases: type, **methods: object) -> Any:
        return type("Hostile", bases, dict.fromkeys(methods, raising))

    return {
        "repr": made(__repr__=1),
        "str of a key": lambda: {made(__str__=1, __repr__=1)(): 1},
        "class": type("Hostile", (), {"__class__": property(raising), "__repr__": raising}),
        "every attribute": made(__getattribute__=1, __repr__=1),
        "iterating a list": lambda: made(list, __iter__=1, __repr__=1)([1, 2]),
        "length of a text": lambda: made(
            str, __len__=1, __str__=1, __getitem__=1, replace=1, encode=1, isprintable=1
        )("kept"),
        "number": lambda: made(int, __int__=1, __index__=1, __lt__=1, __le__=1, __ge__=1, __repr__=1)(5),
        "float": lambda: made(float, __float__=1, __sub__=1, __repr__=1, __eq__=1, __hash__=1)(1.5),
        "decimal": lambda: made(Decimal, __str__=1, __repr__=1)("1.50"),
        "bytes": lambda: made(bytes, __len__=1, __getitem__=1, __iter__=1, __buffer__=1)(b"kept"),
        "keys of a dict": lambda: made(dict, keys=1, items=1, __iter__=1, __len__=1, __repr__=1)(a=1),
        "error": lambda: made(RuntimeError, __str__=1, __repr__=1, __getattribute__=1)("x"),
        "notes of an error": lambda: type("E", (RuntimeError,), {"__notes__": property(raising)})("x"),
        "field": lambda: dataclasses.make_dataclass("D", ["a"], namespace={"a": property(raising)}),
        "set": lambda: made(set, __iter__=1, __repr__=1)({1}),
    }


RAISED: list[BaseException] = [
    RuntimeError("mine"),
    MemoryError(),
    RecursionError(),
    asyncio.CancelledError(),
    GeneratorExit(),
    type("Panic", (BaseException,), {})("from an extension written in Rust"),
]


class Awkward:
    def __init__(self, inner: object, raised: BaseException | None) -> None:
        self.inner, self.raised = inner, raised

    @override
    def __repr__(self) -> str:
        if self.raised is not None:
            raise self.raised
        return f"Awkward({self.inner!r})"

    @override
    def __hash__(self) -> int:
        return 1

    @override
    def __eq__(self, other: object) -> bool:
        return self is other


def raised_with(message: str) -> BaseException:
    error = RuntimeError(message)
    error.__cause__ = ValueError(message)
    error.add_note(message)
    return error


def deep(kind: str, depth: int) -> object:
    value: Any = 1
    for _ in range(depth):
        match kind:
            case "list":
                value = [value]
            case "dict":
                value = {"d": value}
            case _:
                error = RuntimeError("deep")
                error.__context__ = value if isinstance(value, BaseException) else None
                value = error
    return value


class EndlessSequence(Sequence[int]):
    @override
    def __getitem__(self, index: Any) -> Any:
        return index

    @override
    def __len__(self) -> int:
        return sys.maxsize

    @override
    def __iter__(self) -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1


class Weekdays(enum.Flag):
    MONDAY = 1
    TUESDAY = 2


class Level(enum.IntFlag):
    A = 1
    B = 2


class Row(NamedTuple):
    a: int
    b: Decimal


class Quote(msgspec.Struct):
    bid: Decimal
    note: str | None = None


class LikeAttrs:
    __attrs_attrs__ = (SimpleNamespace(name="price"), SimpleNamespace(name="gone"))

    def __init__(self) -> None:
        self.price = Decimal("1.10")


class LikeModel:
    """
    As pydantic's: no fields that are ours to read, and a repr.
    """

    def model_dump(self) -> dict[str, int]:
        raise AssertionError("a host's method is not called")

    @override
    def __repr__(self) -> str:
        return "LikeModel(price=1)"


class FakeArray:
    """
    As numpy's: `shape`, `flat` and `tolist`.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    @property
    def flat(self) -> Iterator[int]:
        return iter(range(10**9))

    def tolist(self) -> list[object]:
        if len(self.shape) == 1:
            return list(range(self.shape[0]))
        return [FakeArray(*self.shape[1:]).tolist() for _ in range(self.shape[0])]


FakeArray.__module__ = "numpy"


class FakeFrame:
    """
    As pandas's: `shape`, `head` and `to_dict`.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.shape = (rows, columns)

    def head(self, rows: int) -> FakeFrame:
        return FakeFrame(min(rows, self.shape[0]), self.shape[1])

    def to_dict(self, orient: str) -> dict[str, list[int]]:
        assert "list" == orient
        return {f"c{column}": list(range(self.shape[0])) for column in range(self.shape[1])}


FakeFrame.__module__ = "pandas.core.frame"


def numpy_scalar(value: object) -> object:
    """
    As numpy makes them: a class of its module whose `item` gives the Python value.
    """

    class Float32:
        def item(self) -> object:
            return value

    Float32.__module__ = "numpy"
    return Float32()


class LongDouble:
    def item(self) -> LongDouble:
        return LongDouble()

    @override
    def __repr__(self) -> str:
        return "1.5"


LongDouble.__module__ = "numpy"
