"""
What a million events cost in memory while they wait behind a database that is away, and while they drain.

In a process of its own, so that nothing else counts: the most that it ever took, as the system tells it,
after so many events. With a journal memory is a cache of it, and should not grow any more.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from poslife import BatchingSink
from poslife._runtime.clock import SystemClock
from poslife._runtime.ids import EventIds, new_run_id
from poslife.errors import StorageUnavailable
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.protocols import DeadLetter, EventRecord

__all__ = ["Result", "measure"]

COUNTS = (100_000, 500_000, 1_000_000)
_BURST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    How much memory a process has taken by a moment.

    Attributes:
        moment: Which.
        megabytes: The most it took up to then.
        ratio: Against the first moment.
    """

    moment: str
    megabytes: float
    ratio: float


class _Database:
    """
    A store that is away, until it is back and takes everything.
    """

    away = True
    stored = 0

    async def write(self, records: Sequence[EventRecord], /) -> None:
        """
        Take them, if it is there.
        """
        if self.away:
            raise StorageUnavailable("connection refused")
        self.stored += len(records)

    async def probe(self) -> None:
        """
        As for `write`.
        """
        await self.write(())

    async def bury(self, letter: DeadLetter, /) -> None:
        """
        Never happens.
        """


def measure() -> list[Result]:
    """
    Have a process of its own do it.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], capture_output=True, text=True, check=True
    )
    told = [line.split("\t") for line in done.stdout.splitlines()]
    first = float(told[0][1])
    return [
        Result(moment=moment, megabytes=float(taken), ratio=float(taken) / first) for moment, taken in told
    ]


def _taken() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # The system's other answer is, on Linux, never less than what the process that began this one took.
        (kilobytes,) = (line.split()[1] for line in status.read_text().splitlines() if "VmHWM" in line)
        return int(kilobytes) / (1 << 10)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)


async def _wait_and_drain(folder: str) -> None:
    database, clock = _Database(), SystemClock()
    sink = BatchingSink(database, journal=FileJournal(folder))
    ids, run = EventIds(clock), new_run_id(clock)
    for number in range(1, COUNTS[-1] + 1):
        at = clock.now()
        header = EventHeader(id=ids.new(at), type="signal.seen", occurred_at=at, run=run)
        sink.emit(HostEvent(header=header, payload={"number": number, "price": "60123.45"}))
        if not number % _BURST:
            await asyncio.sleep(0)
        if number in COUNTS:
            print(f"{number:,} events wait\t{_taken()}")
    database.away = False
    await sink.aclose()
    if database.stored != COUNTS[-1]:
        raise RuntimeError(f"{database.stored} of {COUNTS[-1]} events were stored")
    print(f"{database.stored:,} events drained\t{_taken()}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        asyncio.run(_wait_and_drain(own))
