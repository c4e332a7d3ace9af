"""
The demo, run as a newcomer runs it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from examples.demo.event_scenes import UNDER_LOAD, WITH_TURNS
from examples.demo.failure import DemoFailed
from examples.demo.faults import FileLocked, Outages
from examples.demo.place import Place
from examples.demo.stage import Stage
from tests.postgres_server import psql

pytestmark = pytest.mark.slow

# Not -X dev: asyncio then tells of every callback that a busy machine makes slow.
COMMAND = (sys.executable, "-W", "error", "-m", "examples.demo")
# Ten seconds or so on an idle machine; the suite's is busy, and has but two cores perhaps.
IN_TIME = 240
ACCOUNTS = re.compile(r"(\d+) of (\d+) (?:kept|stored|told|known)")
BOOKS = re.compile(r"\d (store|file) +(\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (SIGKILL|shutdown)")
HELD = re.compile(
    r"(\d+) emitted(?: \+ (\d) cut off by SIGKILL)?; "
    r"in the (?:database|file) (\d+) events \+ (\d) dead letters? = (\d+)\."
)
EXPECTED_IN_THE_LOG = (
    "WARNING opening ",
    "(trailing_stop.recalculated) was refused for good and is kept as a dead letter",
    "PoslifeMisuseWarning: record('stop.moved'",
    'record(command.kind, "pending"',
    "WARNING store: waiting, ",
    "WARNING store: answers again; ",
)
DAMAGES = {
    "altered": r"event \S+: it does not follow from the life event before it",
    "host-event": r"event \S+ \(signal\.accepted\) is lost",
    "host-event-twice": r"event \S+ was never emitted",
    "dead-letter": r"event \S+ \(trailing_stop\.recalculated\) is lost",
    "life-event": r"change 2 of DOGE/USDT:USDT \(\S+\) is not told whole",
    "fill": r"fill \S+ is missing",
    "line": r"the file has \d+ and 0 dead letters",
    "position": r"ETHUSDT: the exchange holds 0\.5, the store says 999",
}


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
    table = output.partition("The accounts")[2].partition("The sink's own books")[0].splitlines()
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
    assert len(counted) == 6
    assert all(found == total for found, total in counted), counted
    assert_closed(done.stdout)
    # What the seed incident was seen by, word for word but for the positions (incidents 22, 45).
    assert "EventLogger batch write failed" in done.stdout
    assert re.search(r"lost\s+\d+ events, [1-9]\d* of them without a fault", done.stdout)


def assert_closed(output: str) -> None:
    """
    The sink's figures add up in each life, and to what is in the database (incidents 45, 47, 48).
    """
    told = " ".join(output.partition("The sink's own books")[2].split())
    found = BOOKS.findall(told)
    assert [(writer, end) for end in ("SIGKILL", "SIGKILL", "shutdown") for writer in ("store", "file")] == [
        (writer, end) for writer, *_, end in found
    ]
    for emitted, recovered, committed, dead, dropped, waiting in (map(int, life[1:7]) for life in found):
        assert emitted + recovered == committed + dead + dropped + waiting
        assert 0 == dropped
    (_, of_file), (under_load, _), (last, _) = zip(found[::2], found[1::2], strict=True)
    assert ("1", "0") == (under_load[4], of_file[4])
    # What the life that was killed under load had not stored, the last one has.
    assert int(under_load[1]) >= UNDER_LOAD
    assert int(last[2]) > 0
    assert "0" == last[6]
    held = [[int(figure or 0) for figure in figures] for figures in HELD.findall(told)]
    assert [1, 0] == [letters for _, _, _, letters, _ in held], told
    for recorded, cut_off, events, letters, kept in held:
        assert sum(int(life[1]) for life in found[::2]) == recorded
        assert recorded + cut_off == events + letters == kept


def assert_scenes_of_events(output: str) -> None:
    """
    A row refused, an outage, a SIGKILL under load: poslife has every event, the foil has lost what is shown.
    """
    told = " ".join(output.split())
    for seen in (
        "39 events stored, 1 dead letter: StorageRejected",
        "added_by_hand",
        "60 events wait in the journal",
    ):
        assert seen in told
    # The foil's clock may have cut a batch in two: then one part is written.
    for stored in (39, 40, 60):
        rows = re.search(rf"rows {stored} \| (\d+)", told)
        assert rows is not None
        assert int(rows[1]) < stored
    killed = re.search(r"SIGKILL after (\d+) events; (\d+) of them in the journal alone", told)
    recovered = re.search(r"restart poslife Stored (\d+) events recovered .* rows (\d+) \| (\d+)", told)
    assert killed is not None
    assert recovered is not None
    # One more where its call was cut off, after the journal had it.
    assert 0 <= int(recovered[2]) - int(killed[1]) <= 1
    assert int(recovered[1]) >= int(killed[2]) >= UNDER_LOAD - WITH_TURNS
    assert int(recovered[3]) < UNDER_LOAD


def test_the_demo_on_sqlite(tmp_path: Path) -> None:
    """
    It succeeds without a warning; what it keeps is a file that poslife reads, and logs without a surprise.
    """
    done = run_demo(tmp_path, "--keep")

    assert_told(done)
    assert_scenes_of_events(done.stdout)
    assert "StorageBusy" in done.stdout
    (folder,) = tmp_path.glob("poslife-demo-*")
    assert {"demo.db", "poslife.log", "old-way.log"} <= {file.name for file in folder.iterdir()}
    surprises = [
        line
        for line in (folder / "poslife.log").read_text().splitlines()
        if not any(expected in line for expected in EXPECTED_IN_THE_LOG)
    ]
    assert [] == surprises


def test_the_demo_on_postgres(tmp_path: Path, postgres_dsn: str) -> None:
    """
    It succeeds in a database of its own, and leaves neither that nor a file nor a process (incidents 22, 45).
    """
    databases = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'poslife_demo_%'"
    done = run_demo(tmp_path, "--dsn", postgres_dsn)

    assert_told(done)
    assert_scenes_of_events(done.stdout)
    assert "StorageUnavailable" in done.stdout
    assert "" == psql(postgres_dsn, databases).strip()
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_with(str(tmp_path))


def test_what_is_missing_or_wrong_is_noticed(tmp_path: Path) -> None:
    """
    An event, a dead letter, a fill, a change or a quantity that is not as it was: named, and the exit status
    says so.
    """
    done = run_demo(tmp_path, *(word for damage in DAMAGES for word in ("--sabotage", damage)), columns=100)
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    assert "nothing lost" not in told
    for named in DAMAGES.values():
        assert re.search(named, told), named
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_what_is_missing_or_wrong_on_postgres_is_noticed(tmp_path: Path, postgres_dsn: str) -> None:
    """
    Also there an event that is gone, or doubled, is named, and the sink's figures do not add up to the rows.
    """
    damages = ("host-event-twice", "dead-letter")
    words = (word for damage in damages for word in ("--sabotage", damage))
    done = run_demo(tmp_path, "--dsn", postgres_dsn, *words, columns=100)
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    for damage in damages:
        assert re.search(DAMAGES[damage], told), damage
    assert "the sink counted 1 dead letters, the database has 0" in told


def test_a_journal_that_is_gone_before_the_restart_is_noticed(tmp_path: Path) -> None:
    """
    What was in the journal alone is then lost, and the demo says which events and how many.
    """
    done = run_demo(tmp_path, "--sabotage", "journal", columns=100)
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    # Of an earlier life, where some of its last events had not been stored either.
    assert re.search(r"event \S+ \([a-z_.]+\) is lost", told)
    assert re.search(
        r"[1-9]\d* events for the store were in the journal alone when life 3 began, and 0 ", told
    )
    assert re.search(r"\d+ events were recorded, .* the database has \d+ and 1 dead letters", told)


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    """
    After ^C there is one line, no traceback, no file and no process.
    """
    # A suite that a shell runs in the background has ^C ignored, and so would the demo.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        demo = subprocess.Popen(
            COMMAND,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        )
    finally:
        signal.signal(signal.SIGINT, before)
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


def test_a_demo_that_is_killed_leaves_no_bot_that_records_for_ever(tmp_path: Path) -> None:
    """
    Whoever was to kill the bot under load is gone: it ends by itself, and fills no disk.
    """
    demo = subprocess.Popen(
        COMMAND,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    give_up = time.monotonic() + IN_TIME
    while not any(b"price.tick" in words.read_bytes() for words in tmp_path.glob("*/poslife.words")):
        assert time.monotonic() < give_up
        time.sleep(0.01)
    demo.kill()
    demo.wait()
    while left := processes_with(f"{tmp_path}/"):
        assert time.monotonic() < give_up, left
        time.sleep(0.01)


async def test_a_bot_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    """
    The demo does not wait for a bot that has died: it says so, and why.
    """
    nowhere = str(tmp_path / "no folder" / "demo.db")
    place = Place(address=nowhere, shown="", folder=tmp_path, outages=Outages(FileLocked(nowhere)))
    async with Stage("poslife", place, "demo") as stage:
        with pytest.raises(DemoFailed, match=r"(?s)the poslife bot has ended; it logged:.*no folder"):
            await stage.start()
