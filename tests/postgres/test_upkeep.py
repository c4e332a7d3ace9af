"""
An owner does what the bots' role may not: it migrates, and makes partitions.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from poslife.errors import StorageNotReady
from poslife.postgres._partition_ranges import Width, ahead
from poslife.postgres._upkeep import keep_up
from tests.postgres_roles import as_bot
from tests.postgres_server import psql


async def test_an_empty_database_gets_schema_and_partitions(empty_postgres_dsn: str) -> None:
    """
    The first time the migrations are applied and the partitions made, the second time neither.
    """
    first = await keep_up(empty_postgres_dsn, None)
    second = await keep_up(empty_postgres_dsn, None)

    assert ("0001_positions",) == first.migrations
    assert tuple(month.name for month in ahead(Width.MONTH, (), datetime.now(UTC))) == first.made.names
    assert first.where.startswith("PostgreSQL ")
    assert ((), (), None) == (second.migrations, second.made.names, second.made.problem)


async def test_a_width_is_stored(empty_postgres_dsn: str) -> None:
    """
    A width is kept for the next time, and for the owner's stores.
    """
    await keep_up(empty_postgres_dsn, Width.DAY)
    again = await keep_up(empty_postgres_dsn, None)

    assert "day" == again.made.width


async def test_a_role_without_the_rights_changes_nothing(postgres_dsn: str) -> None:
    """
    A bot's role may not store a width, and with nothing to do it has no problem.
    """
    with pytest.raises(StorageNotReady, match="permission denied for table settings"):
        await keep_up(as_bot(postgres_dsn), Width.DAY)
    done = await keep_up(as_bot(postgres_dsn), None)

    assert "month" == psql(postgres_dsn, "SELECT value FROM poslife.settings").strip()
    assert done.made.problem is None
