"""
A bot that emits at a given rate until it is killed: ``python -m tests.crashes.recording_bot``.

What it has done it writes into a file before and after each `emit`, with one system call each, so that its
words survive it. Its last life only stores what the others left, and says what the sink counted.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from poslife import BatchingSink, EventId, RunId
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.protocols import BatchWriter

__all__ = ["Deaths", "Left", "assert_survived", "die_again_and_again"]

PROJECT = Path(__file__).parents[2]


# -------------------------------------------------------------------------------------------- what dies


class _Store(BatchWriter, Protocol):
    async def open(self) -> None: ...
    async def aclose(self) -> None: ...


def _store(place: str) -> _Store:
    if place.startswith("postgresql:"):
        from poslife.postgres import PostgresStore

        return PostgresStore(place, pool_size=2)
    from poslife.sqlite import SqliteStore

    return SqliteStore(place)


async def _live(place: str, journal: str, words: str, rate: float, most: int) -> None:
    """
    One life. With no rate it stores what is left, and ends.
    """
    store = _store(place)
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(journal), batch=100, linger=0.01)
    if rate:
        await _trade(sink, os.open(words, os.O_WRONLY | os.O_APPEND | os.O_CREAT), rate, most)
    else:
        await sink.flush(60)
    await sink.aclose(60)
    await store.aclose()
    stats = sink.stats()
    counts = json.dumps([stats.emitted, stats.recovered, stats.committed, stats.dead_lettered, stats.backlog])
    sys.stdout.write(counts)


async def _trade(sink: BatchingSink, words: int, rate: float, most: int) -> None:
    clock = SystemClock()
    ids = EventIds(clock)
    run = RunId(ids.new())
    began = time.monotonic()
    number = 0
    while number < most:
        while number < min(most, (time.monotonic() - began) * rate):
            number += 1
            event = ids.new()
            header = EventHeader(id=event, type="tick", occurred_at=clock.now(), run=run)
            os.write(words, b"? %b %b %d\n" % (event.hex.encode(), run.hex.encode(), number))
            sink.emit(
                HostEvent(header=header, payload={"number": number, "price": "1.2345", "note": "x" * 100})
            )
            os.write(words, b"! %b\n" % event.hex.encode())
        await asyncio.sleep(0.002)


def main() -> None:
    """
    Live once: place, journal, file for its words, rate, most.
    """
    from tests import loopback_only

    loopback_only.install()
    place, journal, words, rate, most = sys.argv[1:]
    asyncio.run(_live(place, journal, words, float(rate), int(most)))


# -------------------------------------------------------------------------------------------- who kills it


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """
    What the lives of the bot say they did.

    Attributes:
        begun: Every event whose `emit` was begun, with its run and number.
        returned: Those whose `emit` returned.
        counted: What the last life's sink counted: emitted, recovered, committed, dead-lettered, backlog.
        killed: How many lives ended by SIGKILL.
    """

    begun: dict[EventId, tuple[RunId, int]]
    returned: set[EventId]
    counted: tuple[int, ...]
    killed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaths:
    """
    What became of it all.
    """

    returned: int
    stored: int
    lost: int
    twice: int
    recovered_last: int
    killed: int
    gaps: int
    disordered: int

    @classmethod
    def of(cls, left: Left, stored: Sequence[tuple[EventId, RunId, int, int]]) -> Deaths:
        """
        Hold what was *stored* (id, run, sequence, turn) against what the bot says.
        """
        times = Counter(event for event, *_ in stored)
        by_run: dict[RunId, list[tuple[int, int]]] = {}
        for event, run, sequence, turn in stored:
            assert left.begun[event] == (run, sequence), "an event under another number than its own"
            by_run.setdefault(run, []).append((sequence, turn))
        gaps = disordered = 0
        for found in by_run.values():
            found.sort()
            gaps += [sequence for sequence, _ in found] != list(range(1, len(found) + 1))
            turns = [turn for _, turn in found]
            disordered += turns != sorted(turns)
        return cls(
            returned=len(left.returned),
            stored=len(stored),
            lost=len(left.returned - times.keys()),
            twice=sum(times.values()) - len(times),
            recovered_last=left.counted[1],
            killed=left.killed,
            gaps=gaps,
            disordered=disordered,
        )


def assert_survived(deaths: Deaths, kills: int) -> None:
    """
    Nothing lost, nothing twice, no gap in a run, none out of order.
    """
    assert (0, 0, 0, 0) == (deaths.lost, deaths.twice, deaths.gaps, deaths.disordered), deaths
    assert kills == deaths.killed
    assert deaths.returned > 0


async def die_again_and_again(
    place: str, directory: Path, *, kills: int, rate: float = 2500, longest: float = 0.4, seed: int = 1
) -> Left:
    """
    Kill the bot so often, each at a moment of its own, and let it store what is left at the end.

    Every fifth dies while it starts, wherever it is by then; the others while they trade.
    """
    dice = random.Random(seed)
    words = directory / "words"
    words.touch()
    killed = 0
    for number in range(kills):
        async with _life(place, directory, words, rate, 1_000_000) as child:
            if number % 5 != 4:
                size = words.stat().st_size
                async with asyncio.timeout(30):
                    while words.stat().st_size == size and child.returncode is None:  # noqa: ASYNC110 - a file
                        await asyncio.sleep(0.005)
            await asyncio.sleep(dice.uniform(0, longest))
            child.kill()
            killed += await child.wait() == -9
    async with _life(place, directory, words, 0, 0) as child, asyncio.timeout(90):
        said, _ = await child.communicate()
        assert child.returncode == 0
    begun, returned = _read(words)
    return Left(begun=begun, returned=returned, counted=tuple(json.loads(said)), killed=killed)


@asynccontextmanager
async def _life(
    place: str, directory: Path, words: Path, rate: float, most: int
) -> AsyncGenerator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.crashes.recording_bot",
        place,
        str(directory / "journal"),
        str(words),
        str(rate),
        str(most),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()


def _read(words: Path) -> tuple[dict[EventId, tuple[RunId, int]], set[EventId]]:
    begun: dict[EventId, tuple[RunId, int]] = {}
    returned: set[EventId] = set()
    for line in words.read_text("ascii").splitlines():
        kind, event, *rest = line.split()
        if kind == "?":
            begun[EventId(UUID(event))] = RunId(UUID(rest[0])), int(rest[1])
        else:
            returned.add(EventId(UUID(event)))
    return begun, returned


if __name__ == "__main__":
    main()
