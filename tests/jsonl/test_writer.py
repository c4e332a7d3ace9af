"""
The writer that a host makes: its options, its thread, its dead letters, and its end.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import DeadLetter
from poslife.testing.clock import ManualClock
from tests.jsonl.files import buried, lines, records, sequences, with_disk


@pytest.mark.parametrize(
    "path",
    [b"bytes", 7, "", "a\0b", "folder/", None],
    ids=["bytes", "number", "empty", "NUL", "folder", "None"],
)
def test_no_path(path: str) -> None:
    """
    What is no path of a file is refused at once.
    """
    with pytest.raises(InvalidValue, match="path"):
        JsonLinesWriter(path)


@pytest.mark.parametrize(
    "options", [{"most_bytes": 0}, {"most_bytes": 1.5}, {"keep": 0}, {"keep": True}, {"keep": "3"}], ids=str
)
def test_no_option(options: dict[str, Any]) -> None:
    """
    What is no size and no number is refused at once.
    """
    with pytest.raises(InvalidValue, match="an int of at least 1"):
        JsonLinesWriter("bot.jsonl", **options)


async def test_a_relative_path_counts_from_where_one_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A later change of the folder does not move the file.
    """
    monkeypatch.chdir(tmp_path)
    writer = JsonLinesWriter("bot.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with writer:
        await writer.write(records(Examples(), 1, 1))

    assert [] == list((tmp_path / "elsewhere").iterdir())
    assert [1] == sequences(tmp_path / "bot.jsonl")


async def test_dead_letters_are_beside_it_with_their_reason(tmp_path: Path) -> None:
    """
    A dead letter is a line of its own file, readable, whatever is in it; after a restart it is known.
    """
    path = tmp_path / "bot.jsonl"
    clock = ManualClock()
    record = replace(records(Examples(), 1, 1)[0], payload=b"\xff\x00")
    letter = DeadLetter(record=record, reason="no text, said \ud800\nit", attempts=3)
    for _ in range(2):
        async with JsonLinesWriter(path, clock=clock) as writer:
            await writer.bury(letter)
            await writer.bury(letter)
    (line,) = lines(tmp_path / "bot.dead.jsonl")

    assert (str(record.header.id), 3) == (line["event_id"], line["attempts"])
    assert clock.now() == datetime.fromisoformat(line["buried_at"])
    assert [letter] == buried(path)


async def test_a_replay_that_is_cut_off_is_repeated(tmp_path: Path) -> None:
    """
    Stored, and the letter not marked yet: after the next start it waits still, and its event is there once.
    """
    path = tmp_path / "bot.jsonl"
    first, second = records(Examples(), 1, 2)
    async with JsonLinesWriter(path, most_bytes=1) as writer:
        for record in (first, second):
            await writer.bury(DeadLetter(record=record, reason="no room", attempts=1))
        await writer.replay(first.header.id)
    letters = tmp_path / "bot.dead.jsonl"
    whole = letters.read_bytes().splitlines(keepends=True)
    letters.write_bytes(b"".join([*whole[:2], b"no letter\n", whole[0][:50] + b"}\n", whole[2][:-9]]))
    async with JsonLinesWriter(path, most_bytes=1) as writer:
        waiting = await writer.list_dead_letters()
        await writer.replay(first.header.id)
        left = await writer.list_dead_letters()

    assert [1, 2] == [buried.letter.record.sequence for buried in waiting.items]
    assert [2] == [buried.letter.record.sequence for buried in left.items]
    assert [1] == sequences(path)


async def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """
    A closed writer writes nothing; closing it again does nothing, and closing an unused one neither.
    """
    writer = JsonLinesWriter(tmp_path / "bot.jsonl")
    await writer.aclose()
    await writer.aclose()
    with pytest.raises(StorageUnavailable, match="closed"):
        await writer.write(records(Examples(), 1, 1))

    assert [] == list(tmp_path.iterdir())


async def test_a_cancelled_write_is_whole_or_nothing(tmp_path: Path) -> None:
    """
    A caller that is cancelled leaves no half batch; repeating it stores each event once, in order.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 20)
    entered, go_on = threading.Event(), threading.Event()

    def write(descriptor: int, data: bytes) -> int:
        entered.set()
        go_on.wait(10)
        return os.write(descriptor, data)

    async with with_disk(JsonLinesWriter(path), Disk(write=write)) as writer:
        first = asyncio.create_task(writer.write(batch[:10]))
        await asyncio.to_thread(entered.wait, 10)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        second = asyncio.create_task(writer.write(batch))
        go_on.set()
        await second

    assert list(range(1, 21)) == sequences(path)


async def test_the_event_loop_waits_for_no_disk(tmp_path: Path) -> None:
    """
    While a disk takes its time the loop goes on.
    """
    go_on = threading.Event()

    def flush(descriptor: int) -> None:
        assert go_on.wait(10)
        Disk().flush(descriptor)

    async with with_disk(JsonLinesWriter(tmp_path / "bot.jsonl"), Disk(flush=flush)) as writer:
        write = asyncio.create_task(writer.write(records(Examples(), 1, 1)))
        for _ in range(100):
            await asyncio.sleep(0)

        assert not write.done()
        go_on.set()
        await write


FORKING = """
import asyncio, os, sys
from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady
from poslife.jsonl import JsonLinesWriter
from tests.jsonl.files import records

batch = records(Examples(), 1, 3)
writer = JsonLinesWriter(sys.argv[1])
asyncio.run(writer.write(batch[:1]))
(read, write), (waits, go_on) = os.pipe(), os.pipe()
if os.fork() == 0:
    try:
        asyncio.run(writer.write(batch))
    except StorageNotReady as error:
        os.write(write, b"refused")
    else:
        os.write(write, b"written")
    os.close(go_on)
    os.read(waits, 1)
    os._exit(0)
os.close(write)
print(os.read(read, 10).decode())

async def finish():
    await writer.write(batch[:2])
    await writer.aclose()
    async with JsonLinesWriter(sys.argv[1]) as another:
        await another.write(batch)

asyncio.run(finish())
os.close(go_on)
os.wait()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
async def test_a_fork_leaves_the_file_to_its_parent(tmp_path: Path) -> None:
    """
    The child of a fork is refused while its parent has the file, and holds nothing of it afterwards.
    """
    path = tmp_path / "bot.jsonl"
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FORKING, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert (0, "refused\n") == (done.returncode, done.stdout), done.stderr
    assert [1, 2, 3] == sequences(path)
