"""
A DSN is a place to connect to.
"""

from __future__ import annotations

import pytest

from poslife.errors import InvalidUrl
from poslife.postgres import PostgresStore


@pytest.mark.parametrize(
    "dsn",
    ["mysql://me:secret@host/db", "postgresql://me:secret@host:port/db", "postgresql://me:secret@[::1/db"],
)
async def test_a_dsn_that_cannot_be_read(dsn: str) -> None:
    """
    It is refused with what is wrong with it, and without its password.
    """
    with pytest.raises(InvalidUrl) as caught:
        await PostgresStore(dsn).open()

    assert "secret" not in str(caught.value)
