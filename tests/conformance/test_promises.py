"""
Each test of a suite says which contract it holds an adapter to, and no method of a contract is left out.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from typing_extensions import override

from poslife import conformance, protocols
from poslife.conformance._promises import contracts_of, promised_by, sentence_of
from poslife.errors import PositionNotFound
from poslife.memory import MemoryStore
from poslife.protocols import Repository
from tests.conformance.suites_by_adapter import RepositorySuite
from tests.values import REF

SUITES: dict[type, tuple[type, ...]] = {
    conformance.RepositoryConformance: (protocols.Repository,),
    conformance.BatchWriterConformance: (protocols.BatchWriter, protocols.Repository),
    conformance.DeadLetterBoxConformance: (protocols.DeadLetterBox, protocols.BatchWriter),
    conformance.LifeEventFeedConformance: (protocols.LifeEventFeed,),
    conformance.RunEventFeedConformance: (protocols.RunEventFeed,),
    conformance.TrailReaderConformance: (protocols.TrailReader,),
    conformance.TrailKeeperConformance: (protocols.TrailKeeper,),
    conformance.EventSinkConformance: (protocols.EventSink,),
    conformance.JournalConformance: (protocols.Journal,),
    conformance.VenueSourceConformance: (protocols.VenueSource,),
}
"""
The suites, each with the protocol it is for and those that it touches besides.
"""


def clauses_of(suite: type) -> dict[str, Any]:
    return {name: test for name, test in inspect.getmembers(suite) if name.startswith("test_")}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_each_test_says_what_it_is_promised_by(suite: type) -> None:
    """
    Each test of a suite has a sentence, and names the protocols or methods that promise it.
    """
    contracts: tuple[Any, ...] = SUITES[suite]
    known = {
        f"poslife.protocols.{contract.__qualname__}{member}"
        for contract in contracts
        for member in ("", *(f".{name}" for name in contract.__abstractmethods__))
    }
    for name, test in clauses_of(suite).items():
        assert sentence_of(test), name
        assert contracts_of(test), name
        assert set(contracts_of(test)) <= known, name


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_each_method_is_held_to_its_promise(suite: type) -> None:
    """
    Each method of a protocol is named by a test of its suite.
    """
    contract: Any = SUITES[suite][0]
    named = {name for test in clauses_of(suite).values() for name in contracts_of(test)}
    methods = {f"poslife.protocols.{contract.__name__}.{name}" for name in contract.__abstractmethods__}

    assert set() == methods - named


async def test_a_failure_says_where_the_promise_is() -> None:
    """
    The error of a failed test has a note with the guarantee and the methods that give it.
    """

    class Forgetful(MemoryStore):
        @override
        async def find_live(self, key: object, /) -> None:
            return None

    suite = RepositorySuite()
    suite.adapter = type("Liar", (suite.adapter,), {"find_live": Forgetful.find_live})
    with pytest.raises(AssertionError, match=r"the holder of a key: expected a \w+, got None") as caught:
        await suite.test_find_live()

    (note,) = caught.value.__notes__

    assert note.startswith("`find_live` gives the position that holds a key, pending or open, ")
    assert note.endswith(" Promised by poslife.protocols.Repository.find_live.")


async def test_a_test_that_is_marked_stays_a_coroutine_function() -> None:
    """
    A marked test passes what the adapter raises through, and is still found and awaited by test frameworks.
    """

    class Suite:
        @promised_by(Repository.get, vars(protocols.VenueSource)["venue"])
        async def test_it(self) -> None:
            """It holds."""
            raise PositionNotFound(REF)

    assert inspect.iscoroutinefunction(Suite.test_it)
    with pytest.raises(PositionNotFound) as caught:
        await Suite().test_it()

    assert [
        "It holds. Promised by poslife.protocols.Repository.get, poslife.protocols.VenueSource.venue."
    ] == caught.value.__notes__
