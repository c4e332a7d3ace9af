"""
What a journal does in the child of a fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

__all__ = ["in_each_child"]


def in_each_child(method: Callable[[], None]) -> None:
    """
    Call a bound method in every child this process forks, as long as its object lives.

    At the fork itself, not at the child's first use: a child that never uses its journal would otherwise keep
    the lock of its dead parent's.
    """
    reference = weakref.WeakMethod(method)

    def forked() -> None:  # pragma: no cover - in children, which leave without telling
        found = reference()
        if found is not None:
            found()

    if hasattr(os, "register_at_fork"):  # pragma: no branch - wherever there are forks
        os.register_at_fork(after_in_child=forked)
