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
    A gap in a journal: frames that it accepted and cannot give back.

    Attributes:
        after: The number of the last good frame before the gap.
        before: The number of the first good frame after it, or ``None`` where that is not known.
        reason: The damage, and the file.
    """

    after: int
    before: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPage:
    """
    A page of a journal.

    Attributes:
        frames: Pairs of number and frame, ascending.
        gaps: The gaps among them.
        last: The highest number that this page covers; the next page is read after it.
    """

    frames: tuple[tuple[int, bytes], ...]
    gaps: tuple[JournalGap, ...] = ()
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStatus:
    """
    The state of a journal.

    Attributes:
        root: The directory that it shares with the journals of other processes; ``None`` for one in memory.
        directory: This journal's directory below *root*; ``None`` for one in memory, and while it is not
            open.
        first: The number of the oldest kept frame, or of the next frame where none is kept.
        last: The number of the newest frame, 0 before the first.
        recovered: The number of frames that an earlier process left.
        bytes_kept: The bytes that the kept frames take.
        segments: The number of files.
        torn_tails: The number of half-written frames that were cut off when the journal was opened.
        gaps: The number of gaps found so far.
        synced_at: The last time at which everything appended was on the disk, or ``None`` before the first.
        failure: The reason for which the last append failed, or ``None`` if it succeeded.
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
    The place where events wait between `emit` and the store, so that a killed process loses none.

    Its methods are synchronous and may be called from any thread. Frames are opaque bytes to it.
    """

    @abstractmethod
    def open(self) -> JournalStatus:
        """
        Open the journal and find the frames that an earlier process left.

        Opening an open journal does nothing; `append` opens a closed one.

        Raises:
            JournalUnavailable: It cannot be read or written.
        """
        ...

    @abstractmethod
    def append(self, frame: bytes, /) -> int:
        """
        Append *frame* and return its number: one more than the one before, from 1.

        When it returns, the frame survives the death of the process. It is one bounded write that does not
        wait for the disk.

        Raises:
            JournalUnavailable: The frame cannot be kept. Nothing of it was; a later call may succeed.
        """
        ...

    @abstractmethod
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        """
        Return the frames after number *after*, in order.

        The page has about *most_bytes*, and at least one frame if there is one.

        Raises:
            JournalUnavailable: The journal cannot be read.
        """
        ...

    @abstractmethod
    def mark(self, lane: str, upto: int, /) -> None:
        """
        Record that *lane* needs no frame up to number *upto*. A crash may set it back to an earlier mark.
        """
        ...

    @abstractmethod
    def marks(self) -> Mapping[str, int]:
        """
        Return the mark of each lane.
        """
        ...

    @abstractmethod
    def forget(self, upto: int, /) -> None:
        """
        Drop the frames up to number *upto*: make the marks durable, then remove files.

        Raises:
            JournalUnavailable: That failed; nothing is lost, and it may be tried again.
        """
        ...

    @abstractmethod
    def sync(self) -> None:
        """
        Wait until everything appended before is on the disk, and survives a loss of power.

        Raises:
            JournalUnavailable: The disk reports an error.
        """
        ...

    @abstractmethod
    def status(self) -> JournalStatus:
        """
        Return the state of the journal.
        """
        ...

    @abstractmethod
    def close(self) -> None:
        """
        Sync, and release the files. Closing a closed journal does nothing.
        """
        ...
