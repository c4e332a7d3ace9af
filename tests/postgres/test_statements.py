from __future__ import annotations

from poslife.postgres._statements import TYPES, insertion, listed, listed_events, replacement
from poslife.storage._columns import EVENTS, LIFE_EVENTS, Column, Kind

COLUMNS = (Column("ref", Kind.UUID), Column("price", Kind.NUMBER, null=True))


def test_each_kind_of_column_has_a_type() -> None:
    """
    There is a type of PostgreSQL for each kind of column.
    """
    assert set(Kind) == set(TYPES)


def test_columns_are_listed_with_their_relation() -> None:
    """
    A list has each column, qualified with a relation if one is given.
    """
    assert "ref, price" == listed(COLUMNS)
    assert "p.ref, p.price" == listed(COLUMNS, "p")


def test_an_insertion_takes_its_rows_from_json() -> None:
    """
    An insertion takes each column from the JSON argument, or from the expression given for it.
    """
    assert (
        "INSERT INTO poslife.things AS t (ref, price) SELECT r.ref, 2 * r.price "
        "FROM json_populate_recordset(NULL::poslife.things, $3::text::json) AS r"
    ) == insertion("things", COLUMNS, 3, price="2 * r.price")


def test_a_conflict_overwrites_each_column() -> None:
    """
    An overwritten row gets each column of the new one.
    """
    assert "DO UPDATE SET (ref, price) = ROW (excluded.ref, excluded.price)" == replacement(COLUMNS)


def test_events_have_the_same_columns_from_either_table() -> None:
    """
    A column that a table of events does not have is null, and a digest is hexadecimal.
    """
    cells = listed_events(LIFE_EVENTS, "l").split(", ")

    assert len(EVENTS) < len(cells)  # `encode` has a comma of its own
    assert "l.sequence AS sequence" in cells
    assert "l.body AS content" in cells
    assert listed_events(LIFE_EVENTS, "l").endswith("encode(l.digest, 'hex') AS digest")
