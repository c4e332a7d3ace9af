"""
The store in PostgreSQL, for production and for several bots: ``pip install 'poslife[postgres]'``.
"""

from __future__ import annotations

from poslife.errors import MissingExtra

try:
    import asyncpg as _asyncpg
except ModuleNotFoundError as _missing:
    if _missing.name != "asyncpg":
        raise
    raise MissingExtra("postgres", "asyncpg") from _missing

from poslife.postgres._store import PostgresStore

__all__ = ["PostgresStore"]

del _asyncpg
