"""
The check at start: tables, with all that they are made of, and triggers must be as this release needs them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, cast

from poslife.errors import SchemaMismatch
from poslife.sqlite._cells import Cell
from poslife.sqlite._migrations import MIGRATIONS
from poslife.sqlite._session import Session

__all__ = ["check_schema", "differences", "needed_features", "read_features", "unreadable"]

Rows = Callable[[str], Sequence[tuple[Cell, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """
    A column, key, index, constraint or trigger of a table.

    Attributes:
        definition: Its definition in SQL, in one line.
        demanding: True if it can refuse a row of poslife's where poslife does not know it.
    """

    definition: str
    demanding: bool


Features = Mapping[str, Mapping[str, Feature]]
"""
Features by table, then by kind and name.
"""


def check_schema(session: Session) -> None:
    """
    Compare the schema with the one that this release needs.

    Raises:
        SchemaMismatch: Listing every difference.
    """
    with session.reading():
        found = differences(needed_features(), read_features(session.rows))
        if "append_only_off is missing" not in found and session.row(_ANY_EVENT_CHANGES) is not None:
            found.append("append_only_off has a row, so that events can be changed; it should be empty")
    if found:
        raise SchemaMismatch(session.path, found)


@cache
def needed_features() -> Features:
    """
    Return the schema that the migrations make of an empty database.
    """
    connection = sqlite3.connect(":memory:")
    try:
        for migration in MIGRATIONS:
            connection.executescript(migration.script)
        return read_features(
            lambda statement: cast("list[tuple[Cell, ...]]", connection.execute(statement).fetchall())
        )
    finally:
        connection.close()


def differences(needed: Features, found: Features) -> list[str]:
    """
    Return one sentence for each difference.

    A feature beyond the needed ones is a difference only if it can refuse a row of poslife's.
    """
    lines: list[str] = []
    for table, features in needed.items():
        if table not in found:
            lines.append(f"{table} is missing")
            continue
        there = found[table]
        for what, feature in features.items():
            if what not in there:
                lines.append(f"{table}: {what} is missing; it should be {feature.definition}")
            elif there[what].definition != feature.definition:
                lines.append(
                    f"{table}: {what} is {there[what].definition}; it should be {feature.definition}"
                )
        lines += [
            f"{table}: {what} is not poslife's and can refuse its rows: {feature.definition}"
            for what, feature in there.items()
            if what not in features and feature.demanding
        ]
    return lines


def unreadable(needed: Features, found: Features) -> list[str]:
    """
    Return one sentence for each table and column that a reader lacks.

    What can only refuse a row, such as a constraint, does not matter to a reader.
    """
    lines: list[str] = []
    for table, features in needed.items():
        if table not in found:
            lines.append(f"{table} is missing")
            continue
        lines += [
            f"{table}: {what} is missing"
            for what in features
            if what.startswith("column ") and what not in found[table]
        ]
    return lines


_TABLES: Final = """
SELECT s.name, s.sql, l.wr, l.strict
FROM sqlite_schema AS s JOIN pragma_table_list(s.name) AS l ON l.schema = 'main'
WHERE s.type = 'table' AND s.sql IS NOT NULL
ORDER BY s.name
"""

_ANY_EVENT_CHANGES: Final = "SELECT 1 FROM append_only_off"

_TRIGGERS: Final = "SELECT tbl_name, name, sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"

_UNIQUE_INDEXES: Final = """
SELECT s.tbl_name, s.name, s.sql
FROM sqlite_schema AS s JOIN pragma_index_list(s.tbl_name) AS l ON l.name = s.name AND l."unique"
WHERE s.type = 'index' AND s.sql IS NOT NULL
ORDER BY s.name
"""


def read_features(rows: Rows) -> Features:
    """
    Return the schema of a database, from the statements that SQLite keeps word for word.
    """
    features: dict[str, dict[str, Feature]] = {}
    for name, definition, without_rowid, strict in rows(_TABLES):
        kind = f"table{' STRICT' if strict else ''}{' WITHOUT ROWID' if without_rowid else ''}"
        features[str(name)] = {
            "kind": Feature(definition=kind, demanding=False),
            **dict(map(_feature, _parts(_plain(str(definition))))),
        }
    for table_name, name, definition in rows(_UNIQUE_INDEXES):
        index = Feature(definition=_plain(str(definition)), demanding=True)
        features.get(str(table_name), {})[f"unique index {name!s}"] = index
    for table_name, name, definition in rows(_TRIGGERS):
        trigger = Feature(definition=_plain(str(definition)), demanding=False)
        features.get(str(table_name), {})[f"trigger {name!s}"] = trigger
    return features


def _plain(definition: str) -> str:
    """
    Return a definition without comments, quotes around plain names, and layout.
    """
    uncommented = re.sub(r"--[^\n]*|/\*.*?\*/", " ", definition, flags=re.DOTALL)
    unquoted = re.sub(r'"(\w+)"', r"\1", uncommented)
    return re.sub(r" ?([(),]) ?", r"\1", re.sub(r"\s+", " ", unquoted)).strip()


def _feature(part: str) -> tuple[str, Feature]:
    """
    Return kind and name of a part of a table's definition, and the part as a feature.
    """
    if (named := re.fullmatch(r"CONSTRAINT (\w+) (.+)", part, re.IGNORECASE)) is not None:
        return f"constraint {named[1]}", Feature(definition=named[2], demanding=True)
    if re.match(r"(CHECK|UNIQUE|PRIMARY KEY|FOREIGN KEY)\b", part, re.IGNORECASE):
        return f"constraint {part}", Feature(definition=part, demanding=True)
    name, _, definition = part.partition(" ")
    # A further column is harmless, unless it needs a value or is checked.
    harmless = re.fullmatch(r"\w+|\w+ .*DEFAULT.*|", definition, re.IGNORECASE) is not None
    return f"column {name}", Feature(definition=definition, demanding=not harmless)


def _parts(definition: str) -> Iterator[str]:
    """
    Yield the parts of a table's definition: its columns and constraints.
    """
    depth, quoted, part = 0, False, ""
    for character in definition[definition.index("(") + 1 :]:  # pragma: no branch - its bracket ends it
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += (character == "(") - (character == ")")
            if depth < 0:
                break
            if character == "," and not depth:
                yield part.strip()
                part = ""
                continue
        part += character
    yield part.strip()
