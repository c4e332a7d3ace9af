"""
Tools that make a network or a process fail at a chosen point, for tests.

- `FaultProxy` is a proxy in front of any server on loopback.
- `PostgresFaultProxy` also recognises statements, and fails at a chosen one.
- `checkpoint`, called by a program, and `run_to_end` and `kill_at`, called by its test, kill a process at
  each of its steps.

Inside, all of it ours to change:

========================  ==============================================================================
``_proxy``                `FaultProxy`: listens, and switches faults on and off
``_link``                 one connection through a proxy
``_active_faults``        the faults that are switched on: delay, stall, black hole
``_taps``                 `Tap` and its steps: pass on, answer, cut
``_postgres_proxy``       `PostgresFaultProxy`
``_postgres_session``     the tap of one PostgreSQL connection
``_postgres_statements``  `Statement` and its outcome, `Trap`
``_postgres_wire``        PostgreSQL's messages
``_postgres_dsn``         the server of a DSN, and a DSN redirected
``_checkpoint``           `checkpoint`, in the killed process
``_kill``                 `Child`, `run_to_end`, `kill_at`, in the test
========================  ==============================================================================
"""

from poslife.testing.faults._active_faults import Direction
from poslife.testing.faults._checkpoint import checkpoint
from poslife.testing.faults._kill import Child, ChildProgram, ChildReport, kill_at, run_to_end
from poslife.testing.faults._link import Address
from poslife.testing.faults._postgres_proxy import PostgresFaultProxy, is_commit
from poslife.testing.faults._postgres_statements import Fate, Statement, TransactionStatus, Trap
from poslife.testing.faults._proxy import FaultProxy
from poslife.testing.faults._taps import Answer, Cut, Step, Tap

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
