"""
The writer of JSON lines.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar, cast
from uuid import UUID

from poslife._domain.checks import require_uuid
from poslife._domain.identifiers import EventId
from poslife._runtime.clock import SystemClock
from poslife._runtime.forking import after_fork_in_child
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.journal._disk import Disk
from poslife.jsonl._errors import translate_errors
from poslife.jsonl._files import Files
from poslife.jsonl._lines import dead_letter_line, encode_lines
from poslife.protocols import BuriedLetter, Clock, DeadLetter, EventRecord, Page, PageToken
from poslife.protocols._pages import limited, page_of
from poslife.storage._page_tokens import after_uuid

__all__ = ["JsonLinesWriter"]

ResultT = TypeVar("ResultT")


class JsonLinesWriter:
    """
    A `BatchWriter` into a file of JSON lines, one for each event, and a `DeadLetterBox` of refused events.

    It takes host events and life events. Each batch is on the disk before `write` returns, and a thread waits
    for that, not the event loop. A line that a crash left half written is cut off at the next opening.

    A full file is renamed to ``bot-1.jsonl``, ``bot-2.jsonl`` and so on. Dead letters are in
    ``bot.dead.jsonl`` beside it, each with its reason. ``bot.jsonl.lock`` keeps a second process away.

    An event is written once: ids are compared with those of the file and of the one before it, and after a
    restart with those of every full file that was written to since the event was made, as far as a journal
    goes back. Files that *keep* removed, or that were moved away, are not compared.

    Args:
        path: The file. Its folder has to exist.
        most_bytes: How large it may become; a batch goes into one file, however large it is.
        keep: How many full files are kept, the newest; ``None`` for all.
        clock: For the time of dead letters.

    Raises:
        InvalidValue: *path* names no file, or *most_bytes* or *keep* is less than 1.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        most_bytes: int = 16 * 1024 * 1024,
        keep: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        if type(most_bytes) is not int or most_bytes < 1:
            raise InvalidValue("most_bytes", most_bytes, "an int of at least 1")
        if keep is not None and (type(keep) is not int or keep < 1):
            raise InvalidValue("keep", keep, "an int of at least 1, or None")
        self._path = _file_of(path)
        self._most_bytes = most_bytes
        self._keep = keep
        self._clock: Clock = SystemClock() if clock is None else clock
        self._closed = False
        self._disk = Disk()
        self._thread: ThreadPoolExecutor | None = None
        self._files = self._all_files()
        after_fork_in_child(self._reset_after_fork)

    def _all_files(self) -> Files:
        return Files(self._path, most_bytes=self._most_bytes, keep=self._keep, disk=self._disk)

    def _reset_after_fork(
        self,
    ) -> None:  # pragma: no cover - in children, which report no coverage
        """
        Begin anew, in the child of a fork: it has no threads, and the file is the parent's.
        """
        self._files.close_files()
        self._files, self._thread = self._all_files(), None

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Append all of *records*, host events and life events, or none.
        """
        await self._run(lambda files: files.append(encode_lines(records)))

    async def probe(self) -> None:
        await self._run(Files.probe)

    async def bury(self, letter: DeadLetter, /) -> None:
        now = self._clock.now()
        await self._run(lambda files: files.bury(dead_letter_line(letter, now)))

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        start, most = after_uuid(after).bytes, limited(limit)
        waiting = await self._run(Files.dead_letters)
        listed = sorted(event for event in waiting if event > start)[: most + 1]
        return page_of([(str(UUID(bytes=event)), waiting[event]) for event in listed], most)

    async def replay(self, event: EventId, /) -> None:
        require_uuid("event", event)
        now = self._clock.now()
        await self._run(lambda files: files.replay(event, now))

    async def aclose(self) -> None:
        """
        Finish the calls that were begun, and close the file. Closing a closed writer does nothing.
        """
        if not self._closed:
            await self._run(Files.close)
            self._closed = True
            if self._thread is not None:  # pragma: no branch - it has just closed the files
                self._thread.shutdown(wait=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _run(self, work: Callable[[Files], ResultT]) -> ResultT:
        """
        Run *work* in the one thread, in order; cancelling the caller does not stop it half-way.
        """
        if self._closed:
            raise StorageUnavailable(f"{self._path}: the writer was closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poslife jsonl")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[Files], ResultT]) -> ResultT:
        with translate_errors(self._path):
            return work(self._files)


def _file_of(path: object) -> Path:
    try:
        text: object = os.fspath(cast("os.PathLike[str]", path))
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text or text.endswith("/"):
        raise InvalidValue("path", path, "the path of a file, as a str or os.PathLike[str]")
    return Path(os.path.abspath(text))  # noqa: PTH100 - Path.resolve would follow links
