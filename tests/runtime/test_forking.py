"""
Callbacks for the children of a fork.
"""

from __future__ import annotations

import gc
import os

import pytest

from poslife._runtime.forking import after_fork_in_child

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX's"),
    # Python 3.12 warns of forks beside threads; a test run has some, and the child runs none of them.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


class Counting:
    """
    Counts the forks that it is the child of, and writes each to a pipe.
    """

    def __init__(self, report: int) -> None:
        self.forks = 0
        self._report = report
        after_fork_in_child(self.count)

    def count(self) -> None:
        self.forks += 1
        os.write(self._report, b"%d" % self.forks)


def reports_of(grandchildren: int, read: int, write: int) -> bytes:
    """
    What is written in a child and in so many of its descendants, each the child of the one before.
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            if grandchildren:
                descendant = os.fork()
                if descendant:
                    os.waitpid(descendant, 0)
            code = 0
        finally:
            os._exit(code)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.write(write, b".")
    return os.read(read, 100)


def test_it_is_called_in_each_child_and_never_in_the_parent() -> None:
    """
    Once at each fork, in children of children, too.
    """
    read, write = os.pipe()
    counting = Counting(write)

    assert b"1." == reports_of(0, read, write)
    assert b"12." == reports_of(1, read, write)
    assert 0 == counting.forks
    os.close(read)
    os.close(write)


def test_an_object_that_is_gone_is_not_called() -> None:
    """
    It is not kept alive for the sake of a fork either.
    """
    read, write = os.pipe()
    counting = Counting(write)
    del counting
    gc.collect()

    assert b"." == reports_of(0, read, write)
    os.close(read)
    os.close(write)
