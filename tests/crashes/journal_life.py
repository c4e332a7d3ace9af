"""
A process with a journal, to be killed: ``python journal_life.py LIFE ROOT``.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from poslife.journal import FileJournal
from poslife.testing.faults import checkpoint

# Run as a script: the tests' folder is not on the path otherwise.
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.journal.disks import Faults, frames_of


def step(root: Path) -> None:
    """
    A life with a checkpoint before each call to the system; what was accepted is another.
    """
    faults = Faults(before=checkpoint)
    journal = FileJournal(root, segment_bytes=4096, _disk=faults.disk)
    for number, frame in enumerate(frames_of(12, start=1, size=900), 1):
        journal.append(frame)
        checkpoint(f"accepted {number}")
        if number % 6 == 0:
            checkpoint(f"forget {number - 1}")
            journal.forget(number - 1)
    journal.close()


def run(root: Path) -> None:
    """
    Append from two threads, without end, and tell the number of each accepted frame.
    """
    journal = FileJournal(root, segment_bytes=1 << 16)

    def append(name: bytes) -> None:
        count = 0
        while True:
            count += 1
            number = journal.append(b"%s %d " % (name, count) + b"." * (count % 700))
            os.write(1, b"%d %s %d\n" % (number, name, count))

    threads = [threading.Thread(target=append, args=(name,)) for name in (b"one", b"two")]
    for thread in threads:
        thread.start()
    while True:
        journal.sync()


def limit(root: Path) -> None:
    """
    Append until files may grow no further, say so, and go on with room.
    """
    import resource

    from poslife.errors import JournalUnavailable

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    journal = FileJournal(root)
    journal.open()
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    accepted = 0
    try:
        while True:
            accepted = journal.append(b"%09d" % (accepted + 1) * 50)
    except JournalUnavailable as error:
        sys.stdout.write(f"{error}\n")
    for _ in range(5):
        try:
            journal.append(b"x" * 450)
        except JournalUnavailable:
            pass
        else:
            sys.stdout.write("accepted without room\n")
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    accepted = journal.append(b"%09d" % (accepted + 1) * 50)
    sys.stdout.write(f"{accepted}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), 9)


if __name__ == "__main__":
    {"step": step, "run": run, "limit": limit}[sys.argv[1]](Path(sys.argv[2]))
