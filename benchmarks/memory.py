"""
The peak memory of a process while a million events wait for a database that is down, and while they drain.

It is measured in a separate process, by the operating system. With a journal, memory is only a cache of the
backlog, and should not grow beyond it.
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
    The peak memory of the process at one moment.

    Attributes:
        moment: The moment.
        megabytes: The peak up to then.
        ratio: *megabytes* divided by that of the first moment.
    """

    moment: str
    megabytes: float
    ratio: float


class _Database:
    """
    A store that is down, and later up and storing everything.
    """

    down = True
    stored = 0

    async def write(self, records: Sequence[EventRecord], /) -> None:
        if self.down:
            raise StorageUnavailable("connection refused")
        self.stored += len(records)

    async def probe(self) -> None:
        await self.write(())

    async def bury(self, letter: DeadLetter, /) -> None:
        raise NotImplementedError


def measure() -> list[Result]:
    """
    Measure in a separate process.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory"], capture_output=True, text=True, check=True
    )
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    first = float(lines[0][1])
    return [Result(moment=moment, megabytes=float(peak), ratio=float(peak) / first) for moment, peak in lines]


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux, ru_maxrss is at least that of the process that started this one.
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
            print(f"{number:,} events waiting\t{_peak()}")
    database.down = False
    await sink.aclose()
    if database.stored != COUNTS[-1]:
        raise RuntimeError(f"{database.stored} of {COUNTS[-1]} events were stored")
    print(f"{database.stored:,} events drained\t{_peak()}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as own:
        asyncio.run(_wait_and_drain(own))
