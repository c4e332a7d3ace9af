"""
The work that an owner of the tables does for bots that may not: migrate, and make partitions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from poslife.postgres._connections import Dsn
from poslife.postgres._database import Database
from poslife.postgres._errors import translated
from poslife.postgres._limits import Limits
from poslife.postgres._migrations import migrate, read_applied
from poslife.postgres._partition_ranges import Width
from poslife.postgres._partitions import Made, make_partitions, set_width
from poslife.postgres._schema import check_schema, describe

__all__ = ["Upkeep", "keep_up"]

_LONGEST: Final = 3600.0
"""
The seconds that one statement may take: an index is made over all events, or many events are moved.
"""

_TRIES_FOR_A_LOCK: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """
    The result of `keep_up`.

    Attributes:
        where: Server, database, schema and role.
        migrations: The migrations that were applied.
        made: The partitions that were made.
    """

    where: str
    migrations: tuple[str, ...]
    made: Made


async def keep_up(url: str, width: Width | None) -> Upkeep:
    """
    Migrate a database, and make the partitions that are missing. Bots may be running.

    Args:
        url: ``postgresql://owner@host/database``.
        width: The width to store for the partitions that are made from now on. *Default*: the stored one.

    Raises:
        RepositoryError: The server is away, the role may not migrate, or the schema is of a newer release.
    """
    source = Dsn(url=url, size=1, statement_cache_size=0)
    database = Database(source, Limits(command=_LONGEST))
    await database.connect()
    try:
        with translated():
            before = {applied.version for applied in await database.transact(read_applied)}
            await migrate(database, patience=_LONGEST)
            await database.transact(check_schema)
            after = await database.transact(read_applied)
            if width is not None:
                await database.transact(partial(set_width, width=width))
            made = await make_partitions(database, tries=_TRIES_FOR_A_LOCK)
            where = await database.transact(describe)
    finally:
        await database.aclose()
    names = tuple(f"{one.version:04}_{one.name}" for one in after if one.version not in before)
    return Upkeep(where=where, migrations=names, made=made)
