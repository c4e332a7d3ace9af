"""
Callbacks for the children of a fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

__all__ = ["after_fork_in_child"]


def after_fork_in_child(method: Callable[[], None]) -> None:
    """
    Call a bound method in every child that this process forks, as long as its object lives.

    It is called at the fork, not at the child's first use of the object: a child that never uses its journal
    would otherwise keep the lock of its dead parent's.
    """
    reference = weakref.WeakMethod(method)

    def call() -> None:  # pragma: no cover - in children, which end without reporting coverage
        found = reference()
        if found is not None:
            found()

    if hasattr(os, "register_at_fork"):  # pragma: no branch - wherever there are forks
        os.register_at_fork(after_in_child=call)
