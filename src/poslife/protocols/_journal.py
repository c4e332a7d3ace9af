"""
The `Journal` protocol, and the values it exchanges.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

__all__ = ["Journal", "JournalGap", "JournalPage", "JournalStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalGap:
    """
    Frames that a journal had accepted and cannot give back.

    Attributes:
        after: The number of the last good frame before.
        before: The number of the next good frame, or ``None`` where that is not known.
        reason: What is wrong, and in which file.
    """

    after: int
    before: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """
    A part of a journal.

    Attributes:
        frames: The frames with their numbers, ascending.
        gaps: What is missing among them.
        last: The number up to which this page tells; where to read on.
    """

    frames: tuple[tuple[int, bytes], ...]
    gaps: tuple[JournalGap, ...] = ()
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """
    How a journal is.

    Attributes:
        root: The directory that it shares with other processes' journals, and that outlives them; ``None``
            for one in memory.
        directory: Where in it this one is; ``None`` for one in memory, and while it is not open.
        first: The number of the oldest frame that is kept, or of the next one where none is.
        last: The number of the newest frame, 0 before the first.
        recovered: How many of the frames an earlier process had left.
        bytes_kept: What the kept frames take.
        segments: Files.
        torn_tails: Half-written frames that were cut off when the journal was opened.
        gaps: Damaged places found so far.
        synced_at: When all that was appended by then was on the disk, or ``None`` before the first time.
        failure: Why the last append failed, or ``None`` when it did not.
    """

    root: Path | None
    directory: Path | None
    first: int
    last: int
    recovered: int
    bytes_kept: int
    segments: int
    torn_tails: int
    gaps: int
    synced_at: datetime | None
    failure: str | None


class Journal(Protocol):
    """
    Where events wait between `emit` and the store, so that a killed process loses none.

    Its methods are synchronous and may be called from any thread. Frames are bytes it does not look into.
    """

    @abstractmethod
    def open(self) -> JournalStatus:
        """
        Find what an earlier process left. `append` opens by itself; opening an open journal does nothing.

        Raises:
            JournalUnavailable: It cannot be read or written.
        """
        ...

    @abstractmethod
    def append(self, frame: bytes, /) -> int:
        """
        Keep *frame* and return its number: one more than the one before, from 1.

        When this returns, the frame survives the death of the process. One bounded write, no waiting for the
        disk.

        Raises:
            JournalUnavailable: It cannot; nothing of the frame was kept, and a later one may succeed.
        """
        ...

    @abstractmethod
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        """
        The frames after the number *after*, in order: at least one where there is one, about *most_bytes*.

        Raises:
            JournalUnavailable: It cannot be read.
        """
        ...

    @abstractmethod
    def mark(self, lane: str, upto: int, /) -> None:
        """
        Note that *lane* needs nothing up to this number. A crash may set it back to an earlier mark.
        """
        ...

    @abstractmethod
    def marks(self) -> Mapping[str, int]:
        """
        The mark of each lane.
        """
        ...

    @abstractmethod
    def forget(self, upto: int, /) -> None:
        """
        Let go of frames up to this number: marks are made durable first, then files removed.

        Raises:
            JournalUnavailable: That failed; nothing is lost, and it may be tried again.
        """
        ...

    @abstractmethod
    def sync(self) -> None:
        """
        Wait until what was appended before is on the disk, and survives a loss of power.

        Raises:
            JournalUnavailable: The disk says no.
        """
        ...

    @abstractmethod
    def status(self) -> JournalStatus:
        """
        How it is, now.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """
        Sync and let go of it. Closing a closed journal does nothing.
        """
        ...
