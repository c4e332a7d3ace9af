"""
`checkpoint`: a point at which a process under test waits until its parent lets it continue, or kills it.
"""

import os
import stat
import threading

# Set by the parent: report pipe and its inode, go-ahead pipe and its inode.
ENVIRONMENT_NAME = "POSLIFE_CHECKPOINTS"
# The exit status if the parent has ended, so that nothing would ever let this process continue.
ABANDONED = 70

# All threads of the process share the pipes to its parent.
_reporting = threading.Lock()


def checkpoint(name: str) -> None:
    """
    Report *name* to the parent, and block, with the event loop, until the parent lets this process continue.

    It does nothing unless the process is run by a `Child`.
    """
    pipes = _pipes()
    if pipes is None:
        return
    if "\n" in name:
        raise ValueError(f"name: expected one line, got {name!r}")
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
    # A process that this one starts inherits the variable but not the pipes: there the same descriptors may
    # be other files.
    if _is_pipe(report, report_inode) and _is_pipe(go_ahead, go_ahead_inode):
        return report, go_ahead
    return None


def _is_pipe(descriptor: int, inode: int) -> bool:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return stat.S_ISFIFO(found.st_mode) and found.st_ino == inode
