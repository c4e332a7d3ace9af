"""
How the bot's tracker is made. `poslife.connect` does the same, with no witness and with patient time-outs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from examples.demo.faults import LOCK_TIMEOUT
from examples.demo.place import journal_in, lines_in
from examples.demo.words import Accepted, Counts, Emitted, Pen
from poslife import BatchingSink, EventId, FurtherWriter, PositionTracker, SinkStats, Timings
from poslife.ccxt import classify
from poslife.events import HostEvent
from poslife.journal import FileJournal
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import EventSink, Store

__all__ = ["CLIENT_TIMEOUT", "RECEIVE_WINDOW", "TIMINGS", "Wired", "counts_of", "wire"]

CLIENT_TIMEOUT = 1.2
RECEIVE_WINDOW = 0.8

TIMINGS = Timings(
    submit_window=1.0,
    http_timeout=CLIENT_TIMEOUT,
    receive_window=RECEIVE_WINDOW,
    lookup_interval=0.2,
    fills_within=1.5,
    lease=60.0,
)
"""
Small, so that a proof of absence takes seconds. The client's time-out and receive window are as short. The
lease is long, so that nothing is due while the database is away.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """
    What a bot holds on to.

    Attributes:
        tracker: What it works with.
        sink: Where its events go; it tells figures and health.
        store: Where dead letters are listed.
        lines: Where events are written a second time.
    """

    tracker: PositionTracker
    sink: BatchingSink
    store: Store
    lines: JsonLinesWriter


def wire(place: str, folder: Path, pen: Pen) -> Wired:
    """
    A tracker over the store at *place*, a file or a DSN.

    Its events wait in a journal in *folder*, and go to a file of lines there, too.
    """
    store, lines = _store_at(place), JsonLinesWriter(lines_in(folder))
    sink = BatchingSink(
        store,
        journal=FileJournal(journal_in(folder)),
        further=(FurtherWriter(name="file", writer=lines, required=True, life_events=False),),
    )
    tracker = PositionTracker(
        repository=store, sink=WitnessedSink(sink, pen, sink.stats), classify=classify, timings=TIMINGS
    )
    return Wired(tracker=tracker, sink=sink, store=store, lines=lines)


def _store_at(place: str) -> Store:
    if "://" in place:
        from poslife.postgres import PostgresStore

        return PostgresStore(place)
    from poslife.sqlite import SqliteStore

    return SqliteStore(place, lock_timeout=LOCK_TIMEOUT)


class WitnessedSink:
    """
    An `EventSink` that says of every event that it is emitted, and that the call has returned.

    So the demo knows even after a kill. With the latter it says what the sink counts at that moment.
    """

    def __init__(self, sink: EventSink, pen: Pen, stats: Callable[[], SinkStats]) -> None:
        self._sink = sink
        self._pen = pen
        self._stats = stats

    def emit(self, event: HostEvent, /) -> EventId:
        """
        See `EventSink.emit`.
        """
        header = event.header
        name, about = str(header.id), "" if header.ref is None else str(header.ref)
        self._pen.say(Emitted(event=name, kind=header.type, about=about, run=str(header.run)))
        emitted = self._sink.emit(event)
        self._pen.say(Accepted(event=name, counts=counts_of(self._stats())))
        return emitted

    async def flush(self, timeout: float | None = None, /) -> None:
        """
        See `EventSink.flush`.
        """
        await self._sink.flush(timeout)

    async def aclose(self, deadline: float | None = None, /) -> None:
        """
        See `EventSink.aclose`.
        """
        await self._sink.aclose(deadline)


def counts_of(stats: SinkStats) -> tuple[Counts, ...]:
    """
    The figures that must close, for each writer.
    """
    return tuple(
        Counts(
            one.name,
            one.emitted,
            one.recovered,
            one.committed,
            one.dead_lettered,
            one.dropped,
            one.backlog,
        )
        for one in stats.writers
    )
