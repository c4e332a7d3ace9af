"""
The suite for a `RunEventFeed`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol, cast

from poslife._domain.identifiers import RunId
from poslife.conformance._assertions import check, narrowed, refused, same
from poslife.conformance._example_records import a_full_record, a_record
from poslife.conformance._example_values import Examples
from poslife.conformance._promises import promised_by
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.protocols import BatchWriter, EventRecord, FeedPage, FeedToken, RunEventFeed

__all__ = ["FedWriter", "RunEventFeedConformance"]


class FedWriter(BatchWriter, RunEventFeed, Protocol):
    """
    A batch writer whose events can be read back.
    """


class RunEventFeedConformance(ABC):
    """
    The tests of `RunEventFeed`, one for each sentence of its contract.

    Say how a store is made, fresh and empty::

        class TestMyFeed(RunEventFeedConformance):
            @asynccontextmanager
            async def writer(self) -> AsyncGenerator[FedWriter]:
                yield MyStore(fresh_database())
    """

    @abstractmethod
    def writer(self) -> AbstractAsyncContextManager[FedWriter]:
        """
        Make a fresh and empty store. Each test asks once.
        """

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        Make the store unreachable, while it is entered. *Default*: ``None``; the outage is not tested then.
        """
        return None

    @promised_by(RunEventFeed.read_run_events)
    async def test_feed_of_nothing(self) -> None:
        """
        A store without host events gives an empty page, and the next page goes on from the same point.
        """
        async with self.writer() as writer:
            page = narrowed(await writer.read_run_events(), FeedPage, "the return value of read_run_events")
            same((), page.items, "the events")
            records = _records(Examples(), 2)
            await writer.write(records)
            same(tuple(records), (await writer.read_run_events(page.next)).items, "the events written since")

    @promised_by(RunEventFeed.read_run_events)
    async def test_every_field(self) -> None:
        """
        A host event comes with every field of its header, sequence and digest, and its payload byte for byte.
        """
        async with self.writer() as writer:
            examples = Examples()
            # A parser would keep one of the two keys, and other texts of the numbers.
            payload = b'{"b":1.10,"a":1e2,"a":"twice"}'
            record = replace(a_full_record(examples, 7), payload=payload)
            await writer.write([record])
            (item,) = (await writer.read_run_events()).items
            same(record, narrowed(item, EventRecord, "an event of the feed"), "the event")

    @promised_by(RunEventFeed.read_run_events)
    async def test_order_and_pages(self) -> None:
        """
        Events come once, by event id in any order of writing, with at most *limit* on a page.
        """
        async with self.writer() as writer:
            examples = Examples()
            records = [
                record
                for run in (examples.run_id(), examples.run_id())
                for record in _records(examples, 12, run)
            ]
            for written in (records[8:20], records[20:], records[:8]):
                await writer.write(written)
            expected = sorted(records, key=lambda record: record.header.id)
            for limit in (1, 5, len(expected), 1000):
                read: list[EventRecord] = []
                token: FeedToken | None = None
                while (page := await writer.read_run_events(token, limit=limit)).items:
                    check(
                        len(page.items) <= limit, f"a page has at most {limit} items, got {len(page.items)}"
                    )
                    read += page.items
                    check(len(read) <= len(expected), f"the feed: expected {len(expected)} events, got more")
                    token = page.next
                same(expected, read, f"the events in pages of {limit}")
                same(token, page.next, "FeedPage.next of an empty page")

    @promised_by(RunEventFeed.read_run_events)
    async def test_bad_limit_or_token(self) -> None:
        """
        A limit outside 1 to 1000, or a token of no feed of this kind, raises `InvalidValue`.
        """
        async with self.writer() as writer:
            await writer.write(_records(Examples(), 1))
            for limit in (0, 1001, cast("int", True), cast("int", "2")):
                await refused(writer.read_run_events(limit=limit), InvalidValue, f"limit={limit!r}")
            for token in ("no token", "", "1 2 3", cast("str", 7)):
                asked = writer.read_run_events(FeedToken(token))
                await refused(asked, InvalidValue, f"the token {token!r}")

    @promised_by(RunEventFeed.read_run_events)
    async def test_unreachable_store_raises(self) -> None:
        """
        A page in an outage raises `StorageUnavailable`; it is not an empty page.
        """
        async with self.writer() as writer:
            records = _records(Examples(), 1)
            await writer.write(records)
            outage = self.unreachable()
            if outage is None:
                return
            async with outage:
                await refused(writer.read_run_events(), StorageUnavailable, "a page in an outage")
            same(tuple(records), (await writer.read_run_events()).items, "the events")


def _records(examples: Examples, count: int, run: RunId | None = None) -> Sequence[EventRecord]:
    return [a_record(examples, sequence, run=run) for sequence in range(1, count + 1)]
