"""
Pages continue where the one before ended.
"""

from __future__ import annotations

from typing import cast

import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue
from poslife.protocols import PageToken
from tests.postgres.support import opened_store


async def test_tokens_are_read_strictly(postgres_dsn: str) -> None:
    """
    A token of no page is refused before the database is asked.
    """
    ref = "0190aaaa-0000-7000-8000-000000000000"
    tokens = ["", "x", "1 ", "0", "-1", "٣", "9" * 30, "\x00", ref.upper(), f"{{{ref}}}", f" {ref}"]
    tokens += [f"2026-01-01 {ref}", f"2026-01-01T00:00:00.000000 {ref}", "2026-01-01T00:00:00.000000+00:00 x"]
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        since, until = story.at(), story.at()
        for token in [*map(PageToken, tokens), cast("PageToken", 5)]:
            for call in (
                store.list_live(token),
                store.list_closed(since, until, token),
                store.list_unclaimed(token),
                store.list_fills(story.ref(), token),
                store.list_history(story.ref(), token),
                store.list_runs(token),
            ):
                with pytest.raises(InvalidValue, match="after"):
                    await call
