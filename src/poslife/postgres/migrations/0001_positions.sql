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
    CONSTRAINT orders_price_sound CHECK (price > 0 AND price < 'Infinity')
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
    ref uuid,
    ordinal integer,
    unclaimed_because text,

    CONSTRAINT fills_pkey PRIMARY KEY (venue, account, symbol, trade_id),
    CONSTRAINT fills_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions (ref),

    CONSTRAINT fills_side_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT fills_leg_known CHECK (leg IN ('net', 'long', 'short')),
    CONSTRAINT fills_quantity_sound CHECK (quantity > 0 AND quantity < 'Infinity'),
    CONSTRAINT fills_price_sound CHECK (price > 0 AND price < 'Infinity'),
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
CREATE INDEX life_events_by_commit ON poslife.life_events (commit_xid, event_id);

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

-- For events of a month without a partition, so that none is refused.
CREATE TABLE poslife.run_events_default PARTITION OF poslife.run_events DEFAULT;

CREATE INDEX run_events_by_position ON poslife.run_events (ref, event_id) WHERE ref IS NOT NULL;
CREATE INDEX run_events_by_run ON poslife.run_events (run, sequence);

CREATE TABLE poslife.dead_letters (
    event_id uuid NOT NULL,
    record bytea NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    buried_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone,

    CONSTRAINT dead_letters_pkey PRIMARY KEY (event_id)
);

-- Events are never changed or deleted, not by the owner of the tables either. Moving rows between partitions,
-- erasing and purging switch this off for their own transaction: SET LOCAL poslife.append_only = 'off'.
CREATE FUNCTION poslife.append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF current_setting('poslife.append_only', true) = 'off' THEN
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
