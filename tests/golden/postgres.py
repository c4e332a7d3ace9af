"""
The golden dump of a PostgreSQL database.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from poslife.postgres import PostgresStore
from tests.golden.story import fixed_chance, tell
from tests.postgres_server import LocalServer, dump, psql

__all__ = ["make_postgres"]

# The server's clock, identifier and transaction ids are its own, and partitions are of the current months.
# The triggers are off, so that even what is append-only can be set.
_AT: Final = "'2026-01-02 03:04:05.678901+00'"
_FIX: Final = f"""
SET session_replication_role = replica;
UPDATE poslife.poslife_migrations SET applied_at = {_AT};
UPDATE poslife.epochs SET began_at = {_AT}, system_identifier = 1;
UPDATE poslife.runs SET started_at = {_AT}, lease_until = {_AT};
UPDATE poslife.dead_letters SET buried_at = {_AT};
UPDATE poslife.erasures SET at = {_AT};
UPDATE poslife.life_events AS l SET commit_xid = t.number::text::xid8
FROM (SELECT event_id, 1000 + dense_rank() OVER (ORDER BY commit_xid) AS number FROM poslife.life_events) AS t
WHERE t.event_id = l.event_id;
DO $$ DECLARE partition regclass; BEGIN
    FOR partition IN
        SELECT inhrelid FROM pg_inherits
        WHERE inhparent = 'poslife.run_events'::regclass
          AND inhrelid <> 'poslife.run_events_default'::regclass
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
    END LOOP;
END $$
"""


async def make_postgres(path: Path) -> None:
    """
    Tell the story in a database of a server of its own, and write the dump to *path*.
    """
    server = LocalServer(settings={"autovacuum": "off"})
    try:
        store = PostgresStore(server.dsn())
        await store.open()
        with fixed_chance():
            await tell(store)
        await store.aclose()
        psql(server.dsn(), _FIX)
        lines = dump(server.dsn()).splitlines(keepends=True)
    finally:
        server.close()
    # Releases of programs, a random word, and a setting that older servers do not have.
    other = ("-- Dumped", "\\restrict", "\\unrestrict", "SET transaction_timeout")
    path.write_text("".join(line for line in lines if not line.startswith(other)), "utf-8")
