"""
A journal in memory.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from itertools import islice

from typing_extensions import override

from poslife._runtime.forking import after_fork_in_child
from poslife.errors import JournalUnavailable
from poslife.protocols import Journal, JournalPage, JournalStatus

__all__ = ["MemoryJournal"]


class MemoryJournal(Journal):
    """
    A journal in memory, for tests, and where no file may be written. It dies with its process.

    Args:
        most_bytes: The most bytes of frames.
    """

    def __init__(self, *, most_bytes: int = 64 << 20) -> None:
        self._most_bytes = most_bytes
        self._closed = False
        self._clear()
        after_fork_in_child(self._clear)

    def _clear(self) -> None:
        # Called in the child of a fork, too: what waits is the parent's to store.
        self._lock = threading.Lock()
        self._frames: deque[bytes] = deque()
        self._forgotten = 0
        self._bytes = 0
        self._marks: dict[str, int] = {}
        self._failure: str | None = None

    @override
    def open(self) -> JournalStatus:
        with self._lock:
            self._closed = False
        return self.status()

    @override
    def append(self, frame: bytes, /) -> int:
        with self._lock:
            self._require_open()
            if self._bytes + len(frame) > self._most_bytes:
                self._failure = (
                    f"it holds {self._bytes:,} bytes of memory and may hold {self._most_bytes:,}; there is "
                    "room again when the store has taken what waits there, or with a larger most_bytes"
                )
                raise JournalUnavailable(self._failure)
            self._failure = None
            self._frames.append(frame)
            self._bytes += len(frame)
            return self._forgotten + len(self._frames)

    @override
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        with self._lock:
            self._require_open()
            at = max(after, self._forgotten)
            frames: list[tuple[int, bytes]] = []
            size = 0
            for frame in islice(self._frames, at - self._forgotten, None):
                at += 1
                frames.append((at, frame))
                size += len(frame)
                if size >= most_bytes:
                    break
            return JournalPage(frames=tuple(frames), last=at)

    @override
    def mark(self, lane: str, upto: int, /) -> None:
        with self._lock:
            self._marks[lane] = max(upto, self._marks.get(lane, 0))

    @override
    def marks(self) -> Mapping[str, int]:
        with self._lock:
            return dict(self._marks)

    @override
    def forget(self, upto: int, /) -> None:
        with self._lock:
            while self._forgotten < upto and self._frames:
                self._bytes -= len(self._frames.popleft())
                self._forgotten += 1

    @override
    def sync(self) -> None:
        """
        Do nothing: memory has no disk to wait for.
        """

    @override
    def status(self) -> JournalStatus:
        with self._lock:
            return JournalStatus(
                root=None,
                directory=None,
                first=self._forgotten + 1,
                last=self._forgotten + len(self._frames),
                recovered=0,
                bytes_kept=self._bytes,
                segments=0,
                torn_tails=0,
                gaps=0,
                synced_at=None,
                failure=self._failure,
            )

    @override
    def close(self) -> None:
        with self._lock:
            self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise JournalUnavailable("it was closed")
