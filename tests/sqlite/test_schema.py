"""
The schema is checked at open: every difference that matters, and no other, is listed.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from poslife._domain.event_envelopes import Actor, Severity
from poslife._domain.identifiers import Leg, MarginMode, OrderSide, Side
from poslife._domain.orders import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import Confidence, Origin
from poslife.conformance._example_changes import begin
from poslife.errors import SchemaMismatch
from poslife.sqlite._schema import needed_features
from poslife.storage._columns import FILLS, LIFE_EVENTS, ORDERS, POSITIONS, RUN_EVENTS, names_of
from tests.sqlite.files import opened_store, ours, refusal_of_open


def _damaged(path: Path, *statements: str) -> None:
    with ours(path) as connection:
        for statement in statements:
            connection.execute(statement)


def _rewritten(path: Path, table: str, old: str, new: str) -> None:
    """
    Create *table* again, with *new* in place of *old*.
    """
    with ours(path) as connection:
        (definition,) = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE name = ?", (table,)
        ).fetchone()
        others = connection.execute(
            "SELECT sql FROM sqlite_schema WHERE type <> 'table' AND tbl_name = ? AND sql IS NOT NULL",
            (table,),
        ).fetchall()
        assert old in definition
        connection.execute(f"DROP TABLE {table}")
        connection.execute(definition.replace(old, new))
        for (other,) in others:
            connection.execute(other)


async def test_every_mismatch_is_listed(path: Path) -> None:
    """
    A schema with many differences is refused at open, and each of them is listed (incident 17).
    """
    _damaged(
        path,
        "DROP TABLE dead_letters",
        "ALTER TABLE runs RENAME COLUMN machine TO host",
        "ALTER TABLE changes ADD COLUMN note TEXT",
        "ALTER TABLE changes ADD COLUMN reviewed TEXT CHECK (reviewed <> '')",
        "DROP INDEX positions_one_live_per_key",
        "CREATE UNIQUE INDEX positions_one_live_per_key ON positions (venue, symbol) WHERE status = 'open'",
        "CREATE UNIQUE INDEX one_run_per_machine ON runs (host)",
        "DROP INDEX positions_id_once",
        "DROP TRIGGER run_events_append_only_update",
        "INSERT INTO append_only_off (because) VALUES ('no reason')",
    )
    _rewritten(path, "fills", "quantity TEXT NOT NULL", "quantity REAL NOT NULL")
    _rewritten(path, "run_events", "commitment BLOB NOT NULL", "commitment BLOB")
    _rewritten(
        path, "orders", "CONSTRAINT orders_of_a_position FOREIGN KEY (ref) REFERENCES positions (ref),", ""
    )
    _rewritten(path, "orders", "'prepared', 'submitting'", "'prepared', 'sending'")
    _rewritten(
        path,
        "changes",
        "CONSTRAINT changes_pkey",
        "CHECK (run <> 'mine, all mine )'), CONSTRAINT changes_pkey",
    )
    _rewritten(path, "orders", "STRICT, WITHOUT ROWID", "WITHOUT ROWID")
    error = await refusal_of_open(path, SchemaMismatch)

    assert str(path) == error.where
    parts = [difference.partition(";")[0].partition(": ") for difference in error.differences]
    found = sorted((table, what.removesuffix(" is missing").split(" is ")[0]) for table, _, what in parts)

    assert found == [
        ("append_only_off has a row, so that events can be changed", ""),
        ("changes", "column reviewed"),
        ("changes", "constraint CHECK(run <> 'mine,all mine)')"),
        ("dead_letters is missing", ""),
        ("fills", "column quantity"),
        ("orders", "constraint orders_of_a_position"),
        ("orders", "constraint orders_status_known"),
        ("orders", "kind"),
        ("positions", "unique index positions_id_once"),
        ("positions", "unique index positions_one_live_per_key"),
        ("run_events", "column commitment"),
        ("run_events", "trigger run_events_append_only_update"),
        ("runs", "column host"),
        ("runs", "column machine"),
        ("runs", "unique index one_run_per_machine"),
    ]
    for difference in error.differences:
        assert difference in str(error)


async def test_what_does_no_harm_is_let_be(path: Path) -> None:
    """
    A further table, index or nullable column, and another layout, are accepted.
    """
    _damaged(
        path,
        "ALTER TABLE positions ADD COLUMN note TEXT",
        "ALTER TABLE positions ADD COLUMN tagged INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX by_symbol ON positions (symbol)",
        "CREATE TABLE mine (x)",
    )
    _rewritten(
        path,
        "dead_letters",
        "reason TEXT NOT NULL,",
        '\n\n /* why */ "reason"   TEXT NOT NULL, -- yes, why\n',
    )
    async with opened_store(path) as store:
        story = await begin(store)
        await story.opened(store)


@pytest.mark.parametrize(
    "table,column,kind",
    [
        ("positions", "status", PositionStatus),
        ("positions", "leg", Leg),
        ("positions", "margin_mode", MarginMode),
        ("positions", "side", Side),
        ("positions", "confidence", Confidence),
        ("positions", "origin", Origin),
        ("positions", "close_reason", CloseReason),
        ("orders", "purpose", OrderPurpose),
        ("orders", "side", OrderSide),
        ("orders", "status", OrderStatus),
        ("orders", "close_reason", CloseReason),
        ("fills", "side", OrderSide),
        ("fills", "leg", Leg),
        ("life_events", "severity", Severity),
        ("life_events", "actor", Actor),
    ],
    ids=str,
)
def test_checks_name_every_member(table: str, column: str, kind: type[enum.Enum]) -> None:
    """
    A column accepts exactly the members of its enumeration.
    """
    check = needed_features()[table][f"constraint {table}_{column}_known"].definition
    none = {""} if column == "margin_mode" else set[str]()

    assert {str(member.value) for member in kind} | none == set(re.findall(r"'([^']*)'", check))


@pytest.mark.parametrize(
    "table,columns",
    [
        ("positions", names_of(POSITIONS)),
        ("orders", names_of(ORDERS)),
        ("fills", ("number", *names_of(FILLS))),
        ("life_events", ("number", *names_of(LIFE_EVENTS))),
        ("run_events", names_of(RUN_EVENTS)),
    ],
    ids=str,
)
def test_tables_have_the_columns_of_their_values(table: str, columns: Sequence[str]) -> None:
    """
    A table has exactly the columns that its values are written to, in their order (incident 36).
    """
    there = [what.removeprefix("column ") for what in needed_features()[table] if what.startswith("column ")]

    assert list(columns) == there


def test_every_number_and_time_is_checked() -> None:
    """
    Every column of a number or a time has its constraint.
    """
    for table, features in needed_features().items():
        for what in features:
            column = what.removeprefix("column ")
            if column.endswith(("_at", "_until", "quantity", "_cost", "price")) or column in ("at", "filled"):
                assert f"constraint {table}_{column}_sound" in features
