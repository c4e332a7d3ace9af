"""
The suite for a `RunEventFeed`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from poslife._domain.event_envelopes import UNLINKED, EventHeader
from poslife._domain.identifiers import RunId
from poslife._trail.encoding import encode_payload
from poslife._trail.records import linked
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import check, narrowed, refused, same
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
    What `RunEventFeed` promises, one test for each sentence.

    Say how a store is made, fresh and empty::

        class TestMyFeed(RunEventFeedConformance):
            @asynccontextmanager
            async def writer(self) -> AsyncGenerator[FedWriter]:
                yield MyStore(fresh_database())
    """

    @abstractmethod
    def writer(self) -> AbstractAsyncContextManager[FedWriter]:
        """
        A fresh and empty store. Each test asks once.
        """

    def unreachable(self) -> AbstractAsyncContextManager[None] | None:
        """
        While it is entered, the store cannot be reached. *Default*: ``None``.
        """
        return None

    @promised_by(RunEventFeed.read_run_events)
    async def test_feed_of_nothing(self) -> None:
        """
        A store without host events gives an empty page, and the next page goes on from the same point.
        """
        async with self.writer() as writer:
            page = narrowed(await writer.read_run_events(), FeedPage, "what read_run_events returns")
            same((), page.items, "the events")
            records = _records(Examples(), 2)
            await writer.write(records)
            same(tuple(records), (await writer.read_run_events(page.next)).items, "the events since")

    @promised_by(RunEventFeed.read_run_events)
    async def test_every_field(self) -> None:
        """
        A host event comes with every field of its header, sequence and digest, and its payload byte for byte.
        """
        async with self.writer() as writer:
            examples = Examples()
            header = full_values.full_header(examples, full_values.full_pending(examples), "stop_loss.placed")
            record = EventRecord(
                header=header,
                recorded_at=examples.at(),
                sequence=7,
                payload=b'{"b":1.10,"a":1e2,"a":"twice"}',
                digest=linked(UNLINKED, b"anything"),
            )
            await writer.write([record])
            (item,) = (await writer.read_run_events()).items
            same(record, narrowed(item, EventRecord, "an event of the feed"), "the event")

    @promised_by(RunEventFeed.read_run_events)
    async def test_order_and_pages(self) -> None:
        """
        Events come once, by run and sequence in any order of writing, with at most *limit* on a page.
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
            wanted = sorted(records, key=lambda record: (record.header.run, record.sequence))
            for limit in (1, 5, len(wanted), 1000):
                read: list[EventRecord] = []
                token: FeedToken | None = None
                while (page := await writer.read_run_events(token, limit=limit)).items:
                    check(len(page.items) <= limit, f"a page has at most {limit} items")
                    read += page.items
                    check(len(read) <= len(wanted), "the feed comes to an end")
                    token = page.next
                same(wanted, read, f"the events in pages of {limit}")
                same(token, page.next, "where an empty page goes on")

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
    records: list[EventRecord] = []
    for sequence in range(1, count + 1):
        header = EventHeader(
            id=examples.event_id(),
            type="bot.told",
            occurred_at=examples.at(),
            run=examples.run if run is None else run,
        )
        records.append(
            EventRecord(
                header=header,
                recorded_at=examples.at(),
                sequence=sequence,
                payload=encode_payload({"told": sequence}),
                digest=linked(UNLINKED, header.id.bytes),
            )
        )
    return records
