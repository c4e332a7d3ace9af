"""
The roles that the tests open PostgreSQL as: a bot and a reader, with the rights that ``grants.sql`` gives.

The tests' fixtures hand out the DSN of the owner of the tables, who migrates, looks and damages.
"""

from __future__ import annotations

import os
import secrets
from importlib import resources
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from tests.postgres_server import psql

__all__ = [
    "GRANTS",
    "as_bot",
    "as_reader",
    "drop_roles",
    "give_up_roles",
    "may_make_roles",
    "name_roles",
    "set_up",
    "set_up_roles",
]

GRANTS: Final = (resources.files("poslife") / "postgres" / "grants.sql").read_text("utf-8")

# Their suffix and their password, or nothing, if the tests run as the role that was given.
_LOGIN: Final = "POSLIFE_TEST_LOGIN"

_BOT, _READER = "poslife_bot", "poslife_reader"


def name_roles() -> None:
    """
    Choose names and a password for the roles of this process.
    """
    os.environ[_LOGIN] = f"{os.getpid()}_{secrets.token_hex(4)}:{secrets.token_hex(16)}"


def give_up_roles() -> None:
    """
    Let the tests run as the role of the DSN.
    """
    os.environ[_LOGIN] = ""


def may_make_roles(dsn: str) -> bool:
    """
    Tell if the role of the DSN may create others.
    """
    asked = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    return psql(dsn, asked).strip() == "t"


def as_bot(dsn: str) -> str:
    """
    Return the DSN for a member of ``poslife_bot``.
    """
    return _as_member(dsn, _BOT)


def as_reader(dsn: str) -> str:
    """
    Return the DSN for a member of ``poslife_reader``.
    """
    return _as_member(dsn, _READER)


def _member(group: str) -> tuple[str, str]:
    suffix, _, password = os.environ[_LOGIN].partition(":")
    return f"{group}_{suffix}", password


def _as_member(dsn: str, group: str) -> str:
    if not os.environ[_LOGIN]:
        return dsn
    name, password = _member(group)
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{name}:{password}@{host}"))


async def set_up(dsn: str) -> None:
    """
    Make poslife's schema and its partitions as the owner, and the roles with their rights.
    """
    from poslife.postgres import PostgresStore

    store = PostgresStore(dsn)
    await store.open()
    await store.aclose()
    set_up_roles(dsn)


def set_up_roles(dsn: str) -> None:
    """
    Grant the rights in a database, and make the roles if they are not there.
    """
    if not os.environ[_LOGIN]:
        return
    psql(dsn, GRANTS)
    for group in (_BOT, _READER):
        name, password = _member(group)
        if not psql(dsn, f"SELECT FROM pg_roles WHERE rolname = '{name}'"):
            psql(dsn, f"CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE {group}")


def drop_roles(dsn: str) -> None:
    """
    Remove this process's roles. Those that ``grants.sql`` makes stay: other processes may use them.
    """
    if os.environ[_LOGIN]:
        psql(dsn, "; ".join(f"DROP ROLE IF EXISTS {_member(group)[0]}" for group in (_BOT, _READER)))
