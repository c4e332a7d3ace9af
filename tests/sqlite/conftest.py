"""
A file for the tests of schema and migrations.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sqlite.files import opened_store


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """
    The path of a file that was migrated.
    """
    async with opened_store(tmp_path / "bot.db"):
        pass
    return tmp_path / "bot.db"
