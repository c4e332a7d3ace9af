"""
One table of the columns: the files that a new column changes, and the tests that miss a forgotten one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from poslife.storage._columns import (
    EVENTS,
    FILLS,
    POSITIONS,
    TABLES,
    Column,
    Kind,
    names_of,
)
from tests.postgres_server import Databases
from tests.storage.scratch import changed_files, copy_of_source, run_tests

# What a nullable column of positions takes: by file, the text that each line is written after.
FIELDS = {
    "poslife/_domain/positions.py": {
        "    exited_cost: Decimal = Decimal(0)\n": "    peak_price: Decimal | None = None\n",
        "    exited_cost: Decimal\n": "    peak_price: Decimal | None = None\n",
    },
}
COLUMN = {
    "poslife/storage/_columns.py": {
        '    Column("closed_at", Kind.TIME, null=True),\n': (
            '    Column("peak_price", Kind.NUMBER, null=True),\n'
        ),
    },
    "poslife/sqlite/migrations/0001_positions.sql": {
        "    closed_at TEXT,\n": "    peak_price TEXT,\n",
        "    CONSTRAINT positions_closed_at_zero CHECK ((exited_quantity = entered_quantity) = "
        "(status = 'closed')),\n": (
            "    CONSTRAINT positions_peak_price_sound CHECK (\n"
            "        peak_price GLOB '[0-9]*' AND peak_price NOT GLOB '*[^0-9.]*'\n"
            "    ),\n"
        ),
    },
    "poslife/postgres/migrations/0001_positions.sql": {
        "    closed_at timestamp with time zone,\n": "    peak_price numeric,\n",
        "    CONSTRAINT positions_exited_within_entered CHECK (exited_quantity <= entered_quantity),\n": (
            "    CONSTRAINT positions_peak_price_sound CHECK (peak_price > 0),\n"
        ),
    },
    "poslife/postgres/needed_schema.txt": {
        "positions\tconstraint positions_pkey\tPRIMARY KEY (ref)\n": (
            "positions\tconstraint positions_peak_price_sound\tCHECK ((peak_price > (0)::numeric))\n"
        ),
    },
}


@pytest.mark.slow
def test_a_new_column_of_positions_takes_five_files(postgres_databases: Databases, tmp_path: Path) -> None:
    """
    Both SQL stores, their schema checks and the suites take a new nullable column from five files.
    """
    source = copy_of_source(tmp_path, {**FIELDS, **COLUMN})

    assert len(changed_files(source)) <= 5
    done = run_tests(
        source,
        "tests/sqlite/test_conformance.py",
        "tests/sqlite/test_schema.py",
        "tests/postgres/test_conformance.py",
        "tests/postgres/test_schema.py",
        "tests/conformance/test_full_values.py",
        "tests/storage/test_rows.py::test_every_field_has_a_column",
        dsn=postgres_databases.administration_dsn,
    )
    assert 0 == done.returncode, done.stdout


@pytest.mark.slow
def test_a_new_field_without_a_column_is_found(tmp_path: Path) -> None:
    """
    A field that has no column fails the suite of a store, by its name, for each type it is in (incident 36).
    """
    source = copy_of_source(tmp_path, FIELDS)
    done = run_tests(source, "tests/sqlite/test_conformance.py", "-k", "test_every_field_of")

    assert 1 == done.returncode, done.stdout
    assert "2 failed, 2 passed" in done.stdout
    assert "the position that get gives.peak_price: expected Decimal" in done.stdout


@pytest.mark.parametrize("columns", [*TABLES.values(), EVENTS], ids=[*TABLES, "events"])
def test_no_column_is_there_twice(columns: Sequence[Column]) -> None:
    """
    No two columns of a table have the same name or the same value.
    """
    assert len(columns) == len(set(names_of(columns))) == len({column.path for column in columns})


def test_a_columns_value_is_named_as_the_column_is() -> None:
    """
    A column without a path has the attribute of its name.
    """
    assert ("closed_at",) == Column("closed_at", Kind.TIME).path
    assert ("protection", "stop_price") == Column("stop", Kind.NUMBER, get="protection?.stop_price").path


def test_enumerations_and_encoded_values_are_text() -> None:
    """
    An enumeration and an encoded value are text in a store.
    """
    kinds = {column.name: column.cells for column in (*POSITIONS, *FILLS)}

    assert {Kind.TEXT} == {kinds[name] for name in ("status", "leg", "margin_mode", "fees")}
    assert (Kind.UUID, Kind.NUMBER) == (kinds["ref"], kinds["price"])
