"""
The simulated venue in its own process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

from poslife.testing.bybit import VenueControl


@contextmanager
def venue_process(*arguments: str) -> Generator[tuple[VenueControl, subprocess.Popen[str]]]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "poslife.testing.bybit", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield VenueControl(process.stdout.readline().strip()), process
        finally:
            process.stdin.close()
            process.wait(10)
