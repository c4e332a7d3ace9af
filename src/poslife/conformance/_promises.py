"""
The place in the contracts that a test of a suite holds an adapter to.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import TypeVar

__all__ = ["contracts_of", "promised_by", "sentence_of"]

SuiteT = TypeVar("SuiteT")
Test = Callable[[SuiteT], Coroutine[object, object, None]]


def promised_by(*contracts: object) -> Callable[[Test[SuiteT]], Test[SuiteT]]:
    """
    Mark a test with the protocols or methods whose docstrings give its guarantee.

    An exception that the test raises gets a note with them and with the test's sentence. pytest, unittest and
    tracebacks show notes, so that a failure says where to read on.
    """
    names = tuple(map(_name_of, contracts))

    def decorate(test: Test[SuiteT]) -> Test[SuiteT]:
        @functools.wraps(test)
        async def noted(suite: SuiteT) -> None:
            try:
                await test(suite)
            except Exception as error:
                error.add_note(f"{sentence_of(test)} Promised by {', '.join(names)}.")
                raise

        noted.__dict__["contracts"] = names
        return noted

    return decorate


def contracts_of(test: object) -> tuple[str, ...]:
    """
    Return the contracts of a marked test as dotted names, and none for a test that a host has added.
    """
    contracts: tuple[str, ...] = getattr(test, "contracts", ())
    return contracts


def sentence_of(test: object) -> str:
    """
    Return a test's docstring in one line.
    """
    return " ".join((inspect.getdoc(test) or "").split())


def _name_of(contract: object) -> str:
    member: object = contract.fget if isinstance(contract, property) else contract
    name: str = getattr(member, "__qualname__", repr(member))
    return f"poslife.protocols.{name}"
