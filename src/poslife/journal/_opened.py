"""
An open journal: reading, marking, forgetting and syncing in the directory that this process holds.
"""

from __future__ import annotations

import bisect
import logging
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from poslife.errors import JournalUnavailable
from poslife.journal._adoption import Claimed
from poslife.journal._appending import Appender
from poslife.journal._cursor import Cursor, CursorFile
from poslife.journal._directory import CURSOR, Segment
from poslife.journal._disk import Disk, as_unavailable
from poslife.journal._reading import Reader
from poslife.protocols import Clock, JournalGap, JournalPage, JournalStatus

__all__ = ["OpenedJournal"]

logger = logging.getLogger("poslife.journal")


class OpenedJournal:
    """
    A journal from its opening to its closing.

    Args:
        claimed: The directory, whose lock this process holds.
        disk: Access to the disk.
        clock: For the time of syncs.
        segment_bytes: How large a segment grows before another is begun.
        most_bytes: How large all segments may grow, or ``None``.
        appending: Held while the appender is touched; never for long.

    Raises:
        OSError: The cursor could not be written. Nothing is left open but the directory's lock.
    """

    def __init__(
        self,
        claimed: Claimed,
        disk: Disk,
        clock: Clock,
        *,
        segment_bytes: int,
        most_bytes: int | None,
        appending: threading.Lock,
    ) -> None:
        contents = claimed.contents
        self.path = claimed.path
        self._lock = claimed.lock
        self._disk = disk
        self._clock = clock
        self._segment_bytes = segment_bytes
        # Taken in this order, each alone or before `_appending`.
        self._reading = threading.Lock()
        self._syncing = threading.Lock()
        self._forgetting = threading.Lock()
        self._appending = appending
        self._torn_tails = contents.torn_tails
        self._forgotten = contents.cursor.forgotten
        self._marks = dict(contents.cursor.marks)
        self._recovered = contents.last - self._forgotten
        self._gaps: set[tuple[int, int | None]] = set()
        self.synced = -1
        self._synced_at: datetime | None = None
        self._reader = Reader(disk)
        self.appender = Appender(
            self.path,
            contents.segments,
            contents.last,
            disk=disk,
            segment_bytes=segment_bytes,
            most_bytes=most_bytes,
        )
        self._cursor = CursorFile(self.path / CURSOR, disk)
        try:
            self._cursor.read()
            # Both places are written now, so that forgetting needs no room on a disk that has become full.
            self._write_cursor(durably=True)
            self._write_cursor(durably=False)
        except BaseException:
            self._cursor.close()
            raise

    def log_recovery(self, *, cursor_lost: bool) -> None:
        """
        Log what an earlier process left, and what could not be read of it.
        """
        if self._recovered:
            logger.info("%s: an earlier process left %d events", self.path, self._recovered)
        if self._torn_tails:
            logger.warning(
                "%s: %d half-written events of a killed process were cut off", self.path, self._torn_tails
            )
        if cursor_lost:
            logger.warning("%s: the cursor cannot be read; all events there count as waiting", self.path)

    def require_open(self) -> None:
        """
        Require that no other thread has closed it: the directory may be another process's by now.

        Raises:
            JournalUnavailable: It was closed.
        """
        if self._lock < 0:
            raise JournalUnavailable(f"it was closed: {self.path}")

    def read(self, after: int, most_bytes: int) -> JournalPage:
        """
        Return the frames after the number *after*, as `Journal.read` has it.
        """
        with self._reading:
            self.require_open()
            at = max(after, self._forgotten)
            frames: list[tuple[int, bytes]] = []
            gaps: list[JournalGap] = []
            while not frames:
                with self._appending:
                    segment = self._segment_after(at)
                    extent = (0, 0) if segment is None else segment.extent
                    first = self.appender.last + 1 if segment is None else segment.name.first
                if first > at + 1:
                    gaps.append(JournalGap(after=at, before=first, reason=f"no file holds them: {self.path}"))
                    at = first - 1
                if segment is None:
                    break
                try:
                    frames, found, at = self._reader.read(segment, extent, at, most_bytes)
                except OSError as error:
                    raise as_unavailable(error, "reading", segment.path) from error
                gaps += found
        # What was forgotten meanwhile is no loss.
        gaps = [gap for gap in gaps if gap.before is None or gap.before > self._forgotten + 1]
        self._log_gaps(gaps)
        return JournalPage(frames=tuple(frames), gaps=tuple(gaps), last=at)

    def _segment_after(self, number: int) -> Segment | None:
        """
        Return the first segment that holds a frame after *number*.
        """
        segments = self.appender.segments
        at = bisect.bisect_right(segments, number, key=lambda segment: segment.last)
        return segments[at] if at < len(segments) else None

    def _log_gaps(self, gaps: list[JournalGap]) -> None:
        for gap in gaps:
            if (gap.after, gap.before) not in self._gaps:
                self._gaps.add((gap.after, gap.before))
                logger.error(
                    "%s: events between %s and %s are lost: %s", self.path, gap.after, gap.before, gap.reason
                )

    def mark(self, lane: str, upto: int) -> None:
        """
        Note that *lane* needs nothing up to this number.
        """
        with self._appending:
            self._marks = {**self._marks, lane: max(upto, self._marks.get(lane, 0))}
        # While another thread waits for the disk with the cursor, the mark in memory has to do.
        if self._forgetting.acquire(blocking=False):
            try:
                self.require_open()
                self._write_cursor(durably=False)
            except OSError as error:
                logger.debug("the marks of %s stay as they were: %s", self.path, error)
            finally:
                self._forgetting.release()

    def marks(self) -> dict[str, int]:
        """
        Return the mark of each lane.
        """
        return dict(self._marks)

    def forget(self, upto: int, *, wants_room: bool) -> None:
        """
        Forget the frames up to this number: the cursor is made durable first, then files are removed.

        Args:
            upto: The number.
            wants_room: If true, a small segment, too, is sealed and removed once all of it is forgotten.
        """
        with self._forgetting:
            self.require_open()
            with self._appending:
                appender = self.appender
                self._forgotten = max(self._forgotten, min(upto, appender.last))
                if self._forgotten == appender.last and (wants_room or self._newest_is_large()):
                    appender.seal()
                done = [
                    segment
                    for segment in appender.segments
                    if segment.last <= self._forgotten and not appender.is_active(segment)
                ]
            try:
                self._write_cursor(durably=bool(done))
                self._remove(done)
            except OSError as error:
                raise as_unavailable(error, "forgetting events in", self.path) from error

    def _newest_is_large(self) -> bool:
        newest = self.appender.segments[-1:]
        return any(segment.size > self._segment_bytes // 4 for segment in newest)

    def _remove(self, segments: list[Segment]) -> None:
        for segment in segments:
            # It may be gone: removed at an earlier attempt that failed later, or by hand.
            with suppress(FileNotFoundError):
                self._disk.unlink(segment.path)
            with self._appending:
                self.appender.drop(segment)
        if segments:
            self._disk.sync_directory(self.path)

    def _write_cursor(self, *, durably: bool) -> None:
        self._cursor.write(Cursor(forgotten=self._forgotten, marks=self._marks), durably=durably)

    def sync(self) -> None:
        """
        Return when what was appended before is on the disk.
        """
        wanted = self.appender.last
        with self._syncing:
            if wanted <= self.synced:
                return  # the sync that this one waited for has covered it
            self.require_open()
            now = self._clock.now()
            with self._appending:
                upto = self.appender.last
                waiting = [
                    (segment, segment.size)
                    for segment in self.appender.segments
                    if segment.size > segment.synced
                ]
            if any(not segment.synced for segment, _ in waiting):
                try:
                    # The names of new segments have to be on the disk, too.
                    self._disk.sync_directory(self.path)
                except OSError as error:
                    raise as_unavailable(error, "syncing", self.path) from error
            for segment, size in waiting:
                self._flush(segment)
                segment.synced = size
            self.synced, self._synced_at = upto, now

    def _flush(self, segment: Segment) -> None:
        if segment.sync_failure is None:
            try:
                descriptor = self._disk.open(segment.path, os.O_RDONLY)
                try:
                    self._disk.flush(descriptor)
                finally:
                    os.close(descriptor)
                return
            except OSError as error:
                with self._appending:
                    if segment.last <= self._forgotten:
                        return  # forgotten and removed meanwhile
                    if self.appender.is_active(segment):
                        self.appender.seal()
                # The kernel reports a failed write once, and then drops the pages it could not write.
                segment.sync_failure = as_unavailable(error, "syncing", segment.path)
                raise segment.sync_failure from error
        raise segment.sync_failure

    def status(self, root: Path, failure: str | None) -> JournalStatus:
        """
        Return the status. Requires `appending`.
        """
        return JournalStatus(
            root=root,
            directory=self.path,
            first=self._forgotten + 1,
            last=self.appender.last,
            recovered=self._recovered,
            bytes_kept=self.appender.bytes_kept,
            segments=len(self.appender.segments),
            torn_tails=self._torn_tails,
            gaps=len(self._gaps),
            synced_at=self._synced_at,
            failure=failure,
        )

    def save(self) -> None:
        """
        Sync, and make the cursor durable.
        """
        self.sync()
        with self._forgetting:
            self.require_open()
            self._write_cursor(durably=True)

    @contextmanager
    def exclusive(self) -> Generator[None]:
        """
        Hold all its locks.
        """
        with self._reading, self._syncing, self._forgetting, self._appending:
            yield

    def drop_lock(self) -> None:
        """
        Drop the directory's lock, for every process that inherited its descriptor.
        """
        self._disk.drop_lock(self._lock)

    def release(self) -> None:
        """
        Close its files, the lock's among them. The lock stays with a parent or child that has it open, too.
        """
        self.appender.close()
        self._reader.close()
        self._cursor.close()
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)
