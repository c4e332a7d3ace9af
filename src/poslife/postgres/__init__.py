"""
The store in PostgreSQL, for production and for fleets: ``pip install 'poslife[postgres]'``.
"""

from __future__ import annotations

from poslife.errors import MissingExtra

try:
    import asyncpg as _asyncpg
except ModuleNotFoundError as error:
    if error.name != "asyncpg":
        raise
    raise MissingExtra("postgres", "asyncpg") from error

from poslife.postgres._store import PostgresStore

__all__ = ["PostgresStore"]

del _asyncpg
