"""
What a sink tells of itself: counts and states.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from poslife.protocols._journal import JournalStatus

__all__ = ["SinkHealth", "SinkState", "SinkStats", "WriterHealth", "WriterStats"]


class SinkState(enum.Enum):
    """
    How a writer is, from good to bad.
    """

    OK = "ok"
    WAITING = "waiting"
    """The store does not answer, or not in time; events wait and are tried again."""
    SUSPECTING = "suspecting"
    """A batch fails while the store takes others; its events are tried apart."""
    HELD = "held"
    """Somebody must act: see the reason. Nothing is lost meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStats:
    """
    What became of the events, for one writer.

    At every moment ``emitted + recovered = committed + dead_lettered + dropped + backlog``.

    Attributes:
        name: The writer's.
        required: Whether an event stays in the journal until this writer has it.
        emitted: Accepted by `EventSink.emit`.
        recovered: Found in the journal, left by an earlier process.
        committed: Stored.
        dead_lettered: Refused for good, and kept as dead letters.
        dropped: Let go by policy, or damaged in the journal; each told by an event ``sink.gap``.
        backlog: Waiting.
        relayed: Life events passed on from the store, beside the above.
        writes: Batches written.
        failures: Attempts that failed.
    """

    name: str
    required: bool
    emitted: int
    recovered: int
    committed: int
    dead_lettered: int
    dropped: int
    backlog: int
    relayed: int
    writes: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStats:
    """
    What became of the events, for the store and for each further writer.

    Attributes:
        store: The figures of the first writer, the store.
        further: Those of the further ones.
        journal: How the journal is, or ``None`` without one.
    """

    store: WriterStats
    further: tuple[WriterStats, ...] = ()
    journal: JournalStatus | None = None

    @property
    def writers(self) -> tuple[WriterStats, ...]:
        """
        All of them, the store first.
        """
        return (self.store, *self.further)

    @property
    def emitted(self) -> int:
        """
        Accepted by `EventSink.emit`.
        """
        return self.store.emitted

    @property
    def recovered(self) -> int:
        """
        Found in the journal.
        """
        return self.store.recovered

    @property
    def committed(self) -> int:
        """
        Stored.
        """
        return self.store.committed

    @property
    def dead_lettered(self) -> int:
        """
        Kept as dead letters.
        """
        return self.store.dead_lettered

    @property
    def dropped(self) -> int:
        """
        Let go by policy, or damaged.
        """
        return self.store.dropped

    @property
    def backlog(self) -> int:
        """
        Waiting for the store.
        """
        return self.store.backlog


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterHealth:
    """
    How one writer is.

    Attributes:
        name: The writer's.
        required: Whether events wait for it.
        state: How it is.
        since: Since when.
        reason: What it last said, where it is not well.
        backlog: How many events wait for it.
        oldest: When the oldest of them was recorded, as far as it is in memory.
    """

    name: str
    required: bool
    state: SinkState
    since: datetime
    reason: str | None
    backlog: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkHealth:
    """
    How a sink is.

    Attributes:
        writers: Each writer, the store first.
        journal_failure: Why events are not kept in the journal now, or ``None``.
        only_in_memory: How many events a killed process would lose now.
    """

    writers: tuple[WriterHealth, ...]
    journal_failure: str | None
    only_in_memory: int

    @property
    def ok(self) -> bool:
        """
        Whether every required writer takes events and the journal keeps them.
        """
        return self.journal_failure is None and all(
            writer.state is SinkState.OK for writer in self.writers if writer.required
        )
