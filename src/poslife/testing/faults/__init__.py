"""
Tools to make a network or a process fail at a chosen point, for tests.

- `FaultProxy` stands in front of any server on loopback.
- `PostgresFaultProxy` knows statements as well, and fails at the one it is told to.
- `checkpoint`, called by a program, and `run_to_end` and `kill_at` in its test, kill a process at every step.
"""

from poslife.testing.faults._checkpoint import checkpoint
from poslife.testing.faults._kill import Child, ChildProgram, ChildReport, kill_at, run_to_end
from poslife.testing.faults._postgres import (
    Fate,
    PostgresFaultProxy,
    Statement,
    TransactionStatus,
    Trap,
    is_commit,
)
from poslife.testing.faults._proxy import Address, Answer, Cut, Direction, FaultProxy, Step, Tap

__all__ = [
    "Address",
    "Answer",
    "Child",
    "ChildProgram",
    "ChildReport",
    "Cut",
    "Direction",
    "Fate",
    "FaultProxy",
    "PostgresFaultProxy",
    "Statement",
    "Step",
    "Tap",
    "TransactionStatus",
    "Trap",
    "checkpoint",
    "is_commit",
    "kill_at",
    "run_to_end",
]
