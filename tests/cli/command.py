"""
The command, run as a process.
"""

from __future__ import annotations

import subprocess
import sys


def run(*arguments: str, missing: str | None = None) -> subprocess.CompletedProcess[str]:
    """
    Run ``poslife`` with one library as if it were not installed.
    """
    blocked = "" if missing is None else f"sys.modules[{missing!r}] = None; "
    program = f"import sys; {blocked}from poslife.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
