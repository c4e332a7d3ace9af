"""
The demo, run as a newcomer runs it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from poslife.cli.demo._failure import DemoFailed
from poslife.cli.demo._stage import Stage
from tests.postgres_server import psql

pytestmark = pytest.mark.slow

# Not -X dev: asyncio then tells of every callback that a busy machine makes slow.
COMMAND = (sys.executable, "-W", "error", "-m", "poslife.cli", "demo")
IN_TIME = 60
ACCOUNTS = re.compile(r"(\d+) of (\d+) (?:stored|told|known)")


def run_demo(folder: Path, *arguments: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    """
    Run the demo with its temporary files in *folder*.
    """
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=IN_TIME,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": str(columns)},
    )


def accounts(output: str) -> list[tuple[int, int]]:
    """
    The counts in poslife's column of the accounts.
    """
    table = output.partition("The accounts")[2].splitlines()
    found = [ACCOUNTS.search(line) for line in table]
    return [(int(one[1]), int(one[2])) for one in found if one is not None]


def processes_with(word: str) -> list[str]:
    """
    The command lines of running processes that have *word* in them.
    """
    lines: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile
    return [line for line in lines if word in line]


def assert_told(done: subprocess.CompletedProcess[str]) -> None:
    """
    It succeeded, in as many columns as there are, and poslife's accounts are whole while the foil's are not.
    """
    assert (0, "") == (done.returncode, done.stderr), done.stdout + done.stderr
    assert "nothing lost, nothing twice, nothing wrong" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    for outcome in ("Opened", "Rejected", "InDoubt", "KeyInDoubt", "Closed", "SIGKILL", "proven absent"):
        assert outcome in done.stdout
    counted = accounts(done.stdout)
    assert len(counted) >= 5
    assert all(found == total for found, total in counted), counted
    # What the seed incident was seen by, word for word but for the positions (incidents 22, 45).
    assert "EventLogger batch write failed" in done.stdout
    assert re.search(r"lost\s+\d+ events, [1-9]\d* of them without a fault", done.stdout)


def test_the_demo_on_sqlite(tmp_path: Path) -> None:
    """
    It succeeds without a warning; what it keeps is a file that poslife reads, and logs without a surprise.
    """
    done = run_demo(tmp_path, "--keep")

    assert_told(done)
    (folder,) = tmp_path.glob("poslife-demo-*")
    assert {"demo.db", "poslife.log", "old-way.log"} <= {file.name for file in folder.iterdir()}
    surprises = [
        line for line in (folder / "poslife.log").read_text().splitlines() if "WARNING opening " not in line
    ]
    assert [] == surprises


def test_the_demo_on_postgres(tmp_path: Path, postgres_dsn: str) -> None:
    """
    It succeeds in a database of its own, and leaves neither that nor a file nor a process (incidents 22, 45).
    """
    databases = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'poslife_demo_%'"
    done = run_demo(tmp_path, "--dsn", postgres_dsn)

    assert_told(done)
    assert "" == psql(postgres_dsn, databases).strip()
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_with(str(tmp_path))


def test_what_is_missing_or_wrong_is_noticed(tmp_path: Path) -> None:
    """
    An event, a fill, a change or a quantity that is not as it was: named, and the exit status says so.
    """
    damages = ("host-event", "life-event", "fill", "position")
    done = run_demo(tmp_path, *(word for damage in damages for word in ("--sabotage", damage)), columns=100)
    told = " ".join(done.stdout.split())

    assert 1 == done.returncode
    assert "" == done.stderr
    assert "nothing lost" not in told
    assert re.search(r"event \S+ \(signal\.accepted\) is lost", told)
    assert re.search(r"change 2 of DOGE/USDT:USDT \(\S+\) is not told whole", told)
    assert re.search(r"fill \S+ is missing", told)
    assert "ETHUSDT: the exchange holds 0.5, the store says 999" in told
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    """
    After ^C there is one line, no traceback, no file and no process.
    """
    demo = subprocess.Popen(
        COMMAND,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("2  DBRUSDT"):
            break
    assert 2 == len(processes_with(f"{tmp_path}/")) or sys.platform != "linux"
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=IN_TIME)

    assert (130, "interrupted; nothing is left running") == (demo.returncode, errors.strip())
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_with(f"{tmp_path}/")


async def test_a_bot_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    """
    The demo does not wait for a bot that has died: it says so, and why.
    """
    nowhere = tmp_path / "no folder" / "demo.db"
    async with Stage("poslife", str(nowhere), "demo", tmp_path / "poslife.log") as stage:
        with pytest.raises(DemoFailed, match=r"(?s)the poslife bot has ended; it logged:.*no folder"):
            await stage.start()
