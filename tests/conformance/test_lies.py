"""
Every lie an adapter can tell is caught by the test that is there for it; the truth is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import msgspec
import pytest

from poslife import conformance
from poslife.conformance import examine
from poslife.errors import PoslifeError
from tests.conformance.lies import (
    batch_writers,
    candidates,
    dead_letter_boxes,
    event_sinks,
    journals,
    keys,
    life_event_feeds,
    lists,
    partial_writes,
    reads,
    refusals,
    repetitions,
    run_event_feeds,
    runs,
    trail_keepers,
    trail_readers,
    values,
    venue_sources,
)
from tests.conformance.suites_by_adapter import (
    BoxSuite,
    FeedSuite,
    JournalSuite,
    RepositorySuite,
    RunFeedSuite,
    SinkSuite,
    SourceSuite,
    TrailKeeperSuite,
    TrailReaderSuite,
    WriterSuite,
)

Lie = tuple[type[object], str]

REPOSITORY_LIES = [
    lie
    for module in (candidates, keys, lists, partial_writes, reads, refusals, repetitions, runs, values)
    for lie in module.LIES
]
SUITES: dict[type, Sequence[Lie]] = {
    RepositorySuite: REPOSITORY_LIES,
    WriterSuite: batch_writers.LIES,
    BoxSuite: dead_letter_boxes.LIES,
    FeedSuite: life_event_feeds.LIES,
    RunFeedSuite: run_event_feeds.LIES,
    TrailReaderSuite: trail_readers.LIES,
    TrailKeeperSuite: trail_keepers.LIES,
    SinkSuite: event_sinks.LIES,
    JournalSuite: journals.LIES,
    SourceSuite: venue_sources.LIES,
}

FINDINGS = (AssertionError, PoslifeError, RuntimeError, ValueError, msgspec.MsgspecError)
"""
The errors of a broken contract. Any other error is a mistake in the liar itself.
"""


def clauses_of(suite: type) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def test_every_public_suite_has_its_lies() -> None:
    """
    Each suite that hosts are given is among those tested here.
    """
    public = {name for name in conformance.__all__ if name.endswith("Conformance")}

    assert public == {base.__name__ for suite in SUITES for base in suite.__mro__} & public


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
def test_each_test_has_its_lie(suite: type) -> None:
    """
    Each test of a suite has a lie that it catches.
    """
    assert clauses_of(suite) == {test for _, test in SUITES[suite]}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.__name__)
async def test_truth(suite: type) -> None:
    """
    A truthful adapter passes every test.
    """
    report = await examine(suite())

    assert report.failed == (), str(report)
    assert set(report.passed) == clauses_of(suite)


def _lie(liar: type[object]) -> str:
    return " ".join((inspect.getdoc(liar) or "").split())


@pytest.mark.parametrize(
    "suite, liar, test",
    [
        pytest.param(suite, liar, test, id=f"{suite.__name__}: {_lie(liar)}")
        for suite, lies in SUITES.items()
        for liar, test in lies
    ],
)
async def test_lie(suite: type, liar: type[object], test: str) -> None:
    """
    A lie is caught by the test that is there for it.
    """
    examined = suite()
    examined.adapter = liar

    with pytest.raises(FINDINGS):
        await getattr(examined, test)()
