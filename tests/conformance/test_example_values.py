"""
The values that the suites make.
"""

from __future__ import annotations

from poslife.conformance._example_values import Examples


def test_examples_are_the_same_at_every_run() -> None:
    """
    Every run of a suite makes the same values, each once, and refs in no order.
    """
    first, second = Examples(), Examples()
    refs = [first.ref() for _ in range(100)]

    assert refs == [second.ref() for _ in range(100)]
    assert len(set(refs)) == 100
    assert refs != sorted(refs)
