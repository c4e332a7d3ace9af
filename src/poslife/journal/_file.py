"""
A journal in files.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from typing_extensions import override

from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife.errors import InvalidValue, JournalUnavailable
from poslife.journal._adoption import claim
from poslife.journal._disk import Disk, as_unavailable
from poslife.journal._opened import OpenedJournal
from poslife.protocols import Clock, Journal, JournalPage, JournalStatus

__all__ = ["FileJournal"]

_LEAST_SEGMENT_BYTES: Final = 4096
_MOST_LANE_CHARACTERS: Final = 200


class FileJournal(Journal):
    """
    A journal in a directory of its own below *root*; what `append` returned survives SIGKILL.

    Nothing is touched before it is opened, by `open` or by the first use. Opening takes over what dead
    processes have left below the same root; several live ones may share it. A forked child gets a directory
    of its own at its first use.

    ::

        journal = FileJournal(default_journal_directory("my-bot"))

    Args:
        root: The directory, on a local disk; it is made, for this user alone, where it is missing.
        segment_bytes: How large a file grows before another is begun.
        most_bytes: How large all of it may grow. *Default*: as large as the disk lets it.
        clock: For the time of syncs.

    Raises:
        InvalidValue: A size is too small.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        segment_bytes: int = 16 << 20,
        most_bytes: int | None = None,
        clock: Clock | None = None,
        _disk: Disk | None = None,
    ) -> None:
        if segment_bytes < _LEAST_SEGMENT_BYTES:
            raise InvalidValue(
                "FileJournal.segment_bytes", segment_bytes, f"an int of at least {_LEAST_SEGMENT_BYTES}"
            )
        if most_bytes is not None and most_bytes < 4 * _LEAST_SEGMENT_BYTES:
            raise InvalidValue(
                "FileJournal.most_bytes", most_bytes, f"an int of at least {4 * _LEAST_SEGMENT_BYTES}"
            )
        self._root = Path(root).absolute()
        # Files are removed whole: the room that one frees must be much less than all there is.
        self._segment_bytes = segment_bytes if most_bytes is None else min(segment_bytes, most_bytes // 4)
        self._most_bytes = most_bytes
        self._clock: Clock = clock or SystemClock()
        self._disk = _disk or Disk()
        self._opened: OpenedJournal | None = None
        self._closed = False
        self._failure: str | None = None
        self._appending = threading.Lock()
        after_fork_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        """
        Close, in the child of a fork, what is the parent's; the lock stays with the parent.
        """
        opened, self._opened = self._opened, None
        self._failure = None
        self._appending = threading.Lock()
        if opened is not None:
            opened.release()

    @override
    def open(self) -> JournalStatus:
        with self._appending:
            self._closed = False
            self._require_opened()
        return self.status()

    @override
    def append(self, frame: bytes, /) -> int:
        with self._appending:
            try:
                opened = self._opened or self._require_opened()
                number = opened.appender.append(frame)
            except OSError as error:
                path = self._root if self._opened is None else self._opened.path
                unavailable = as_unavailable(error, "writing to", path)
                self._failure = unavailable.reason
                raise unavailable from error
            except JournalUnavailable as error:
                self._failure = error.reason
                raise
            self._failure = None
            return number

    @override
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        return self._use().read(after, most_bytes)

    @override
    def mark(self, lane: str, upto: int, /) -> None:
        if not 0 < len(lane) <= _MOST_LANE_CHARACTERS:
            raise InvalidValue("lane", lane, f"a str of 1 to {_MOST_LANE_CHARACTERS} characters")
        self._use().mark(lane, upto)

    @override
    def marks(self) -> Mapping[str, int]:
        return self._use().marks()

    @override
    def forget(self, upto: int, /) -> None:
        self._use().forget(upto, wants_room=self._failure is not None)

    @override
    def sync(self) -> None:
        self._use().sync()

    @override
    def status(self) -> JournalStatus:
        with self._appending:
            if self._opened is not None:
                return self._opened.status(self._root, self._failure)
            return JournalStatus(
                root=self._root,
                directory=None,
                first=1,
                last=0,
                recovered=0,
                bytes_kept=0,
                segments=0,
                torn_tails=0,
                gaps=0,
                synced_at=None,
                failure=self._failure,
            )

    @override
    def close(self) -> None:
        with self._appending:
            self._closed = True
            opened = self._opened
        if opened is None:
            return
        try:
            opened.save()
        except OSError as error:
            raise as_unavailable(error, "closing", opened.path) from error
        finally:
            with opened.exclusive():
                if self._opened is opened:
                    self._opened = None
                    try:
                        # A child that inherited the descriptor, and does not know it, must hold nothing.
                        opened.drop_lock()
                    finally:
                        opened.release()

    def _use(self) -> OpenedJournal:
        opened = self._opened
        if opened is None:
            with self._appending:
                opened = self._require_opened()
        return opened

    def _require_opened(self) -> OpenedJournal:
        """
        Return the open journal, and open it first if need be. Requires `_appending`.
        """
        if self._opened is None:
            if self._closed:
                raise JournalUnavailable(f"it was closed: {self._root}")
            try:
                claimed = claim(self._root, self._disk)
                try:
                    self._opened = OpenedJournal(
                        claimed,
                        self._disk,
                        self._clock,
                        segment_bytes=self._segment_bytes,
                        most_bytes=self._most_bytes,
                        appending=self._appending,
                    )
                except BaseException:
                    os.close(claimed.lock)
                    raise
            except OSError as error:
                raise as_unavailable(error, "opening", Path(error.filename or self._root)) from error
            self._opened.log_recovery(cursor_lost=claimed.contents.cursor_lost)
        return self._opened
