"""
Where a process under test stands still until its parent lets it go on, or kills it.
"""

import os
import stat
import threading

# Set by the parent: report pipe and its inode, go-ahead pipe and its inode.
ENVIRONMENT_NAME = "POSLIFE_CHECKPOINTS"
# The parent is gone, so nobody would ever let this process go on.
ABANDONED = 70

# One process has one parent to report to, whatever thread does it.
_reporting = threading.Lock()


def checkpoint(name: str) -> None:
    """
    Report *name* to the parent and stand still, the event loop included, until it says to go on.

    Without a parent that waits for it (see `Child`), it does nothing.
    """
    pipes = _pipes()
    if pipes is None:
        return
    if "\n" in name:
        raise ValueError(f"a checkpoint's name is one line, not {name!r}")
    report, go_ahead = pipes
    with _reporting:
        try:
            os.write(report, f"{name}\n".encode())
            answer = os.read(go_ahead, 1)
        except OSError:
            answer = b""
        if not answer:
            os._exit(ABANDONED)


def _pipes() -> tuple[int, int] | None:
    value = os.environ.get(ENVIRONMENT_NAME)
    if value is None:
        return None
    report, report_inode, go_ahead, go_ahead_inode = map(int, value.split(","))
    # A process that ours started has the variable but not the pipes; those numbers may be its own files.
    if _is_pipe(report, report_inode) and _is_pipe(go_ahead, go_ahead_inode):
        return report, go_ahead
    return None


def _is_pipe(descriptor: int, inode: int) -> bool:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return stat.S_ISFIFO(found.st_mode) and found.st_ino == inode
