"""
The check of the schema at start: tables, columns, constraints and rights.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final, TypedDict

import msgspec

from poslife.errors import SchemaMismatch
from poslife.postgres._database import Database, Session
from poslife.postgres._migrations import migrate
from poslife.postgres._statements import TYPES
from poslife.storage._columns import TABLES

__all__ = [
    "check_schema",
    "describe",
    "differences",
    "needed_features",
    "prepare_schema",
    "read_features",
    "unreadable",
]


class Feature(TypedDict):
    """
    One part of a schema.

    Attributes:
        relation: Its table or sequence.
        what: Its kind and name.
        definition: Its definition.
        demanding: It can refuse rows of poslife where poslife does not know it.
    """

    relation: str
    what: str
    definition: str
    demanding: bool


_decoder: Final = msgspec.json.Decoder(Feature)


async def prepare_schema(database: Database) -> None:
    """
    Migrate the database, and check its schema.

    Raises:
        SchemaVersionError: The database needs a newer release, or a migration was edited.
        SchemaMismatch: Listing every difference.
    """
    await migrate(database)
    await database.transact(check_schema)


async def check_schema(session: Session) -> None:
    """
    Compare the schema with the one that this release needs.

    Raises:
        SchemaMismatch: Listing every difference.
    """
    found = differences(needed_features(), await read_features(session))
    if any(_RIGHT in line for line in found):
        found.append(_GRANTED_BY.format(role=await session.fetch_one(_ROLE)))
    if found:
        raise SchemaMismatch(await describe(session), found)


_RIGHT: Final = ": right to "
_ROLE: Final = "SELECT quote_ident(current_user)"
_GRANTED_BY: Final = (
    "{role} lacks rights of a bot: as the owner of schema poslife run poslife/postgres/grants.sql, and "
    "GRANT poslife_bot TO {role}"
)


@cache
def needed_features() -> tuple[Feature, ...]:
    """
    Return the schema that this release needs: the columns of `TABLES`, and ``needed_schema.txt``.

    A line of the file has relation, kind and name, and definition, separated by tabs.
    """
    text = (resources.files("poslife.postgres") / "needed_schema.txt").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()]
    rows += [
        [table, f"column {column.name}", f"{TYPES[column.cells]}{'' if column.null else ' not null'}"]
        for table, columns in TABLES.items()
        for column in columns
    ]
    return tuple(
        Feature(relation=relation, what=what, definition=definition, demanding=True)
        for relation, what, definition in rows
    )


def differences(needed: Iterable[Feature], found: Iterable[Feature]) -> list[str]:
    """
    Return the differences of *found* from *needed*, one sentence each.

    More than is needed is a difference only where it can refuse what poslife writes.
    """
    there = {(feature["relation"], feature["what"]): feature for feature in found}
    relations = {relation for relation, _ in there}
    lines: list[str] = []
    missing: set[str] = set()
    known: set[tuple[str, str]] = set()
    for feature in needed:
        relation, what, definition = feature["relation"], feature["what"], feature["definition"]
        known.add((relation, what))
        if relation not in relations:
            if relation not in missing:
                lines.append(f"{relation} is missing")
            missing.add(relation)
        elif (stored := there.get((relation, what))) is None:
            lines.append(f"{relation}: {what} is missing; it should be {definition}")
        elif _plain(stored["definition"]) != _plain(definition):
            lines.append(f"{relation}: {what} is {stored['definition']}; it should be {definition}")
    ours = {relation for relation, _ in known}
    lines += [
        f"{relation}: {what} is not poslife's and can refuse what it writes: {feature['definition']}"
        for (relation, what), feature in there.items()
        if relation in ours and (relation, what) not in known and feature["demanding"]
    ]
    return lines


def unreadable(needed: Iterable[Feature], found: Iterable[Feature]) -> list[str]:
    """
    Return one sentence for each table, column and right to SELECT that a reader lacks.

    What can only refuse a row, such as a constraint, does not matter to a reader.
    """
    there = {(feature["relation"], feature["what"]): feature["definition"] for feature in found}
    relations = {relation for relation, _ in there}
    lines: list[str] = []
    for relation in dict.fromkeys(feature["relation"] for feature in needed):
        columns = [
            feature["what"]
            for feature in needed
            if feature["relation"] == relation and feature["what"].startswith("column ")
        ]
        if columns and relation not in relations:
            lines.append(f"{relation} is missing")
        elif columns:
            lines += [f"{relation}: {what} is missing" for what in columns if (relation, what) not in there]
            if there.get((relation, "right to SELECT")) != "granted":
                lines.append(f"{relation}: the right to SELECT is missing; it should be granted")
    return lines


def _plain(definition: str) -> str:
    """
    Return a definition without spaces and parentheses, which versions of the server print differently.
    """
    return re.sub(r"[\s()]", "", definition)


_READ_FEATURES: Final = r"""
WITH relations AS (
    SELECT c.oid, c.relname, c.relkind, c.relpersistence
    FROM pg_catalog.pg_class AS c
    WHERE c.relnamespace = to_regnamespace('poslife')
      AND c.relkind IN ('r', 'p', 'S') AND NOT c.relispartition
), features AS (
    SELECT
        r.relname AS relation,
        'kind' AS what,
        CASE r.relpersistence WHEN 'p' THEN '' ELSE 'unlogged ' END
            || CASE r.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END AS definition,
        false AS demanding
    FROM relations AS r
UNION ALL
    SELECT r.relname, 'partitioned by', pg_get_partkeydef(r.oid), true
    FROM relations AS r
    WHERE r.relkind = 'p'
UNION ALL
    SELECT r.relname, 'default partition', 'there', false
    FROM relations AS r
    JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = r.oid AND p.partdefid <> 0
UNION ALL
    SELECT
        r.relname,
        'column ' || a.attname,
        format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
            || CASE WHEN a.attidentity <> '' THEN ' identity' ELSE '' END
            || CASE WHEN a.attgenerated <> '' THEN ' generated' ELSE '' END,
        a.attnotnull AND NOT a.atthasdef AND a.attidentity = ''
    FROM relations AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE r.relkind <> 'S'
UNION ALL
    SELECT r.relname, 'constraint ' || k.conname, pg_get_constraintdef(k.oid), true
    FROM relations AS r
    JOIN pg_catalog.pg_constraint AS k ON k.conrelid = r.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL
    SELECT
        r.relname,
        'unique index ' || i.indexrelid::regclass::text,
        pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END,
        true
    FROM relations AS r
    JOIN pg_catalog.pg_index AS i ON i.indrelid = r.oid AND i.indisunique
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.indexrelid)
UNION ALL
    SELECT
        r.relname,
        'trigger ' || t.tgname,
        pg_get_triggerdef(t.oid) || CASE
            WHEN t.tgenabled NOT IN ('O', 'A') THEN ', but disabled'
            WHEN current_setting('poslife.append_only', true) = 'off'
            THEN ', but switched off by the setting poslife.append_only'
            ELSE ''
        END,
        false
    FROM relations AS r
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
    WHERE t.tgname IN ('append_only', 'append_only_truncate')
UNION ALL
    SELECT
        r.relname,
        'append_only on its partitions',
        coalesce('missing or disabled on ' || string_agg(c.relname, ', ' ORDER BY c.relname), 'enabled'),
        false
    FROM relations AS r
    LEFT JOIN (pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid)
        ON i.inhparent = r.oid AND 2 > (
            SELECT count(*)
            FROM pg_catalog.pg_trigger AS t
            WHERE t.tgrelid = c.oid AND t.tgenabled IN ('O', 'A')
              AND t.tgname IN ('append_only', 'append_only_truncate')
        )
    WHERE r.relkind = 'p'
    GROUP BY r.relname
UNION ALL
    SELECT
        p.proname || '()',
        'body',
        encode(sha256(convert_to(regexp_replace(p.prosrc, '\s+', ' ', 'g'), 'UTF8')), 'hex'),
        false
    FROM pg_catalog.pg_proc AS p
    WHERE p.pronamespace = to_regnamespace('poslife') AND p.proname = 'append_only'
UNION ALL
    SELECT
        r.relname,
        'right to UPDATE ' || a.attname,
        CASE WHEN has_column_privilege(r.oid, a.attnum, 'UPDATE') THEN 'granted' ELSE 'not granted' END,
        false
    FROM relations AS r
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = r.oid
    WHERE (r.relname, a.attname) IN (
        ('runs', 'lease_until'), ('runs', 'lost_at'), ('runs', 'ended_at'), ('dead_letters', 'replayed_at')
    )
UNION ALL
    SELECT
        r.relname,
        'right to ' || privilege,
        CASE
            WHEN r.relkind = 'S' AND privilege = 'USAGE' AND has_sequence_privilege(r.oid, privilege)
              OR r.relkind <> 'S' AND privilege <> 'USAGE' AND has_table_privilege(r.oid, privilege)
            THEN 'granted'
            ELSE 'not granted'
        END,
        false
    FROM relations AS r
    CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'USAGE']) AS privilege
    WHERE (privilege = 'USAGE') = (r.relkind = 'S')
)
SELECT json_build_object(
    'relation', f.relation,
    'what', f.what,
    'definition', regexp_replace(f.definition, '\s+', ' ', 'g'),
    'demanding', f.demanding
)::text
FROM features AS f
ORDER BY f.relation COLLATE "C", f.what COLLATE "C"
"""


async def read_features(session: Session) -> list[Feature]:
    """
    Return the schema of the database.
    """
    return [_decoder.decode(row) for row in await session.fetch(_READ_FEATURES)]


_DESCRIBE: Final = """
SELECT format(
    'PostgreSQL %s at %s, database %s, schema poslife, as %s',
    current_setting('server_version'),
    coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'a local socket'),
    current_database(),
    current_user
)
"""


async def describe(session: Session) -> str:
    """
    Return server, database, schema and role.
    """
    return (await session.fetch(_DESCRIBE))[0]
