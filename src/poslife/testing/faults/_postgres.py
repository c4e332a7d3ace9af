"""
A proxy that knows PostgreSQL's statements, and fails at the one it is told to.
"""

import asyncio
import enum
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from poslife.testing.faults import _postgres_wire as wire
from poslife.testing.faults._postgres_dsn import led_through, upstream_of
from poslife.testing.faults._proxy import Address, Answer, Cut, FaultProxy, Step

_COMMIT = re.compile(r"\s*(COMMIT|END)\b", re.IGNORECASE)


class TransactionStatus(enum.Enum):
    """
    What the server says of its transaction when it has finished a statement.
    """

    IDLE = "I"
    """There is none."""
    OPEN = "T"
    """It is open."""
    FAILED = "E"
    """It is open and failed: everything but its end is refused."""


class Fate(enum.Enum):
    """
    What became of a statement.
    """

    SENT = enum.auto()
    """On its way: it, its execution or its reply; for good when the connection ended first."""
    ANSWERED = enum.auto()
    """The server finished it and the client was told."""
    NOT_SENT = enum.auto()
    """The connection was cut before it reached the server."""
    REPLY_DROPPED = enum.auto()
    """The server finished it and the client was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """
    What a client sends in one go and waits for: a simple query, or messages that end in a Sync.

    Several can belong to one call of a driver (to prepare and to execute), and one can belong to none (to
    drop a prepared statement).
    """

    sql: str
    """What was to be executed, or else prepared; empty when neither."""
    connection: int
    """Which of the proxy's connections sent it, counted from 1."""
    fate: Fate
    status: TransactionStatus | None
    """The transaction after it; `None` while the server has not finished it."""
    sqlstate: str | None
    """The error the server answered with."""


class Trap:
    """
    A failure that waits for its statement; armed by the methods of `PostgresFaultProxy`.
    """

    def __init__(self, number: int, matching: Callable[[str], bool], cut: Cut, *, repeating: bool) -> None:
        self.cut = cut
        self._number = number
        self._left = number
        self._matching = matching
        self._repeating = repeating
        self._statements: list[_Heard] = []
        self._sprung = asyncio.Event()

    @property
    def sprung(self) -> bool:
        """
        Whether the failure has happened.
        """
        return self._sprung.is_set()

    @property
    def armed(self) -> bool:
        """
        Whether it still waits for a statement.
        """
        return self._left > 0

    @property
    def statement(self) -> Statement:
        """
        The statement it happened to; the latest, where it repeats.

        Raises:
            LookupError: It has not happened.
        """
        if not self._statements:
            raise LookupError("the trap has not sprung")
        return self._statements[-1].told()

    async def wait(self) -> None:
        """
        Return once the failure has happened.
        """
        await self._sprung.wait()

    def catches(self, sql: str) -> bool:
        if self._left == 0 or not self._matching(sql):
            return False
        self._left -= 1
        if self._left:
            return False
        if self._repeating:
            self._left = self._number
        return True

    def spring(self, statement: "_Heard") -> Cut:
        self._statements.append(statement)
        self._sprung.set()
        return self.cut


@dataclass(slots=True)
class _Heard:
    """
    A statement while it happens.
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
        return "; ".join(self.executed or self.parsed)

    def told(self) -> Statement:
        return Statement(
            sql=self.sql,
            connection=self.connection,
            fate=self.fate,
            status=self.status,
            sqlstate=self.sqlstate,
        )


@dataclass(slots=True)
class _Ledger:
    """
    What all connections of one proxy have in common.
    """

    heard: list[_Heard] = field(default_factory=list[_Heard])
    before: list[Trap] = field(default_factory=list[Trap])
    after: list[Trap] = field(default_factory=list[Trap])
    connections: int = 0


class PostgresFaultProxy:
    """
    Stands between a client and a PostgreSQL server, and fails at a chosen statement.

    To see what a client makes of every single failure, let it work once, count, and fail at each in turn::

        async with PostgresFaultProxy.for_dsn(dsn) as proxy:
            await work(proxy.dsn)
            for number in range(1, len(proxy.statements) + 1):
                proxy.drop_reply(number)
                ...

    Statements count from the call that arms the trap, on all connections together; opening a connection is
    none. `network` has the faults that know nothing of statements.

    Args:
        upstream: The server: host and port, or the path of its unix socket.
        dsn: What to rewrite for `dsn`. *Default*: it must be given to `dsn_for`.
    """

    def __init__(self, upstream: Address, *, dsn: str | None = None) -> None:
        self._ledger = _Ledger()
        self._dsn = dsn
        self.network: FaultProxy = FaultProxy(upstream, tap=self._new_session)

    @classmethod
    def for_dsn(cls, dsn: str) -> Self:
        """
        A proxy in front of the server that *dsn* leads to.

        Raises:
            ValueError: It is no PostgreSQL URL, or names several servers.
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
        The DSN given at the beginning, leading through this proxy.
        """
        if self._dsn is None:
            raise LookupError("this proxy was made without a DSN; use dsn_for(dsn)")
        return self.dsn_for(self._dsn)

    def dsn_for(self, dsn: str) -> str:
        """
        *dsn* leading through this proxy, its user, database and settings kept, encryption off.
        """
        return led_through(dsn, self.network.host, self.network.port)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """
        Every statement since the beginning, or since `forget`, in the order in which they began.
        """
        return tuple(statement.told() for statement in self._ledger.heard)

    def forget(self) -> None:
        """
        Empty `statements`.
        """
        self._ledger.heard.clear()

    def drop_reply(
        self,
        number: int = 1,
        *,
        matching: Callable[[str], bool] | None = None,
        cut: Cut = Cut.RESET,
        repeating: bool = False,
    ) -> Trap:
        """
        Let the server finish the statement *number*, and cut the connection instead of passing its reply on.

        Args:
            number: Which statement from now on, counted from 1.
            matching: Count only statements whose SQL it is true of. *Default*: all.
            cut: How the connection fails.
            repeating: Do so at every *number* th statement, not once.
        """
        return _arm(self._ledger.after, number, matching, cut, repeating=repeating)

    def cut_before(
        self,
        number: int = 1,
        *,
        matching: Callable[[str], bool] | None = None,
        cut: Cut = Cut.RESET,
        repeating: bool = False,
    ) -> Trap:
        """
        Cut the connection before anything of the statement *number* reaches the server.

        Args:
            number: Which statement from now on, counted from 1.
            matching: Count only statements whose SQL, so far as the first message tells it, this is true of.
                *Default*: all.
            cut: How the connection fails.
            repeating: Do so at every *number* th statement, not once.
        """
        return _arm(self._ledger.before, number, matching, cut, repeating=repeating)

    def drop_reply_to_commit(self, number: int = 1, *, cut: Cut = Cut.RESET, repeating: bool = False) -> Trap:
        """
        Let the server commit, and cut the connection instead of saying so.

        Args:
            number: Which COMMIT from now on, counted from 1.
            cut: How the connection fails.
            repeating: Do so at every *number* th COMMIT, not once.
        """
        return self.drop_reply(number, matching=is_commit, cut=cut, repeating=repeating)

    def disarm(self) -> None:
        """
        Take every trap away.
        """
        self._ledger.before.clear()
        self._ledger.after.clear()

    def _new_session(self) -> "_Session":
        return _Session(self._ledger)


def is_commit(sql: str) -> bool:
    """
    Whether *sql* ends a transaction with COMMIT.
    """
    return _COMMIT.match(sql) is not None


def _arm(
    traps: list[Trap], number: int, matching: Callable[[str], bool] | None, cut: Cut, *, repeating: bool
) -> Trap:
    if number < 1:
        raise ValueError(f"statements count from 1, so there is no number {number!r}")
    trap = Trap(number, matching or _any, cut, repeating=repeating)
    traps[:] = [*(earlier for earlier in traps if earlier.armed), trap]
    return trap


def _any(sql: str) -> bool:  # noqa: ARG001
    return True


def _caught(traps: list[Trap], sql: str) -> Trap | None:
    # Every trap counts, also behind one that catches.
    caught = [trap for trap in traps if trap.catches(sql)]
    return caught[0] if caught else None


class _Session:
    """
    Reads along on one connection.
    """

    def __init__(self, ledger: _Ledger) -> None:
        ledger.connections += 1
        self._number = ledger.connections
        self._ledger = ledger
        self._from_client = wire.Messages(from_client=True)
        self._from_server = wire.Messages(from_client=False)
        self._prepared: dict[str, str] = {}
        self._portals: dict[str, str] = {}
        self._unfinished: _Heard | None = None
        self._unanswered: deque[_Heard] = deque()
        self._withheld: list[bytes] = []

    def requested(self, data: bytes, /) -> Iterator[Step]:
        for message in self._from_client.cut(data):
            if message.asks_for_encryption:
                yield Answer(b"N")
            elif message.kind not in wire.OF_A_STATEMENT or self._ends_a_copy(message):
                yield message.raw
            else:
                yield from self._of_a_statement(message)

    def replied(self, data: bytes, /) -> Iterator[Step]:
        for message in self._from_server.cut(data):
            statement = self._unanswered[0] if self._unanswered else self._unfinished
            if statement is None:
                yield message.raw
            else:
                yield from self._answering(statement, message)

    def _ends_a_copy(self, message: wire.Message) -> bool:
        # In the extended protocol a COPY takes two Syncs: the server ignores the one before the data.
        return (
            message.kind == wire.SYNC
            and self._unfinished is None
            and bool(self._unanswered)
            and self._unanswered[0].copying
        )

    def _of_a_statement(self, message: wire.Message) -> Iterator[Step]:
        statement = self._unfinished
        if statement is None:
            statement = self._unfinished = _Heard(self._number)
            self._ledger.heard.append(statement)
            self._understand(message, statement)
            if (trap := _caught(self._ledger.before, statement.sql)) is not None:
                statement.fate = Fate.NOT_SENT
                yield trap.spring(statement)
                return
        else:
            self._understand(message, statement)
        if message.kind in wire.END_OF_A_STATEMENT:
            self._unfinished = None
            self._unanswered.append(statement)
            statement.trap = _caught(self._ledger.after, statement.sql)
        yield message.raw

    def _understand(self, message: wire.Message, statement: _Heard) -> None:
        match message.kind:
            case wire.QUERY:
                statement.executed.append(message.strings(1)[0])
            case wire.PARSE:
                name, sql = message.strings(2)
                self._prepared[name] = sql
                statement.parsed.append(sql)
            case wire.BIND:
                portal, name = message.strings(2)
                self._portals[portal] = self._prepared.get(name, "")
                if statement.parsed[-1:] != [self._portals[portal]]:
                    statement.parsed.append(self._portals[portal])
            case wire.EXECUTE:
                sql = self._portals.get(message.strings(1)[0], "")
                # The rows of an executemany are one statement.
                if statement.executed[-1:] != [sql]:
                    statement.executed.append(sql)
            case _:
                pass

    def _answering(self, statement: _Heard, message: wire.Message) -> Iterator[Step]:
        if message.kind == wire.ERROR:
            statement.sqlstate = wire.sqlstate(message)
        wants_rows = message.kind in {wire.COPY_IN, wire.COPY_BOTH}
        statement.copying |= wants_rows
        if message.kind == wire.READY:
            self._unanswered.popleft()
            statement.status = TransactionStatus(message.body.decode())
            statement.fate = Fate.ANSWERED if statement.trap is None else Fate.REPLY_DROPPED
        if statement.trap is None:
            yield message.raw
            return
        self._withheld.append(message.raw)
        if message.kind == wire.READY:
            self._withheld.clear()
            yield statement.trap.spring(statement)
        elif wants_rows:
            # The client sends them only when it is asked to.
            yield b"".join(self._withheld)
            self._withheld.clear()
