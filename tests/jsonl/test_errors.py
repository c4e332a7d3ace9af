"""
The operating system's errors: each says if a person must act, nothing is half written, and it goes on after.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from poslife.conformance._example_values import Examples
from poslife.errors import StorageNotReady, StorageUnavailable
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.jsonl._errors import NOT_READY, translate_errors
from poslife.protocols import DeadLetter
from tests.jsonl.files import buried, failing, lines, names_in, records, sequences, with_disk


def test_each_verdict_has_its_advice() -> None:
    """
    Whatever a person has to act on says what to do.
    """
    assert all(errno.errorcode[code] and advice for code, advice in NOT_READY.items())


def test_an_error_names_its_file_or_else_the_writers() -> None:
    """
    And says what to do where a person has to act.
    """
    own = Path("/disk/bot.jsonl")
    with (
        pytest.raises(StorageNotReady, match="/disk/other: No space left on device: make room"),
        translate_errors(own),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/disk/other")
    with (
        pytest.raises(StorageUnavailable, match=r"/disk/bot\.jsonl: Input/output error$") as caught,
        translate_errors(own),
    ):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    assert StorageUnavailable is type(caught.value)


@pytest.mark.parametrize("call", ["open", "take_lock", "write", "flush", "rename"])
@pytest.mark.parametrize(
    "code",
    [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO],
    ids=errno.errorcode.__getitem__,
)
async def test_a_disk_that_says_no(call: str, code: int, tmp_path: Path) -> None:
    """
    Each failure says if a person must act, nothing is half written, and it goes on when it is over.
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
        before = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}
        write.code = write_at.code = errno.ENOSPC
        with pytest.raises(StorageNotReady, match="make room"):
            await writer.probe()
        with pytest.raises(StorageNotReady, match="make room"):
            await writer.bury(DeadLetter(record=record, reason="refused"))
        (tmp_path / "bot.dead.jsonl").unlink()

        assert before == {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}
        write.code = write_at.code = None
        await writer.probe()
        await writer.bury(DeadLetter(record=record, reason="refused"))

    assert 1 == len(buried(path))


async def test_no_place_for_a_file(tmp_path: Path) -> None:
    """
    A folder that is missing, a folder in the file's place, or no regular file: a person must put that right.
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
