"""
Files that become full, that others take away, and that one process holds at a time.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.jsonl._lines import encode_lines
from poslife.protocols import DeadLetter, EventRecord
from tests.jsonl.files import buried, names_in, records, sequences, with_disk, write_batches


def _folder(path: Path) -> list[str]:
    return sorted(name for name in names_in(path) if not name.endswith(".lock"))


def _text(batch: list[EventRecord]) -> bytes:
    return b"".join(line for _, line in encode_lines(batch))


async def test_a_full_file_is_numbered(tmp_path: Path) -> None:
    """
    When a batch does not fit, the file becomes an earlier one with the next number; all are kept.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    batches = [records(examples, first, first + 4) for first in range(1, 40, 5)]
    size = len(_text(batches[0])) + 20
    await write_batches(path, batches[:5], most_bytes=2 * size)
    await write_batches(path, batches[5:], most_bytes=2 * size)

    assert ["bot-1.jsonl", "bot-2.jsonl", "bot-3.jsonl", "bot.jsonl"] == _folder(tmp_path)
    assert list(range(1, 11)) == sequences(tmp_path / "bot-1.jsonl")
    assert list(range(31, 41)) == sequences(path)
    assert list(range(11, 31)) == sequences(tmp_path / "bot-2.jsonl", tmp_path / "bot-3.jsonl")


async def test_so_many_full_files_are_kept(tmp_path: Path) -> None:
    """
    With *keep* the oldest are removed, and never what is not poslife's, whatever its name.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    (tmp_path / "bot-1.jsonl").write_text("my own\n")
    (tmp_path / "bot-x.jsonl").write_text("my own, too\n")
    await write_batches(
        path, [records(examples, first, first) for first in range(1, 8)], most_bytes=1, keep=2
    )

    assert ["bot-1.jsonl", "bot-6.jsonl", "bot-7.jsonl", "bot-x.jsonl", "bot.jsonl"] == _folder(tmp_path)
    assert [5, 6, 7] == sequences(tmp_path / "bot-6.jsonl", tmp_path / "bot-7.jsonl", path)
    assert "my own\n" == (tmp_path / "bot-1.jsonl").read_text()


async def test_a_batch_larger_than_a_file(tmp_path: Path) -> None:
    """
    A batch goes into one file, however large it is.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    await write_batches(path, [records(examples, 1, 50), records(examples, 51, 100)], most_bytes=10)

    assert list(range(1, 51)) == sequences(tmp_path / "bot-1.jsonl")
    assert list(range(51, 101)) == sequences(path)


async def test_events_of_the_tail_are_known_after_a_restart(tmp_path: Path) -> None:
    """
    An event in the file, or in the one before it, is passed over: repeating a batch after a crash is safe.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 10)
    await write_batches(path, [batch[:4], batch[4:7]], most_bytes=1)
    await write_batches(path, [batch], most_bytes=1)

    assert list(range(1, 11)) == sequences(tmp_path / "bot-1.jsonl", tmp_path / "bot-2.jsonl", path)


async def test_events_of_older_files_are_known_as_far_back_as_a_journal_goes(tmp_path: Path) -> None:
    """
    After a power failure a journal sends again what is files ago: each is passed over, and the rest written.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 10)
    await write_batches(path, [[record] for record in batch[:8]], most_bytes=1)
    await write_batches(path, [batch[:5], batch[5:]], most_bytes=1)

    full = [tmp_path / f"bot-{number}.jsonl" for number in range(1, 9)]
    assert list(range(1, 11)) == sequences(*full, path)


async def test_files_older_than_an_event_are_not_read_for_it(tmp_path: Path) -> None:
    """
    What was full before an event was made cannot hold it: a restart does not read years of files.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    old = records(examples, 1, 3)
    await write_batches(path, [[record] for record in old], most_bytes=1)
    for number in (1, 2):
        os.utime(tmp_path / f"bot-{number}.jsonl", (0, 0))
    # As if it had been made before the events in it: then it is looked for where it is not.
    await write_batches(path, [old[:1], records(examples, 4, 4)], most_bytes=1 << 20)

    assert [3, 1, 4] == sequences(path)


async def test_a_program_that_rotates_logs(tmp_path: Path) -> None:
    """
    A file that was moved away is begun anew; what was in it is not written again.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 6)
    async with JsonLinesWriter(path) as writer:
        await writer.write(batch[:3])
        await writer.bury(DeadLetter(record=batch[5], reason="refused"))
        path.rename(tmp_path / "yesterday")
        (tmp_path / "bot.dead.jsonl").rename(tmp_path / "dead")
        await writer.write(batch[:5])
        await writer.bury(DeadLetter(record=batch[5], reason="refused"))

    assert [1, 2, 3] == sequences(tmp_path / "yesterday")
    assert [4, 5] == sequences(path)
    assert [6] == [letter.record.sequence for letter in buried(path)]


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """
    While one process writes a file another is refused, with the holder named; afterwards it may go on.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 4)
    program = (
        "import asyncio, sys\n"
        "from poslife.conformance._example_values import Examples\n"
        "from poslife.errors import StorageNotReady\n"
        "from poslife.jsonl import JsonLinesWriter\n"
        "from tests.jsonl.files import records\n"
        "async def main():\n"
        "    async with JsonLinesWriter(sys.argv[1]) as writer:\n"
        "        try:\n"
        "            await writer.write(records(Examples(), 1, 4))\n"
        "        except StorageNotReady as error:\n"
        "            print(error)\n"
        "asyncio.run(main())\n"
    )
    async with JsonLinesWriter(path) as writer, JsonLinesWriter(path) as second:
        await writer.write(batch[:2])
        said = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, str(path)],
            capture_output=True,
            text=True,
            check=True,
        )

        assert f"another process ({os.getpid()})" in said.stdout
        for refused in (
            second.write(batch),
            second.probe(),
            second.bury(DeadLetter(record=batch[3], reason="")),
        ):
            with pytest.raises(StorageNotReady, match="give each a file of its own"):
                await refused
        assert [1, 2] == sequences(path)
        await writer.aclose()
        await second.write(batch)

    assert [1, 2, 3, 4] == sequences(path)


async def test_a_lock_that_was_removed_is_no_lock(tmp_path: Path) -> None:
    """
    A lock file that is removed while it is being taken is taken again.
    """
    path = tmp_path / "bot.jsonl"
    removed: list[int] = []

    def take_lock(descriptor: int) -> None:
        Disk().take_lock(descriptor)
        if not removed:
            removed.append(descriptor)
            (tmp_path / "bot.jsonl.lock").unlink()

    async with with_disk(JsonLinesWriter(path), Disk(take_lock=take_lock)) as writer:
        await writer.write(records(Examples(), 1, 1))

    assert (tmp_path / "bot.jsonl.lock").exists()
