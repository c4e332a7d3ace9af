"""
A stored position that cannot be read is an error that names it, on both databases.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from poslife import OrderStatus, Side, connect
from poslife.errors import PositionUnreadable
from tests.postgres_roles import as_bot
from tests.postgres_server import psql
from tests.tracker.scenes import KEY, OTHER_KEY, QUICK

DAMAGE = "UPDATE {orders} SET purpose = 'unheard_of' WHERE ref = '{ref}'"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def dsn(request: pytest.FixtureRequest) -> str:
    """
    The DSN of the tables' owner, or nothing for SQLite.
    """
    return str(request.getfixturevalue("postgres_dsn")) if request.param == "postgres" else ""


async def test_an_order_of_another_release(dsn: str, tmp_path: Path) -> None:
    """
    A purpose that this release does not know: reading the position says which one; others are read.
    """
    file = tmp_path / "bot.db"
    url = as_bot(dsn) if dsn else f"sqlite:///{file}"
    async with connect(url, journal=tmp_path / "events", timings=QUICK) as tracker:
        await tracker.recover()
        damaged = await tracker.steps.claim(KEY, side=Side.LONG, quantity=Decimal(1))
        whole = await tracker.steps.claim(OTHER_KEY, side=Side.LONG, quantity=Decimal(1))
        if dsn:
            psql(dsn, "ALTER TABLE poslife.orders DROP CONSTRAINT orders_purpose_known")
            psql(dsn, DAMAGE.format(orders="poslife.orders", ref=damaged.ref))
        else:
            with closing(sqlite3.connect(file)) as connection, connection:
                connection.execute("PRAGMA ignore_check_constraints = ON")
                connection.execute(DAMAGE.format(orders="orders", ref=damaged.ref))

        with pytest.raises(PositionUnreadable, match="unheard_of") as error:
            await tracker.get(damaged.ref)
        assert str(damaged.ref) == error.value.ref
        with pytest.raises(PositionUnreadable):
            await tracker.find_live(KEY)
        assert OrderStatus.PREPARED is (await tracker.get(whole.ref)).orders[0].status
