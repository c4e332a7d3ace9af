"""
A proxy that recognises PostgreSQL's statements, and fails at a chosen one.
"""

# Why our own: nothing on PyPI fails at a chosen statement; the wire protocol takes it only 100 lines
# (`_postgres_wire`).

from __future__ import annotations

import re
from collections.abc import Callable
from types import TracebackType
from typing import Self

from poslife.testing.faults._link import Address
from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of
from poslife.testing.faults._postgres_session import Session
from poslife.testing.faults._postgres_statements import Statement, StatementLog, Trap, arm
from poslife.testing.faults._proxy import FaultProxy
from poslife.testing.faults._taps import Cut

_COMMIT = re.compile(r"\s*(COMMIT|END)\b", re.IGNORECASE)


class PostgresFaultProxy:
    """
    A proxy between a client and a PostgreSQL server, which fails at a chosen statement.

    To test a client against every single failure, let it work once, count, and fail at each in turn::

        async with PostgresFaultProxy.for_dsn(dsn) as proxy:
            await work(proxy.dsn)
            for number in range(1, len(proxy.statements) + 1):
                proxy.drop_reply(number)
                ...

    Statements count from the call that arms the trap, on all connections together; opening a connection is
    none. `network` has the faults that are independent of statements.

    Args:
        upstream: The server: host and port, or the path of its unix socket.
        dsn: The DSN to redirect for `dsn`. *Default*: it must be given to `dsn_for`.
    """

    def __init__(self, upstream: Address, *, dsn: str | None = None) -> None:
        self._log = StatementLog()
        self._dsn = dsn
        self.network: FaultProxy = FaultProxy(upstream, tap=lambda: Session(self._log))

    @classmethod
    def for_dsn(cls, dsn: str) -> Self:
        """
        Return a proxy in front of the server of *dsn*.

        Raises:
            ValueError: It is not a PostgreSQL URL, or names several servers.
        """
        return cls(upstream_of(dsn), dsn=dsn)

    async def __aenter__(self) -> Self:
        await self.network.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.network.__aexit__(kind, error, trace)

    @property
    def dsn(self) -> str:
        """
        The DSN that the proxy was created with, redirected to it.
        """
        if self._dsn is None:
            raise LookupError("this proxy was created without a DSN: use dsn_for(dsn)")
        return self.dsn_for(self._dsn)

    def dsn_for(self, dsn: str) -> str:
        """
        Return *dsn* redirected to this proxy, with its user, database and settings, and without encryption.
        """
        return redirect_dsn(dsn, self.network.host, self.network.port)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """
        Every statement since the start, or since `forget`, in the order in which they began.
        """
        return tuple(statement.snapshot() for statement in self._log.statements)

    def forget(self) -> None:
        """
        Empty `statements`.
        """
        self._log.statements.clear()

    def drop_reply(
        self,
        number: int = 1,
        *,
        matching: Callable[[str], bool] | None = None,
        cut: Cut = Cut.RESET,
        repeating: bool = False,
    ) -> Trap:
        """
        Let the server finish the statement *number*, and cut the connection in place of its reply.

        Args:
            number: The statement from now on, counted from 1.
            matching: Count only statements for whose SQL it is true. *Default*: all.
            cut: The way the connection fails.
            repeating: Do so at every *number* th statement, not once.
        """
        return arm(self._log.after, number, matching, cut, repeating=repeating)

    def cut_before(
        self,
        number: int = 1,
        *,
        matching: Callable[[str], bool] | None = None,
        cut: Cut = Cut.RESET,
        repeating: bool = False,
    ) -> Trap:
        """
        Cut the connection before any part of the statement *number* reaches the server.

        Args:
            number: The statement from now on, counted from 1.
            matching: Count only statements for whose SQL, as far as their first message has it, it is true.
                *Default*: all.
            cut: The way the connection fails.
            repeating: Do so at every *number* th statement, not once.
        """
        return arm(self._log.before, number, matching, cut, repeating=repeating)

    def drop_reply_to_commit(self, number: int = 1, *, cut: Cut = Cut.RESET, repeating: bool = False) -> Trap:
        """
        Let the server commit, and cut the connection in place of its reply.

        Args:
            number: The COMMIT from now on, counted from 1.
            cut: The way the connection fails.
            repeating: Do so at every *number* th COMMIT, not once.
        """
        return self.drop_reply(number, matching=is_commit, cut=cut, repeating=repeating)

    def disarm(self) -> None:
        """
        Remove all traps.
        """
        self._log.before.clear()
        self._log.after.clear()


def is_commit(sql: str) -> bool:
    """
    Return whether *sql* ends a transaction with COMMIT.
    """
    return _COMMIT.match(sql) is not None
