"""
The journal against system calls alone: an append against one `os.write`, recovery against reading the file.

It is also compared with an alternative: an INSERT into SQLite's write-ahead log.
"""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from poslife.journal import FileJournal

ROUNDS = 5
FRAMES = 200_000
FRAME_BYTES = 464
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    The figures of one operation, in microseconds per frame.

    Attributes:
        operation: The operation.
        poslife: The journal's time.
        floor: The time of the system calls alone, for the same bytes.
    """

    operation: str
    poslife: float
    floor: float

    @property
    def ratio(self) -> float:
        """
        The journal's time divided by the floor.
        """
        return self.poslife / self.floor


def results() -> list[Result]:
    """
    Measure all operations; where there are rounds, both sides take turns, and the median counts.
    """
    folder = Path(tempfile.mkdtemp(prefix="poslife-benchmark-"))
    try:
        return [
            _appending(folder),
            _one_by_one(folder),
            _appending_beside_a_thread(folder),
            _recovering(folder),
            _instead_of_sqlite(folder),
        ]
    finally:
        shutil.rmtree(folder)


def _appending(folder: Path) -> Result:
    frame = os.urandom(FRAME_BYTES)
    ours: list[float] = []
    bare: list[float] = []
    for round_ in range(ROUNDS):
        journal = FileJournal(folder / f"appending {round_}")
        journal.open()
        ours.append(_timed(partial(_append, journal, frame)))
        journal.forget(FRAMES)
        journal.close()
        bare.append(_written(folder / f"bare {round_}", frame))
    return Result(operation="append", poslife=median(ours), floor=median(bare))


def _append(journal: FileJournal, frame: bytes) -> None:
    append = journal.append
    for _ in range(FRAMES):
        append(frame)


def _written(path: Path, frame: bytes) -> float:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write() -> None:
        for _ in range(FRAMES):
            os.write(descriptor, frame)

    try:
        return _timed(write)
    finally:
        os.close(descriptor)
        path.unlink()


def _one_by_one(folder: Path) -> Result:
    """
    Measure appends that are each synced, against a write and an fdatasync.
    """
    count = 300
    frame = os.urandom(FRAME_BYTES)
    journal = FileJournal(folder / "synced")
    journal.append(frame)
    journal.sync()
    begun = time.perf_counter()
    for _ in range(count):
        journal.append(frame)
        journal.sync()
    ours = time.perf_counter() - begun
    journal.close()
    descriptor = os.open(folder / "bare synced", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    begun = time.perf_counter()
    for _ in range(count):
        os.write(descriptor, frame)
        os.fdatasync(descriptor)
    bare = time.perf_counter() - begun
    os.close(descriptor)
    return Result(operation="append and sync", poslife=ours / count * 1e6, floor=bare / count * 1e6)


def _appending_beside_a_thread(folder: Path) -> Result:
    """
    Measure appends while another thread contends for the interpreter, as a busy event loop's does.
    """
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            sum(range(100))

    other = threading.Thread(target=spin)
    frame = os.urandom(FRAME_BYTES)
    journal = FileJournal(folder / "beside")
    journal.open()
    count = 500
    other.start()
    try:
        begun = time.perf_counter()
        for _ in range(count):
            journal.append(frame)
        ours = time.perf_counter() - begun
        descriptor = os.open(folder / "bare beside", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        begun = time.perf_counter()
        for _ in range(count):
            os.write(descriptor, frame)
        bare = time.perf_counter() - begun
        os.close(descriptor)
    finally:
        ended.set()
        other.join()
    journal.close()
    return Result(
        operation="append beside a busy thread", poslife=ours / count * 1e6, floor=bare / count * 1e6
    )


def _recovering(folder: Path) -> Result:
    root = folder / "recovering"
    journal = FileJournal(root)
    _append(journal, os.urandom(FRAME_BYTES))
    journal.close()
    files = sorted(root.glob("*/*.segment"))
    ours = [_timed(lambda: _recover(root)) for _ in range(ROUNDS)]
    bare = [_timed(lambda: _read(files)) for _ in range(ROUNDS)]
    return Result(operation="open and read back", poslife=median(ours), floor=median(bare))


def _instead_of_sqlite(folder: Path) -> Result:
    """
    Measure appends against INSERTs, which like them survive a killed process but not a power failure.
    """
    frame = os.urandom(FRAME_BYTES)
    journal = FileJournal(folder / "instead")
    journal.open()
    ours = _timed(partial(_append, journal, frame))
    journal.forget(FRAMES)
    journal.close()
    connection = sqlite3.connect(folder / "sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("CREATE TABLE frames (number INTEGER PRIMARY KEY, frame BLOB)")

    def insert() -> None:
        for _ in range(FRAMES):
            connection.execute("INSERT INTO frames (frame) VALUES (?)", (frame,))

    instead = _timed(insert)
    connection.close()
    return Result(operation="append, against SQLite's INSERT", poslife=ours, floor=instead)


def _recover(root: Path) -> None:
    journal = FileJournal(root)
    after = 0
    while (page := journal.read(after)).frames:
        after = page.last
    assert after == FRAMES
    journal.close()


def _read(files: list[Path]) -> None:
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        while os.read(descriptor, _CHUNK):
            pass
        os.close(descriptor)


def _timed(act: Callable[[], object]) -> float:
    """
    Return the time for one frame, in microseconds.
    """
    gc.collect()
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) / FRAMES * 1e6


def main() -> None:
    """
    Print the ratios.
    """
    for result in results():
        print(
            f"{result.operation:32} {result.poslife:8.2f} us  floor {result.floor:8.2f} us"
            f"  ratio {result.ratio:5.2f}  ({1e6 / result.poslife:,.0f} frames/s)"
        )


if __name__ == "__main__":
    main()
