"""
The arguments and methods of `PostgresStore`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from poslife.errors import InvalidValue, StorageUnavailable
from poslife.postgres import PostgresStore
from tests.postgres.support import opened_store
from tests.postgres_roles import as_bot


async def test_arguments_that_cannot_be() -> None:
    """
    Invalid arguments are refused when the store is made.
    """
    with pytest.raises(InvalidValue, match="pool_size"):
        PostgresStore("postgresql:///bot", pool_size=0)
    with pytest.raises(InvalidValue, match="command_timeout"):
        PostgresStore("postgresql:///bot", command_timeout=0)
    with pytest.raises(InvalidValue, match="lock_timeout"):
        PostgresStore("postgresql:///bot", lock_timeout=float("nan"))
    with pytest.raises(InvalidValue, match="dsn"):
        PostgresStore(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_a_store_that_is_not_open(postgres_dsn: str) -> None:
    """
    Before it is opened and after it is closed, each call says what to do; the store can be opened again.
    """
    store = PostgresStore(postgres_dsn)
    for _ in range(2):
        with pytest.raises(StorageUnavailable, match="not open: await its open"):
            await store.ping()
        await store.open()
        await store.ping()
        await store.aclose()


async def test_describe_names_the_database(postgres_dsn: str) -> None:
    """
    The description names server, database and role (incident 52).
    """
    parts = urlsplit(as_bot(postgres_dsn))
    async with opened_store(postgres_dsn) as store:
        described = await store.describe()

    assert f"127.0.0.1:{parts.port}" in described
    assert f"database {parts.path[1:]}, schema poslife, as {parts.username}" in described
    assert str(parts.password) not in described


async def test_ids_that_cannot_be(postgres_dsn: str) -> None:
    """
    ``"pending"`` as an id or ref is refused with its value before the database is asked (incident 8).
    """
    async with opened_store(postgres_dsn) as store:
        with pytest.raises(InvalidValue, match="pending"):
            await store.get_by_id("pending")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidValue, match="pending"):
            await store.get("pending")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
