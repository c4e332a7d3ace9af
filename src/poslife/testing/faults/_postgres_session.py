"""
The tap of one PostgreSQL connection: it recognises statements, and springs the traps that wait for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from poslife.testing.faults import _postgres_wire as wire
from poslife.testing.faults._postgres_statements import (
    Fate,
    StatementInProgress,
    StatementLog,
    TransactionStatus,
    find_trap,
)
from poslife.testing.faults._taps import Answer, Step


class Session:
    """
    A `Tap` for one connection, which logs its statements in *log*.
    """

    def __init__(self, log: StatementLog) -> None:
        log.connections += 1
        self._number = log.connections
        self._log = log
        self._from_client = wire.MessageReader(from_client=True)
        self._from_server = wire.MessageReader(from_client=False)
        self._prepared: dict[str, str] = {}
        self._portals: dict[str, str] = {}
        self._unfinished: StatementInProgress | None = None
        self._unanswered: deque[StatementInProgress] = deque()
        self._withheld: list[bytes] = []

    def requested(self, data: bytes, /) -> Iterator[Step]:
        """
        Yield the steps for *data* from the client.
        """
        for message in self._from_client.feed(data):
            if message.asks_for_encryption:
                yield Answer(b"N")
            elif message.kind not in wire.OF_A_STATEMENT or self._ends_a_copy(message):
                yield message.raw
            else:
                yield from self._request(message)

    def replied(self, data: bytes, /) -> Iterator[Step]:
        """
        Yield the steps for *data* from the server.
        """
        for message in self._from_server.feed(data):
            statement = self._unanswered[0] if self._unanswered else self._unfinished
            if statement is None:
                yield message.raw
            else:
                yield from self._reply(statement, message)

    def _ends_a_copy(self, message: wire.Message) -> bool:
        # In the extended protocol a COPY takes two Syncs: the server ignores the one before the data.
        return (
            message.kind == wire.SYNC
            and self._unfinished is None
            and bool(self._unanswered)
            and self._unanswered[0].copying
        )

    def _request(self, message: wire.Message) -> Iterator[Step]:
        statement = self._unfinished
        if statement is None:
            statement = self._unfinished = StatementInProgress(self._number)
            self._log.statements.append(statement)
            self._read_sql(message, statement)
            if (trap := find_trap(self._log.before, statement.sql)) is not None:
                statement.fate = Fate.NOT_SENT
                yield trap.spring(statement)
                return
        else:
            self._read_sql(message, statement)
        if message.kind in wire.END_OF_A_STATEMENT:
            self._unfinished = None
            self._unanswered.append(statement)
            statement.trap = find_trap(self._log.after, statement.sql)
        yield message.raw

    def _read_sql(self, message: wire.Message, statement: StatementInProgress) -> None:
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

    def _reply(self, statement: StatementInProgress, message: wire.Message) -> Iterator[Step]:
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
            # The client sends the rows only when it gets this message.
            yield b"".join(self._withheld)
            self._withheld.clear()
