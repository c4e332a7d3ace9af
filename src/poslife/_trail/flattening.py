"""
Any value as one of JSON's: text where JSON has no type for it. No value makes it fail. Pure.
"""

from __future__ import annotations

import array
import base64
import collections
import dataclasses
import datetime as dt
import enum
import math
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Final, TypeVar, cast
from uuid import UUID

import msgspec

from poslife._domain.event_envelopes import Json
from poslife._domain.text import ENDS_PROCESS, LONGEST_TEXT, class_name, clean_text, repr_of, text_of
from poslife._trail.tracebacks import describe_exception

__all__ = ["DEEPEST", "Flattening", "free_name"]

DEEPEST: Final = 32

_MOST_BITS_IN_DECIMAL: Final = 2048
_MOST_BITS: Final = 4 * LONGEST_TEXT - 64
_LONGEST_BYTES: Final = LONGEST_TEXT // 4 * 3
_MOST_OF_ARRAY: Final = 1000
_KEPT_OF_ARRAY: Final = 100

_in_order: Final = msgspec.json.Encoder(order="deterministic").encode


class Flattening:
    """
    Turns values into JSON's, up to a budget of *most* bytes.

    The budget is for a container that is endless, or holds the same list twice at each of thirty levels.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    @property
    def cut(self) -> bool:
        """
        True if there was more than the budget allows.
        """
        return self._left <= 0

    def flatten(self, value: object, depth: int = 0, above: tuple[int, ...] = ()) -> Json:
        """
        Return the value as JSON has it.
        """
        # No value takes less than two bytes, and no text less than its length.
        self._left -= 2
        try:
            return self._charged(_scalar(value))
        except _NotScalar:
            pass
        except ENDS_PROCESS:
            raise
        except BaseException:  # noqa: BLE001 - a host's subclass of a scalar may raise anything
            return self._charged(repr_of(value))
        if id(value) in above:
            return f"<cycle: {class_name(type(value))}>"
        if depth >= DEEPEST:
            return f"<deeper than {DEEPEST}: {class_name(type(value))}>"
        try:
            return self._container(value, depth + 1, (*above, id(value)))
        except ENDS_PROCESS:
            raise
        except BaseException:  # noqa: BLE001 - a host's container may raise anything
            return self._charged(repr_of(value))

    def _charged(self, scalar: Json) -> Json:
        texts = scalar.values() if isinstance(scalar, dict) else (scalar,)
        self._left -= sum(len(text) for text in texts if isinstance(text, str))
        return scalar

    def _container(self, value: object, depth: int, above: tuple[int, ...]) -> Json:
        # By `type` throughout: an object's `__class__` may be any, or raise.
        kind = type(value)
        if issubclass(kind, enum.Enum):
            return self.flatten(cast("enum.Enum", value).value, depth, above)
        if issubclass(kind, Mapping):
            return self._object(cast("Mapping[object, object]", value).items(), depth, above)
        if issubclass(kind, AbstractSet):
            return sorted(self._list(cast("AbstractSet[object]", value), depth, above), key=_in_order)
        module = class_name(kind, full=True).partition(".")[0]
        if module in ("numpy", "pandas"):
            return self._numeric(value, depth, above)
        if issubclass(kind, _LISTS) and not issubclass(kind, range):
            return self._list(cast("Iterable[object]", value), depth, above)
        names = _field_names(value)
        if names is not None:
            return self._object(((name, _field(value, name)) for name in names), depth, above)
        return self._charged(repr_of(value))

    def _numeric(self, value: object, depth: int, above: tuple[int, ...]) -> Json:
        """
        Flatten numpy's and pandas' scalars, arrays, series and frames.
        """
        shape: object = getattr(value, "shape", ())
        if isinstance(shape, tuple) and shape:
            return self._array(value, cast("tuple[int, ...]", shape), depth, above)
        if class_name(type(value)) in ("datetime64", "timedelta64"):
            return self._charged(text_of(value))  # its Python value may be a bare number of nanoseconds
        item = getattr(value, "item", None)
        inner: object = item() if callable(item) else value
        if type(inner) is type(value):
            return self._charged(text_of(value))  # a long double, whose Python value is itself
        return self.flatten(inner, depth, above)

    def _array(self, value: object, shape: tuple[int, ...], depth: int, above: tuple[int, ...]) -> Json:
        if math.prod(shape) <= _MOST_OF_ARRAY:
            return self.flatten(_as_lists(value), depth, above)
        flat: object = getattr(value, "flat", None)
        head: object = getattr(value, "head", None)
        beginning: object = None
        if flat is not None:
            beginning = list(_first(cast("Iterable[object]", flat), _KEPT_OF_ARRAY))
        elif callable(head):
            rows = max(1, _KEPT_OF_ARRAY // max(1, math.prod(shape[1:])))
            beginning = _as_lists(head(rows)) if math.prod(shape[1:]) <= _KEPT_OF_ARRAY else None
        summary: dict[str, object] = {
            "type": class_name(type(value)),
            "shape": list(shape),
            "beginning": beginning,
        }
        return self._object(iter({"$array": summary}.items()), depth, above)

    def _list(self, items: Iterable[object], depth: int, above: tuple[int, ...]) -> list[Json]:
        flat: list[Json] = []
        for item in _read(items, _as_item):
            if self.cut:
                break
            flat.append(self.flatten(item, depth, above))
        return flat

    def _object(
        self, items: Iterable[tuple[object, object]], depth: int, above: tuple[int, ...]
    ) -> dict[str, Json]:
        flat: dict[str, Json] = {}
        others: list[tuple[str, object]] = []
        for key, item in _read(items, _as_pair):
            if self.cut:
                break
            if issubclass(type(key), str):
                name = free_name(clean_text(cast("str", key)), flat)
                self._charged(name)
                flat[name] = self.flatten(item, depth, above)
            else:
                # A text keeps its name; another key that looks like it is numbered, whichever came first.
                name = text_of(key)
                self._left -= 2
                self._charged(name)
                others.append((name, item))
        for name, item in others:
            flat[free_name(name, flat)] = self.flatten(item, depth, above)
        return flat


_ItemT = TypeVar("_ItemT")


class _NotScalar(Exception):
    pass


_LISTS: Final = (list, tuple, Sequence, ValuesView, ItemsView, collections.deque, array.array)


def _read(items: Iterable[_ItemT], marker: Callable[[str], _ItemT]) -> Iterator[_ItemT]:
    """
    Yield the items up to the one that raises, and a marker in its place.
    """
    try:
        yield from items
    except ENDS_PROCESS:
        raise
    except Exception as error:  # noqa: BLE001 - a host's iterator may raise anything
        yield marker(f"<reading on raises {class_name(type(error))}>")


def _as_item(marker: str) -> object:
    return marker


def _as_pair(marker: str) -> tuple[object, object]:
    return "$unreadable", marker


def _first(items: Iterable[object], most: int) -> Iterator[object]:
    for number, item in enumerate(items):
        if number >= most:
            return
        yield item


def _as_lists(value: object) -> object:
    """
    Return an array as nested lists, a frame as its columns.
    """
    to_list: object = getattr(value, "tolist", None)
    if callable(to_list):
        return to_list()
    to_dict: object = getattr(value, "to_dict", None)
    return to_dict("list") if callable(to_dict) else repr_of(value)


def _field_names(value: object) -> list[str] | None:
    """
    Return the names of fields of a dataclass, a msgspec struct, or a class of attrs; ``None`` for others.
    """
    kind = type(value)
    if issubclass(kind, msgspec.Struct):
        return list(kind.__struct_fields__)
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    attributes: object = getattr(kind, "__attrs_attrs__", None)
    if isinstance(attributes, tuple):
        return [str(getattr(one, "name", "")) for one in cast("tuple[object, ...]", attributes)]
    return None


def _field(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except ENDS_PROCESS:
        raise
    except BaseException as error:  # noqa: BLE001 - a property may raise anything
        return f"<reading it raises {class_name(type(error))}>"


def _scalar(value: object) -> Json:
    kind = type(value)
    if value is None or kind is bool:
        return cast("bool | None", value)
    if not issubclass(kind, enum.Enum):
        for kinds, convert in _SCALARS:
            if issubclass(kind, kinds):
                return convert(value)
    raise _NotScalar


def _float(value: object) -> Json:
    number = float.__float__(cast("float", value))
    return number if math.isfinite(number) else str(number)


def _whole(given: object) -> Json:
    """
    Return a number of 64 bits as it is, and a larger one as text, since other readers of JSON round it.
    """
    value = int.__int__(cast("int", given))
    if -(1 << 63) <= value < 1 << 64:
        return value
    bits = value.bit_length()
    if bits <= _MOST_BITS_IN_DECIMAL:
        return str(value)
    # Python refuses to write thousands of digits in decimal, and the host may set the limit.
    if bits <= _MOST_BITS:
        return hex(value)
    sign = "-" if value < 0 else ""
    return f"{sign}{abs(value) >> (bits - 256):#x}… ({bits} bits)"


def _time(given: object) -> Json:
    value = cast("dt.datetime | dt.date | dt.time", given)
    text = clean_text(value.isoformat())
    if isinstance(value, dt.datetime) and value.utcoffset() is None and text != "NaT":
        # Its moment is unknown, and a database would take it for its own zone.
        return f"{text} (naive)"
    return text


def _base64(given: object) -> Json:
    view = memoryview(cast("bytes", given))
    size = view.nbytes
    if view.ndim == 1:
        kept = view[: max(1, _LONGEST_BYTES // view.itemsize)].tobytes()
    else:
        kept = view.tobytes()[:_LONGEST_BYTES] if size <= 1 << 20 else b""
    text = "base64:" + base64.b64encode(kept[:_LONGEST_BYTES]).decode("ascii")
    return text if size <= len(kept) <= _LONGEST_BYTES else f"{text}… ({size} bytes)"


def free_name(name: str, taken: Mapping[str, Json]) -> str:
    """
    Return *name*, numbered if it is taken: ``1`` and ``"1"`` are two keys.
    """
    free, number = name, len(taken)
    while free in taken:
        number += 1
        free = f"{name} #{number}"
    return free


# By the methods of the classes themselves, for a subclass may override them.
_SCALARS: Final[tuple[tuple[type | tuple[type, ...], Callable[[object], Json]], ...]] = (
    (str, lambda value: clean_text(cast("str", value))),
    (int, _whole),
    (float, _float),
    (Decimal, lambda value: clean_text(Decimal.__str__(cast("Decimal", value)))),
    ((UUID, dt.timedelta), lambda value: clean_text(str(value))),
    ((dt.datetime, dt.date, dt.time), _time),
    ((bytes, bytearray, memoryview), _base64),
    (BaseException, lambda value: describe_exception(cast("BaseException", value))),
)
