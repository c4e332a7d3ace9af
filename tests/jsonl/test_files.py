"""
Files that become full, that a crash leaves half written, that others want, and disks that say no.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady, StorageUnavailable
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.jsonl._errors import NOT_READY
from poslife.jsonl._lines import encode_lines
from poslife.protocols import DeadLetter, EventRecord
from tests.jsonl.files import buried, failing, lines, records, sequences, with_disk


async def _written(
    path: Path, batches: list[list[EventRecord]], *, most_bytes: int = 1 << 20, keep: int | None = None
) -> None:
    async with JsonLinesWriter(path, most_bytes=most_bytes, keep=keep) as writer:
        for batch in batches:
            await writer.write(batch)


def _names(path: Path) -> list[str]:
    return [each.name for each in path.iterdir()]


def _folder(path: Path) -> list[str]:
    return sorted(name for name in _names(path) if not name.endswith(".lock"))


# --------------------------------------------------------------------------------------------- rotation


async def test_a_full_file_is_numbered(tmp_path: Path) -> None:
    """
    When a batch does not fit, the file becomes an earlier one with the next number; all are kept.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    batches = [records(examples, first, first + 4) for first in range(1, 40, 5)]
    size = len(_text(batches[0])) + 20
    await _written(path, batches[:5], most_bytes=2 * size)
    await _written(path, batches[5:], most_bytes=2 * size)

    assert ["bot-1.jsonl", "bot-2.jsonl", "bot-3.jsonl", "bot.jsonl"] == _folder(tmp_path)
    assert list(range(1, 11)) == sequences(tmp_path / "bot-1.jsonl")
    assert list(range(31, 41)) == sequences(path)
    assert list(range(11, 31)) == sequences(tmp_path / "bot-2.jsonl", tmp_path / "bot-3.jsonl")


def _text(batch: list[EventRecord]) -> bytes:
    return b"".join(line for _, line in encode_lines(batch))


async def test_so_many_full_files_are_kept(tmp_path: Path) -> None:
    """
    With *keep* the oldest are removed, and never what is not poslife's, whatever its name.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    (tmp_path / "bot-1.jsonl").write_text("my own\n")
    (tmp_path / "bot-x.jsonl").write_text("my own, too\n")
    await _written(path, [records(examples, first, first) for first in range(1, 8)], most_bytes=1, keep=2)

    assert ["bot-1.jsonl", "bot-6.jsonl", "bot-7.jsonl", "bot-x.jsonl", "bot.jsonl"] == _folder(tmp_path)
    assert [5, 6, 7] == sequences(tmp_path / "bot-6.jsonl", tmp_path / "bot-7.jsonl", path)
    assert "my own\n" == (tmp_path / "bot-1.jsonl").read_text()


async def test_a_batch_larger_than_a_file(tmp_path: Path) -> None:
    """
    A batch goes into one file, however large it is.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    await _written(path, [records(examples, 1, 50), records(examples, 51, 100)], most_bytes=10)

    assert list(range(1, 51)) == sequences(tmp_path / "bot-1.jsonl")
    assert list(range(51, 101)) == sequences(path)


async def test_events_of_the_tail_are_known_after_a_restart(tmp_path: Path) -> None:
    """
    An event in the file, or in the one before it, is passed over: repeating a batch after a crash is safe.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 10)
    await _written(path, [batch[:4], batch[4:7]], most_bytes=1)
    await _written(path, [batch], most_bytes=1)

    assert list(range(1, 11)) == sequences(tmp_path / "bot-1.jsonl", tmp_path / "bot-2.jsonl", path)


async def test_events_of_older_files_are_known_as_far_back_as_a_journal_goes(tmp_path: Path) -> None:
    """
    After a power failure a journal sends again what is files ago: each is passed over, and the rest written.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 10)
    await _written(path, [[record] for record in batch[:8]], most_bytes=1)
    await _written(path, [batch[:5], batch[5:]], most_bytes=1)

    full = [tmp_path / f"bot-{number}.jsonl" for number in range(1, 9)]
    assert list(range(1, 11)) == sequences(*full, path)


async def test_files_older_than_an_event_are_not_read_for_it(tmp_path: Path) -> None:
    """
    What was full before an event was made cannot hold it: a restart does not read years of files.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    old = records(examples, 1, 3)
    await _written(path, [[record] for record in old], most_bytes=1)
    for number in (1, 2):
        os.utime(tmp_path / f"bot-{number}.jsonl", (0, 0))
    # As if it had been made before the events in it: then it is looked for where it is not.
    await _written(path, [old[:1], records(examples, 4, 4)], most_bytes=1 << 20)

    assert [3, 1, 4] == sequences(path)


async def test_a_program_that_rotates_logs(tmp_path: Path) -> None:
    """
    A file that somebody takes away is begun anew; what was in it is not written again.
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


# ---------------------------------------------------------------------------------------------- crashes


async def test_a_half_written_line_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    Wherever a crash stops a write, the next start leaves whole lines, and the batch repeated is there once.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 3)
    await _written(path, [batch])
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        await _written(path, [batch])

        assert whole == path.read_bytes(), size
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING, "poslife.jsonl"):
        await _written(path, [batch])

    assert "half written and is cut off" in caplog.text


async def test_a_whole_line_without_its_end_is_kept(tmp_path: Path) -> None:
    """
    Where only the last line's end is missing, as after some editors, its event is not lost.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 3)
    await _written(path, [batch[:2]])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    await _written(path, [batch])

    assert [1, 2, 3] == sequences(path)


async def test_lines_of_others_stay(tmp_path: Path) -> None:
    """
    Lines that are not poslife's, and damaged ones, stay where they are and are in nobody's way.
    """
    path = tmp_path / "bot.jsonl"
    path.write_bytes(b'a note of mine\n{"event_id":"no id at all, but as long as one would be"}\n\xff\x00\n')
    before = path.read_bytes()
    await _written(path, [records(Examples(), 1, 2)])

    assert path.read_bytes().startswith(before)
    assert 5 == len(path.read_bytes().splitlines())


# ------------------------------------------------------------------------------------- one writer at a time


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """
    While one process writes a file another is refused and told by whom; afterwards it may go on.
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
    Where somebody removes the lock file while it is being taken, it is taken again.
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


FORKING = """
import asyncio, os, sys
from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady
from poslife.jsonl import JsonLinesWriter
from tests.jsonl.files import records

batch = records(Examples(), 1, 3)
writer = JsonLinesWriter(sys.argv[1])
asyncio.run(writer.write(batch[:1]))
(told, tell), (waits, go_on) = os.pipe(), os.pipe()
if os.fork() == 0:
    try:
        asyncio.run(writer.write(batch))
    except StorageNotReady as error:
        os.write(tell, b"refused")
    else:
        os.write(tell, b"written")
    os.close(go_on)
    os.read(waits, 1)
    os._exit(0)
os.close(tell)
print(os.read(told, 10).decode())

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
    The child of a fork is refused while its parent has the file, and keeps it from nobody afterwards.
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


# ------------------------------------------------------------------------------------ disks that say no


@pytest.mark.parametrize("call", ["open", "take_lock", "write", "flush", "rename"])
@pytest.mark.parametrize(
    "code",
    [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO],
    ids=errno.errorcode.__getitem__,
)
async def test_a_disk_that_says_no(call: str, code: int, tmp_path: Path) -> None:
    """
    Each failure says whether somebody must act, nothing is half written, and it goes on when it is over.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 9)
    fault = failing(getattr(Disk(), call))
    async with with_disk(JsonLinesWriter(path, most_bytes=1), Disk(**{call: fault})) as writer:
        if call == "rename":
            await writer.write(batch[:3])
        fault.code = code
        kind = StorageUnavailable if code == errno.EIO else StorageNotReady
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match=r"bot\.jsonl") as caught:
                await writer.write(batch)

            assert kind is type(caught.value)
        assert (3 if call == "rename" else 0) == (len(lines(path)) if path.exists() else 0)
        fault.code = None
        await writer.write(batch)

    assert list(range(1, 10)) == sequences(*sorted(tmp_path.glob("bot-*.jsonl")), path)


async def test_a_full_disk_tells_a_probe_and_a_burial(tmp_path: Path) -> None:
    """
    On a full disk a probe fails as a batch does; it leaves nothing behind, whichever way it ends.
    """
    path = tmp_path / "bot.jsonl"
    record = records(Examples(), 1, 1)[0]
    write, write_at = failing(os.write), failing(Disk().write_at)
    async with with_disk(JsonLinesWriter(path), Disk(write=write, write_at=write_at)) as writer:
        await writer.probe()
        before = {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)}
        write.code = write_at.code = errno.ENOSPC
        with pytest.raises(StorageNotReady, match="make room"):
            await writer.probe()
        with pytest.raises(StorageNotReady, match="make room"):
            await writer.bury(DeadLetter(record=record, reason="refused"))
        (tmp_path / "bot.dead.jsonl").unlink()

        assert before == {name: (tmp_path / name).read_bytes() for name in _names(tmp_path)}
        write.code = write_at.code = None
        await writer.probe()
        await writer.bury(DeadLetter(record=record, reason="refused"))

    assert 1 == len(buried(path))


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


async def test_no_place_for_a_file(tmp_path: Path) -> None:
    """
    A folder that is not there, a folder in the file's place, or no plain file: somebody must put that right.
    """
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    batch = records(Examples(), 1, 1)
    for path in (tmp_path / "nowhere" / "bot.jsonl", tmp_path / "folder", tmp_path / "pipe"):
        async with JsonLinesWriter(path) as writer:
            with pytest.raises(StorageNotReady, match=path.name):
                await writer.write(batch)
    async with JsonLinesWriter(tmp_path / "nowhere" / "bot.jsonl") as writer:
        (tmp_path / "nowhere").mkdir()
        await writer.write(batch)

    assert [1] == sequences(tmp_path / "nowhere" / "bot.jsonl")


@pytest.mark.slow
async def test_a_limit_on_file_sizes(tmp_path: Path) -> None:
    """
    A real limit of the operating system: nothing half written, and it goes on when the limit is raised.
    """
    resource = pytest.importorskip("resource")
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 100)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with JsonLinesWriter(path) as writer:
        await writer.write(batch[:5])
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, hard))
        try:
            with pytest.raises(StorageNotReady, match="ulimit"):
                await writer.write(batch)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        assert before == path.read_bytes()
        await writer.write(batch)

    assert list(range(1, 101)) == sequences(path)


def test_each_verdict_has_its_advice() -> None:
    """
    Whatever somebody has to act on says what to do.
    """
    assert all(errno.errorcode[code] and advice for code, advice in NOT_READY.items())


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
