"""
A journal in files.
"""

from __future__ import annotations

import bisect
import logging
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from typing_extensions import override

from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife.errors import InvalidValue, JournalUnavailable
from poslife.journal._adoption import Claimed, claim
from poslife.journal._appending import Appender
from poslife.journal._cursor import Cursor, CursorFile
from poslife.journal._directory import CURSOR, Segment
from poslife.journal._disk import Disk, refusal
from poslife.journal._reading import Reader
from poslife.protocols import Clock, Journal, JournalGap, JournalPage, JournalStatus

__all__ = ["FileJournal"]

logger = logging.getLogger("poslife.journal")

_LEAST_SEGMENT_BYTES = 4096
_MOST_LANE_CHARACTERS = 200


class _Opened:
    """
    What there is of a journal while it is open.
    """

    def __init__(self, claimed: Claimed, disk: Disk, *, segment_bytes: int, most_bytes: int | None) -> None:
        contents = claimed.contents
        self.path = claimed.path
        self.lock = claimed.lock
        self.disk = disk
        self.torn_tails = contents.torn_tails
        self.forgotten = contents.cursor.forgotten
        self.marks = dict(contents.cursor.marks)
        self.recovered = contents.last - self.forgotten
        self.gaps: set[tuple[int, int | None]] = set()
        self.synced = -1
        self.synced_at: datetime | None = None
        self.reader = Reader(disk)
        self.appender = Appender(
            self.path,
            contents.segments,
            contents.last,
            disk=disk,
            segment_bytes=segment_bytes,
            most_bytes=most_bytes,
        )
        self.cursor = CursorFile(self.path / CURSOR, disk)
        self.cursor.read()
        # Both places are written now, so that letting go needs no room on a disk that has become full.
        self.keep_cursor(durably=True)
        self.keep_cursor(durably=False)

    def keep_cursor(self, *, durably: bool) -> None:
        self.cursor.write(Cursor(forgotten=self.forgotten, marks=self.marks), durably=durably)

    def segment_after(self, number: int) -> Segment | None:
        """
        The first segment that holds a frame after *number*.
        """
        segments = self.appender.segments
        at = bisect.bisect_right(segments, number, key=lambda segment: segment.last)
        return segments[at] if at < len(segments) else None

    def see_to_being_open(self) -> None:
        """
        Raise where another thread has closed it: what its directory holds may be somebody else's by now.
        """
        if self.lock < 0:
            raise JournalUnavailable(f"it was closed: {self.path}")

    def let_go(self) -> None:
        self.appender.close()
        self.reader.close()
        self.cursor.close()
        lock, self.lock = self.lock, -1
        if lock >= 0:
            os.close(lock)


class FileJournal(Journal):
    """
    A journal in a directory of its own below *root*; what `append` returned survives SIGKILL.

    Nothing is touched before it is opened, by `open` or by the first use. Opening takes over what dead
    processes have left below the same root; several live ones may share it. A forked child gets a directory
    of its own at its first use.

    ::

        journal = FileJournal(default_journal_directory("my-bot"))

    Args:
        root: The directory, on a local disk; it is made, for this user alone, where it is not there.
        segment_bytes: How large a file grows before another is begun.
        most_bytes: How large all of it may grow. *Default*: as large as the disk lets it.
        clock: Tells when it was synced.
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
        # Files are removed whole: room that comes free must be much less than all there is.
        self._segment_bytes = segment_bytes if most_bytes is None else min(segment_bytes, most_bytes // 4)
        self._most_bytes = most_bytes
        self._clock = clock or SystemClock()
        self._disk = _disk or Disk()
        self._opened: _Opened | None = None
        self._closed = False
        self._failure: str | None = None
        self._make_locks()
        after_fork_in_child(self._begin_anew)

    def _make_locks(self) -> None:
        # Taken in this order, each for itself or before `_appending`, which is never held for long.
        self._reading = threading.Lock()
        self._syncing = threading.Lock()
        self._letting_go = threading.Lock()
        self._appending = threading.Lock()

    @override
    def open(self) -> JournalStatus:
        with self._appending:
            self._closed = False
            self._ready()
        return self.status()

    @override
    def append(self, frame: bytes, /) -> int:
        with self._appending:
            try:
                opened = self._opened or self._ready()
                number = opened.appender.append(frame)
            except OSError as error:
                unavailable = refusal(error, "writing to", self._place())
                self._failure = unavailable.reason
                raise unavailable from error
            except JournalUnavailable as error:
                self._failure = error.reason
                raise
            self._failure = None
            return number

    @override
    def read(self, after: int, /, *, most_bytes: int = 1 << 20) -> JournalPage:
        with self._reading:
            opened = self._use()
            opened.see_to_being_open()
            at = max(after, opened.forgotten)
            frames: list[tuple[int, bytes]] = []
            gaps: list[JournalGap] = []
            while not frames:
                with self._appending:
                    segment = opened.segment_after(at)
                    extent = (0, 0) if segment is None else segment.extent
                    first = opened.appender.last + 1 if segment is None else segment.name.first
                if first > at + 1:
                    gaps.append(
                        JournalGap(after=at, before=first, reason=f"no file holds them: {opened.path}")
                    )
                    at = first - 1
                if segment is None:
                    break
                try:
                    frames, found, at = opened.reader.read(segment, extent, at, most_bytes)
                except OSError as error:
                    raise refusal(error, "reading", segment.path) from error
                gaps += found
        # What was let go of meanwhile is no loss.
        gaps = [gap for gap in gaps if gap.before is None or gap.before > opened.forgotten + 1]
        self._tell(opened, gaps)
        return JournalPage(frames=tuple(frames), gaps=tuple(gaps), last=at)

    @override
    def mark(self, lane: str, upto: int, /) -> None:
        if not 0 < len(lane) <= _MOST_LANE_CHARACTERS:
            raise InvalidValue("lane", lane, f"a str of 1 to {_MOST_LANE_CHARACTERS} characters")
        opened = self._use()
        with self._appending:
            opened.marks = {**opened.marks, lane: max(upto, opened.marks.get(lane, 0))}
        # While somebody waits for the disk with the same file, the note in memory has to do.
        if self._letting_go.acquire(blocking=False):
            try:
                opened.see_to_being_open()
                opened.keep_cursor(durably=False)
            except OSError as error:
                logger.debug("the marks of %s stay as they were: %s", opened.path, error)
            finally:
                self._letting_go.release()

    @override
    def marks(self) -> Mapping[str, int]:
        return dict(self._use().marks)

    @override
    def forget(self, upto: int, /) -> None:
        opened = self._use()
        with self._letting_go:
            opened.see_to_being_open()
            with self._appending:
                appender = opened.appender
                opened.forgotten = max(opened.forgotten, min(upto, appender.last))
                if opened.forgotten == appender.last and self._wants_room(opened):
                    appender.seal()
                done = [
                    segment
                    for segment in appender.segments
                    if segment.last <= opened.forgotten and not appender.is_active(segment)
                ]
            try:
                opened.keep_cursor(durably=bool(done))
                self._remove(opened, done)
            except OSError as error:
                raise refusal(error, "letting go of events in", opened.path) from error

    def _wants_room(self, opened: _Opened) -> bool:
        """
        Whether it is worth a new file to be rid of one that is still written to.
        """
        newest = opened.appender.segments[-1:]
        return self._failure is not None or any(each.size > self._segment_bytes // 4 for each in newest)

    def _remove(self, opened: _Opened, segments: list[Segment]) -> None:
        for segment in segments:
            # Removed at an earlier attempt, perhaps, or by somebody else.
            with suppress(FileNotFoundError):
                self._disk.unlink(segment.path)
            with self._appending:
                opened.appender.drop(segment)
        if segments:
            self._disk.sync_directory(opened.path)

    @override
    def sync(self) -> None:
        opened = self._use()
        wanted = opened.appender.last
        with self._syncing:
            if wanted <= opened.synced:
                return  # the one before has done it for both
            opened.see_to_being_open()
            now = self._clock.now()
            with self._appending:
                upto = opened.appender.last
                waiting = [
                    (segment, segment.size)
                    for segment in opened.appender.segments
                    if segment.size > segment.synced
                ]
            if any(not segment.synced for segment, _ in waiting):
                try:
                    # New names, too, have to be on the disk.
                    self._disk.sync_directory(opened.path)
                except OSError as error:
                    raise refusal(error, "syncing", opened.path) from error
            for segment, size in waiting:
                self._flush(opened, segment)
                segment.synced = size
            opened.synced, opened.synced_at = upto, now

    def _flush(self, opened: _Opened, segment: Segment) -> None:
        if segment.doubtful is None:
            try:
                descriptor = self._disk.open(segment.path, os.O_RDONLY)
                try:
                    self._disk.flush(descriptor)
                finally:
                    os.close(descriptor)
                return
            except OSError as error:
                with self._appending:
                    if segment.last <= opened.forgotten:
                        return  # let go of meanwhile
                    if opened.appender.is_active(segment):
                        opened.appender.seal()
                # The kernel tells of a failed write once, and then forgets the pages it could not write.
                segment.doubtful = refusal(error, "syncing", segment.path)
                raise segment.doubtful from error
        raise segment.doubtful

    @override
    def status(self) -> JournalStatus:
        with self._appending:
            opened = self._opened
            if opened is None:
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
            return JournalStatus(
                root=self._root,
                directory=opened.path,
                first=opened.forgotten + 1,
                last=opened.appender.last,
                recovered=opened.recovered,
                bytes_kept=opened.appender.bytes_kept,
                segments=len(opened.appender.segments),
                torn_tails=opened.torn_tails,
                gaps=len(opened.gaps),
                synced_at=opened.synced_at,
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
            self.sync()
            with self._letting_go:
                opened.keep_cursor(durably=True)
        except OSError as error:
            raise refusal(error, "closing", opened.path) from error
        finally:
            with self._reading, self._syncing, self._letting_go, self._appending:
                if self._opened is opened:
                    self._opened = None
                    try:
                        # So that a child which inherited the descriptor, and does not know it, holds nothing.
                        self._disk.drop_lock(opened.lock)
                    finally:
                        opened.let_go()

    def _use(self) -> _Opened:
        opened = self._opened
        if opened is None:
            with self._appending:
                opened = self._ready()
        return opened

    def _ready(self) -> _Opened:
        """
        What there is of it, opened if it was not; the caller holds `_appending`.
        """
        if self._opened is None:
            if self._closed:
                raise JournalUnavailable(f"it was closed: {self._root}")
            try:
                claimed = claim(self._root, self._disk)
                try:
                    self._opened = _Opened(
                        claimed,
                        self._disk,
                        segment_bytes=self._segment_bytes,
                        most_bytes=self._most_bytes,
                    )
                except BaseException:
                    os.close(claimed.lock)
                    raise
            except OSError as error:
                raise refusal(error, "opening", Path(error.filename or self._root)) from error
            _tell_of_opening(self._opened, claimed)
        return self._opened

    def _place(self) -> Path:
        return self._root if self._opened is None else self._opened.path

    def _tell(self, opened: _Opened, gaps: list[JournalGap]) -> None:
        for gap in gaps:
            if (gap.after, gap.before) not in opened.gaps:
                opened.gaps.add((gap.after, gap.before))
                logger.error(
                    "%s: events between %s and %s are lost: %s",
                    opened.path,
                    gap.after,
                    gap.before,
                    gap.reason,
                )

    def _begin_anew(self) -> None:
        """
        In the child of a fork: what is open is the parent's, lock included.
        """
        opened, self._opened = self._opened, None
        self._failure = None
        self._make_locks()
        if opened is not None:
            opened.let_go()


def _tell_of_opening(opened: _Opened, claimed: Claimed) -> None:
    if opened.recovered:
        logger.info("%s: %d events an earlier process had left", opened.path, opened.recovered)
    if opened.torn_tails:
        logger.warning("%s: %d events were in the writing when it died", opened.path, opened.torn_tails)
    if claimed.contents.cursor_lost:
        logger.warning("%s: the cursor cannot be read; all that is there counts as waiting", opened.path)
