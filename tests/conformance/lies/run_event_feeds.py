"""
Feeds of host events that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from poslife._domain.event_envelopes import UNLINKED
from poslife.errors import InvalidValue
from poslife.protocols import EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import limited
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class BeginsAtTheEnd(HonestStore):
    """Gives an empty page whose token never leads to later events."""

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if after == "nothing more":
            return FeedPage(items=(), next=after)
        page = await super().read_run_events(after, limit=limit)
        return page if page.items else FeedPage(items=(), next=FeedToken("nothing more"))


class Bends(HonestStore):
    """Gives events changed."""

    def bend(self, record: EventRecord) -> EventRecord:
        raise NotImplementedError

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        page = await super().read_run_events(after, limit=limit)
        return replace(page, items=tuple(map(self.bend, page.items)))


class ForgetsDigests(Bends):
    """Gives events without digests."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return replace(record, digest=UNLINKED)


class TidiesPayloads(Bends):
    """Gives payloads that went through a parser."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return (
            replace(record, payload=b'{"b":1.1,"a":"twice"}') if b'"b"' in (record.payload or b"") else record
        )


class AsWritten(HonestStore):
    """Gives events in the order in which they were written."""

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        limited(limit)
        page = await super().read_run_events(after, limit=1000)
        records = [record for record in self.inner._host_events.records.values() if record in page.items]
        return replace(page, items=tuple(records))


class TakesAnyToken(HonestStore):
    """Gives an empty page for any bad limit or token."""

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        try:
            return await super().read_run_events(after, limit=limit)
        except InvalidValue:
            return FeedPage(items=(), next=None)


class EmptyWhenAway(HonestStore):
    """Gives an empty page in an outage."""

    @override
    async def read_run_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if self.away:
            return FeedPage(items=(), next=after)
        return await super().read_run_events(after, limit=limit)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (BeginsAtTheEnd, "test_feed_of_nothing"),
    (ForgetsDigests, "test_every_field"),
    (TidiesPayloads, "test_every_field"),
    (AsWritten, "test_order_and_pages"),
    (TakesAnyToken, "test_bad_limit_or_token"),
    (EmptyWhenAway, "test_unreachable_store_raises"),
)
