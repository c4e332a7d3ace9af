"""
The demo, run as a newcomer runs it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.demo.database import Database, DemoFailed, sqlite_database
from examples.demo.run import run_demo
from examples.demo.scenes import SCENES, UNDER_LOAD, WITH_TURNS, Play, Scene
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
OF_AN_EVENT = (
    "type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run,"
    " correlation, causation, actor, sequence, format, payload, salt, commitment, digest"
)
HOST_EVENT_TWICE = (
    f"INSERT INTO run_events (event_id, {OF_AN_EVENT})"
    f" SELECT '01890000-0000-7000-8000-000000000000', {OF_AN_EVENT}"
    " FROM run_events WHERE type = 'signal.accepted' AND symbol = 'BTC/USDT:USDT'"
)
DEAD_LETTER = "DELETE FROM dead_letters"
# What is done to the database, and what the demo says then.
DAMAGES = {
    "UPDATE life_events SET body = replace(body, '\"long\"', '\"short\"') WHERE type = 'position.claimed'": (
        r"event [-0-9a-f]+: "
    ),
    "DELETE FROM fills WHERE symbol = 'DOGE/USDT:USDT'": (
        r"fills at exchange, \S+: 1 at the exchange, 0 in the books"
    ),
    "DELETE FROM run_events WHERE type = 'signal.accepted' AND symbol = 'ETH/USDT:USDT'": (
        r"event \S+ \(signal\.accepted\) is lost"
    ),
    "DELETE FROM life_events WHERE type = 'order.submitting'": r"change 2 of \S+ \(\S+\) lacks an event",
    "UPDATE positions SET entered_quantity = '999' WHERE symbol = 'ETH/USDT:USDT'": (
        r"positions held, ETHUSDT: 0\.5 at the exchange, 999 in the books"
    ),
    HOST_EVENT_TWICE: r"event \S+ was never emitted",
    DEAD_LETTER: r"event \S+ \(trailing_stop\.recalculated\) is lost",
}


def start_demo(folder: Path, *arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
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
    done = start_demo(tmp_path, "--keep")

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
    done = start_demo(tmp_path, "--full", "--dsn", postgres_dsn, columns=80)

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


async def tampered(
    *damages: str, capsys: pytest.CaptureFixture[str], dsn: str | None = None, line: bool = False
) -> tuple[bool, str]:
    """
    Run the demo with statements run behind its back, and the second writer's first line gone.
    """

    async def tamper(database: Database) -> None:
        past = [] if dsn else ["INSERT INTO append_only_off (because) VALUES ('a test')"]
        for damage in (*past, *damages):
            await database.run(damage)
        if past:
            await database.run("DELETE FROM append_only_off")
        if line:
            file = database.folder / "events.jsonl"
            file.write_bytes(file.read_bytes().partition(b"\n")[2])

    sound = await run_demo(dsn=dsn, tamper=tamper)
    return sound, " ".join(capsys.readouterr().out.split())


async def test_what_is_missing_or_wrong_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    """
    An event, a dead letter, a fill, a change or a quantity that is not as it was: each is named.
    """
    sound, told = await tampered(*DAMAGES, line=True, capsys=capsys)

    assert not sound
    assert VERDICT not in told
    for named in (*DAMAGES.values(), r"the file has \d+ and 0 dead letters"):
        assert re.search(named, told), named


async def test_what_is_missing_or_wrong_on_postgres_is_noticed(
    capsys: pytest.CaptureFixture[str], postgres_dsn: str
) -> None:
    """
    Also there an event that is gone, or doubled, is named, and the sink's figures do not add up to the rows.
    """
    sound, told = await tampered(HOST_EVENT_TWICE, DEAD_LETTER, capsys=capsys, dsn=postgres_dsn)

    assert not sound
    for damage in (HOST_EVENT_TWICE, DEAD_LETTER):
        assert re.search(DAMAGES[damage], told), damage
    assert "the sink counted 1 dead letters, the store has 0" in told


async def lose_the_journal(play: Play) -> None:
    async def kill_and_lose(stage: Stage) -> str:
        await stage.ask("open", "BTC/USDT:USDT", "0.02")
        before = stage.recorded
        stage.begin("load", "price.tick", "position.marked", "BTC/USDT:USDT", 0)
        await stage.until(lambda: stage.recorded >= before + 1000)
        await stage.kill()
        if stage is play.new:
            shutil.rmtree(play.database.folder / "events")
        return await stage.start()

    await play.both("Started", kill_and_lose)


async def test_a_journal_that_is_gone_before_the_restart_is_noticed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    What was in the journal alone is then lost, and the demo says which events and how many.
    """
    sound = await run_demo(scenes=[Scene("the journal is gone", "BTC/USDT:USDT", lose_the_journal)])
    told = " ".join(capsys.readouterr().out.split())

    assert not sound
    assert re.search(r"event \S+ \([a-z_.]+\) is lost", told)
    assert re.search(r"life 2: the store lacked [1-9]\d* events when it began, and 0 were recovered", told)
    assert re.search(r"\d+ events were recorded .* the store has \d+ and 0 dead letters", told)


def test_a_demo_that_takes_too_long_fails(tmp_path: Path) -> None:
    """
    Its exit status is 1, as it is when something is lost or wrong.
    """
    done = start_demo(tmp_path, "--within", "1")

    assert (1, "") == (done.returncode, done.stderr)
    assert VERDICT in done.stdout
    assert re.search(r"It took \S+ s, and may take 1 s", done.stdout)


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
