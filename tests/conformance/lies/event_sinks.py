"""
Sinks that lie.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from typing_extensions import override

from poslife._domain.event_envelopes import EventHeader, HostEvent, Severity
from poslife._domain.identifiers import EventId, RunId
from poslife._sink import BatchingSink
from poslife.errors import FlushTimeout, StorageRejected, StorageUnavailable
from poslife.protocols import BatchWriter, DeadLetter, EventRecord
from tests.conformance.honest_store import HonestStore
from tests.conformance.suites_by_adapter import HurriedClock

__all__ = ["LIES", "HonestSink"]


class HonestSink(BatchingSink):
    """
    The batching sink, with a place for a writer between it and the store.
    """

    def __init__(self, store: HonestStore) -> None:
        super().__init__(self.between(store), clock=HurriedClock())
        self.store = store

    def between(self, store: HonestStore) -> BatchWriter:
        return store


class Between:
    """
    A writer that passes everything on to the store.
    """

    def __init__(self, store: HonestStore) -> None:
        self.store = store

    async def write(self, records: Sequence[EventRecord], /) -> None:
        await self.store.write(records)

    async def probe(self) -> None:
        await self.store.probe()

    async def bury(self, letter: DeadLetter, /) -> None:
        await self.store.bury(letter)


class Forgets(HonestSink):
    """Forgets every hundredth event."""

    emitted = 0

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        self.emitted += 1
        return event.header.id if self.emitted % 100 == 0 else super().emit(event)


class NamesAnother(HonestSink):
    """Returns another id than the event's."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        super().emit(event)
        return EventId(uuid4())


class Chokes(HonestSink):
    """Raises for what it cannot encode."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        json.dumps(dict(event.payload))
        return super().emit(event)


class DropsWhatItCannotEncode(HonestSink):
    """Drops in silence what it cannot encode."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        try:
            json.dumps(dict(event.payload))
        except Exception:  # noqa: BLE001 - that is the lie
            return event.header.id
        return super().emit(event)


class FlattensPayloads(HonestSink):
    """Keeps payloads as text."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        with suppress(Exception):
            flat = {str(key): repr(value) for key, value in event.payload.items()}
            return super().emit(replace(event, payload=flat))
        return super().emit(event)


class KeepsLittle(HonestSink):
    """Drops the optional fields of a header."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        header = event.header
        kept = EventHeader(id=header.id, type=header.type, occurred_at=header.occurred_at, run=header.run)
        return super().emit(replace(event, header=kept))


class ForgetsErrors(HonestSink):
    """Keeps no error with an event."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        return super().emit(replace(event, error=None))


class WarnsOnly(HonestSink):
    """Drops events of severity INFO in an outage."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        if self.store.away and event.header.severity is Severity.INFO:
            return event.header.id
        return super().emit(event)


class OnLoopOnly(HonestSink):
    """Raises in a thread without an event loop."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        asyncio.get_running_loop()
        return super().emit(event)


class OneCount(HonestSink):
    """Numbers all runs together."""

    numbers = itertools.count(1)

    def _next(self, run: RunId) -> int:
        return next(self.numbers)

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        self._intake.next_sequence = self._next  # type: ignore[method-assign]
        return super().emit(event)


class LeavesGaps(HonestSink):
    """Leaves numbers out."""

    @override
    def emit(self, event: HostEvent, /) -> EventId:
        with self._status.lock:
            self._intake.next_sequence(event.header.run)
        return super().emit(event)


class Reorders(HonestSink):
    """Stores each batch in reverse."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Backwards(Between):
            @override
            async def write(self, records: Sequence[EventRecord], /) -> None:
                await super().write(records[::-1])

        return Backwards(store)


class Doubles(HonestSink):
    """Stores events twice."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Twice(Between):
            @override
            async def write(self, records: Sequence[EventRecord], /) -> None:
                await super().write(records)
                await super().write(
                    [
                        replace(record, header=replace(record.header, id=EventId(uuid4())))
                        for record in records
                    ]
                )

        return Twice(store)


class LosesBatches(HonestSink):
    """Drops a batch that the store could not take."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Once(Between):
            @override
            async def write(self, records: Sequence[EventRecord], /) -> None:
                with suppress(StorageUnavailable):
                    await super().write(records)

        return Once(store)


class LosesBadBatches(HonestSink):
    """Drops a batch that has a bad event in it."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Whole(Between):
            @override
            async def write(self, records: Sequence[EventRecord], /) -> None:
                with suppress(StorageRejected):
                    await super().write(records)

        return Whole(store)


class BuriesAll(HonestSink):
    """Buries a whole batch for one bad event in it."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Together(Between):
            @override
            async def write(self, records: Sequence[EventRecord], /) -> None:
                try:
                    await super().write(records)
                except StorageRejected as error:
                    for record in records:
                        await super().bury(DeadLetter(record=record, reason=str(error)))

        return Together(store)


class BuriesNowhere(HonestSink):
    """Keeps no dead letters."""

    @override
    def between(self, store: HonestStore) -> BatchWriter:
        class Nowhere(Between):
            @override
            async def bury(self, letter: DeadLetter, /) -> None:
                pass

        return Nowhere(store)


class FlushesLater(HonestSink):
    """Returns from a flush at once."""

    @override
    async def flush(self, timeout: float | None = None, /) -> None:
        pass


class FlushesInSilence(HonestSink):
    """Returns from a flush at its time-out, without an error."""

    @override
    async def flush(self, timeout: float | None = None, /) -> None:
        with suppress(FlushTimeout):
            await super().flush(timeout)


class GivesUp(HonestSink):
    """Drops the backlog when a flush times out."""

    @override
    async def flush(self, timeout: float | None = None, /) -> None:
        try:
            await super().flush(timeout)
        except FlushTimeout:
            with self._status.lock:
                for lane in self._lanes:
                    lane.committed += lane.backlog.drop(len(lane.backlog))
            raise


class CountsWrong(HonestSink):
    """Gives a wrong backlog."""

    @override
    async def flush(self, timeout: float | None = None, /) -> None:
        try:
            await super().flush(timeout)
        except FlushTimeout as error:
            raise FlushTimeout(error.waited, 1) from None


class StopsOnly(HonestSink):
    """Stops without a flush."""

    @override
    async def aclose(self, deadline: float | None = None, /) -> None:
        await self._stop()


class StopsInSilence(HonestSink):
    """Closes at its deadline without an error."""

    @override
    async def aclose(self, deadline: float | None = None, /) -> None:
        with suppress(FlushTimeout):
            await super().aclose(deadline)


class StopsOnce(HonestSink):
    """Raises when it is closed again."""

    @override
    async def aclose(self, deadline: float | None = None, /) -> None:
        if self._closed:
            raise RuntimeError("closed already")
        await super().aclose(deadline)


class LosesWithTheFlush(HonestSink):
    """Drops the backlog when a flush is cancelled."""

    @override
    async def flush(self, timeout: float | None = None, /) -> None:
        try:
            await super().flush(timeout)
        except asyncio.CancelledError:
            with self._status.lock:
                for lane in self._lanes:
                    lane.committed += lane.backlog.drop(len(lane.backlog))
            raise


LIES: Sequence[tuple[type[HonestSink], str]] = (
    (Forgets, "test_emit_returns_the_id_at_once"),
    (NamesAnother, "test_emit_returns_the_id_at_once"),
    (Chokes, "test_payloads_of_any_kind"),
    (DropsWhatItCannotEncode, "test_payloads_of_any_kind"),
    (FlattensPayloads, "test_every_field"),
    (KeepsLittle, "test_every_field"),
    (ForgetsErrors, "test_every_field"),
    (WarnsOnly, "test_emit_before_the_store_is_there"),
    (OnLoopOnly, "test_emit_from_threads"),
    (OneCount, "test_numbers_and_order"),
    (LeavesGaps, "test_numbers_and_order"),
    (Reorders, "test_numbers_and_order"),
    (Doubles, "test_flush_returns_when_stored"),
    (LosesBatches, "test_batches_keep_the_order"),
    (LosesBadBatches, "test_dead_letters"),
    (BuriesAll, "test_dead_letters"),
    (BuriesNowhere, "test_dead_letters"),
    (FlushesLater, "test_flush_returns_when_stored"),
    (FlushesInSilence, "test_flush_timeout_loses_nothing"),
    (GivesUp, "test_flush_timeout_loses_nothing"),
    (CountsWrong, "test_aclose_says_what_is_left"),
    (StopsOnly, "test_aclose_flushes"),
    (StopsInSilence, "test_aclose_says_what_is_left"),
    (StopsOnce, "test_aclose_flushes"),
    (LosesWithTheFlush, "test_flush_is_cancelled"),
)
