-- runs_from: 1
-- Positions with their orders, fills and life events; changes; runs; host events and dead letters.
--
-- Numbers are decimals as text: no exponent, no sign, no leading zeros, no trailing zeros after the point. Two are
-- equal exactly when their texts are; SQL does not compare, order or sum them. Times are UTC, to the microsecond, in
-- one width, so that their texts sort. UUIDs are in lower case.

-- The last id that was minted. It only grows, so that no id is given twice.
CREATE TABLE position_ids (
    only INTEGER NOT NULL,
    last INTEGER NOT NULL,

    CONSTRAINT position_ids_pkey PRIMARY KEY (only),
    CONSTRAINT position_ids_one_row CHECK (only = 1),
    CONSTRAINT position_ids_last_from_0 CHECK (last >= 0)
) STRICT;

INSERT INTO position_ids (only, last) VALUES (1, 0);

CREATE TABLE positions (
    ref TEXT NOT NULL,
    id INTEGER,
    status TEXT NOT NULL,
    version INTEGER NOT NULL,
    venue TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    leg TEXT NOT NULL,
    margin_mode TEXT NOT NULL,
    side TEXT NOT NULL,
    confidence TEXT,
    origin TEXT,
    requested_quantity TEXT NOT NULL,
    requested_price TEXT,
    entered_quantity TEXT,
    entered_cost TEXT,
    exited_quantity TEXT,
    exited_cost TEXT,
    stop_price TEXT,
    stop_order_id TEXT,
    take_profit_price TEXT,
    take_profit_order_id TEXT,
    close_reason TEXT,
    created_at TEXT NOT NULL,
    opened_at TEXT,
    closed_at TEXT,

    CONSTRAINT positions_pkey PRIMARY KEY (ref),

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

    CONSTRAINT positions_ref_sound CHECK (length(ref) = 36),
    CONSTRAINT positions_version_from_1 CHECK (version >= 1),
    CONSTRAINT positions_id_positive CHECK (id > 0),
    CONSTRAINT positions_id_from_first_fill CHECK ((id IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_origin_from_first_fill CHECK ((origin IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_opened_at_from_first_fill CHECK ((opened_at IS NULL) = (status IN ('pending', 'ended'))),
    CONSTRAINT positions_sums_from_first_fill CHECK (
        (entered_quantity IS NULL) + (entered_cost IS NULL) + (exited_quantity IS NULL) + (exited_cost IS NULL)
        = CASE WHEN status IN ('pending', 'ended') THEN 4 ELSE 0 END
    ),
    CONSTRAINT positions_confidence_while_open CHECK ((confidence IS NOT NULL) = (status IN ('open', 'closing'))),
    CONSTRAINT positions_protection_while_open CHECK (
        status IN ('open', 'closing')
        OR coalesce(stop_price, stop_order_id, take_profit_price, take_profit_order_id) IS NULL
    ),
    CONSTRAINT positions_closed_at_when_closed CHECK ((closed_at IS NOT NULL) = (status = 'closed')),
    CONSTRAINT positions_close_reason_when_closed CHECK ((close_reason IS NOT NULL) = (status = 'closed')),
    CONSTRAINT positions_closed_after_opened CHECK (closed_at >= opened_at),
    CONSTRAINT positions_closed_at_zero CHECK ((exited_quantity = entered_quantity) = (status = 'closed')),
    CONSTRAINT positions_created_at_sound CHECK (created_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT positions_opened_at_sound CHECK (opened_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT positions_closed_at_sound CHECK (closed_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT positions_requested_quantity_sound CHECK (
        requested_quantity GLOB '[0-9]*' AND requested_quantity NOT GLOB '*[^0-9.]*' AND requested_quantity NOT GLOB '0[0-9]*'
        AND requested_quantity NOT GLOB '*.*.*' AND requested_quantity NOT GLOB '*.*0' AND requested_quantity NOT GLOB '*.'
        AND requested_quantity <> '0'
    ),
    CONSTRAINT positions_requested_price_sound CHECK (
        requested_price GLOB '[0-9]*' AND requested_price NOT GLOB '*[^0-9.]*' AND requested_price NOT GLOB '0[0-9]*'
        AND requested_price NOT GLOB '*.*.*' AND requested_price NOT GLOB '*.*0' AND requested_price NOT GLOB '*.'
        AND requested_price <> '0'
    ),
    CONSTRAINT positions_entered_quantity_sound CHECK (
        entered_quantity GLOB '[0-9]*' AND entered_quantity NOT GLOB '*[^0-9.]*' AND entered_quantity NOT GLOB '0[0-9]*'
        AND entered_quantity NOT GLOB '*.*.*' AND entered_quantity NOT GLOB '*.*0' AND entered_quantity NOT GLOB '*.'
        AND entered_quantity <> '0'
    ),
    CONSTRAINT positions_entered_cost_sound CHECK (
        entered_cost GLOB '[0-9]*' AND entered_cost NOT GLOB '*[^0-9.]*' AND entered_cost NOT GLOB '0[0-9]*'
        AND entered_cost NOT GLOB '*.*.*' AND entered_cost NOT GLOB '*.*0' AND entered_cost NOT GLOB '*.'
    ),
    CONSTRAINT positions_exited_quantity_sound CHECK (
        exited_quantity GLOB '[0-9]*' AND exited_quantity NOT GLOB '*[^0-9.]*' AND exited_quantity NOT GLOB '0[0-9]*'
        AND exited_quantity NOT GLOB '*.*.*' AND exited_quantity NOT GLOB '*.*0' AND exited_quantity NOT GLOB '*.'
    ),
    CONSTRAINT positions_exited_cost_sound CHECK (
        exited_cost GLOB '[0-9]*' AND exited_cost NOT GLOB '*[^0-9.]*' AND exited_cost NOT GLOB '0[0-9]*'
        AND exited_cost NOT GLOB '*.*.*' AND exited_cost NOT GLOB '*.*0' AND exited_cost NOT GLOB '*.'
    ),
    CONSTRAINT positions_stop_price_sound CHECK (
        stop_price GLOB '[0-9]*' AND stop_price NOT GLOB '*[^0-9.]*' AND stop_price NOT GLOB '0[0-9]*'
        AND stop_price NOT GLOB '*.*.*' AND stop_price NOT GLOB '*.*0' AND stop_price NOT GLOB '*.'
        AND stop_price <> '0'
    ),
    CONSTRAINT positions_take_profit_price_sound CHECK (
        take_profit_price GLOB '[0-9]*' AND take_profit_price NOT GLOB '*[^0-9.]*' AND take_profit_price NOT GLOB '0[0-9]*'
        AND take_profit_price NOT GLOB '*.*.*' AND take_profit_price NOT GLOB '*.*0' AND take_profit_price NOT GLOB '*.'
        AND take_profit_price <> '0'
    )
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX positions_id_once ON positions (id) WHERE id IS NOT NULL;
-- One live position for each key, as at the exchange: this decides between two openings.
CREATE UNIQUE INDEX positions_one_live_per_key
    ON positions (venue, account, symbol, leg, margin_mode)
    WHERE status IN ('pending', 'open', 'closing');
CREATE INDEX positions_live_by_ref ON positions (ref) WHERE status IN ('pending', 'open', 'closing');
CREATE INDEX positions_by_closing ON positions (closed_at, ref) WHERE status = 'closed';

CREATE TABLE orders (
    ref TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    run TEXT NOT NULL,
    purpose TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    filled TEXT NOT NULL,
    price TEXT,
    trigger_price TEXT,
    client_order_id TEXT NOT NULL,
    venue_order_id TEXT,
    status TEXT NOT NULL,
    prepared_at TEXT NOT NULL,
    submitted_at TEXT,
    close_reason TEXT,

    CONSTRAINT orders_pkey PRIMARY KEY (ref, ordinal),
    CONSTRAINT orders_of_a_position FOREIGN KEY (ref) REFERENCES positions (ref),

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
    CONSTRAINT orders_run_sound CHECK (length(run) = 36),
    CONSTRAINT orders_prepared_at_sound CHECK (prepared_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT orders_submitted_at_sound CHECK (submitted_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT orders_quantity_sound CHECK (
        quantity GLOB '[0-9]*' AND quantity NOT GLOB '*[^0-9.]*' AND quantity NOT GLOB '0[0-9]*'
        AND quantity NOT GLOB '*.*.*' AND quantity NOT GLOB '*.*0' AND quantity NOT GLOB '*.'
        AND quantity <> '0'
    ),
    CONSTRAINT orders_filled_sound CHECK (
        filled GLOB '[0-9]*' AND filled NOT GLOB '*[^0-9.]*' AND filled NOT GLOB '0[0-9]*'
        AND filled NOT GLOB '*.*.*' AND filled NOT GLOB '*.*0' AND filled NOT GLOB '*.'
    ),
    CONSTRAINT orders_price_sound CHECK (
        price GLOB '[0-9]*' AND price NOT GLOB '*[^0-9.]*' AND price NOT GLOB '0[0-9]*'
        AND price NOT GLOB '*.*.*' AND price NOT GLOB '*.*0' AND price NOT GLOB '*.'
        AND price <> '0'
    ),
    CONSTRAINT orders_trigger_price_sound CHECK (
        trigger_price GLOB '[0-9]*' AND trigger_price NOT GLOB '*[^0-9.]*' AND trigger_price NOT GLOB '0[0-9]*'
        AND trigger_price NOT GLOB '*.*.*' AND trigger_price NOT GLOB '*.*0' AND trigger_price NOT GLOB '*.'
        AND trigger_price <> '0'
    )
) STRICT, WITHOUT ROWID;

CREATE INDEX orders_by_venue_order ON orders (venue_order_id) WHERE venue_order_id IS NOT NULL;
CREATE INDEX orders_not_ended ON orders (ref) WHERE status IN ('prepared', 'submitting', 'working', 'in_doubt');

CREATE TABLE fills (
    number INTEGER NOT NULL,
    venue TEXT NOT NULL,
    account TEXT NOT NULL,
    symbol TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    "at" TEXT NOT NULL,
    venue_order_id TEXT,
    client_order_id TEXT,
    leg TEXT,
    fees TEXT NOT NULL,
    closed TEXT,
    ref TEXT,
    ordinal INTEGER,
    unclaimed_because TEXT,

    CONSTRAINT fills_pkey PRIMARY KEY (number),
    CONSTRAINT fills_of_a_position FOREIGN KEY (ref) REFERENCES positions (ref),

    CONSTRAINT fills_side_known CHECK (side IN ('buy', 'sell')),
    CONSTRAINT fills_leg_known CHECK (leg IN ('net', 'long', 'short')),
    CONSTRAINT fills_assigned_or_why_not CHECK ((ref IS NULL) = (unclaimed_because IS NOT NULL)),
    CONSTRAINT fills_at_sound CHECK ("at" GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT fills_quantity_sound CHECK (
        quantity GLOB '[0-9]*' AND quantity NOT GLOB '*[^0-9.]*' AND quantity NOT GLOB '0[0-9]*'
        AND quantity NOT GLOB '*.*.*' AND quantity NOT GLOB '*.*0' AND quantity NOT GLOB '*.'
        AND quantity <> '0'
    ),
    CONSTRAINT fills_closed_sound CHECK (
        closed GLOB '[0-9]*' AND closed NOT GLOB '*[^0-9.]*' AND closed NOT GLOB '0[0-9]*'
        AND closed NOT GLOB '*.*.*' AND closed NOT GLOB '*.*0' AND closed NOT GLOB '*.'
    ),
    CONSTRAINT fills_price_sound CHECK (
        price GLOB '[0-9]*' AND price NOT GLOB '*[^0-9.]*' AND price NOT GLOB '0[0-9]*'
        AND price NOT GLOB '*.*.*' AND price NOT GLOB '*.*0' AND price NOT GLOB '*.'
        AND price <> '0'
    )
) STRICT;

CREATE UNIQUE INDEX fills_once ON fills (venue, account, symbol, trade_id, side);
CREATE INDEX fills_by_position ON fills (ref, number) WHERE ref IS NOT NULL;
CREATE INDEX fills_unclaimed ON fills (number) WHERE ref IS NULL;

-- Rows are never deleted, and one writer at a time adds them: so their numbers are in the order of the commits,
-- and a reader that goes on from a number misses none.
CREATE TABLE life_events (
    number INTEGER NOT NULL,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    schema INTEGER NOT NULL,
    ref TEXT,
    venue TEXT,
    account TEXT,
    symbol TEXT,
    ordinal INTEGER,
    severity TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    run TEXT NOT NULL,
    correlation TEXT,
    causation TEXT,
    actor TEXT NOT NULL,
    version INTEGER NOT NULL,
    "index" INTEGER NOT NULL,
    sequence INTEGER,
    format INTEGER NOT NULL,
    body TEXT NOT NULL,
    salt BLOB NOT NULL,
    commitment BLOB NOT NULL,
    evidence TEXT,
    evidence_salt BLOB,
    digest BLOB NOT NULL,

    CONSTRAINT life_events_pkey PRIMARY KEY (number),
    CONSTRAINT life_events_of_a_position FOREIGN KEY (ref) REFERENCES positions (ref),

    CONSTRAINT life_events_severity_known CHECK (severity IN ('debug', 'info', 'warning', 'error', 'critical')),
    CONSTRAINT life_events_actor_known CHECK (actor IN ('strategy', 'reconciler', 'recovery', 'operator')),
    CONSTRAINT life_events_version_sound CHECK (version >= CASE WHEN ref IS NULL THEN 0 ELSE 1 END),
    CONSTRAINT life_events_index_from_0 CHECK ("index" >= 0),
    CONSTRAINT life_events_sequence_without_position CHECK ((sequence IS NULL) = (ref IS NOT NULL) AND sequence > 0),
    CONSTRAINT life_events_format_from_1 CHECK (format >= 1),
    CONSTRAINT life_events_salt_whole CHECK (length(salt) = 16),
    CONSTRAINT life_events_commitment_whole CHECK (length(commitment) = 32),
    CONSTRAINT life_events_evidence_with_salt CHECK ((evidence IS NULL) = (evidence_salt IS NULL)),
    CONSTRAINT life_events_evidence_salt_whole CHECK (length(evidence_salt) = 16),
    CONSTRAINT life_events_digest_whole CHECK (length(digest) = 32),
    CONSTRAINT life_events_event_id_sound CHECK (length(event_id) = 36),
    CONSTRAINT life_events_run_sound CHECK (length(run) = 36),
    CONSTRAINT life_events_occurred_at_sound CHECK (occurred_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT life_events_recorded_at_sound CHECK (recorded_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

CREATE UNIQUE INDEX life_events_once ON life_events (event_id);
CREATE UNIQUE INDEX life_events_numbered ON life_events (ref, version, "index") WHERE ref IS NOT NULL;
-- The events that are about no position form a stream of their run.
CREATE UNIQUE INDEX life_events_without_position_numbered ON life_events (run, sequence) WHERE ref IS NULL;
CREATE INDEX life_events_by_position ON life_events (ref, event_id) WHERE ref IS NOT NULL;

CREATE TABLE changes (
    change_id TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    run TEXT NOT NULL,
    "at" TEXT NOT NULL,

    CONSTRAINT changes_pkey PRIMARY KEY (change_id),
    CONSTRAINT changes_fingerprint_whole CHECK (length(fingerprint) = 32),
    CONSTRAINT changes_change_id_sound CHECK (length(change_id) = 36),
    CONSTRAINT changes_run_sound CHECK (length(run) = 36),
    CONSTRAINT changes_at_sound CHECK ("at" GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

CREATE TABLE runs (
    id TEXT NOT NULL,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started TEXT NOT NULL,
    started_at TEXT NOT NULL,
    lease_until TEXT NOT NULL,
    lost_at TEXT,
    ended_at TEXT,

    CONSTRAINT runs_pkey PRIMARY KEY (id),
    CONSTRAINT runs_id_sound CHECK (length(id) = 36),
    CONSTRAINT runs_started_at_sound CHECK (started_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT runs_lease_until_sound CHECK (lease_until GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT runs_lost_at_sound CHECK (lost_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT runs_ended_at_sound CHECK (ended_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_not_ended ON runs (id) WHERE ended_at IS NULL;

CREATE TABLE run_events (
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    schema INTEGER NOT NULL,
    ref TEXT,
    venue TEXT,
    account TEXT,
    symbol TEXT,
    ordinal INTEGER,
    severity TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    run TEXT NOT NULL,
    correlation TEXT,
    causation TEXT,
    actor TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    format INTEGER NOT NULL,
    payload TEXT,
    salt BLOB,
    commitment BLOB NOT NULL,
    digest BLOB NOT NULL,

    CONSTRAINT run_events_pkey PRIMARY KEY (event_id),
    CONSTRAINT run_events_format_from_1 CHECK (format >= 1),
    -- Payload and salt are erased together; the commitment stays.
    CONSTRAINT run_events_payload_with_salt CHECK ((payload IS NULL) = (salt IS NULL)),
    CONSTRAINT run_events_salt_whole CHECK (length(salt) = 16),
    CONSTRAINT run_events_commitment_whole CHECK (length(commitment) = 32),
    CONSTRAINT run_events_digest_whole CHECK (length(digest) = 32),
    CONSTRAINT run_events_event_id_sound CHECK (length(event_id) = 36),
    CONSTRAINT run_events_run_sound CHECK (length(run) = 36),
    CONSTRAINT run_events_occurred_at_sound CHECK (occurred_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT run_events_recorded_at_sound CHECK (recorded_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT;

CREATE INDEX run_events_by_position ON run_events (ref, event_id) WHERE ref IS NOT NULL;

-- Events that the store refused, as bytes, which it cannot refuse.
CREATE TABLE dead_letters (
    event_id TEXT NOT NULL,
    record BLOB NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    buried_at TEXT NOT NULL,
    replayed_at TEXT,

    CONSTRAINT dead_letters_pkey PRIMARY KEY (event_id),
    CONSTRAINT dead_letters_buried_at_sound CHECK (buried_at GLOB '????-??-??T??:??:??.??????Z'),
    CONSTRAINT dead_letters_replayed_at_sound CHECK (replayed_at GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

-- Payloads and evidence that were erased.
CREATE TABLE erasures (
    event_id TEXT NOT NULL,
    what TEXT NOT NULL,
    "by" TEXT NOT NULL,
    "at" TEXT NOT NULL,
    why TEXT NOT NULL,

    CONSTRAINT erasures_pkey PRIMARY KEY (event_id),
    CONSTRAINT erasures_event_id_sound CHECK (length(event_id) = 36),
    CONSTRAINT erasures_what_known CHECK (what IN ('payload', 'evidence')),
    CONSTRAINT erasures_why_given CHECK (length(why) > 0),
    CONSTRAINT erasures_at_sound CHECK ("at" GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

-- Purged beginnings of runs: the next host event of a run follows from the digest of its last purge.
CREATE TABLE purges (
    run TEXT NOT NULL,
    upto INTEGER NOT NULL,
    digest BLOB NOT NULL,
    "by" TEXT NOT NULL,
    "at" TEXT NOT NULL,
    why TEXT NOT NULL,

    CONSTRAINT purges_pkey PRIMARY KEY (run, upto),
    CONSTRAINT purges_run_sound CHECK (length(run) = 36),
    CONSTRAINT purges_upto_from_1 CHECK (upto >= 1),
    CONSTRAINT purges_digest_whole CHECK (length(digest) = 32),
    CONSTRAINT purges_why_given CHECK (length(why) > 0),
    CONSTRAINT purges_at_sound CHECK ("at" GLOB '????-??-??T??:??:??.??????Z')
) STRICT, WITHOUT ROWID;

-- Events are never changed or deleted. A transaction that erases, purges or undoes a probe puts a row in here
-- first, and takes it out again at its end.
CREATE TABLE append_only_off (
    because TEXT NOT NULL
) STRICT;

CREATE TRIGGER life_events_append_only_update BEFORE UPDATE ON life_events
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only: only erase() and purge() of the store change them');
END;

CREATE TRIGGER life_events_append_only_delete BEFORE DELETE ON life_events
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only: only erase() and purge() of the store change them');
END;

CREATE TRIGGER run_events_append_only_update BEFORE UPDATE ON run_events
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only: only erase() and purge() of the store change them');
END;

CREATE TRIGGER run_events_append_only_delete BEFORE DELETE ON run_events
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only: only erase() and purge() of the store change them');
END;

CREATE TRIGGER erasures_append_only_update BEFORE UPDATE ON erasures
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only, and what erase() and purge() record is too');
END;

CREATE TRIGGER erasures_append_only_delete BEFORE DELETE ON erasures
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only, and what erase() and purge() record is too');
END;

CREATE TRIGGER purges_append_only_update BEFORE UPDATE ON purges
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only, and what erase() and purge() record is too');
END;

CREATE TRIGGER purges_append_only_delete BEFORE DELETE ON purges
WHEN NOT EXISTS (SELECT 1 FROM append_only_off)
BEGIN
    SELECT RAISE(ABORT, 'poslife: events are append-only, and what erase() and purge() record is too');
END;

-- ------------------------------------------------------------------------------------------------- for people
-- Views for shells and Grafana. poslife itself uses none of them.

-- Host and life events together. version is NULL for a host event, payload and evidence where they were erased.
-- Payloads are JSON as text, which json_extract() and ->> read; a number in them may come out as a float.
CREATE VIEW event_log AS
SELECT
    e.event_id, e.occurred_at, e.recorded_at, e.type, e.severity,
    e.ref, p.id AS position_id, e.venue, e.account, e.symbol, e.ordinal,
    e.actor, e.run, e.correlation, e.causation,
    NULL AS version, NULL AS "index", e.sequence,
    e.payload, NULL AS evidence
FROM run_events AS e
LEFT JOIN positions AS p ON p.ref = e.ref
UNION ALL
SELECT
    e.event_id, e.occurred_at, e.recorded_at, e.type, e.severity,
    e.ref, p.id, e.venue, e.account, e.symbol, e.ordinal,
    e.actor, e.run, e.correlation, e.causation,
    e.version, e."index", e.sequence,
    e.body, e.evidence
FROM life_events AS e
LEFT JOIN positions AS p ON p.ref = e.ref;

-- Positions that are open or closing. The quantity that is held (entered less exited) and the average entry price
-- (entered_cost / entered_quantity) are left out: SQLite would compute them as floats.
CREATE VIEW open_positions AS
SELECT
    p.id AS position_id, p.ref, p.venue, p.account, p.symbol, p.leg, p.margin_mode, p.side, p.status,
    p.confidence, p.origin,
    p.entered_quantity, p.entered_cost, p.exited_quantity, p.exited_cost,
    p.stop_price, p.stop_order_id, p.take_profit_price, p.take_profit_order_id,
    EXISTS (SELECT 1 FROM orders AS o WHERE o.ref = p.ref AND o.status = 'in_doubt') AS in_doubt,
    p.opened_at,
    CAST(strftime('%s', 'now') AS INTEGER) - CAST(strftime('%s', p.opened_at) AS INTEGER) AS age_seconds,
    p.version
FROM positions AS p
WHERE p.status IN ('open', 'closing');
