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
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.demo.database import DemoFailed, sqlite_database
from examples.demo.scenes import SCENES, UNDER_LOAD, WITH_TURNS
from examples.demo.stage import PROJECT, Stage
from tests.postgres_server import psql

pytestmark = pytest.mark.slow

# Not -X dev: asyncio then tells of every callback that a busy machine makes slow.
COMMAND = (sys.executable, "-W", "error", "-m", "examples.demo")
# A dozen seconds on an idle machine; the suite's is busy, and has but two cores perhaps.
IN_TIME = 240
MOST_LINES = 60
VERDICT = "poslife: nothing lost, nothing doubled, nothing wrong"
SCENE = re.compile(
    r"^ +(\d) \S.*?(?: {2,}(none|[\d.]+))? {2,}(\d+)(?: +((?:none|[\d.]+)(?:, not [\d.]+)?))? +([\d,]+) *$",
    re.MULTILINE,
)
SINK = re.compile(r"\d +(store|file) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+) +(SIGKILL|shutdown)")
HELD = re.compile(
    r"(store|file): (\d+) emitted \+ (\d) cut off by SIGKILL = (\d+) events \+ (\d) dead letters"
)
EXPECTED_IN_THE_LOG = (
    "WARNING opening ",
    "(trailing_stop.recalculated) was refused for good and is kept as a dead letter",
    "PoslifeMisuseWarning: record('stop.moved'",
    "self._tracker.record(",
    "WARNING store: waiting, ",
    "WARNING store: answers again; ",
)
DAMAGES = {
    "altered": r"event [-0-9a-f]+: ",
    "dead-letter": r"event \S+ \(trailing_stop\.recalculated\) is lost",
    "fill": r"fills at exchange, \S+: 1 at the exchange, 0 in the books",
    "host-event": r"event \S+ \(signal\.accepted\) is lost",
    "host-event-twice": r"event \S+ was never emitted",
    "life-event": r"change 2 of \S+ \(\S+\) lacks an event",
    "line": r"the file has \d+ and 0 dead letters",
    "position": r"positions held, ETHUSDT: 0\.5 at the exchange, 999 in the books",
}


def run_demo(folder: Path, *arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    """
    Run the demo with its temporary files in *folder*.
    """
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=IN_TIME,
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(folder), "COLUMNS": str(columns)},
    )


def begin_demo(folder: Path) -> subprocess.Popen[str]:
    """
    Start the demo as a shell does that runs it in the foreground.
    """
    # A suite that a shell runs in the background has ^C ignored, and so would the demo.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            COMMAND,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "TMPDIR": str(folder)},
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + IN_TIME
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def has_recorded(folder: Path, bot: str, kind: bytes) -> bool:
    """
    Tell if a bot has an event of a type.
    """
    return any(kind in file.read_bytes() for file in folder.glob(f"*/{bot}.*.witness"))


def processes_with(word: str) -> list[str]:
    """
    List the command lines of running processes that have *word* in them.
    """
    lines: list[str] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile
    return [line for line in lines if word in line]


def accounts(output: str) -> dict[str, list[str]]:
    """
    Return the figures of each line of the accounts: all, kept, lost and wrong, for poslife and the old way.
    """
    table = output.partition("The accounts")[2].partition("The scenes")[0].splitlines()[3:]
    return {line[2:22].strip(): line[22:].replace(",", "").split() for line in table if line.strip()}


def assert_sound(done: subprocess.CompletedProcess[str], columns: int) -> None:
    """
    It succeeded, in as many columns as there are: poslife kept everything, and the old way did not.
    """
    assert (0, "") == (done.returncode, done.stderr), done.stdout + done.stderr
    assert max(map(len, done.stdout.splitlines())) <= columns
    assert VERDICT in done.stdout
    figures = accounts(done.stdout)
    assert 6 == len(figures)
    for total, kept, lost, wrong, *_ in figures.values():
        assert (total, "0", "0") == (kept, lost, wrong), done.stdout
    assert int(figures["events recorded"][6]) > UNDER_LOAD / 2
    assert ["3", "1", "2", "0"] == figures["positions held"][4:]


def test_the_demo_on_sqlite(tmp_path: Path) -> None:
    """
    Without a warning, within sixty lines; what it keeps is a file, and logs without a surprise.
    """
    done = run_demo(tmp_path, "--keep")

    assert_sound(done, 100)
    assert len(done.stdout.splitlines()) <= MOST_LINES
    (folder,) = tmp_path.glob("poslife-demo-*")
    assert {"demo.db", "poslife.log", "old-way.log"} <= {file.name for file in folder.iterdir()}
    surprises = [
        line
        for line in (folder / "poslife.log").read_text().splitlines()
        if not any(expected in line for expected in EXPECTED_IN_THE_LOG)
    ]
    assert [] == surprises
    assert_scenes(done.stdout)


def assert_scenes(output: str) -> None:
    """
    Verdict and accounts come first; then a line for each scene, where poslife's books hold what is held.
    """
    verdict, table, scenes = map(output.index, (VERDICT, "The accounts", "The scenes"))
    assert verdict < table < scenes
    found = SCENE.findall(output[scenes:])
    assert [str(number) for number, _ in enumerate(SCENES, 1)] == [number for number, *_ in found], output
    assert {"0"} == {lost for _, _, lost, _, _ in found}
    assert ["none", "none", "0.5", "5", "none", "2000", "", "", ""] == [held for _, held, *_ in found]
    old = {int(number): (held, int(lost.replace(",", ""))) for number, _, _, held, lost in found}
    # What the seed incident was seen by, and its like (incidents 15, 22, 45, 48).
    assert old[2][1] > 0
    assert ("none, not 0.5", "none, not 2000") == (old[3][0], old[6][0])
    # The old way's clock may have cut a batch in two: then one part is written.
    assert 0 < old[7][1] <= 80
    assert 0 < old[8][1] <= 60
    assert old[9][1] > UNDER_LOAD / 2


def test_all_of_the_demo_on_postgres(tmp_path: Path, postgres_dsn: str) -> None:
    """
    It succeeds in a database of its own, and leaves neither that nor a file nor a process (incidents 22, 45).
    """
    databases = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'poslife_demo_%'"
    done = run_demo(tmp_path, "--full", "--dsn", postgres_dsn, columns=80)

    assert_sound(done, 80)
    assert len(done.stdout.partition("What poslife can prove")[0].splitlines()) <= MOST_LINES
    for told in ("proven absent", "order.taken_over", "EventLogger batch write failed"):
        assert told in done.stdout
    assert re.search(r"lost\s+\d+ events, [1-9]\d* of them without a fault", done.stdout)
    assert_sink_adds_up(done.stdout.partition("The sink's books")[2])
    assert "" == psql(postgres_dsn, databases).strip()
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_with(str(tmp_path))


def assert_sink_adds_up(output: str) -> None:
    """
    The figures of each life do, and their sum is what each writer has (incidents 45, 47, 48).
    """
    lives = SINK.findall(output)
    assert [(writer, end) for end in ("SIGKILL", "SIGKILL", "shutdown") for writer in ("store", "file")] == [
        (writer, end) for writer, *_, end in lives
    ]
    for emitted, recovered, committed, dead, dropped, waiting in (map(int, life[1:7]) for life in lives):
        assert emitted + recovered == committed + dead + dropped + waiting
        assert 0 == dropped
    (_, of_file), (under_load, _), (last, _) = zip(lives[::2], lives[1::2], strict=True)
    assert ("1", "0") == (under_load[4], of_file[4])
    # What the life that was killed under load had not stored, the last one has.
    assert int(under_load[1]) >= UNDER_LOAD
    assert int(last[2]) >= UNDER_LOAD - WITH_TURNS
    assert "0" == last[6]
    held = HELD.findall(output)
    assert [("store", "1"), ("file", "0")] == [(name, letters) for name, *_, letters in held]
    for _, recorded, cut_off, events, letters in held:
        assert sum(int(life[1]) for life in lives[::2]) == int(recorded)
        assert int(recorded) + int(cut_off) == int(events) + int(letters)


def test_what_is_missing_or_wrong_is_noticed(tmp_path: Path) -> None:
    """
    An event, a dead letter, a fill, a change or a quantity that is not as it was: named, and the exit status
    says so; as it does of a demo that takes too long.
    """
    damages = (word for damage in DAMAGES for word in ("--sabotage", damage))
    done = run_demo(tmp_path, *damages, "--within", "1")
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    assert VERDICT not in told
    for named in DAMAGES.values():
        assert re.search(named, told), named
    assert re.search(r"It took \S+ s, and may take 1 s", told)


def test_what_is_missing_or_wrong_on_postgres_is_noticed(tmp_path: Path, postgres_dsn: str) -> None:
    """
    Also there an event that is gone, or doubled, is named, and the sink's figures do not add up to the rows.
    """
    damages = ("host-event-twice", "dead-letter")
    words = (word for damage in damages for word in ("--sabotage", damage))
    done = run_demo(tmp_path, "--dsn", postgres_dsn, *words)
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    for damage in damages:
        assert re.search(DAMAGES[damage], told), damage
    assert "the sink counted 1 dead letters, the store has 0" in told


def test_a_journal_that_is_gone_before_the_restart_is_noticed(tmp_path: Path) -> None:
    """
    What was in the journal alone is then lost, and the demo says which events and how many.
    """
    done = run_demo(tmp_path, "--sabotage", "journal")
    told = " ".join(done.stdout.split())

    assert (1, "") == (done.returncode, done.stderr)
    # Of an earlier life, where some of its last events had not been stored either.
    assert re.search(r"event \S+ \([a-z_.]+\) is lost", told)
    assert re.search(r"life 3: the store lacked [1-9]\d* events when it began, and 0 were recovered", told)
    assert re.search(r"\d+ events were recorded .* the store has \d+ and 1 dead letters", told)


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    """
    After ^C there is one line, no traceback, no file and no process.
    """
    demo = begin_demo(tmp_path)
    wait_until(lambda: has_recorded(tmp_path, "old-way", b"order_failed"))
    assert 2 == len(processes_with(f"{tmp_path}/")) or sys.platform != "linux"
    demo.send_signal(signal.SIGINT)
    _, errors = demo.communicate(timeout=IN_TIME)

    assert (130, "interrupted; nothing is left running") == (demo.returncode, errors.strip())
    assert [] == list(tmp_path.iterdir())
    assert [] == processes_with(f"{tmp_path}/")


def test_a_demo_that_is_killed_leaves_no_bot_that_records_for_ever(tmp_path: Path) -> None:
    """
    The process that would kill the bot under load has gone: the bot ends by itself, and fills no disk.
    """
    demo = begin_demo(tmp_path)
    wait_until(lambda: has_recorded(tmp_path, "poslife", b"price.tick"))
    demo.kill()
    demo.communicate()
    wait_until(lambda: not processes_with(f"{tmp_path}/"))


async def test_a_bot_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    """
    The demo does not wait for a bot that has died: it says so, and why.
    """
    (tmp_path / "demo.db").mkdir()
    async with Stage("poslife", sqlite_database(tmp_path)) as stage:
        with pytest.raises(DemoFailed, match=r"(?s)the poslife bot has ended; it logged:.*demo\.db"):
            await stage.start()
