"""
A disk that is soon full, where this user may mount one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["fill", "mounted"]


@contextmanager
def mounted(folder: Path, megabytes: int) -> Generator[None]:
    """
    A disk of this size at *folder*.

    Where it may not be mounted the test is an expected failure.
    """
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "none", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.xfail("this user may not mount a disk; the other tests of a full disk stand for it")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file: Path) -> None:
    """
    Leave no room on the disk of *file*.
    """
    with file.open("wb", buffering=0) as filling, pytest.raises(OSError, match="No space left"):
        while True:
            filling.write(b"\0" * 4096)
