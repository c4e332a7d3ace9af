"""
Migrations: numbered files of a package, forward only, identified by their checksums.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from poslife.errors import SchemaVersionError

__all__ = ["Applied", "Migration", "known_migrations", "pending", "require_migrated"]

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    A migration as a database has recorded it.
    """

    version: int
    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    A migration as this release has it.

    Attributes:
        version: Its number.
        name: Its purpose in a few words.
        sha256: The SHA-256 of its text, in hexadecimal.
        script: Its text.
    """

    version: int
    name: str
    sha256: str
    script: str


@cache
def known_migrations(package: str) -> tuple[Migration, ...]:
    """
    Return the migrations of *package*, by version.
    """
    found: list[Migration] = []
    for file in (resources.files(package) / "migrations").iterdir():
        if (name := _FILE.fullmatch(file.name)) is not None:
            script = file.read_text("utf-8")
            digest = hashlib.sha256(script.encode()).hexdigest()
            found.append(Migration(version=int(name[1]), name=name[2], sha256=digest, script=script))
    return tuple(sorted(found, key=lambda migration: migration.version))


def pending(applied: Sequence[Applied], known: Sequence[Migration]) -> tuple[Migration, ...]:
    """
    Return the migrations of *known* that are not applied yet.

    Raises:
        SchemaVersionError: *applied* has a migration that *known* does not have, or has otherwise.
    """
    found = max((row.version for row in applied), default=0)
    newest = max((migration.version for migration in known), default=0)
    if found > newest:
        raise SchemaVersionError(
            found, newest, "it was migrated by a newer release; upgrade poslife, or use another database"
        )
    for row, migration in zip(applied, known, strict=False):
        if (row.version, row.name) != (migration.version, migration.name):
            raise SchemaVersionError(
                found,
                newest,
                f"migration {row.version} there is {row.name!r}, "
                f"here it is {migration.version} {migration.name!r}; use the release that applied it",
            )
        if row.sha256 != migration.sha256:
            raise SchemaVersionError(
                found,
                newest,
                f"migration {row.version} ({row.name}) was edited after it had been applied "
                f"(SHA-256 {row.sha256[:12]}… there, {migration.sha256[:12]}… here); "
                "install the release that applied it, or start with a new database",
            )
    return tuple(known[len(applied) :])


def require_migrated(applied: Sequence[Applied], known: Sequence[Migration], *, url: str) -> None:
    """
    Refuse a database that this release can read only after a migration, or not at all.

    Args:
        applied: The migrations that the database has recorded.
        known: The migrations of this release.
        url: The store's URL, as ``poslife migrate`` takes it.

    Raises:
        SchemaVersionError: The schema is older, half migrated, or newer and not for this release.
    """
    found = max((row.version for row in applied), default=0)
    newest = max((migration.version for migration in known), default=0)
    if len(applied) != found or not applied:
        recorded = ", ".join(str(row.version) for row in applied) or "none"
        raise SchemaVersionError(
            found,
            newest,
            f"it is half migrated: its list of migrations has {recorded} of 1 to {max(found, newest)}, as "
            "after a restore that was cut off; restore it again, or ask for help with a copy at hand",
        )
    if missing := pending(applied, known):
        raise SchemaVersionError(
            found,
            newest,
            f"its schema is older and lacks migration {', '.join(str(each.version) for each in missing)}; "
            f"migrate it first, as its owner: poslife migrate {url}",
        )
