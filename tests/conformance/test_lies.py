"""
Every lie an adapter can tell is caught; the truth is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import msgspec
import pytest
from typing_extensions import override

from poslife.conformance import examine
from poslife.errors import PoslifeError
from poslife.protocols import EventSink
from tests.conformance.honest import HonestStore
from tests.conformance.lies import (
    candidates,
    feeds,
    flags,
    keys,
    letters,
    lists,
    parts,
    refusals,
    repetitions,
    run_feeds,
    runs,
    sinks,
    sources,
    values,
    writers,
)
from tests.conformance.lies.sinks import HonestSink
from tests.conformance.paper_venue import HonestSource
from tests.conformance.suites import (
    BoxSuite,
    FeedSuite,
    RepositorySuite,
    RunFeedSuite,
    SinkSuite,
    SourceSuite,
    WriterSuite,
)

STORE_LIES = tuple(
    lie
    for room in (candidates, flags, keys, lists, parts, refusals, repetitions, runs, values)
    for lie in room.LIES
)

# What a broken contract looks like: the suite says so, or an error comes out that should not.
# Any other is a liar's own mistake.
FINDINGS = (AssertionError, PoslifeError, RuntimeError, ValueError, msgspec.MsgspecError)


def told(lie: tuple[type[object], str]) -> str:
    return " ".join((inspect.getdoc(lie[0]) or "").split())


@pytest.mark.parametrize(
    "suite, lies",
    [
        pytest.param(RepositorySuite, STORE_LIES, id="repository"),
        pytest.param(WriterSuite, writers.LIES, id="writer"),
        pytest.param(BoxSuite, letters.LIES, id="box"),
        pytest.param(FeedSuite, feeds.LIES, id="feed"),
        pytest.param(RunFeedSuite, run_feeds.LIES, id="run feed"),
        pytest.param(SinkSuite, sinks.LIES, id="sink"),
        pytest.param(SourceSuite, sources.LIES, id="source"),
    ],
)
def test_each_test_has_its_lie(suite: type[object], lies: Sequence[tuple[type[object], str]]) -> None:
    """No test of a suite is there without a lie that it catches."""
    tests = {name for name in dir(suite) if name.startswith("test_")}

    assert tests == {test for _, test in lies}


@pytest.mark.parametrize(
    "suite",
    [RepositorySuite, WriterSuite, BoxSuite, FeedSuite, RunFeedSuite, SinkSuite, SourceSuite],
    ids=lambda suite: suite.__name__,
)
async def test_truth(suite: type[object]) -> None:
    """A truthful adapter passes every test."""
    report = await examine(suite())

    assert report.failed == (), str(report)
    assert len(report.passed) == len([name for name in dir(suite) if name.startswith("test_")])


@pytest.mark.parametrize("lie", STORE_LIES, ids=told)
async def test_lying_store(lie: tuple[type[HonestStore], str]) -> None:
    """A store's lie is caught, by the test that is there for it."""
    suite = RepositorySuite()
    suite.store_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", writers.LIES, ids=told)
async def test_lying_writer(lie: tuple[type[HonestStore], str]) -> None:
    """A batch writer's lie is caught, by the test that is there for it."""
    suite = WriterSuite()
    suite.store_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", letters.LIES, ids=told)
async def test_lying_box(lie: tuple[type[HonestStore], str]) -> None:
    """A dead-letter box's lie is caught, by the test that is there for it."""
    suite = BoxSuite()
    suite.store_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", feeds.LIES, ids=told)
async def test_lying_feed(lie: tuple[type[HonestStore], str]) -> None:
    """A feed's lie is caught, by the test that is there for it."""
    suite = FeedSuite()
    suite.store_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", run_feeds.LIES, ids=told)
async def test_lying_run_feed(lie: tuple[type[HonestStore], str]) -> None:
    """A lie of a feed of host events is caught, by the test that is there for it."""
    suite = RunFeedSuite()
    suite.store_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", sources.LIES, ids=told)
async def test_lying_source(lie: tuple[type[HonestSource], str]) -> None:
    """A venue source's lie is caught, by the test that is there for it."""
    suite = SourceSuite()
    suite.source_class, test = lie

    with pytest.raises(FINDINGS):
        await getattr(suite, test)()


@pytest.mark.parametrize("lie", sinks.LIES, ids=told)
async def test_lying_sink(lie: tuple[type[HonestSink], str]) -> None:
    """A sink's lie is caught, by the test that is there for it."""
    sink_class, test = lie

    class LyingSuite(SinkSuite):
        @override
        def made(self, store: HonestStore) -> EventSink:
            return sink_class(store)

    with pytest.raises(FINDINGS):
        await getattr(LyingSuite(), test)()
