"""
The store in a SQLite file: the default, which needs nothing but a path on a local disk.
"""

from __future__ import annotations

from poslife.sqlite._store import SqliteStore

__all__ = ["SqliteStore"]
