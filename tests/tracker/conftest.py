"""
What the tracker's tests are given.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife.testing.clock import ManualClock
from tests.postgres_roles import as_bot


@pytest.fixture(
    params=[
        pytest.param("memory", id="memory"),
        pytest.param("sqlite", id="sqlite"),
        pytest.param("postgres", id="postgres", marks=pytest.mark.postgres),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """
    Each of the stores, fresh.
    """
    match request.param:
        case "memory":
            return "memory://"
        case "sqlite":
            return f"sqlite:///{tmp_path / 'bot.db'}"
        case _:
            dsn: str = request.getfixturevalue("postgres_dsn")
            return as_bot(dsn)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
