"""
The writer that a host makes.
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
from poslife.jsonl._errors import translated
from poslife.jsonl._files import Files
from poslife.jsonl._lines import letter_line, lines_of
from poslife.protocols import BuriedLetter, Clock, DeadLetter, EventRecord, Page, PageToken
from poslife.protocols._pages import limited, page_of
from poslife.storage._page_tokens import after_uuid

__all__ = ["JsonLinesWriter"]

ResultT = TypeVar("ResultT")


class JsonLinesWriter:
    """
    A `BatchWriter` into a file of JSON lines, one for each event, for whoever wants to look at them.

    And a `DeadLetterBox` of the events it refused.

    Host events and life events alike. Each batch is on the disk before `write` returns, and a thread waits
    for that, not the event loop. What a crash leaves half written is cut off when the file is opened next.

    A full file is renamed to ``bot-1.jsonl``, ``bot-2.jsonl`` and so on. Dead letters are in
    ``bot.dead.jsonl`` beside it, each with its reason. ``bot.jsonl.lock`` keeps a second process away.

    An event is written once. Those in the file and in the one before it are known by their ids, and after a
    restart those in every full file that was written to since the event was made: as far as a journal goes
    back. What *keep* has removed, or somebody moved away, is not known.

    Args:
        path: The file. Its folder has to be there.
        most_bytes: How large it may become; a batch goes into one file, however large it is.
        keep: How many full files are kept, the newest of them; ``None`` for all.
        clock: Tells when a dead letter is buried.

    Raises:
        InvalidValue: For a path that names no file, or a size or number that is none.
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
        after_fork_in_child(self._begin_anew)

    def _all_files(self) -> Files:
        return Files(self._path, most_bytes=self._most_bytes, keep=self._keep, disk=self._disk)

    def _begin_anew(self) -> None:  # pragma: no cover - in children, which leave without telling
        """
        In the child of a fork: threads do not survive one, and the file is the parent's.
        """
        self._files.abandon()
        self._files, self._thread = self._all_files(), None

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        See `BatchWriter.write`. Life events are written, too.
        """
        await self._do(lambda files: files.append(lines_of(records)))

    async def probe(self) -> None:
        """
        See `BatchWriter.probe`.
        """
        await self._do(Files.probe)

    async def bury(self, letter: DeadLetter, /) -> None:
        """
        See `BatchWriter.bury`.
        """
        now = self._clock.now()
        await self._do(lambda files: files.bury(letter_line(letter, now)))

    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        """
        See `DeadLetterBox.list_dead_letters`.
        """
        start, most = after_uuid(after).bytes, limited(limit)
        waiting = await self._do(Files.letters)
        listed = sorted(event for event in waiting if event > start)[: most + 1]
        return page_of([(str(UUID(bytes=event)), waiting[event]) for event in listed], most)

    async def replay(self, event: EventId, /) -> None:
        """
        See `DeadLetterBox.replay`.
        """
        require_uuid("event", event)
        now = self._clock.now()
        await self._do(lambda files: files.replay(event, now))

    async def aclose(self) -> None:
        """
        Finish what was handed in, and let go of the file. Closing a closed writer does nothing.
        """
        if not self._closed:
            await self._do(Files.close)
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

    async def _do(self, work: Callable[[Files], ResultT]) -> ResultT:
        """
        Have *work* done by the one thread, in order; a caller that is cancelled does not stop it half-way.
        """
        if self._closed:
            raise StorageUnavailable(f"{self._path}: the writer was closed")
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="poslife jsonl")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._done, work)

    def _done(self, work: Callable[[Files], ResultT]) -> ResultT:
        with translated(self._path):
            return work(self._files)


def _file_of(path: object) -> Path:
    try:
        text: object = os.fspath(cast("os.PathLike[str]", path))
    except TypeError:
        text = None
    if not isinstance(text, str) or not text or "\0" in text or text.endswith("/"):
        raise InvalidValue("path", path, "the path of a file, as a str or os.PathLike[str]")
    return Path(os.path.abspath(text))  # noqa: PTH100 - Path.resolve would follow links
