"""
Nothing public is untyped, and nothing that a host is given can be patched.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from decimal import Decimal
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import poslife
from poslife import Side
from poslife.errors import MissingExtra
from tests.values import KEY, bought, closed, order, pending, persisted

if TYPE_CHECKING:
    from collections.abc import Iterator


def public_modules() -> Iterator[ModuleType]:
    """
    Every module without an underscore in its path, but those whose extra is not installed.
    """
    yield poslife
    for found in pkgutil.walk_packages(poslife.__path__, "poslife."):
        if not any(part.startswith("_") for part in found.name.split(".")):
            try:
                yield importlib.import_module(found.name)
            except MissingExtra:
                continue


def public_things() -> dict[str, type | FunctionType]:
    """
    The classes and functions in each ``__all__``, by their public names.
    """
    named = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in public_modules()
        for name in getattr(module, "__all__", ())
    }
    return {name: thing for name, thing in named.items() if isinstance(thing, type | FunctionType)}


def public_classes() -> list[type]:
    return list(dict.fromkeys(thing for thing in public_things().values() if isinstance(thing, type)))


def public_values() -> list[type]:
    return [kind for kind in public_classes() if dataclasses.is_dataclass(kind)]


def is_ours(thing: type | FunctionType) -> bool:
    return thing.__module__.partition(".")[0] == "poslife"


def functions_of(thing: type | FunctionType) -> Iterator[FunctionType]:
    """
    A function itself; a class's methods and constructor, and the functions that read its properties.
    """
    if isinstance(thing, FunctionType):
        yield inspect.unwrap(thing)
        return
    for kind in filter(is_ours, thing.__mro__):
        for name, member in vars(kind).items():
            if name.startswith("_") and name not in {"__init__", "__call__", "__aenter__", "__aexit__"}:
                continue
            function: object = member.fget if isinstance(member, property) else member
            function = getattr(function, "__func__", function)
            if isinstance(function, FunctionType) and is_ours(function):
                yield inspect.unwrap(function)


def untyped_in(function: FunctionType) -> list[str]:
    """
    The parameters without a type or of a bare Any, and ``return`` if that is so of the result.
    """
    signature = inspect.signature(function)
    types = {name: one.annotation for name, one in signature.parameters.items()}
    types["return"] = signature.return_annotation
    if "." in function.__qualname__:
        types.pop("self", None)
        types.pop("cls", None)
    return [name for name, written in types.items() if written in {inspect.Signature.empty, "Any", Any}]


def test_everything_public_is_typed() -> None:
    """
    Each public function and method has a type for every parameter and for its result, and none is a bare Any.

    So a misuse is found by a type checker, and not by a `TypeError` in the middle of a trade (incident 4).
    """
    functions = {
        f"{name}: {function.__qualname__}": function
        for name, thing in public_things().items()
        for function in functions_of(thing)
    }
    untyped = {name: missing for name, function in functions.items() if (missing := untyped_in(function))}

    assert {} == untyped
    assert 500 < len(functions)


def test_every_attribute_of_a_public_value_is_typed() -> None:
    """
    No field of a value is Any, nor a collection of Any (incident 4).
    """
    fields = {
        f"{kind.__qualname__}.{name}": str(annotation)
        for kind in public_values()
        for name, annotation in inspect.get_annotations(kind).items()
    }

    assert [] == [name for name, annotation in fields.items() if re.search(r"\bAny\b", annotation)]
    assert 200 < len(fields)


@pytest.mark.parametrize("kind", public_values(), ids=lambda kind: kind.__qualname__)
def test_every_public_value_is_frozen(kind: Any) -> None:
    """
    Its fields cannot be set, and there is no room for a patched attribute (incident 4).
    """
    if issubclass(kind, msgspec.Struct):
        assert kind.__struct_config__.frozen
    else:
        assert kind.__dataclass_params__.frozen

    assert "__dict__" not in dir(kind)


VALUES: list[Any] = [KEY, bought("1"), order(), pending(), persisted(), closed()]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_cannot_be_patched(value: Any) -> None:
    """
    Setting, adding or deleting an attribute raises, and so does an assignment to an item (incident 4).
    """
    field = dataclasses.fields(value)[0].name
    before = repr(value)

    with pytest.raises((AttributeError, TypeError)):
        setattr(value, field, None)
    with pytest.raises((AttributeError, TypeError)):
        value.stop_loss = Decimal(1)
    with pytest.raises((AttributeError, TypeError)):
        delattr(value, field)
    with pytest.raises((AttributeError, TypeError)):
        value["stop_loss"] = Decimal(1)

    assert before == repr(value)


async def test_a_step_cannot_be_patched() -> None:
    """
    No method of a tracker, its steps or its blocks is replaced on an instance (incident 4).

    The fix of that incident was such a patch, and was lost when the file it stood in was deleted.
    """
    async with poslife.connect("memory://") as tracker:
        await tracker.recover()
        things: list[tuple[Any, str]] = [
            (tracker, "record"),
            (tracker.steps, "protected"),
            (tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1)), "submit"),
            (tracker.closing(persisted()), "submit"),
        ]

        for thing, method in things:
            with pytest.raises(AttributeError, match="read-only"):
                setattr(thing, method, print)
            with pytest.raises(AttributeError, match="no attribute '_set_stop_loss'"):
                thing._set_stop_loss = print
            with pytest.raises(TypeError, match="item assignment"):
                thing["stop_loss"] = Decimal(1)
