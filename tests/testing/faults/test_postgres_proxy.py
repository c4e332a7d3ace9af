"""
A proxy that fails at a chosen statement of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from poslife.testing.faults import Cut, Fate, PostgresFaultProxy, Statement, TransactionStatus, is_commit
from tests.postgres_server import psql

IDLE, OPEN, FAILED = TransactionStatus.IDLE, TransactionStatus.OPEN, TransactionStatus.FAILED


@pytest.fixture
def dsn(empty_postgres_dsn: str) -> str:
    psql(empty_postgres_dsn, "CREATE TABLE kept (number integer PRIMARY KEY)")
    return empty_postgres_dsn


def stored(dsn: str) -> list[int]:
    return [int(line) for line in psql(dsn, "SELECT number FROM kept ORDER BY number").split()]


@contextlib.asynccontextmanager
async def connection_through(proxy: PostgresFaultProxy) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(proxy.dsn, timeout=10)
    try:
        yield connection
    finally:
        connection.terminate()


async def insert(connection: asyncpg.Connection, number: int) -> None:
    async with connection.transaction():
        await connection.execute("INSERT INTO kept VALUES ($1)", number)


def outcomes(statements: tuple[Statement, ...]) -> list[tuple[str, Fate, TransactionStatus | None]]:
    return [(statement.sql, statement.fate, statement.status) for statement in statements]


async def test_it_remembers_the_statements_of_a_transaction(dsn: str) -> None:
    """
    Simple and prepared queries are logged by their text, each with the transaction's status after it.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        await insert(connection, 1)
        first = outcomes(proxy.statements)
        proxy.forget()
        await insert(connection, 2)
        second = outcomes(proxy.statements)

    expected = [
        ("BEGIN;", Fate.ANSWERED, OPEN),
        ("INSERT INTO kept VALUES ($1)", Fate.ANSWERED, OPEN),
        ("COMMIT;", Fate.ANSWERED, IDLE),
    ]

    assert expected == first
    assert expected == second
    assert stored(dsn) == [1, 2]


async def test_it_remembers_errors_and_the_failed_transaction(dsn: str) -> None:
    """
    An error's SQLSTATE is kept, from preparing a statement as from executing it.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        await insert(connection, 1)
        proxy.forget()
        with pytest.raises(asyncpg.UniqueViolationError):
            await insert(connection, 1)
        with pytest.raises(asyncpg.UndefinedTableError):
            await connection.fetch("SELECT * FROM nowhere WHERE $1", True)

    begin, insertion, rollback, *rest = proxy.statements

    assert (insertion.sqlstate, insertion.status) == ("23505", FAILED)
    assert (rollback.sql, rollback.status) == ("ROLLBACK;", IDLE)
    assert begin.sqlstate is None
    assert "42P01" in {statement.sqlstate for statement in rest}


async def test_a_dropped_reply_to_commit_leaves_the_row_and_raises(dsn: str) -> None:
    """
    The server has committed and the client cannot know: the ambiguous commit, on demand.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        trap = proxy.drop_reply_to_commit()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await insert(connection, 1)

        assert connection.is_closed()

        async with connection_through(proxy) as another:
            await insert(another, 2)

    assert trap.sprung
    assert (trap.statement.fate, trap.statement.status) == (Fate.REPLY_DROPPED, IDLE)
    assert is_commit(trap.statement.sql)
    assert stored(dsn) == [1, 2]


async def test_the_connection_can_be_cut_before_commit(dsn: str) -> None:
    """
    The client gets the same error, and nothing is stored.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        trap = proxy.cut_before(matching=is_commit)
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
            await insert(connection, 1)
        await trap.wait()

    assert (trap.statement.fate, trap.statement.status) == (Fate.NOT_SENT, None)
    assert stored(dsn) == []


async def test_every_statement_can_be_failed_in_turn(dsn: str) -> None:
    """
    Each statement of a clean run is failed in turn: only the dropped reply to COMMIT leaves a row.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy:
        async with connection_through(proxy) as connection:
            await insert(connection, 0)
        count = len(proxy.statements)
        for number in range(1, count + 1):
            trap = proxy.drop_reply(number)
            async with connection_through(proxy) as connection:
                with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
                    await insert(connection, number)

            assert trap.sprung
        for number in range(1, count + 1):
            proxy.cut_before(number)
            async with connection_through(proxy) as connection:
                with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
                    await insert(connection, 100 + number)

    assert count == 3
    assert stored(dsn) == [0, count]


async def test_a_repeating_trap_fails_every_nth(dsn: str) -> None:
    """
    Every second COMMIT loses its reply, until it is disarmed; all rows are there.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy:
        proxy.drop_reply_to_commit(2, repeating=True)
        failed: list[int] = []
        for number in range(6):
            async with connection_through(proxy) as connection:
                try:
                    await insert(connection, number)
                except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                    failed.append(number)
        proxy.disarm()
        for number in (6, 7):
            async with connection_through(proxy) as connection:
                await insert(connection, number)

    assert failed == [1, 3, 5]
    assert stored(dsn) == list(range(8))


async def test_a_silent_cut_leaves_the_transaction_open_at_the_server(dsn: str) -> None:
    """
    Cut silently before COMMIT, the old backend still holds its locks, although its client is gone.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy:
        async with connection_through(proxy) as connection:
            trap = proxy.cut_before(matching=is_commit, cut=Cut.SILENCE)
            with pytest.raises((TimeoutError, asyncpg.InterfaceError)):
                async with asyncio.timeout(0.1), connection.transaction():
                    await connection.execute("INSERT INTO kept VALUES (1)")

        assert trap.sprung
        assert "idle in transaction" in psql(dsn, "SELECT state FROM pg_stat_activity")

        proxy.network.heal()

    assert stored(dsn) == []


async def test_the_reply_to_a_copy_can_be_dropped(dsn: str) -> None:
    """
    The server gets the rows; only its last reply is lost.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        await connection.copy_records_to_table("kept", records=[(1,), (2,)], columns=["number"])
        copying = [statement.sql.startswith("COPY") for statement in proxy.statements]
        number = copying.index(True) + 1
        trap = proxy.drop_reply(number)
        with pytest.raises(asyncpg.PostgresConnectionError):
            await connection.copy_records_to_table("kept", records=[(3,), (4,)], columns=["number"])

    assert trap.statement.sql.startswith("COPY")
    assert stored(dsn) == [1, 2, 3, 4]


async def test_the_rows_of_an_executemany_are_one_statement(dsn: str) -> None:
    """
    The rows are sent in one go, and answered once.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        await connection.executemany("INSERT INTO kept VALUES ($1)", [(n,) for n in range(5000)])

    assert outcomes(proxy.statements) == [("INSERT INTO kept VALUES ($1)", Fate.ANSWERED, IDLE)]
    assert len(stored(dsn)) == 5000


async def test_statements_name_their_connection(dsn: str) -> None:
    """
    Statements of two connections have their connection's number, and are counted together.
    """
    async with (
        PostgresFaultProxy.for_dsn(dsn) as proxy,
        connection_through(proxy) as first,
        connection_through(proxy) as second,
    ):
        await first.execute("SELECT 1")
        await second.execute("SELECT 2")
        await first.execute("SELECT 3")

    assert [1, 2, 1] == [statement.connection for statement in proxy.statements]


async def test_cancelling_works_through_the_proxy(dsn: str) -> None:
    """
    A cancel request has its own connection, which carries no statement.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy, connection_through(proxy) as connection:
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(60)", timeout=0.05)

        assert await connection.fetchval("SELECT 1") == 1

    assert proxy.statements[0].sqlstate == "57014"


async def test_a_client_that_requests_encryption_is_declined(dsn: str) -> None:
    """
    The proxy has to read the messages, so it declines TLS in place of the server.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy:
        connection = await asyncpg.connect(proxy.dsn, ssl="prefer")
        try:
            assert await connection.fetchval("SELECT 1") == 1
        finally:
            connection.terminate()
        with pytest.raises(ConnectionError):
            await asyncpg.connect(proxy.dsn, ssl="require")


async def test_an_outage_and_its_end(dsn: str) -> None:
    """
    The network below has its own faults.
    """
    async with PostgresFaultProxy.for_dsn(dsn) as proxy:
        async with connection_through(proxy) as connection:
            proxy.network.refuse()
            proxy.network.reset_all()
            with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
                await connection.execute("SELECT 1")
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(proxy.dsn)
        proxy.network.heal()
        async with connection_through(proxy) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_proxy_without_a_dsn_has_none() -> None:
    """
    It redirects any DSN that it is given, and fails no statement number 0.
    """
    async with PostgresFaultProxy(("127.0.0.1", 1)) as proxy:
        trap = proxy.drop_reply()
        with pytest.raises(LookupError):
            _ = trap.statement
        with pytest.raises(ValueError, match="0"):
            proxy.cut_before(0)
        with pytest.raises(LookupError, match="dsn_for"):
            _ = proxy.dsn

        assert f"127.0.0.1:{proxy.network.port}" in proxy.dsn_for("postgresql://somewhere/bot")
