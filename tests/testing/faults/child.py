"""
A program with checkpoints, for the tests of the harness that kills it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from poslife.testing.faults import checkpoint


def write_three(file: str) -> None:
    for number in range(3):
        checkpoint(f"before {number}")
        with Path(file).open("a") as kept:
            kept.write(f"{number}\n")
        checkpoint(f"after {number}")


def write_three_in_a_loop(file: str) -> None:
    async def write() -> None:
        await asyncio.sleep(0)
        write_three(file)

    asyncio.run(write())


def fail() -> None:
    checkpoint("before failing")
    print("so far so good")  # noqa: T201
    sys.exit("went wrong")


def hang() -> None:
    checkpoint("before hanging")
    threading.Event().wait()


def report_from_threads() -> None:
    threads = [threading.Thread(target=checkpoint, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def start_another() -> None:
    subprocess.run([sys.executable, __file__, "without a parent"], check=True)
    checkpoint("after another")


def run_without_a_parent() -> None:
    # Its own pipes get the descriptors of its parent's pipes.
    for _ in range(20):
        os.pipe()
    checkpoint("nobody listens")


def say_two_lines() -> None:
    checkpoint("two\nlines")


def die_by_itself() -> None:
    checkpoint("before")
    os.kill(os.getpid(), signal.SIGKILL)


PROGRAMS: dict[str, Callable[..., None]] = {
    "write": write_three,
    "write in a loop": write_three_in_a_loop,
    "fail": fail,
    "hang": hang,
    "threads": report_from_threads,
    "start another": start_another,
    "without a parent": run_without_a_parent,
    "two lines": say_two_lines,
    "die by itself": die_by_itself,
}

if __name__ == "__main__":
    PROGRAMS[sys.argv[1]](*sys.argv[2:])
