"""
The statements that went through a proxy, and the traps that wait for one.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass, field

from poslife.testing.faults._taps import Cut


class TransactionStatus(enum.Enum):
    """
    The server's transaction after a statement.
    """

    IDLE = "I"
    """There is none."""
    OPEN = "T"
    """It is open."""
    FAILED = "E"
    """It is open and failed: the server refuses everything but its end."""


class Fate(enum.Enum):
    """
    The outcome of a statement.
    """

    SENT = enum.auto()
    """It, its execution or its reply is on the way; for good, if the connection ended first."""
    ANSWERED = enum.auto()
    """The server finished it, and the client got the reply."""
    NOT_SENT = enum.auto()
    """The connection was cut before it reached the server."""
    REPLY_DROPPED = enum.auto()
    """The server finished it, and the client did not get the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    A unit that a client sends and waits for: a simple query, or messages that end in a Sync.

    One call of a driver may send several (to prepare and to execute), and some belong to no call (to drop a
    prepared statement).
    """

    sql: str
    """The SQL that was executed, else prepared; empty if neither."""
    connection: int
    """The number of the proxy's connection that sent it, from 1."""
    fate: Fate
    status: TransactionStatus | None
    """The transaction after it; `None` until the server has finished it."""
    sqlstate: str | None
    """The error with which the server answered."""


class Trap:
    """
    A failure that waits for its statement; set by the methods of `PostgresFaultProxy`.
    """

    def __init__(self, number: int, matching: Callable[[str], bool], cut: Cut, *, repeating: bool) -> None:
        self.cut = cut
        self._number = number
        self._left = number
        self._matching = matching
        self._repeating = repeating
        self._statements: list[StatementInProgress] = []
        self._sprung = asyncio.Event()

    @property
    def sprung(self) -> bool:
        """
        True once the failure has happened.
        """
        return self._sprung.is_set()

    @property
    def armed(self) -> bool:
        """
        True while it waits for a statement.
        """
        return self._left > 0

    @property
    def statement(self) -> Statement:
        """
        The statement to which it happened; the latest, if it repeats.

        Raises:
            LookupError: It has not happened.
        """
        if not self._statements:
            raise LookupError("the trap has not sprung")
        return self._statements[-1].snapshot()

    async def wait(self) -> None:
        """
        Return once the failure has happened.
        """
        await self._sprung.wait()

    def catches(self, sql: str) -> bool:
        """
        Count *sql*, and return whether it is the statement that this trap waits for.
        """
        if self._left == 0 or not self._matching(sql):
            return False
        self._left -= 1
        if self._left:
            return False
        if self._repeating:
            self._left = self._number
        return True

    def spring(self, statement: StatementInProgress) -> Cut:
        """
        Record that the failure happens to *statement*, and return how its connection is cut.
        """
        self._statements.append(statement)
        self._sprung.set()
        return self.cut


@dataclass(slots=True)
class StatementInProgress:
    """
    A statement whose messages are still passing.
    """

    connection: int
    parsed: list[str] = field(default_factory=list[str])
    executed: list[str] = field(default_factory=list[str])
    fate: Fate = Fate.SENT
    status: TransactionStatus | None = None
    sqlstate: str | None = None
    trap: Trap | None = None
    copying: bool = False

    @property
    def sql(self) -> str:
        """
        The SQL that was executed, else prepared.
        """
        return "; ".join(self.executed or self.parsed)

    def snapshot(self) -> Statement:
        """
        Return the statement as it is now.
        """
        return Statement(
            sql=self.sql,
            connection=self.connection,
            fate=self.fate,
            status=self.status,
            sqlstate=self.sqlstate,
        )


@dataclass(slots=True)
class StatementLog:
    """
    The statements and traps of all connections of one proxy.

    Attributes:
        statements: In the order in which they began.
        before: The traps that cut before a statement reaches the server.
        after: The traps that cut in place of the reply.
        connections: The number of connections so far.
    """

    statements: list[StatementInProgress] = field(default_factory=list[StatementInProgress])
    before: list[Trap] = field(default_factory=list[Trap])
    after: list[Trap] = field(default_factory=list[Trap])
    connections: int = 0


def arm(
    traps: list[Trap], number: int, matching: Callable[[str], bool] | None, cut: Cut, *, repeating: bool
) -> Trap:
    """
    Add a trap for the statement *number* from now on to *traps*.

    Raises:
        ValueError: *number* is less than 1.
    """
    if number < 1:
        raise ValueError(f"number: statements count from 1, got {number!r}")
    trap = Trap(number, matching or _any, cut, repeating=repeating)
    traps[:] = [*(earlier for earlier in traps if earlier.armed), trap]
    return trap


def find_trap(traps: list[Trap], sql: str) -> Trap | None:
    """
    Let every trap count *sql*, and return the first that catches it.
    """
    caught = [trap for trap in traps if trap.catches(sql)]
    return caught[0] if caught else None


def _any(sql: str) -> bool:  # noqa: ARG001
    return True
