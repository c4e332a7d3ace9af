"""
The check at start lists every difference before the first trade.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import pytest

from poslife._domain.event_envelopes import Actor, Severity
from poslife._domain.identifiers import Leg, MarginMode, OrderSide, Side
from poslife._domain.orders import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import Confidence, Origin
from poslife.conformance._example_changes import begin
from poslife.errors import SchemaMismatch, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.postgres._connections import Dsn
from poslife.postgres._database import Database
from poslife.postgres._limits import Limits
from poslife.postgres._schema import needed_features, read_features
from poslife.storage._columns import FILLS, LIFE_EVENTS, ORDERS, POSITIONS, RUN_EVENTS, names_of
from tests.postgres.support import as_role, count, opened_store, role_in
from tests.postgres_server import psql


async def refused_opening(dsn: str) -> SchemaMismatch:
    store = PostgresStore(dsn)
    with pytest.raises(SchemaMismatch) as caught:
        await store.open()
    return caught.value


async def test_the_file_of_needed_features_is_what_the_migrations_make(postgres_dsn: str) -> None:
    """
    The needed schema is what the migrations make, nothing more and nothing less.
    """
    database = Database(Dsn(url=postgres_dsn, size=1, statement_cache_size=0), Limits())
    await database.connect()
    found = await database.transact(read_features)
    await database.aclose()
    written = {(feature["relation"], feature["what"], feature["definition"]) for feature in needed_features()}
    # Not needed: the sequence of an identity column, and rights that poslife does not use.
    there = {
        (feature["relation"], feature["what"], feature["definition"])
        for feature in found
        if feature["relation"] != "fills_number_seq"
    }

    assert written - there == set()
    assert {what for _, what, _ in there - written} <= {
        "right to SELECT",
        "right to INSERT",
        "right to UPDATE",
    }


GRANTED_BY = (
    "{role} lacks rights of a bot: as the owner of schema poslife run poslife/postgres/grants.sql, and "
    "GRANT poslife_bot TO {role}"
)

DAMAGES = {
    "ALTER TABLE poslife.orders DROP COLUMN venue_order_id": "orders: column venue_order_id is missing",
    # The view would refuse the change of a column that it shows.
    "DROP VIEW poslife.event_log; ALTER TABLE poslife.life_events ALTER COLUMN body TYPE varchar(500)": (
        "life_events: column body is character varying(500) not null; it should be text not null"
    ),
    "DROP VIEW poslife.open_positions; "
    "ALTER TABLE poslife.positions ALTER COLUMN entered_cost TYPE numeric(20, 8)": (
        "positions: column entered_cost is numeric(20,8); it should be numeric"
    ),
    "ALTER TABLE poslife.orders ALTER COLUMN client_order_id DROP NOT NULL": (
        "orders: column client_order_id is text; it should be text not null"
    ),
    "ALTER TABLE poslife.fills DROP CONSTRAINT fills_pkey": "fills: constraint fills_pkey is missing",
    "ALTER TABLE poslife.positions DROP CONSTRAINT positions_status_known": (
        "positions: constraint positions_status_known is missing"
    ),
    "ALTER TABLE poslife.orders DROP CONSTRAINT orders_side_known; ALTER TABLE poslife.orders ADD CONSTRAINT "
    "orders_side_known CHECK (side IN ('buy', 'sell', 'hold'))": (
        "orders: constraint orders_side_known is CHECK"
    ),
    "DROP INDEX poslife.positions_one_live_per_key; CREATE UNIQUE INDEX positions_one_live_per_key ON "
    "poslife.positions (venue, account, symbol, leg, margin_mode) WHERE status IN ('open', 'closing')": (
        "positions: unique index poslife.positions_one_live_per_key is CREATE UNIQUE INDEX"
    ),
    "DROP TABLE poslife.dead_letters": "dead_letters is missing",
    "DROP SEQUENCE poslife.position_ids": "position_ids is missing",
    "ALTER TABLE poslife.changes SET UNLOGGED": "changes: kind is unlogged table; it should be table",
    "ALTER TABLE poslife.run_events DETACH PARTITION poslife.run_events_default": (
        "run_events: default partition is missing; it should be there"
    ),
    "ALTER TABLE poslife.runs ADD COLUMN host text NOT NULL": "runs: column host is not poslife's",
    "ALTER TABLE poslife.life_events ADD CONSTRAINT short CHECK (length(body) < 100)": (
        "life_events: constraint short is not poslife's"
    ),
    "DROP TRIGGER append_only ON poslife.life_events": "life_events: trigger append_only is missing",
    "ALTER TABLE poslife.life_events DISABLE TRIGGER append_only_truncate": (
        "life_events: trigger append_only_truncate is CREATE TRIGGER"
    ),
    "CREATE TABLE poslife.mine PARTITION OF poslife.run_events FOR VALUES FROM "
    "('00000000-0000-0000-0000-000000000000') TO ('00000000-0000-0000-0000-000000000001')": (
        "run_events: append_only on its partitions is missing or disabled on mine; it should be enabled"
    ),
    "CREATE OR REPLACE FUNCTION poslife.append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN RETURN coalesce(NEW, OLD); END'": "append_only(): body is ",
    "CREATE UNIQUE INDEX once ON poslife.runs (machine)": (
        "runs: unique index poslife.once is not poslife's"
    ),
}


async def test_every_damage_is_told_at_once(postgres_dsn: str) -> None:
    """
    A damaged database is refused at start, with every difference and its place (incident 17).
    """
    for damage in DAMAGES:
        psql(postgres_dsn, damage)
    error = await refused_opening(postgres_dsn)

    for told in DAMAGES.values():
        assert any(difference.startswith(told) for difference in error.differences), told
    assert len(DAMAGES) == len(error.differences)
    assert urlsplit(postgres_dsn).path[1:] in error.where


async def test_harmless_additions_are_taken(postgres_dsn: str) -> None:
    """
    A column that may be null, an index that is not unique, another table: the schema is still what is needed.
    """
    psql(
        postgres_dsn,
        "ALTER TABLE poslife.positions ADD COLUMN note text;"
        "ALTER TABLE poslife.fills ADD COLUMN seen integer NOT NULL DEFAULT 0;"
        "CREATE INDEX mine_by_time ON poslife.life_events (occurred_at);"
        "CREATE TABLE poslife.mine (a integer PRIMARY KEY)",
    )
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        closed = await story.closed(store)

        assert closed == await store.get(closed.ref)


@pytest.fixture
def role(postgres_dsn: str) -> Iterator[str]:
    with role_in(postgres_dsn, "poslife_bot") as name:
        yield name


async def test_a_role_that_may_create_nothing(postgres_dsn: str, role: str) -> None:
    """
    On a migrated database the right to read and write rows is enough.
    """
    async with opened_store(as_role(postgres_dsn, role), as_given=True) as store:
        story = await begin(store)
        closed = await story.closed(store)

        assert closed == await store.get(closed.ref)
        assert role in await store.describe()


async def test_missing_rights_are_told_at_start(postgres_dsn: str, role: str) -> None:
    """
    A missing right is reported at start, not at the first fill.
    """
    psql(
        postgres_dsn,
        "REVOKE USAGE ON SEQUENCE poslife.position_ids FROM poslife_bot;"
        "REVOKE UPDATE ON poslife.orders FROM poslife_bot",
    )
    error = await refused_opening(as_role(postgres_dsn, role))

    assert error.differences == (
        "orders: right to UPDATE is not granted; it should be granted",
        "position_ids: right to USAGE is not granted; it should be granted",
        GRANTED_BY.format(role=role),
    )


async def test_a_role_that_may_not_migrate(empty_postgres_dsn: str) -> None:
    """
    Without the right to create, an empty database is an error that says so, and nothing is written.
    """
    with role_in(empty_postgres_dsn) as name, pytest.raises(StorageUnavailable, match=r"42501.*grant"):
        await PostgresStore(as_role(empty_postgres_dsn, name)).open()

    assert (
        psql(empty_postgres_dsn, "SELECT count(*) FROM pg_namespace WHERE nspname = 'poslife'").strip() == "0"
    )


async def test_rights_taken_away_later_lose_nothing(postgres_dsn: str, role: str) -> None:
    """
    A right that is revoked while the store is open makes it unavailable, and refuses no change (incident 17).
    """
    async with opened_store(as_role(postgres_dsn, role), as_given=True) as store:
        story = await begin(store)
        claim = story.claim(story.pending())
        psql(postgres_dsn, "REVOKE INSERT ON poslife.orders FROM poslife_bot")
        with pytest.raises(StorageUnavailable, match=r"42501.*grant"):
            await store.commit(claim)
        psql(postgres_dsn, "GRANT INSERT ON poslife.orders TO poslife_bot")

        assert not (await store.commit(claim)).repeated


async def test_a_table_gone_later_loses_nothing(postgres_dsn: str) -> None:
    """
    A table that disappears while the store is open makes it unavailable, with what to do.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        psql(postgres_dsn, "ALTER TABLE poslife.fills RENAME TO fills_away")
        with pytest.raises(StorageUnavailable, match=r"42P01.*open the store again"):
            await store.commit(story.claim(story.pending()))

    assert count(postgres_dsn, "changes") == 0


COLUMNS = {
    "positions": names_of(POSITIONS),
    "orders": names_of(ORDERS),
    "fills": ("number", *names_of(FILLS)),
    "life_events": (*names_of(LIFE_EVENTS), "epoch", "commit_xid"),
    "run_events": names_of(RUN_EVENTS),
}


def test_each_table_has_the_columns_of_its_rows(postgres_dsn: str) -> None:
    """
    Every column of a row has one in its table, in that order (incident 36).
    """
    stored = psql(
        postgres_dsn,
        "SELECT attrelid::regclass, attname FROM pg_attribute "
        "WHERE attrelid::regclass::text LIKE 'poslife.%' AND attnum > 0 ORDER BY attrelid, attnum",
    )
    rows = [line.removeprefix("poslife.").split("|") for line in stored.split()]

    for table, columns in COLUMNS.items():
        assert columns == tuple(column for relation, column in rows if relation == table)


ENUMERATIONS: dict[str, type[enum.Enum]] = {
    "positions_status_known": PositionStatus,
    "positions_leg_known": Leg,
    "positions_side_known": Side,
    "positions_confidence_known": Confidence,
    "positions_origin_known": Origin,
    "positions_close_reason_known": CloseReason,
    "orders_purpose_known": OrderPurpose,
    "orders_side_known": OrderSide,
    "orders_status_known": OrderStatus,
    "orders_close_reason_known": CloseReason,
    "fills_side_known": OrderSide,
    "fills_leg_known": Leg,
    "life_events_severity_known": Severity,
    "life_events_actor_known": Actor,
}


@pytest.mark.parametrize("constraint", ENUMERATIONS)
def test_each_enumeration_is_spelt_out_in_its_check(constraint: str) -> None:
    """
    A member that is new in Python is new in the database, by a migration.
    """
    assert sorted(str(member.value) for member in ENUMERATIONS[constraint]) == sorted(_spelt(constraint))


def test_margin_modes_are_spelt_out() -> None:
    """
    Each margin mode is in its check; none is the empty text, which the unique index compares.
    """
    assert sorted(["", *(mode.value for mode in MarginMode)]) == sorted(_spelt("positions_margin_mode_known"))


def test_statuses_that_hold_a_key_are_those_of_live_positions() -> None:
    """
    The unique index is over exactly the statuses in which a position holds its key.
    """
    (index,) = (
        feature for feature in needed_features() if feature["what"].endswith("positions_one_live_per_key")
    )

    assert ["pending", "open", "closing"] == re.findall(r"'(\w+)'", index["definition"])


def _spelt(constraint: str) -> Sequence[str]:
    (check,) = (feature for feature in needed_features() if feature["what"] == f"constraint {constraint}")
    return re.findall(r"'(\w*)'", check["definition"])
