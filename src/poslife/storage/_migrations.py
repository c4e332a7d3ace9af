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
_RUNS_FROM = re.compile(r"-- runs_from: ([1-9]\d{0,3})\n", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    A migration as a database has recorded it.

    Attributes:
        version: Its number.
        name: Its purpose in a few words.
        sha256: The SHA-256 of its text, in hexadecimal.
        runs_from: The lowest newest migration of the releases that may use the database from then on.
    """

    version: int
    name: str
    sha256: str
    runs_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    A migration as this release has it.

    Attributes:
        version: Its number.
        name: Its purpose in a few words.
        sha256: The SHA-256 of its text, in hexadecimal.
        runs_from: The number that a release must know to use a database with this migration. A migration that
            only adds keeps that of the one before it; one that breaks what a release writes raises it.
        script: Its text.
    """

    version: int
    name: str
    sha256: str
    runs_from: int
    script: str


@cache
def known_migrations(package: str) -> tuple[Migration, ...]:
    """
    Return the migrations of *package*, by version.

    Raises:
        ValueError: A file does not begin with the line ``-- runs_from: N``, or N is above its own number.
    """
    found: list[Migration] = []
    for file in (resources.files(package) / "migrations").iterdir():
        if (name := _FILE.fullmatch(file.name)) is not None:
            script, version = file.read_text("utf-8"), int(name[1])
            found.append(
                Migration(
                    version=version,
                    name=name[2],
                    sha256=hashlib.sha256(script.encode()).hexdigest(),
                    runs_from=_runs_from(file.name, script, version),
                    script=script,
                )
            )
    return tuple(sorted(found, key=lambda migration: migration.version))


def _runs_from(file: str, script: str, version: int) -> int:
    stated = _RUNS_FROM.match(script)
    if stated is None or int(stated[1]) > version:
        first = script.partition("\n")[0]
        message = f"{file}: expected a first line '-- runs_from: N' with N from 1 to {version}, got {first!r}"
        raise ValueError(message)
    return int(stated[1])


def pending(applied: Sequence[Applied], known: Sequence[Migration]) -> tuple[Migration, ...]:
    """
    Return the migrations of *known* that are not applied yet.

    A newer database needs none, if every migration beyond *known* lets this release go on.

    Raises:
        SchemaVersionError: *applied* has a migration that *known* has otherwise, or one that needs a newer
            release.
    """
    found = max((row.version for row in applied), default=0)
    newest = max((migration.version for migration in known), default=0)
    needed = max((row.runs_from for row in applied), default=0)
    if found > newest and needed > newest:
        raise SchemaVersionError(
            found,
            newest,
            "it was migrated by a newer release; upgrade poslife to a release that knows migration "
            f"{needed}, or use another database",
        )
    if found > newest and len(applied) != found:
        recorded = ", ".join(str(row.version) for row in applied)
        raise SchemaVersionError(
            found,
            newest,
            f"its list of migrations has only {recorded} of 1 to {found}; restore the database again",
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
