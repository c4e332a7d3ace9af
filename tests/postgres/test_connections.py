"""
A DSN that cannot be read is an error without its password.
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
    A DSN that cannot be read is refused with the reason, and without its password.
    """
    with pytest.raises(InvalidUrl) as caught:
        await PostgresStore(dsn).open()

    assert "secret" not in str(caught.value)
