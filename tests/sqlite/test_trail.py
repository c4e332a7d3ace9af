"""
The reads of a verification of a SQLite file.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sqlite.files import cells, opened_store


@pytest.mark.parametrize(
    "condition, order, index",
    [
        (
            """ref IS NOT NULL AND (ref, version, "index") > ('', 0, 0)""",
            'ref, version, "index"',
            "life_events_numbered",
        ),
        (
            "ref IS NULL AND (run, sequence) > ('', 0)",
            "run, sequence",
            "life_events_without_position_numbered",
        ),
    ],
)
async def test_streams_are_read_by_their_index(
    tmp_path: Path, condition: str, order: str, index: str
) -> None:
    """
    Page after page, without sorting all events.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path):
        pass
    plan = cells(
        path, f"EXPLAIN QUERY PLAN SELECT body FROM life_events WHERE {condition} ORDER BY {order} LIMIT 9"
    )

    assert [index] == [str(line[3]).split(" ")[4] for line in plan]
