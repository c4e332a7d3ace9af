from __future__ import annotations

import sqlite3
from contextlib import closing

from poslife.sqlite._statements import insertion, listed, listed_events, selection, update
from poslife.storage._columns import EVENTS, Column, Kind, names_of

COLUMNS = (Column("ref", Kind.UUID), Column("index", Kind.INTEGER), Column("at", Kind.TIME))


def test_statements_of_a_table_are_taken_by_sqlite() -> None:
    """
    A row is inserted, updated by its key and selected, although its columns are named by words of SQL.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('CREATE TABLE things (ref, "index", "at")')
        connection.execute(insertion("things", COLUMNS), ("a", 1, "now"))
        connection.execute(insertion("things", COLUMNS), ("b", 2, "now"))
        connection.execute(update("things", COLUMNS[1:], "ref"), (3, "later", "b"))

        assert [("a", 1, "now"), ("b", 3, "later")] == connection.execute(
            selection("things", COLUMNS) + "ORDER BY ref"
        ).fetchall()


def test_names_are_quoted() -> None:
    """
    A list of columns has them in their order, each in quotes.
    """
    assert '"ref", "index", "at"' == listed(COLUMNS)


def test_a_table_of_events_is_read_with_the_columns_of_every_event() -> None:
    """
    A column of another name is renamed, and one that the table does not have is null.
    """
    body = Column("body", Kind.TEXT, get="payload")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE events (body, version)")
        connection.execute("INSERT INTO events VALUES ('{}', 3)")
        columns = (body, Column("version", Kind.INTEGER))
        found = connection.execute(f"SELECT {listed_events(columns)} FROM events")
        row = dict(zip([name for name, *_ in found.description], found.fetchone(), strict=True))

    assert list(names_of(EVENTS)) == list(row)
    assert {"content": "{}", "version": 3} == {
        name: value for name, value in row.items() if value is not None
    }
