"""
A transaction is as poslife needs it, whatever its connection is set to.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg
import pytest

from poslife.conformance._example_changes import begin
from poslife.errors import StorageUnavailable
from poslife.postgres import PostgresStore
from tests.postgres.support import opened_store
from tests.postgres_roles import as_bot
from tests.postgres_server import psql


async def test_a_codec_for_text_is_refused(postgres_dsn: str) -> None:
    """
    A pool with its own codec for ``text`` is refused, and nothing is stored through it.
    """

    async def set_up(connection: asyncpg.Connection) -> None:
        await connection.set_type_codec("text", encoder=str, decoder=list, schema="pg_catalog", format="text")

    async with asyncpg.create_pool(as_bot(postgres_dsn), min_size=0, max_size=1, init=set_up) as pool:
        store = PostgresStore.borrowing(pool)
        with pytest.raises(StorageUnavailable, match="pool decodes text as list"):
            await store.open()


SETTINGS_OF_OURS = {
    "synchronous_commit": ("off", "on"),
    "default_transaction_isolation": ("serializable", "serializable"),
    "default_transaction_deferrable": ("on", "on"),
    "transaction_isolation": (None, "read committed"),
    "transaction_read_only": (None, "off"),
    "transaction_deferrable": (None, "off"),
    "search_path": ("public", "pg_catalog"),
    "TimeZone": ("Asia/Tokyo", "UTC"),
    "lock_timeout": ("7s", "1500ms"),
    "statement_timeout": ("7s", "4s"),
    "idle_in_transaction_session_timeout": ("7s", "5s"),
}
"""
The value that the database is set to, and the value in a transaction of the store.
"""


async def test_every_transaction_has_its_own_settings(postgres_dsn: str) -> None:
    """
    Isolation, durability, time-outs, search path and time zone do not depend on the database's settings.
    """
    database = urlsplit(postgres_dsn).path[1:]
    for name, (given, _) in SETTINGS_OF_OURS.items():
        if given is not None:
            psql(postgres_dsn, f"ALTER DATABASE {database} SET {name} = '{given}'")
    psql(postgres_dsn, WITNESS)
    async with opened_store(postgres_dsn, command_timeout=5, lock_timeout=1.5) as store:
        story = await begin(store)
        await store.commit(story.unclaimed("a witness"))
    seen = dict(line.split("|") for line in psql(postgres_dsn, "SELECT * FROM public.witness").splitlines())

    assert {name: ours for name, (_, ours) in SETTINGS_OF_OURS.items()} == seen


WITNESS = f"""
CREATE TABLE public.witness (name text, setting text);
GRANT INSERT ON public.witness TO PUBLIC;
CREATE FUNCTION public.witness() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.witness
    SELECT name, current_setting(name) FROM unnest(ARRAY{list(SETTINGS_OF_OURS)}) AS name;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT ON poslife.changes EXECUTE FUNCTION public.witness();
"""


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_bad_luck_is_met_by_trying_again(postgres_dsn: str, code: str) -> None:
    """
    A serialisation failure or a deadlock is retried at once, a limited number of times.
    """
    async with opened_store(postgres_dsn) as store:
        story = await begin(store)
        psql(
            postgres_dsn,
            "CREATE SEQUENCE poslife.luck; GRANT USAGE ON SEQUENCE poslife.luck TO PUBLIC;"
            "CREATE FUNCTION poslife.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF nextval('poslife.luck') % 8 > 2 THEN RAISE EXCEPTION 'bad luck' USING ERRCODE = '{code}'; "
            "END IF; RETURN NEW; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON poslife.changes FOR EACH ROW "
            "EXECUTE FUNCTION poslife.refuse()",
        )
        for _ in range(2):
            await store.commit(story.claim(story.pending()))
        claim = story.claim(story.pending())
        with pytest.raises(StorageUnavailable, match=code):
            await store.commit(claim)

        assert not (await store.commit(claim)).repeated
