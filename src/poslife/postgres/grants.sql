-- The rights of a bot and of a person who reads, as two roles to be a member of.
-- Run by the owner of the tables, after every migration; it may be repeated at any time.

BEGIN;

-- Creating a role needs CREATEROLE. Without it have an administrator create both roles first.
DO $$
DECLARE
    missing text;
BEGIN
    FOR missing IN
        SELECT name FROM unnest(ARRAY['poslife_bot', 'poslife_reader']) AS name
        WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name)
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', missing);
        EXCEPTION
            -- Run in another database of the server at the same time.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END LOOP;
END
$$;

-- A right that a release no longer needs is taken back.
REVOKE ALL ON ALL TABLES IN SCHEMA poslife FROM poslife_bot, poslife_reader;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA poslife FROM poslife_bot, poslife_reader;

GRANT USAGE ON SCHEMA poslife TO poslife_bot, poslife_reader;

-- Partitions have no rights of their own: they are reached through run_events alone.
GRANT SELECT ON
    poslife.poslife_migrations,
    poslife.positions,
    poslife.orders,
    poslife.fills,
    poslife.life_events,
    poslife.epochs,
    poslife.changes,
    poslife.runs,
    poslife.run_events,
    poslife.dead_letters,
    poslife.erasures,
    poslife.purges,
    poslife.settings
TO poslife_bot, poslife_reader;

-- The functions are public anyway, unless the database's owner has changed that default.
GRANT SELECT ON poslife.event_log, poslife.open_positions TO poslife_reader;
GRANT EXECUTE ON FUNCTION
    poslife.first_id(timestamp with time zone),
    poslife.time_of(uuid),
    poslife.as_jsonb(text)
TO poslife_reader;

GRANT INSERT ON
    poslife.positions,
    poslife.orders,
    poslife.fills,
    poslife.life_events,
    poslife.epochs,
    poslife.changes,
    poslife.runs,
    poslife.run_events,
    poslife.dead_letters
TO poslife_bot;

-- Of all rows only these change. Events, fills and changes never do, and no row is deleted.
GRANT UPDATE ON poslife.positions, poslife.orders TO poslife_bot;
GRANT UPDATE (lease_until, lost_at, ended_at) ON poslife.runs TO poslife_bot;
GRANT UPDATE (replayed_at) ON poslife.dead_letters TO poslife_bot;

GRANT USAGE ON SEQUENCE poslife.position_ids TO poslife_bot;

COMMIT;
