"""
This process as a run, its user, and recognising that another run's process is dead.
"""

from __future__ import annotations

import getpass
import os
import platform
import sys
from pathlib import Path

from poslife._domain.identifiers import RunId
from poslife.protocols import NewRun, Run

__all__ = ["is_certainly_dead", "this_run", "this_user"]


def this_run(run: RunId, lease: float) -> NewRun:
    """
    Return this process as a run.
    """
    pid = os.getpid()
    return NewRun(id=run, machine=_machine(), pid=pid, process_started=_started(pid) or "", lease=lease)


def this_user() -> str:
    """
    Return the name of the user that this process runs as, or a number where there is no name for it.
    """
    try:
        return getpass.getuser()
    except (
        ImportError,
        KeyError,
        OSError,
    ):  # as in a container
        return f"user {os.getuid()}" if sys.platform != "win32" else "a user without a name"


def is_certainly_dead(run: Run) -> bool:
    """
    Tell if the process of *run* ran on this machine, in this process name space, and runs no more.

    ``False`` also means that it cannot be known from here: then the lease decides.
    """
    if sys.platform == "win32" or run.machine != _machine():
        return False
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it exists, under another user
    started = _started(run.pid)
    # Another start time: the process id was reused.
    return bool(run.process_started and started and started != run.process_started)


def _machine() -> str:
    """
    Return the node's name, its boot, and the process name space: two containers cannot see each other's.
    """
    parts = [platform.node() or "unnamed"]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        pass  # not Linux: the name alone
    return " ".join(parts)[:255]


def _started(pid: int) -> str | None:
    """
    Return when the process started, in clock ticks since the boot: field 22 of ``/proc/PID/stat``, proc(5).

    A zombie is dead, so it gets another answer than its start.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return "zombie" if fields[0] in ("Z", "X") else fields[19]
