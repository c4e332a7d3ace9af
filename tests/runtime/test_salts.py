"""
Salts that are drawn in blocks.
"""

from __future__ import annotations

import os

import pytest

from poslife._runtime.salts import Salts
from poslife._trail.record_format import SALT_BYTES


def test_no_salt_is_drawn_twice() -> None:
    """
    Over several blocks, and by several sources.
    """
    one, other = Salts(), Salts()
    drawn = [source.draw() for _ in range(1000) for source in (one, other)]

    assert {SALT_BYTES} == set(map(len, drawn))
    assert 2000 == len(set(drawn))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX's")
# Python 3.12 warns of forks beside threads; a test run has some, and the child runs none of them.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_the_child_of_a_fork_draws_others() -> None:
    """
    A salt that parent and child have in common would show that their payloads are equal.
    """
    salts = Salts()
    salts.draw()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, b"".join(salts.draw() for _ in range(8)))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    drawn = os.read(read, 8 * SALT_BYTES)
    of_child = {drawn[begin : begin + SALT_BYTES] for begin in range(0, len(drawn), SALT_BYTES)}
    os.close(read)
    os.close(write)

    assert 8 == len(of_child)
    assert of_child.isdisjoint(salts.draw() for _ in range(8))
