-- runs_from: 1
-- Positions with their orders, fills and life events; changes; runs; host events and dead letters.
-- Every numeric is below 'Infinity', which excludes NaN too: PostgreSQL sorts it after all numbers.

CREATE SEQUENCE poslife.position_ids AS bigint;

CREATE TABLE poslife.positions (
    ref uuid NOT NULL,
    id bigint,
    status text NOT NULL,
    version integer NOT NULL,
    venue text NOT NULL,
    account text NOT NULL,
    symbol text NOT NULL,
    leg text NOT NULL,
    margin_mode text NOT NULL,
    side text NOT NULL,
    confidence text,
    origin text,
    requested_quantity numeric NOT NULL,
    requested_price numeric,
    entered_quantity numeric,
    entered_cost numeric,
    exited_quantity numeric,
    exited_cost numeric,
    stop_price numeric,
    stop_order_id text,
    take_profit_price numeric,
    take_profit_order_id text,
    close_reason text,
    created_at timestamp with time zone NOT NULL,
    opened_at timestamp with time zone,
    closed_at timestamp with time zone,

    CONSTRAINT positions_pkey PRIMARY KEY (ref),
    CONSTRAINT positions_id_once UNIQUE (id),

    CONSTRAINT positions_status_known CHECK (status IN ('pending', 'ended', 'open', 'closing', 'closed')),
    CONSTRAINT positions_leg_known CHECK (leg IN ('net', 'long', 'short')),
    CONSTRAINT positions_margin_mode_known CHECK (margin_mode IN ('', 'cross', 'isolated')),
    CONSTRAINT positions_side_known CHECK (side IN ('long', 'short')),
    CONSTRAINT positions_confidence_known CHECK (confidence IN ('confirmed', 'suspect', 'unconfirmed')),
    CONSTRAINT positions_origin_known CHECK (origin IN ('own', 'adopted', 'imported')),
    CONSTRAINT positions_close_reason_known CHECK (close_reason IN (
        'strategy', 'stop_loss', 'take_profit', 'liquidation', 'auto_deleveraging', 'settlement', 'operator',
        'external'
    )),

    CONSTRAINT positions_version_from_1 CHECK (version >= 1),
    CONSTRAINT positions_id_positive CHECK (id > 0),
    CONSTRAINT positions_id_from_first_fill CHECK ((id IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_origin_from_first_fill CHECK ((origin IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_opened_at_from_first_fill CHECK ((opened_at IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_sums_from_first_fill CHECK (
        num_nonnulls(entered_quantity, entered_cost, exited_quantity, exited_cost)
        = CASE WHEN status IN ('pending', 'ended') THEN 0 ELSE 4 END
    ),
    CONSTRAINT positions_confidence_while_open CHECK ((confidence IS NOT NULL) = (status IN ('open', 'closing'))),
    CONSTRAINT positions_protection_while_open CHECK (
        status IN ('open', 'closing')
        OR num_nonnulls(stop_price, stop_order_id, take_profit_price, take_profit_order_id) = 0
    ),
    CONSTRAINT positions_closed_at_when_closed CHECK ((closed_at IS NOT NULL) = (status = 'closed')),
    CONSTRAINT positions_close_reason_when_closed CHECK ((close_reason IS NOT NULL) = (status = 'closed')),
    CONSTRAINT positions_closed_after_opened CHECK (closed_at >= opened_at),

    CONSTRAINT positions_requested_quantity_sound CHECK (
        requested_quantity > 0 AND requested_quantity < 'Infinity'
    ),
    CONSTRAINT positions_requested_price_sound CHECK (requested_price > 0 AND requested_price < 'Infinity'),
    CONSTRAINT positions_entered_quantity_sound CHECK (entered_quantity > 0 AND entered_quantity < 'Infinity'),
    CONSTRAINT positions_entered_cost_sound CHECK (entered_cost >= 0 AND entered_cost < 'Infinity'),
    CONSTRAINT positions_exited_quantity_sound CHECK (exited_quantity >= 0 AND exited_quantity < 'Infinity'),
    CONSTRAINT positions_exited_cost_sound CHECK (exited_cost >= 0 AND exited_cost < 'Infinity'),
    CONSTRAINT positions_stop_price_sound CHECK (stop_price > 0 AND stop_price < 'Infinity'),
    CONSTRAINT positions_take_profit_price_sound CHECK (take_profit_price > 0 AND take_profit_price < 'Infinity'),
    CONSTRAINT positions_exited_within_entered CHECK (exited_quantity <= entered_quantity),
    CONSTRAINT positions_closed_at_zero CHECK ((exited_quantity = entered_quantity) = (status = 'closed'))
);

ALTER SEQUENCE poslife.position_ids OWNED BY poslife.positions.id;

-- One live position for each key, as at the exchange: this decides between two openings.
CREATE UNIQUE INDEX positions_one_live_per_key
    ON poslife.positions (venue, account, symbol, leg, margin_mode)
    WHERE status IN ('pending', 'open', 'closing');
CREATE INDEX positions_live_by_ref ON poslife.positions (ref) WHERE status IN ('pending', 'open', 'closing');
CREATE INDEX positions_by_closing ON poslife.positions (closed_at, ref) WHERE status = 'closed';

CREATE TABLE poslife.orders (
    ref uuid NOT NULL,
    ordinal integer NOT NULL,
    run uuid NOT NULL,
    purpose text NOT NULL,
    side text NOT NULL,
    quantity numeric NOT NULL,
    filled numeric NOT NULL,
    price numeric,
    trigger_price numeric,
    client_order_id text NOT NULL,
    venue_order_id text,
    status text NOT NULL,
    prepared_at timestamp with time zone NOT NULL,
    submitted_at timestamp with time zone,
    close_reason text,

    CONSTRAINT orders_pkey PRIMARY KEY (ref, ordinal),
    CONSTRAINT orders_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions (ref),

    CONSTRAINT orders_ordinal_in_name CHECK (ordinal >= 0 AND ordinal <= 65535),
    CONSTRAINT orders_purpose_known CHECK (purpose IN ('entry', 'increase', 'reduce', 'exit', 'protect')),
    CONSTRAINT orders_side_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT orders_status_known CHECK (status IN (
        'prepared', 'submitting', 'working', 'in_doubt', 'filled', 'canceled', 'expired', 'rejected', 'abandoned'
    )),
    CONSTRAINT orders_close_reason_known CHECK (close_reason IN (
        'strategy', 'stop_loss', 'take_profit', 'liquidation', 'auto_deleveraging', 'settlement', 'operator',
        'external'
    )),
    CONSTRAINT orders_close_reason_of_exits CHECK ((close_reason IS NOT NULL) = (purpose = 'exit')),
    CONSTRAINT orders_quantity_sound CHECK (quantity > 0 AND quantity < 'Infinity'),
    CONSTRAINT orders_filled_sound CHECK (filled >= 0 AND filled < 'Infinity'),
    CONSTRAINT orders_price_sound CHECK (price > 0 AND price < 'Infinity'),
    CONSTRAINT orders_trigger_price_sound CHECK (trigger_price > 0 AND trigger_price < 'Infinity')
);

CREATE INDEX orders_by_venue_order ON poslife.orders (venue_order_id) WHERE venue_order_id IS NOT NULL;
CREATE INDEX orders_not_ended ON poslife.orders (ref)
    WHERE status IN ('prepared', 'submitting', 'working', 'in_doubt');

CREATE TABLE poslife.fills (
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    venue text NOT NULL,
    account text NOT NULL,
    symbol text NOT NULL,
    trade_id text NOT NULL,
    side text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    at timestamp with time zone NOT NULL,
    venue_order_id text,
    client_order_id text,
    leg text,
    fees text NOT NULL,
    closed numeric,
    ref uuid,
    ordinal integer,
    unclaimed_because text,

    CONSTRAINT fills_pkey PRIMARY KEY (venue, account, symbol, trade_id, side),
    CONSTRAINT fills_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions (ref),

    CONSTRAINT fills_side_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT fills_leg_known CHECK (leg IN ('net', 'long', 'short')),
    CONSTRAINT fills_quantity_sound CHECK (quantity > 0 AND quantity < 'Infinity'),
    CONSTRAINT fills_price_sound CHECK (price > 0 AND price < 'Infinity'),
    CONSTRAINT fills_closed_sound CHECK (closed >= 0 AND closed <= quantity),
    CONSTRAINT fills_assigned_or_why_not CHECK ((ref IS NULL) = (unclaimed_because IS NOT NULL))
);

CREATE INDEX fills_by_position ON poslife.fills (ref, number) WHERE ref IS NOT NULL;
CREATE INDEX fills_unclaimed ON poslife.fills (number) WHERE ref IS NULL;

CREATE TABLE poslife.life_events (
    event_id uuid NOT NULL,
    type text NOT NULL,
    schema integer NOT NULL,
    ref uuid,
    venue text,
    account text,
    symbol text,
    ordinal integer,
    severity text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    run uuid NOT NULL,
    correlation uuid,
    causation uuid,
    actor text NOT NULL,
    version integer NOT NULL,
    index integer NOT NULL,
    sequence bigint,
    format integer NOT NULL,
    body text NOT NULL,
    salt bytea NOT NULL,
    commitment bytea NOT NULL,
    evidence text,
    evidence_salt bytea,
    digest bytea NOT NULL,
    epoch integer NOT NULL,
    commit_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),

    CONSTRAINT life_events_pkey PRIMARY KEY (event_id),
    CONSTRAINT life_events_numbered UNIQUE (ref, version, index),
    CONSTRAINT life_events_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions (ref),

    CONSTRAINT life_events_severity_known CHECK (severity IN ('debug', 'info', 'warning', 'error', 'critical')),
    CONSTRAINT life_events_actor_known CHECK (actor IN ('strategy', 'reconciler', 'recovery', 'operator')),
    CONSTRAINT life_events_version_sound CHECK (version >= CASE WHEN ref IS NULL THEN 0 ELSE 1 END),
    CONSTRAINT life_events_index_from_0 CHECK (index >= 0),
    CONSTRAINT life_events_sequence_without_position CHECK ((sequence IS NULL) = (ref IS NOT NULL) AND sequence > 0),
    CONSTRAINT life_events_format_from_1 CHECK (format >= 1),
    CONSTRAINT life_events_salt_whole CHECK (octet_length(salt) = 16),
    CONSTRAINT life_events_commitment_whole CHECK (octet_length(commitment) = 32),
    CONSTRAINT life_events_evidence_with_salt CHECK ((evidence IS NULL) = (evidence_salt IS NULL)),
    CONSTRAINT life_events_evidence_salt_whole CHECK (octet_length(evidence_salt) = 16),
    CONSTRAINT life_events_digest_whole CHECK (octet_length(digest) = 32)
);

-- The events that are about no position form a stream of their run.
CREATE UNIQUE INDEX life_events_without_position_numbered ON poslife.life_events (run, sequence) WHERE ref IS NULL;

CREATE INDEX life_events_by_position ON poslife.life_events (ref, event_id) WHERE ref IS NOT NULL;
CREATE INDEX life_events_by_commit ON poslife.life_events (epoch, commit_xid, event_id);

-- The servers that the database has been on, one after another: a transaction id is a server's own.
CREATE TABLE poslife.epochs (
    epoch integer NOT NULL,
    system_identifier bigint,
    began_at timestamp with time zone NOT NULL,

    CONSTRAINT epochs_pkey PRIMARY KEY (epoch),
    CONSTRAINT epochs_epoch_from_1 CHECK (epoch >= 1)
);

CREATE TABLE poslife.changes (
    change_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    run uuid NOT NULL,
    at timestamp with time zone NOT NULL,

    CONSTRAINT changes_pkey PRIMARY KEY (change_id),
    CONSTRAINT changes_fingerprint_whole CHECK (octet_length(fingerprint) = 32)
);

CREATE TABLE poslife.runs (
    id uuid NOT NULL,
    machine text NOT NULL,
    pid integer NOT NULL,
    process_started text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    lost_at timestamp with time zone,
    ended_at timestamp with time zone,

    CONSTRAINT runs_pkey PRIMARY KEY (id)
);

CREATE INDEX runs_not_ended ON poslife.runs (id) WHERE ended_at IS NULL;

CREATE TABLE poslife.settings (
    name text NOT NULL,
    value text NOT NULL,

    CONSTRAINT settings_pkey PRIMARY KEY (name),
    CONSTRAINT settings_partition_width_known CHECK (name <> 'partition_width' OR value IN ('month', 'day'))
);

INSERT INTO poslife.settings (name, value) VALUES ('partition_width', 'month');

CREATE TABLE poslife.run_events (
    event_id uuid NOT NULL,
    type text NOT NULL,
    schema integer NOT NULL,
    ref uuid,
    venue text,
    account text,
    symbol text,
    ordinal integer,
    severity text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    run uuid NOT NULL,
    correlation uuid,
    causation uuid,
    actor text NOT NULL,
    sequence bigint NOT NULL,
    format integer NOT NULL,
    payload text,
    salt bytea,
    commitment bytea NOT NULL,
    digest bytea NOT NULL,

    CONSTRAINT run_events_pkey PRIMARY KEY (event_id),
    CONSTRAINT run_events_format_from_1 CHECK (format >= 1),
    -- Payload and salt are erased together; the commitment stays.
    CONSTRAINT run_events_payload_with_salt CHECK ((payload IS NULL) = (salt IS NULL)),
    CONSTRAINT run_events_salt_whole CHECK (octet_length(salt) = 16),
    CONSTRAINT run_events_commitment_whole CHECK (octet_length(commitment) = 32),
    CONSTRAINT run_events_digest_whole CHECK (octet_length(digest) = 32)
) PARTITION BY RANGE (event_id);

-- For events of a time without a partition, so that none is refused.
CREATE TABLE poslife.run_events_default PARTITION OF poslife.run_events DEFAULT;

CREATE INDEX run_events_by_position ON poslife.run_events (ref, event_id) WHERE ref IS NOT NULL;
-- For a range of times: rows come nearly in their order. New pages are summarised as they fill up.
CREATE INDEX run_events_by_time ON poslife.run_events USING brin (occurred_at) WITH (autosummarize = on);

CREATE TABLE poslife.dead_letters (
    event_id uuid NOT NULL,
    record bytea NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    buried_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,

    CONSTRAINT dead_letters_pkey PRIMARY KEY (event_id)
);

-- Payloads and evidence that were erased.
CREATE TABLE poslife.erasures (
    event_id uuid NOT NULL,
    what text NOT NULL,
    by text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text NOT NULL,

    CONSTRAINT erasures_pkey PRIMARY KEY (event_id),
    CONSTRAINT erasures_what_known CHECK (what IN ('payload', 'evidence')),
    CONSTRAINT erasures_why_given CHECK (why <> '')
);

-- Purged beginnings of runs: the next host event of a run follows from the digest of its last purge.
CREATE TABLE poslife.purges (
    run uuid NOT NULL,
    upto bigint NOT NULL,
    digest bytea NOT NULL,
    by text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text NOT NULL,

    CONSTRAINT purges_pkey PRIMARY KEY (run, upto),
    CONSTRAINT purges_upto_from_1 CHECK (upto >= 1),
    CONSTRAINT purges_digest_whole CHECK (octet_length(digest) = 32),
    CONSTRAINT purges_why_given CHECK (why <> '')
);

-- Events are never changed or deleted, not by the owner of the tables either. Moving rows between partitions,
-- erasing and purging switch this off for their own transaction: SET LOCAL poslife.append_only = 'off'. Any role may
-- set that; only an owner's counts.
CREATE FUNCTION poslife.append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('poslife.append_only', true) = 'off'
        AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE')
    THEN
        IF TG_OP = 'DELETE' THEN
            RETURN OLD;
        END IF;
        RETURN NEW;
    END IF;
    RAISE EXCEPTION USING
        ERRCODE = 'PL001',
        MESSAGE = format('poslife: events are append-only, so %s of %I.%I is refused', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        HINT = 'As the owner of the tables, erase a payload with the store''s erase(), or old events with its purge().';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON poslife.life_events
FOR EACH ROW EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.life_events
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();

-- A partition gets the trigger for rows when it is attached, and that for TRUNCATE when it is made.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON poslife.run_events
FOR EACH ROW EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.run_events
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.run_events_default
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON poslife.erasures
FOR EACH ROW EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.erasures
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON poslife.epochs
FOR EACH ROW EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.epochs
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON poslife.purges
FOR EACH ROW EXECUTE FUNCTION poslife.append_only();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.purges
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();

-- ------------------------------------------------------------------------------------------------- for people
-- Functions and views for psql and Grafana. poslife itself uses none of them.

-- Written as standard SQL, which is parsed here: the search path of the caller changes nothing.
CREATE FUNCTION poslife.first_id(at timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (
        lpad(
            to_hex(
                -- Clamped to the 48 bits of an id. Of 'infinity' too, which is no bigint.
                least(greatest(floor(extract(epoch FROM at AT TIME ZONE 'UTC') * 1000), 0), 281474976710655)::bigint
            ),
            12, '0'
        ) || '00000000000000000000'
    )::uuid;

CREATE FUNCTION poslife.time_of(id uuid) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    -- In days and milliseconds, each of which a float holds exactly: an interval is multiplied by a float.
    RETURN (
        timestamp '1970-01-01'
        + ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint / 86400000 * interval '1 day'
        + ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint % 86400000 * interval '1 millisecond'
    ) AT TIME ZONE 'UTC';

-- jsonb refuses some JSON that poslife stores: a NUL, written \u0000, and numbers of more than 131,072 digits. One
-- such payload must not fail every query of the view.
DO $do$
BEGIN
    IF current_setting('server_version_num')::integer >= 160000 THEN
        -- Not STRICT, or it would not be inlined.
        CREATE FUNCTION poslife.as_jsonb(content text) RETURNS jsonb
            LANGUAGE sql STABLE PARALLEL SAFE
            RETURN CASE
                WHEN content IS NULL THEN NULL
                WHEN pg_input_is_valid(content, 'jsonb') THEN content::jsonb
                ELSE jsonb_build_object('$text', content)
            END;
    ELSE
        -- Before PostgreSQL 17 a parallel query refuses a block that catches errors.
        CREATE FUNCTION poslife.as_jsonb(content text) RETURNS jsonb
            LANGUAGE plpgsql STABLE STRICT PARALLEL UNSAFE SET search_path = pg_catalog
            AS $function$
            BEGIN
                RETURN content::jsonb;
            EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
                RETURN jsonb_build_object('$text', content);
            END
            $function$;
    END IF;
END
$do$;

-- No event is about a position before its ref is made, but for clocks that differ by less than an hour: so a query
-- for one position looks into no partition of the time before.
CREATE VIEW poslife.event_log AS
SELECT
    e.event_id, e.occurred_at, e.recorded_at, e.type, e.severity,
    e.ref, p.id AS position_id, e.venue, e.account, e.symbol, e.ordinal,
    e.actor, e.run, e.correlation, e.causation,
    NULL::integer AS version, NULL::integer AS index, e.sequence,
    poslife.as_jsonb(e.payload) AS payload, NULL::jsonb AS evidence
FROM poslife.run_events AS e
LEFT JOIN poslife.positions AS p
    ON p.ref = e.ref AND e.event_id >= poslife.first_id(poslife.time_of(p.ref) - interval '1 hour')
UNION ALL
SELECT
    e.event_id, e.occurred_at, e.recorded_at, e.type, e.severity,
    e.ref, p.id, e.venue, e.account, e.symbol, e.ordinal,
    e.actor, e.run, e.correlation, e.causation,
    e.version, e.index, e.sequence,
    poslife.as_jsonb(e.body), poslife.as_jsonb(e.evidence)
FROM poslife.life_events AS e
LEFT JOIN poslife.positions AS p ON p.ref = e.ref;

CREATE VIEW poslife.open_positions AS
SELECT
    p.id AS position_id, p.ref, p.venue, p.account, p.symbol, p.leg, p.margin_mode, p.side, p.status,
    p.confidence, p.origin,
    p.entered_quantity - p.exited_quantity AS quantity,
    trim_scale(p.entered_cost / p.entered_quantity) AS entry_price,
    p.entered_quantity, p.entered_cost, p.exited_quantity, p.exited_cost,
    p.stop_price, p.stop_order_id, p.take_profit_price, p.take_profit_order_id,
    EXISTS (
        SELECT FROM poslife.orders AS o WHERE o.ref = p.ref AND o.status = 'in_doubt'
    ) AS in_doubt,
    p.opened_at, now() - p.opened_at AS age, p.version
FROM poslife.positions AS p
WHERE p.status IN ('open', 'closing');

COMMENT ON SEQUENCE poslife.position_ids IS 'the ids of positions; it only grows, so that no id is given twice';
COMMENT ON FUNCTION poslife.first_id(timestamp with time zone) IS 'the least id of an event or a ref of this time or later, to the millisecond';
COMMENT ON FUNCTION poslife.time_of(uuid) IS 'the time that an event''s id, a ref or a run''s id begins with, to the millisecond';
COMMENT ON FUNCTION poslife.append_only() IS 'refuses to change or delete events, unless their owner has set poslife.append_only to off';
COMMENT ON FUNCTION poslife.as_jsonb(text) IS 'the text as jsonb, or {"$text": …} where jsonb cannot hold it';

COMMENT ON TABLE poslife.positions IS 'every position, from the intention on';
COMMENT ON COLUMN poslife.positions.ref IS 'its identifier from its first instant: a UUIDv7, which begins with its time';
COMMENT ON COLUMN poslife.positions.id IS 'the number that it got with its first fill; null while it is pending, and if it ended without a fill';
COMMENT ON COLUMN poslife.positions.status IS 'pending, ended (without a fill), open, closing or closed';
COMMENT ON COLUMN poslife.positions.version IS 'the number of its changes, from 1';
COMMENT ON COLUMN poslife.positions.venue IS 'ccxt''s exchange id; part of its key';
COMMENT ON COLUMN poslife.positions.account IS 'the host''s name for the account; part of its key';
COMMENT ON COLUMN poslife.positions.symbol IS 'ccxt''s unified symbol; part of its key';
COMMENT ON COLUMN poslife.positions.leg IS 'net in one-way mode, long or short in hedge mode; part of its key';
COMMENT ON COLUMN poslife.positions.margin_mode IS 'cross or isolated, empty where the host gave none; part of its key';
COMMENT ON COLUMN poslife.positions.side IS 'long or short';
COMMENT ON COLUMN poslife.positions.confidence IS 'the degree to which the venue is known to hold it: confirmed, suspect or unconfirmed';
COMMENT ON COLUMN poslife.positions.origin IS 'its source: own (an opening through poslife), adopted (fills of unknown orders) or imported';
COMMENT ON COLUMN poslife.positions.requested_quantity IS 'the intended quantity, in contracts';
COMMENT ON COLUMN poslife.positions.requested_price IS 'the price of the decision, or the limit, in the quote currency; never the entry price';
COMMENT ON COLUMN poslife.positions.entered_quantity IS 'the sum of the quantities of its entry fills, in contracts';
COMMENT ON COLUMN poslife.positions.entered_cost IS 'the sum of price times quantity over its entry fills: quote currency times contracts';
COMMENT ON COLUMN poslife.positions.exited_quantity IS 'the sum of the quantities of its exit fills, in contracts';
COMMENT ON COLUMN poslife.positions.exited_cost IS 'the sum of price times quantity over its exit fills: quote currency times contracts';
COMMENT ON COLUMN poslife.positions.stop_price IS 'the trigger of the stop loss at the venue, in the quote currency';
COMMENT ON COLUMN poslife.positions.stop_order_id IS 'the venue''s id of the stop order; null where the stop is a property of the position there';
COMMENT ON COLUMN poslife.positions.take_profit_price IS 'the trigger of the take profit at the venue, in the quote currency';
COMMENT ON COLUMN poslife.positions.take_profit_order_id IS 'the venue''s id of the take-profit order';
COMMENT ON COLUMN poslife.positions.close_reason IS 'the reason for which it was closed';
COMMENT ON COLUMN poslife.positions.created_at IS 'the time at which it was claimed';
COMMENT ON COLUMN poslife.positions.opened_at IS 'the time of its first fill, by the venue''s clock';
COMMENT ON COLUMN poslife.positions.closed_at IS 'the time of its last fill, by the venue''s clock';

COMMENT ON TABLE poslife.orders IS 'the orders of positions';
COMMENT ON COLUMN poslife.orders.ref IS 'the position that it belongs to';
COMMENT ON COLUMN poslife.orders.ordinal IS 'its number within the position, from 0; part of its client order id';
COMMENT ON COLUMN poslife.orders.run IS 'the run responsible for it';
COMMENT ON COLUMN poslife.orders.purpose IS 'entry, increase, reduce, exit or protect';
COMMENT ON COLUMN poslife.orders.side IS 'buy or sell';
COMMENT ON COLUMN poslife.orders.quantity IS 'the requested quantity, in contracts';
COMMENT ON COLUMN poslife.orders.filled IS 'the sum of its fills, in contracts';
COMMENT ON COLUMN poslife.orders.price IS 'the limit price in the quote currency; null for a market order';
COMMENT ON COLUMN poslife.orders.trigger_price IS 'the price at which the venue makes a conditional order; null for an order that is made at once';
COMMENT ON COLUMN poslife.orders.client_order_id IS 'the name that poslife gave it before it was sent: ref and ordinal in the venue''s format';
COMMENT ON COLUMN poslife.orders.venue_order_id IS 'the venue''s id of the order; null until it is known';
COMMENT ON COLUMN poslife.orders.status IS 'prepared, submitting, working, in_doubt, filled, canceled, expired, rejected or abandoned';
COMMENT ON COLUMN poslife.orders.prepared_at IS 'the time at which it was prepared';
COMMENT ON COLUMN poslife.orders.submitted_at IS 'the time at which it was committed as submitting; the request followed at once, or not at all';
COMMENT ON COLUMN poslife.orders.close_reason IS 'the reason for which an exit closes the position; null for every other order';

COMMENT ON TABLE poslife.fills IS 'every fill: one execution at the venue, in ccxt''s words a trade';
COMMENT ON COLUMN poslife.fills.number IS 'the order in which fills were stored; numbers may be missing';
COMMENT ON COLUMN poslife.fills.venue IS 'ccxt''s exchange id';
COMMENT ON COLUMN poslife.fills.account IS 'the host''s name for the account';
COMMENT ON COLUMN poslife.fills.symbol IS 'ccxt''s unified symbol';
COMMENT ON COLUMN poslife.fills.trade_id IS 'the venue''s id of the fill, unique within venue, account, symbol and side: both sides of a match may be ours';
COMMENT ON COLUMN poslife.fills.side IS 'buy or sell';
COMMENT ON COLUMN poslife.fills.quantity IS 'the executed quantity, in contracts';
COMMENT ON COLUMN poslife.fills.price IS 'the price, in the quote currency';
COMMENT ON COLUMN poslife.fills.at IS 'the time of execution, by the venue''s clock';
COMMENT ON COLUMN poslife.fills.venue_order_id IS 'the venue''s id of the order; null where the venue does not give it';
COMMENT ON COLUMN poslife.fills.client_order_id IS 'the client order id; null where the venue does not give it';
COMMENT ON COLUMN poslife.fills.leg IS 'the leg of the position; null where the venue does not give it';
COMMENT ON COLUMN poslife.fills.fees IS 'the fees as a JSON list of cost and currency: paid if above zero; empty where the venue gives none';
COMMENT ON COLUMN poslife.fills.closed IS 'the part of the quantity that closed a position, by the venue; null where it does not say';
COMMENT ON COLUMN poslife.fills.ref IS 'the position that it was applied to; null while it is unclaimed';
COMMENT ON COLUMN poslife.fills.ordinal IS 'the order of that position; null for an order that is not poslife''s';
COMMENT ON COLUMN poslife.fills.unclaimed_because IS 'the reason for which it could not be assigned';

COMMENT ON TABLE poslife.life_events IS 'the changes of positions: each is committed with the change that it tells of';
COMMENT ON COLUMN poslife.life_events.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';
COMMENT ON COLUMN poslife.life_events.type IS 'the kind of event, for example position.opened; hosts choose their own';
COMMENT ON COLUMN poslife.life_events.schema IS 'the version of the body''s fields';
COMMENT ON COLUMN poslife.life_events.ref IS 'the position that it is about; null if it is about none';
COMMENT ON COLUMN poslife.life_events.venue IS 'the venue that it is about: ccxt''s exchange id';
COMMENT ON COLUMN poslife.life_events.account IS 'the account that it is about: the host''s name for it';
COMMENT ON COLUMN poslife.life_events.symbol IS 'the symbol that it is about: ccxt''s unified symbol';
COMMENT ON COLUMN poslife.life_events.ordinal IS 'the number of the order that it is about, within its position';
COMMENT ON COLUMN poslife.life_events.severity IS 'debug, info, warning, error or critical';
COMMENT ON COLUMN poslife.life_events.occurred_at IS 'the time at which it happened';
COMMENT ON COLUMN poslife.life_events.recorded_at IS 'the time at which it was accepted for storage';
COMMENT ON COLUMN poslife.life_events.run IS 'the run that recorded it';
COMMENT ON COLUMN poslife.life_events.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';
COMMENT ON COLUMN poslife.life_events.causation IS 'the event that caused it';
COMMENT ON COLUMN poslife.life_events.actor IS 'the acting party: strategy, reconciler, recovery or operator';
COMMENT ON COLUMN poslife.life_events.version IS 'the version of the position that the change made; 0 for an event about no position';
COMMENT ON COLUMN poslife.life_events.index IS 'its index among the events of that version';
COMMENT ON COLUMN poslife.life_events.sequence IS 'its number within its run, for an event about no position';
COMMENT ON COLUMN poslife.life_events.format IS 'the number of its record format';
COMMENT ON COLUMN poslife.life_events.body IS 'the body as JSON, byte for byte as its commitment covers it; never erased';
COMMENT ON COLUMN poslife.life_events.salt IS '16 random bytes that its commitment covers';
COMMENT ON COLUMN poslife.life_events.commitment IS 'SHA-256 over salt and body';
COMMENT ON COLUMN poslife.life_events.evidence IS 'reasons and raw answers as JSON; null where there are none, or they were erased';
COMMENT ON COLUMN poslife.life_events.evidence_salt IS '16 random bytes that the commitment to the evidence covers, which is in the body';
COMMENT ON COLUMN poslife.life_events.digest IS 'SHA-256 over the digest of the event before it and its own header and commitment';
COMMENT ON COLUMN poslife.life_events.epoch IS 'the epoch that it was committed in, by number';
COMMENT ON COLUMN poslife.life_events.commit_xid IS 'the transaction that committed it: feeds read up to the oldest that still runs';

COMMENT ON TABLE poslife.epochs IS 'the servers that the database has been on, one after another';
COMMENT ON COLUMN poslife.epochs.epoch IS 'its number, from 1';
COMMENT ON COLUMN poslife.epochs.system_identifier IS 'the identifier of the server, as pg_control_system() has it; null where it could not be asked for';
COMMENT ON COLUMN poslife.epochs.began_at IS 'the time at which it began, by the database''s clock';

COMMENT ON TABLE poslife.changes IS 'the ids of changes, so that a commit can be repeated';
COMMENT ON COLUMN poslife.changes.change_id IS 'the id of the change';
COMMENT ON COLUMN poslife.changes.fingerprint IS 'SHA-256 over its contents: a repeated id must come with the same';
COMMENT ON COLUMN poslife.changes.run IS 'the run that committed it';
COMMENT ON COLUMN poslife.changes.at IS 'the time of its commit';

COMMENT ON TABLE poslife.runs IS 'the lives of processes that wrote here';
COMMENT ON COLUMN poslife.runs.id IS 'the run''s id, made by the process';
COMMENT ON COLUMN poslife.runs.machine IS 'the machine, its boot and its process namespace';
COMMENT ON COLUMN poslife.runs.pid IS 'the process id in that namespace';
COMMENT ON COLUMN poslife.runs.process_started IS 'the start of that process in the operating system''s terms; empty if not known';
COMMENT ON COLUMN poslife.runs.started_at IS 'the time of its start, by the database''s clock';
COMMENT ON COLUMN poslife.runs.lease_until IS 'the end of its lease, by the database''s clock';
COMMENT ON COLUMN poslife.runs.lost_at IS 'the time at which its lease was found to have run out';
COMMENT ON COLUMN poslife.runs.ended_at IS 'the time at which it was ended; null for one that was lost';

COMMENT ON TABLE poslife.settings IS 'settings of this database';
COMMENT ON COLUMN poslife.settings.name IS 'partition_width';
COMMENT ON COLUMN poslife.settings.value IS 'partition_width: day or month, the width of the partitions of run_events that are made from now on';

COMMENT ON TABLE poslife.run_events IS 'host events: those that the host, and the tracker itself, recorded';
COMMENT ON COLUMN poslife.run_events.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';
COMMENT ON COLUMN poslife.run_events.type IS 'the kind of event, for example position.opened; hosts choose their own';
COMMENT ON COLUMN poslife.run_events.schema IS 'the version of the body''s fields';
COMMENT ON COLUMN poslife.run_events.ref IS 'the position that it is about; null if it is about none';
COMMENT ON COLUMN poslife.run_events.venue IS 'the venue that it is about: ccxt''s exchange id';
COMMENT ON COLUMN poslife.run_events.account IS 'the account that it is about: the host''s name for it';
COMMENT ON COLUMN poslife.run_events.symbol IS 'the symbol that it is about: ccxt''s unified symbol';
COMMENT ON COLUMN poslife.run_events.ordinal IS 'the number of the order that it is about, within its position';
COMMENT ON COLUMN poslife.run_events.severity IS 'debug, info, warning, error or critical';
COMMENT ON COLUMN poslife.run_events.occurred_at IS 'the time at which it happened';
COMMENT ON COLUMN poslife.run_events.recorded_at IS 'the time at which it was accepted for storage';
COMMENT ON COLUMN poslife.run_events.run IS 'the run that recorded it';
COMMENT ON COLUMN poslife.run_events.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';
COMMENT ON COLUMN poslife.run_events.causation IS 'the event that caused it';
COMMENT ON COLUMN poslife.run_events.actor IS 'the acting party: strategy, reconciler, recovery or operator';
COMMENT ON COLUMN poslife.run_events.sequence IS 'its number within its run, from 1, without gaps';
COMMENT ON COLUMN poslife.run_events.format IS 'the number of its record format';
COMMENT ON COLUMN poslife.run_events.payload IS 'the payload as JSON, byte for byte as its commitment covers it; null where it was erased';
COMMENT ON COLUMN poslife.run_events.salt IS '16 random bytes that its commitment covers; null where the payload was erased';
COMMENT ON COLUMN poslife.run_events.commitment IS 'SHA-256 over salt and payload';
COMMENT ON COLUMN poslife.run_events.digest IS 'SHA-256 over the digest of the event before it in its run and its own header and commitment';

COMMENT ON TABLE poslife.dead_letters IS 'events that the database refused permanently';
COMMENT ON COLUMN poslife.dead_letters.event_id IS 'the id of the event';
COMMENT ON COLUMN poslife.dead_letters.record IS 'the event as bytes';
COMMENT ON COLUMN poslife.dead_letters.reason IS 'the reason for the refusal';
COMMENT ON COLUMN poslife.dead_letters.attempts IS 'the number of attempts to store it';
COMMENT ON COLUMN poslife.dead_letters.buried_at IS 'the time at which it was given up';
COMMENT ON COLUMN poslife.dead_letters.replayed_at IS 'the time at which it was stored after all';

COMMENT ON TABLE poslife.poslife_migrations IS 'the migrations that were applied';
COMMENT ON COLUMN poslife.poslife_migrations.version IS 'the number of the migration';
COMMENT ON COLUMN poslife.poslife_migrations.name IS 'its purpose in a few words';
COMMENT ON COLUMN poslife.poslife_migrations.sha256 IS 'the SHA-256 of its text, in hexadecimal';
COMMENT ON COLUMN poslife.poslife_migrations.runs_from IS 'the number that a release must know to use the database from then on';
COMMENT ON COLUMN poslife.poslife_migrations.applied_at IS 'the time at which it was applied';

COMMENT ON VIEW poslife.event_log IS 'host events and life events together, for people: filter by event_id >= poslife.first_id(time), which looks into the partitions since then alone';
COMMENT ON COLUMN poslife.event_log.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';
COMMENT ON COLUMN poslife.event_log.type IS 'the kind of event, for example position.opened; hosts choose their own';
COMMENT ON COLUMN poslife.event_log.ref IS 'the position that it is about; null if it is about none';
COMMENT ON COLUMN poslife.event_log.venue IS 'the venue that it is about: ccxt''s exchange id';
COMMENT ON COLUMN poslife.event_log.account IS 'the account that it is about: the host''s name for it';
COMMENT ON COLUMN poslife.event_log.symbol IS 'the symbol that it is about: ccxt''s unified symbol';
COMMENT ON COLUMN poslife.event_log.ordinal IS 'the number of the order that it is about, within its position';
COMMENT ON COLUMN poslife.event_log.severity IS 'debug, info, warning, error or critical';
COMMENT ON COLUMN poslife.event_log.occurred_at IS 'the time at which it happened';
COMMENT ON COLUMN poslife.event_log.recorded_at IS 'the time at which it was accepted for storage';
COMMENT ON COLUMN poslife.event_log.run IS 'the run that recorded it';
COMMENT ON COLUMN poslife.event_log.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';
COMMENT ON COLUMN poslife.event_log.causation IS 'the event that caused it';
COMMENT ON COLUMN poslife.event_log.actor IS 'the acting party: strategy, reconciler, recovery or operator';
COMMENT ON COLUMN poslife.event_log.position_id IS 'the id of the position that it is about; null while that is pending';
COMMENT ON COLUMN poslife.event_log.version IS 'the version of the position that the change made; null for a host event';
COMMENT ON COLUMN poslife.event_log.index IS 'its index among the events of that version; null for a host event';
COMMENT ON COLUMN poslife.event_log.sequence IS 'its number within its run; null for a life event of a position';
COMMENT ON COLUMN poslife.event_log.payload IS 'payload or body; null where it was erased; {"$text": …} where jsonb cannot hold it';
COMMENT ON COLUMN poslife.event_log.evidence IS 'reasons and raw answers behind a life event; null where there are none, or they were erased';

COMMENT ON VIEW poslife.open_positions IS 'positions that are open or closing, with what is held of each';
COMMENT ON COLUMN poslife.open_positions.position_id IS 'the number that it got with its first fill';
COMMENT ON COLUMN poslife.open_positions.ref IS 'its identifier from its first instant';
COMMENT ON COLUMN poslife.open_positions.venue IS 'ccxt''s exchange id';
COMMENT ON COLUMN poslife.open_positions.account IS 'the host''s name for the account';
COMMENT ON COLUMN poslife.open_positions.symbol IS 'ccxt''s unified symbol';
COMMENT ON COLUMN poslife.open_positions.leg IS 'net in one-way mode, long or short in hedge mode';
COMMENT ON COLUMN poslife.open_positions.margin_mode IS 'cross or isolated, empty where the host gave none';
COMMENT ON COLUMN poslife.open_positions.side IS 'long or short';
COMMENT ON COLUMN poslife.open_positions.status IS 'open or closing';
COMMENT ON COLUMN poslife.open_positions.confidence IS 'the degree to which the venue is known to hold it: confirmed, suspect or unconfirmed';
COMMENT ON COLUMN poslife.open_positions.origin IS 'its source: own, adopted or imported';
COMMENT ON COLUMN poslife.open_positions.quantity IS 'the quantity that is held, in contracts: entered less exited';
COMMENT ON COLUMN poslife.open_positions.entry_price IS 'the average price of its entry fills, in the quote currency, rounded to at least 16 digits';
COMMENT ON COLUMN poslife.open_positions.entered_quantity IS 'the sum of the quantities of its entry fills, in contracts';
COMMENT ON COLUMN poslife.open_positions.entered_cost IS 'the sum of price times quantity over its entry fills: quote currency times contracts';
COMMENT ON COLUMN poslife.open_positions.exited_quantity IS 'the sum of the quantities of its exit fills, in contracts';
COMMENT ON COLUMN poslife.open_positions.exited_cost IS 'the sum of price times quantity over its exit fills: quote currency times contracts';
COMMENT ON COLUMN poslife.open_positions.stop_price IS 'the trigger of the stop loss at the venue, in the quote currency; null without one';
COMMENT ON COLUMN poslife.open_positions.stop_order_id IS 'the venue''s id of the stop order; null where the stop is a property of the position there';
COMMENT ON COLUMN poslife.open_positions.take_profit_price IS 'the trigger of the take profit at the venue, in the quote currency; null without one';
COMMENT ON COLUMN poslife.open_positions.take_profit_order_id IS 'the venue''s id of the take-profit order';
COMMENT ON COLUMN poslife.open_positions.in_doubt IS 'it has an order of which the venue''s answer is not known';
COMMENT ON COLUMN poslife.open_positions.opened_at IS 'the time of its first fill, by the venue''s clock';
COMMENT ON COLUMN poslife.open_positions.age IS 'the time since then, by the database''s clock';
COMMENT ON COLUMN poslife.open_positions.version IS 'the number of its changes, from 1';

COMMENT ON TABLE poslife.erasures IS 'the payloads and evidence that were erased on purpose; the trail verifies without them';
COMMENT ON COLUMN poslife.erasures.event_id IS 'the event; its header and commitment are still stored';
COMMENT ON COLUMN poslife.erasures.what IS 'payload (of a host event) or evidence (of a life event)';
COMMENT ON COLUMN poslife.erasures.by IS 'the role that erased it';
COMMENT ON COLUMN poslife.erasures.at IS 'the time at which it was erased';
COMMENT ON COLUMN poslife.erasures.why IS 'the reason given';

COMMENT ON TABLE poslife.purges IS 'the beginnings of runs'' host events that were deleted on purpose; the rest verifies';
COMMENT ON COLUMN poslife.purges.run IS 'the run';
COMMENT ON COLUMN poslife.purges.upto IS 'the number of the last deleted event';
COMMENT ON COLUMN poslife.purges.digest IS 'the digest of that event, from which the next one follows';
COMMENT ON COLUMN poslife.purges.by IS 'the role that deleted them';
COMMENT ON COLUMN poslife.purges.at IS 'the time at which they were deleted';
COMMENT ON COLUMN poslife.purges.why IS 'the reason given';
