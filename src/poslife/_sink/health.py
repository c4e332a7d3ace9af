"""
Counts and states of a sink, at one moment.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from poslife.protocols import JournalStatus

__all__ = ["SinkHealth", "SinkState", "SinkStats", "WriterHealth", "WriterStats"]


class SinkState(enum.Enum):
    """
    The state of a writer, from good to bad.
    """

    OK = "ok"
    WAITING = "waiting"
    """The store does not answer, or not in time; events wait, and the write is retried."""
    SUSPECTING = "suspecting"
    """A batch fails while the store takes others; its events are tried apart."""
    HELD = "held"
    """A person must act: the reason says on what. Nothing is lost meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterStats:
    """
    Counts of events for one writer.

    At every moment ``emitted + recovered = committed + dead_lettered + dropped + backlog``.

    Attributes:
        name: The writer's name.
        required: If true, an event stays in the journal until this writer has it.
        emitted: Accepted by `EventSink.emit`.
        recovered: Found in the journal, left by an earlier process.
        committed: Stored.
        dead_lettered: Refused for good, and kept as dead letters.
        dropped: Dropped by policy, or damaged in the journal; an event ``sink.gap`` records each case.
        backlog: Waiting.
        relayed: Life events passed on from the store; not among the above.
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
    Counts of events for the store and for each further writer.

    Attributes:
        store: The counts of the store, the first writer.
        further: The counts of the further writers.
        journal: The journal's status, or ``None`` without one.
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
        Dropped by policy, or damaged.
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
    The health of one writer.

    Attributes:
        name: The writer's name.
        required: If true, a flush waits for it.
        state: Its state.
        since: Time of the last change of state.
        reason: Its last error, while the state is not OK.
        backlog: How many events wait for it.
        oldest: When the oldest of them was recorded; ``None`` where that one is in the journal alone.
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
    The health of a sink.

    Attributes:
        writers: Each writer, the store first.
        journal_failure: Why the journal takes no events now, or ``None``.
        only_in_memory: How many events a killed process would lose now.
    """

    writers: tuple[WriterHealth, ...]
    journal_failure: str | None
    only_in_memory: int

    @property
    def ok(self) -> bool:
        """
        True while every required writer is OK and the journal takes events.
        """
        return self.journal_failure is None and all(
            writer.state is SinkState.OK for writer in self.writers if writer.required
        )
