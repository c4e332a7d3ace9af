"""
Lists of positions, fills and events, and their page tokens.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from poslife._domain.positions import LivePosition
from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue
from poslife.protocols import Page, PageToken
from poslife.sqlite._reads import find_live, list_live
from poslife.sqlite._session import Session
from tests.sqlite.files import opened_store, writer_of


@pytest.mark.parametrize(
    "token", ["", "0", "-1", "x", "1e3", 7, "2026-01-01 x", "2026-01-01T00:00:00.000000+00:00 x"]
)
async def test_a_token_of_no_page(tmp_path: Path, token: Any) -> None:
    """
    Each list refuses a token that is not of its pages.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        after = PageToken(token)
        for call in (
            store.list_live(after),
            store.list_in_doubt(after),
            store.list_left_by_ended_runs(after),
            store.list_closed(story.at(), story.at(), after),
            store.list_fills(story.ref(), after),
            store.list_unclaimed(after),
            store.list_history(story.ref(), after),
            store.list_runs(after),
        ):
            with pytest.raises(InvalidValue, match="after"):
                await call


async def test_positions_are_read_with_two_statements(tmp_path: Path) -> None:
    """
    A page of positions and their orders takes two statements, however many positions it has.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        story = await begin(store)
        opened = [await story.opened(store) for _ in range(5)]
        statements: list[str] = []

        def read(session: Session) -> Page[LivePosition]:
            session.connection.set_trace_callback(statements.append)
            try:
                return list_live(session, UUID(int=0), 10)
            finally:
                session.connection.set_trace_callback(None)

        page = await writer_of(store).do(read)

        assert sorted(opened, key=lambda position: position.ref) == list(page.items)
        assert 2 == len(statements)


async def test_lists_read_their_own_rows_alone(tmp_path: Path) -> None:
    """
    A live position is found by its key, and live ones are listed, through partial indexes of live ones.
    """
    async with opened_store(tmp_path / "bot.db") as store:
        held = await (await begin(store)).opened(store)

        def plan(session: Session) -> list[str]:
            statements: list[str] = []
            session.connection.set_trace_callback(statements.append)
            find_live(session, held.key)
            list_live(session, UUID(int=0), 10)
            session.connection.set_trace_callback(None)
            return [
                str(step)
                for statement in statements
                if "FROM positions" in statement
                for *_, step in session.rows(f"EXPLAIN QUERY PLAN {statement}")
            ]

        steps = await writer_of(store).do(plan)

        assert ["positions_one_live_per_key", "positions_live_by_ref"] == [
            re.findall(r"INDEX (\w+)", step)[0] for step in steps
        ]
