"""
The views for shells and Grafana.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path

import msgspec

from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import a_record
from poslife.errors import SchemaMismatch
from tests.sqlite.files import cells, opened_store, ours, refusal_of_open


async def test_both_kinds_of_events_are_in_the_log(path: Path) -> None:
    """
    Host and life events stand side by side, with the position's id, and what was erased is null.
    """
    async with opened_store(path) as store:
        story = await begin(store)
        held = await story.opened(store)
        await store.commit(story.unclaimed("no order of ours"))
        record = a_record(story, 1)
        about_held = msgspec.structs.replace(record.header, ref=held.ref)
        erased = a_record(story, 2)
        await store.write([replace(record, header=about_held, payload=b'{"price":"0.10"}'), erased])
        await store.erase(erased.header.id, why="a test")
    rows = cells(
        path,
        "SELECT type, position_id, version, json_extract(payload, '$.price'), "
        "json_extract(evidence, '$.reason') FROM event_log "
        "WHERE type IN ('bot.started', 'position.opened', 'fill.unclaimed') ORDER BY type, sequence",
    )

    assert [
        ("bot.started", held.id, None, "0.10", None),
        ("bot.started", None, None, None, None),
        ("fill.unclaimed", None, 0, "0.0123", "no order of ours"),
        ("position.opened", held.id, held.version, None, None),
    ] == rows


async def test_open_positions_have_their_sums_as_text(path: Path) -> None:
    """
    Money is text, to its last digit; nothing that SQLite would have to compute is there.
    """
    quantity = Decimal("0.12345678901234567890123456789")
    async with opened_store(path) as store:
        story = await begin(store)
        await story.closed(store)
        await story.claimed(store)
        held = await story.opened(store, story.key(), quantity=quantity)
    with ours(path) as connection:
        found = connection.execute("SELECT * FROM open_positions")
        columns = [column[0] for column in found.description]
        rows = [dict(zip(columns, row, strict=True)) for row in found]
    (row,) = rows
    age = (datetime.now(UTC) - held.opened_at).total_seconds()

    assert (held.id, str(held.ref), str(quantity), "0", 0) == (
        row["position_id"],
        row["ref"],
        row["entered_quantity"],
        row["exited_quantity"],
        row["in_doubt"],
    )
    assert abs(age - row["age_seconds"]) < 60
    assert not {"quantity", "entry_price"} & set(columns)
    assert not [name for name, value in row.items() if isinstance(value, float)]


def _columns(database: str, name: str) -> list[str]:
    migrations = resources.files("poslife") / database / "migrations"
    script = (migrations / "0001_positions.sql").read_text("utf-8")
    view = re.search(rf"^CREATE VIEW (?:poslife\.)?{name} AS\n(.*?)\nFROM", script, re.MULTILINE | re.DOTALL)
    assert view is not None
    parts = re.split(r",(?![^(]*\))", view[1].removeprefix("SELECT"))
    return [part.split()[-1].rpartition(".")[2].strip('"') for part in parts]


def test_the_event_log_has_the_same_columns_in_both_databases() -> None:
    """
    A query of the log by its columns can be moved from one database to the other.
    """
    assert _columns("postgres", "event_log") == _columns("sqlite", "event_log")


async def test_a_missing_view_stops_no_bot(path: Path) -> None:
    """
    poslife uses no view itself: without them the store opens as ever.
    """
    with ours(path) as connection:
        connection.executescript("DROP VIEW event_log; DROP VIEW open_positions")
    async with opened_store(path) as store:
        await (await begin(store)).opened(store)


async def test_a_view_of_another_program_is_not_taken_over(tmp_path: Path) -> None:
    """
    A file with a table of a view's name is refused, by its name.
    """
    path = tmp_path / "other.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE event_log (line TEXT)")
    error = await refusal_of_open(path, SchemaMismatch)

    assert "event_log exists" in str(error)
