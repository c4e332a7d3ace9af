"""
One file of lines: repaired when it is opened, and never left half written.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady, StorageUnavailable
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.jsonl._file import LineFile, ids_in
from poslife.jsonl._lines import encode_lines
from tests.jsonl.files import failing, records, sequences, with_disk, write_batches


async def test_a_half_written_line_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Wherever a crash stops a write, the next start leaves whole lines, and the batch repeated is there once.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 3)
    await write_batches(path, [batch])
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        await write_batches(path, [batch])

        assert whole == path.read_bytes(), size
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING, "poslife.jsonl"):
        await write_batches(path, [batch])

    assert "half written and is cut off" in caplog.text


async def test_a_whole_line_without_its_end_is_kept(tmp_path: Path) -> None:
    """
    Where only the last line's end is missing, as after some editors, its event is not lost.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 3)
    await write_batches(path, [batch[:2]])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    await write_batches(path, [batch])

    assert [1, 2, 3] == sequences(path)


async def test_lines_of_others_stay(tmp_path: Path) -> None:
    """
    Lines that are not poslife's, and damaged ones, stay where they are and stop nothing.
    """
    path = tmp_path / "bot.jsonl"
    path.write_bytes(b'a note of mine\n{"event_id":"no id at all, but as long as one would be"}\n\xff\x00\n')
    before = path.read_bytes()
    await write_batches(path, [records(Examples(), 1, 2)])

    assert path.read_bytes().startswith(before)
    assert 5 == len(path.read_bytes().splitlines())


async def test_short_writes_are_gone_on_with(tmp_path: Path) -> None:
    """
    A disk that takes a little at a time gets all of it, and one that then is full keeps none of it.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 6)
    left = [10_000]

    def write(descriptor: int, data: bytes) -> int:
        if left[0] <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 100
        return os.write(descriptor, data[:100])

    async with with_disk(JsonLinesWriter(path), Disk(write=write)) as writer:
        await writer.write(batch[:3])
        size = path.stat().st_size
        left[0] = 500
        with pytest.raises(StorageNotReady, match="make room"):
            await writer.write(batch[3:])

        assert size == path.stat().st_size
        left[0] = 10_000
        await writer.write(batch)

    assert [1, 2, 3, 4, 5, 6] == sequences(path)


async def test_what_cannot_be_taken_back_is_mended(tmp_path: Path) -> None:
    """
    Where a failing disk does not even let a half batch be cut off, that is done at the next attempt.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 6)
    write, truncate = failing(os.write), failing(os.ftruncate)
    wrote: list[int] = []

    def half(descriptor: int, data: bytes) -> int:
        if write.code is not None and not wrote:
            wrote.append(os.write(descriptor, data[: len(data) // 2]))
            return wrote[0]
        written: int = write(descriptor, data)
        return written

    async with with_disk(JsonLinesWriter(path), Disk(write=half, truncate=truncate)) as writer:
        await writer.write(batch[:2])
        write.code = truncate.code = errno.EIO
        with pytest.raises(StorageUnavailable):
            await writer.write(batch)
        write.code = truncate.code = None
        await writer.write(batch)

    assert [1, 2, 3, 4, 5, 6] == sequences(path)


def test_an_open_file_knows_its_ids_its_size_and_if_it_was_moved(tmp_path: Path) -> None:
    """
    Of the lines that were there and of those that are added; a file in its place is another one.
    """
    path = tmp_path / "bot.jsonl"
    first, second = encode_lines(records(Examples(), 1, 2))
    path.write_bytes(first[1])
    file = LineFile(path, Disk())
    file.open()
    file.append([second])

    assert {first[0], second[0]} == file.ids == ids_in(path)
    assert path.stat().st_size == file.size
    moved = [file.was_moved]
    path.rename(tmp_path / "yesterday")
    moved.append(file.was_moved)
    path.write_bytes(b"")
    moved.append(file.was_moved)
    file.close()
    file.open()

    assert [False, True, True, False] == [*moved, file.was_moved]
    assert (set(), 0) == (file.ids, file.size)
    file.close()
