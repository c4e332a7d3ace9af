--
-- PostgreSQL database dump
--



SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: poslife; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA poslife;


--
-- Name: append_only(); Type: FUNCTION; Schema: poslife; Owner: -
--

CREATE FUNCTION poslife.append_only() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    AS $$
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


--
-- Name: FUNCTION append_only(); Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON FUNCTION poslife.append_only() IS 'refuses to change or delete events, unless their owner has set poslife.append_only to off';


--
-- Name: as_jsonb(text); Type: FUNCTION; Schema: poslife; Owner: -
--

CREATE FUNCTION poslife.as_jsonb(content text) RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN (content IS NULL) THEN NULL::jsonb WHEN pg_input_is_valid(content, 'jsonb'::text) THEN (content)::jsonb ELSE jsonb_build_object('$text', content) END;


--
-- Name: FUNCTION as_jsonb(content text); Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON FUNCTION poslife.as_jsonb(content text) IS 'the text as jsonb, or {"$text": …} where jsonb cannot hold it';


--
-- Name: first_id(timestamp with time zone); Type: FUNCTION; Schema: poslife; Owner: -
--

CREATE FUNCTION poslife.first_id(at timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((lpad(to_hex((LEAST(GREATEST(floor((EXTRACT(epoch FROM (at AT TIME ZONE 'UTC'::text)) * (1000)::numeric)), (0)::numeric), ('281474976710655'::bigint)::numeric))::bigint), 12, '0'::text) || '00000000000000000000'::text))::uuid;


--
-- Name: FUNCTION first_id(at timestamp with time zone); Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON FUNCTION poslife.first_id(at timestamp with time zone) IS 'the least id of an event or a ref of this time or later, to the millisecond';


--
-- Name: time_of(uuid); Type: FUNCTION; Schema: poslife; Owner: -
--

CREATE FUNCTION poslife.time_of(id uuid) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((('1970-01-01 00:00:00'::timestamp without time zone + (((((('x'::text || substr(replace((id)::text, '-'::text, ''::text), 1, 12)))::bit(48))::bigint / 86400000))::double precision * '1 day'::interval)) + (((((('x'::text || substr(replace((id)::text, '-'::text, ''::text), 1, 12)))::bit(48))::bigint % (86400000)::bigint))::double precision * '00:00:00.001'::interval)) AT TIME ZONE 'UTC'::text);


--
-- Name: FUNCTION time_of(id uuid); Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON FUNCTION poslife.time_of(id uuid) IS 'the time that an event''s id, a ref or a run''s id begins with, to the millisecond';


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: changes; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.changes (
    change_id uuid NOT NULL,
    fingerprint bytea NOT NULL,
    run uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT changes_fingerprint_whole CHECK ((octet_length(fingerprint) = 32))
);


--
-- Name: TABLE changes; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.changes IS 'the ids of changes, so that a commit can be repeated';


--
-- Name: COLUMN changes.change_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.changes.change_id IS 'the id of the change';


--
-- Name: COLUMN changes.fingerprint; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.changes.fingerprint IS 'SHA-256 over its contents: a repeated id must come with the same';


--
-- Name: COLUMN changes.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.changes.run IS 'the run that committed it';


--
-- Name: COLUMN changes.at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.changes.at IS 'the time of its commit';


--
-- Name: dead_letters; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.dead_letters (
    event_id uuid NOT NULL,
    record bytea NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL,
    buried_at timestamp with time zone NOT NULL,
    replayed_at timestamp with time zone
);


--
-- Name: TABLE dead_letters; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.dead_letters IS 'events that the database refused permanently';


--
-- Name: COLUMN dead_letters.event_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.event_id IS 'the id of the event';


--
-- Name: COLUMN dead_letters.record; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.record IS 'the event as bytes';


--
-- Name: COLUMN dead_letters.reason; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.reason IS 'the reason for the refusal';


--
-- Name: COLUMN dead_letters.attempts; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.attempts IS 'the number of attempts to store it';


--
-- Name: COLUMN dead_letters.buried_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.buried_at IS 'the time at which it was given up';


--
-- Name: COLUMN dead_letters.replayed_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.dead_letters.replayed_at IS 'the time at which it was stored after all';


--
-- Name: epochs; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.epochs (
    epoch integer NOT NULL,
    system_identifier bigint,
    began_at timestamp with time zone NOT NULL,
    CONSTRAINT epochs_epoch_from_1 CHECK ((epoch >= 1))
);


--
-- Name: TABLE epochs; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.epochs IS 'the servers that the database has been on, one after another';


--
-- Name: COLUMN epochs.epoch; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.epochs.epoch IS 'its number, from 1';


--
-- Name: COLUMN epochs.system_identifier; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.epochs.system_identifier IS 'the identifier of the server, as pg_control_system() has it; null where it could not be asked for';


--
-- Name: COLUMN epochs.began_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.epochs.began_at IS 'the time at which it began, by the database''s clock';


--
-- Name: erasures; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.erasures (
    event_id uuid NOT NULL,
    what text NOT NULL,
    by text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text NOT NULL,
    CONSTRAINT erasures_what_known CHECK ((what = ANY (ARRAY['payload'::text, 'evidence'::text]))),
    CONSTRAINT erasures_why_given CHECK ((why <> ''::text))
);


--
-- Name: TABLE erasures; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.erasures IS 'the payloads and evidence that were erased on purpose; the trail verifies without them';


--
-- Name: COLUMN erasures.event_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.erasures.event_id IS 'the event; its header and commitment are still stored';


--
-- Name: COLUMN erasures.what; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.erasures.what IS 'payload (of a host event) or evidence (of a life event)';


--
-- Name: COLUMN erasures.by; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.erasures.by IS 'the role that erased it';


--
-- Name: COLUMN erasures.at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.erasures.at IS 'the time at which it was erased';


--
-- Name: COLUMN erasures.why; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.erasures.why IS 'the reason given';


--
-- Name: life_events; Type: TABLE; Schema: poslife; Owner: -
--

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
    commit_xid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT life_events_actor_known CHECK ((actor = ANY (ARRAY['strategy'::text, 'reconciler'::text, 'recovery'::text, 'operator'::text]))),
    CONSTRAINT life_events_commitment_whole CHECK ((octet_length(commitment) = 32)),
    CONSTRAINT life_events_digest_whole CHECK ((octet_length(digest) = 32)),
    CONSTRAINT life_events_evidence_salt_whole CHECK ((octet_length(evidence_salt) = 16)),
    CONSTRAINT life_events_evidence_with_salt CHECK (((evidence IS NULL) = (evidence_salt IS NULL))),
    CONSTRAINT life_events_format_from_1 CHECK ((format >= 1)),
    CONSTRAINT life_events_index_from_0 CHECK ((index >= 0)),
    CONSTRAINT life_events_salt_whole CHECK ((octet_length(salt) = 16)),
    CONSTRAINT life_events_sequence_without_position CHECK ((((sequence IS NULL) = (ref IS NOT NULL)) AND (sequence > 0))),
    CONSTRAINT life_events_severity_known CHECK ((severity = ANY (ARRAY['debug'::text, 'info'::text, 'warning'::text, 'error'::text, 'critical'::text]))),
    CONSTRAINT life_events_version_sound CHECK ((version >=
CASE
    WHEN (ref IS NULL) THEN 0
    ELSE 1
END))
);


--
-- Name: TABLE life_events; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.life_events IS 'the changes of positions: each is committed with the change that it tells of';


--
-- Name: COLUMN life_events.event_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';


--
-- Name: COLUMN life_events.type; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.type IS 'the kind of event, for example position.opened; hosts choose their own';


--
-- Name: COLUMN life_events.schema; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.schema IS 'the version of the body''s fields';


--
-- Name: COLUMN life_events.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.ref IS 'the position that it is about; null if it is about none';


--
-- Name: COLUMN life_events.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.venue IS 'the venue that it is about: ccxt''s exchange id';


--
-- Name: COLUMN life_events.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.account IS 'the account that it is about: the host''s name for it';


--
-- Name: COLUMN life_events.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.symbol IS 'the symbol that it is about: ccxt''s unified symbol';


--
-- Name: COLUMN life_events.ordinal; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.ordinal IS 'the number of the order that it is about, within its position';


--
-- Name: COLUMN life_events.severity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.severity IS 'debug, info, warning, error or critical';


--
-- Name: COLUMN life_events.occurred_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.occurred_at IS 'the time at which it happened';


--
-- Name: COLUMN life_events.recorded_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.recorded_at IS 'the time at which it was accepted for storage';


--
-- Name: COLUMN life_events.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.run IS 'the run that recorded it';


--
-- Name: COLUMN life_events.correlation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';


--
-- Name: COLUMN life_events.causation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.causation IS 'the event that caused it';


--
-- Name: COLUMN life_events.actor; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.actor IS 'the acting party: strategy, reconciler, recovery or operator';


--
-- Name: COLUMN life_events.version; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.version IS 'the version of the position that the change made; 0 for an event about no position';


--
-- Name: COLUMN life_events.index; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.index IS 'its index among the events of that version';


--
-- Name: COLUMN life_events.sequence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.sequence IS 'its number within its run, for an event about no position';


--
-- Name: COLUMN life_events.format; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.format IS 'the number of its record format';


--
-- Name: COLUMN life_events.body; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.body IS 'the body as JSON, byte for byte as its commitment covers it; never erased';


--
-- Name: COLUMN life_events.salt; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.salt IS '16 random bytes that its commitment covers';


--
-- Name: COLUMN life_events.commitment; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.commitment IS 'SHA-256 over salt and body';


--
-- Name: COLUMN life_events.evidence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.evidence IS 'reasons and raw answers as JSON; null where there are none, or they were erased';


--
-- Name: COLUMN life_events.evidence_salt; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.evidence_salt IS '16 random bytes that the commitment to the evidence covers, which is in the body';


--
-- Name: COLUMN life_events.digest; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.digest IS 'SHA-256 over the digest of the event before it and its own header and commitment';


--
-- Name: COLUMN life_events.epoch; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.epoch IS 'the epoch that it was committed in, by number';


--
-- Name: COLUMN life_events.commit_xid; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.life_events.commit_xid IS 'the transaction that committed it: feeds read up to the oldest that still runs';


--
-- Name: positions; Type: TABLE; Schema: poslife; Owner: -
--

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
    CONSTRAINT positions_close_reason_known CHECK ((close_reason = ANY (ARRAY['strategy'::text, 'stop_loss'::text, 'take_profit'::text, 'liquidation'::text, 'auto_deleveraging'::text, 'settlement'::text, 'operator'::text, 'external'::text]))),
    CONSTRAINT positions_close_reason_when_closed CHECK (((close_reason IS NOT NULL) = (status = 'closed'::text))),
    CONSTRAINT positions_closed_after_opened CHECK ((closed_at >= opened_at)),
    CONSTRAINT positions_closed_at_when_closed CHECK (((closed_at IS NOT NULL) = (status = 'closed'::text))),
    CONSTRAINT positions_closed_at_zero CHECK (((exited_quantity = entered_quantity) = (status = 'closed'::text))),
    CONSTRAINT positions_confidence_known CHECK ((confidence = ANY (ARRAY['confirmed'::text, 'suspect'::text, 'unconfirmed'::text]))),
    CONSTRAINT positions_confidence_while_open CHECK (((confidence IS NOT NULL) = (status = ANY (ARRAY['open'::text, 'closing'::text])))),
    CONSTRAINT positions_entered_cost_sound CHECK (((entered_cost >= (0)::numeric) AND (entered_cost < 'Infinity'::numeric))),
    CONSTRAINT positions_entered_quantity_sound CHECK (((entered_quantity > (0)::numeric) AND (entered_quantity < 'Infinity'::numeric))),
    CONSTRAINT positions_exited_cost_sound CHECK (((exited_cost >= (0)::numeric) AND (exited_cost < 'Infinity'::numeric))),
    CONSTRAINT positions_exited_quantity_sound CHECK (((exited_quantity >= (0)::numeric) AND (exited_quantity < 'Infinity'::numeric))),
    CONSTRAINT positions_exited_within_entered CHECK ((exited_quantity <= entered_quantity)),
    CONSTRAINT positions_id_from_first_fill CHECK (((id IS NULL) = (status = ANY (ARRAY['pending'::text, 'ended'::text])))),
    CONSTRAINT positions_id_positive CHECK ((id > 0)),
    CONSTRAINT positions_leg_known CHECK ((leg = ANY (ARRAY['net'::text, 'long'::text, 'short'::text]))),
    CONSTRAINT positions_margin_mode_known CHECK ((margin_mode = ANY (ARRAY[''::text, 'cross'::text, 'isolated'::text]))),
    CONSTRAINT positions_opened_at_from_first_fill CHECK (((opened_at IS NULL) = (status = ANY (ARRAY['pending'::text, 'ended'::text])))),
    CONSTRAINT positions_origin_from_first_fill CHECK (((origin IS NULL) = (status = ANY (ARRAY['pending'::text, 'ended'::text])))),
    CONSTRAINT positions_origin_known CHECK ((origin = ANY (ARRAY['own'::text, 'adopted'::text, 'imported'::text]))),
    CONSTRAINT positions_protection_while_open CHECK (((status = ANY (ARRAY['open'::text, 'closing'::text])) OR (num_nonnulls(stop_price, stop_order_id, take_profit_price, take_profit_order_id) = 0))),
    CONSTRAINT positions_requested_price_sound CHECK (((requested_price > (0)::numeric) AND (requested_price < 'Infinity'::numeric))),
    CONSTRAINT positions_requested_quantity_sound CHECK (((requested_quantity > (0)::numeric) AND (requested_quantity < 'Infinity'::numeric))),
    CONSTRAINT positions_side_known CHECK ((side = ANY (ARRAY['long'::text, 'short'::text]))),
    CONSTRAINT positions_status_known CHECK ((status = ANY (ARRAY['pending'::text, 'ended'::text, 'open'::text, 'closing'::text, 'closed'::text]))),
    CONSTRAINT positions_stop_price_sound CHECK (((stop_price > (0)::numeric) AND (stop_price < 'Infinity'::numeric))),
    CONSTRAINT positions_sums_from_first_fill CHECK ((num_nonnulls(entered_quantity, entered_cost, exited_quantity, exited_cost) =
CASE
    WHEN (status = ANY (ARRAY['pending'::text, 'ended'::text])) THEN 0
    ELSE 4
END)),
    CONSTRAINT positions_take_profit_price_sound CHECK (((take_profit_price > (0)::numeric) AND (take_profit_price < 'Infinity'::numeric))),
    CONSTRAINT positions_version_from_1 CHECK ((version >= 1))
);


--
-- Name: TABLE positions; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.positions IS 'every position, from the intention on';


--
-- Name: COLUMN positions.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.ref IS 'its identifier from its first instant: a UUIDv7, which begins with its time';


--
-- Name: COLUMN positions.id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.id IS 'the number that it got with its first fill; null while it is pending, and if it ended without a fill';


--
-- Name: COLUMN positions.status; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.status IS 'pending, ended (without a fill), open, closing or closed';


--
-- Name: COLUMN positions.version; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.version IS 'the number of its changes, from 1';


--
-- Name: COLUMN positions.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.venue IS 'ccxt''s exchange id; part of its key';


--
-- Name: COLUMN positions.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.account IS 'the host''s name for the account; part of its key';


--
-- Name: COLUMN positions.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.symbol IS 'ccxt''s unified symbol; part of its key';


--
-- Name: COLUMN positions.leg; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.leg IS 'net in one-way mode, long or short in hedge mode; part of its key';


--
-- Name: COLUMN positions.margin_mode; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.margin_mode IS 'cross or isolated, empty where the host gave none; part of its key';


--
-- Name: COLUMN positions.side; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.side IS 'long or short';


--
-- Name: COLUMN positions.confidence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.confidence IS 'the degree to which the venue is known to hold it: confirmed, suspect or unconfirmed';


--
-- Name: COLUMN positions.origin; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.origin IS 'its source: own (an opening through poslife), adopted (fills of unknown orders) or imported';


--
-- Name: COLUMN positions.requested_quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.requested_quantity IS 'the intended quantity, in contracts';


--
-- Name: COLUMN positions.requested_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.requested_price IS 'the price of the decision, or the limit, in the quote currency; never the entry price';


--
-- Name: COLUMN positions.entered_quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.entered_quantity IS 'the sum of the quantities of its entry fills, in contracts';


--
-- Name: COLUMN positions.entered_cost; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.entered_cost IS 'the sum of price times quantity over its entry fills: quote currency times contracts';


--
-- Name: COLUMN positions.exited_quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.exited_quantity IS 'the sum of the quantities of its exit fills, in contracts';


--
-- Name: COLUMN positions.exited_cost; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.exited_cost IS 'the sum of price times quantity over its exit fills: quote currency times contracts';


--
-- Name: COLUMN positions.stop_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.stop_price IS 'the trigger of the stop loss at the venue, in the quote currency';


--
-- Name: COLUMN positions.stop_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.stop_order_id IS 'the venue''s id of the stop order; null where the stop is a property of the position there';


--
-- Name: COLUMN positions.take_profit_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.take_profit_price IS 'the trigger of the take profit at the venue, in the quote currency';


--
-- Name: COLUMN positions.take_profit_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.take_profit_order_id IS 'the venue''s id of the take-profit order';


--
-- Name: COLUMN positions.close_reason; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.close_reason IS 'the reason for which it was closed';


--
-- Name: COLUMN positions.created_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.created_at IS 'the time at which it was claimed';


--
-- Name: COLUMN positions.opened_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.opened_at IS 'the time of its first fill, by the venue''s clock';


--
-- Name: COLUMN positions.closed_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.positions.closed_at IS 'the time of its last fill, by the venue''s clock';


--
-- Name: run_events; Type: TABLE; Schema: poslife; Owner: -
--

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
    CONSTRAINT run_events_commitment_whole CHECK ((octet_length(commitment) = 32)),
    CONSTRAINT run_events_digest_whole CHECK ((octet_length(digest) = 32)),
    CONSTRAINT run_events_format_from_1 CHECK ((format >= 1)),
    CONSTRAINT run_events_payload_with_salt CHECK (((payload IS NULL) = (salt IS NULL))),
    CONSTRAINT run_events_salt_whole CHECK ((octet_length(salt) = 16))
)
PARTITION BY RANGE (event_id);


--
-- Name: TABLE run_events; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.run_events IS 'host events: those that the host, and the tracker itself, recorded';


--
-- Name: COLUMN run_events.event_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';


--
-- Name: COLUMN run_events.type; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.type IS 'the kind of event, for example position.opened; hosts choose their own';


--
-- Name: COLUMN run_events.schema; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.schema IS 'the version of the body''s fields';


--
-- Name: COLUMN run_events.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.ref IS 'the position that it is about; null if it is about none';


--
-- Name: COLUMN run_events.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.venue IS 'the venue that it is about: ccxt''s exchange id';


--
-- Name: COLUMN run_events.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.account IS 'the account that it is about: the host''s name for it';


--
-- Name: COLUMN run_events.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.symbol IS 'the symbol that it is about: ccxt''s unified symbol';


--
-- Name: COLUMN run_events.ordinal; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.ordinal IS 'the number of the order that it is about, within its position';


--
-- Name: COLUMN run_events.severity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.severity IS 'debug, info, warning, error or critical';


--
-- Name: COLUMN run_events.occurred_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.occurred_at IS 'the time at which it happened';


--
-- Name: COLUMN run_events.recorded_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.recorded_at IS 'the time at which it was accepted for storage';


--
-- Name: COLUMN run_events.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.run IS 'the run that recorded it';


--
-- Name: COLUMN run_events.correlation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';


--
-- Name: COLUMN run_events.causation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.causation IS 'the event that caused it';


--
-- Name: COLUMN run_events.actor; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.actor IS 'the acting party: strategy, reconciler, recovery or operator';


--
-- Name: COLUMN run_events.sequence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.sequence IS 'its number within its run, from 1, without gaps';


--
-- Name: COLUMN run_events.format; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.format IS 'the number of its record format';


--
-- Name: COLUMN run_events.payload; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.payload IS 'the payload as JSON, byte for byte as its commitment covers it; null where it was erased';


--
-- Name: COLUMN run_events.salt; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.salt IS '16 random bytes that its commitment covers; null where the payload was erased';


--
-- Name: COLUMN run_events.commitment; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.commitment IS 'SHA-256 over salt and payload';


--
-- Name: COLUMN run_events.digest; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.run_events.digest IS 'SHA-256 over the digest of the event before it in its run and its own header and commitment';


--
-- Name: event_log; Type: VIEW; Schema: poslife; Owner: -
--

CREATE VIEW poslife.event_log AS
 SELECT e.event_id,
    e.occurred_at,
    e.recorded_at,
    e.type,
    e.severity,
    e.ref,
    p.id AS position_id,
    e.venue,
    e.account,
    e.symbol,
    e.ordinal,
    e.actor,
    e.run,
    e.correlation,
    e.causation,
    NULL::integer AS version,
    NULL::integer AS index,
    e.sequence,
    poslife.as_jsonb(e.payload) AS payload,
    NULL::jsonb AS evidence
   FROM (poslife.run_events e
     LEFT JOIN poslife.positions p ON (((p.ref = e.ref) AND (e.event_id >= poslife.first_id((poslife.time_of(p.ref) - '01:00:00'::interval))))))
UNION ALL
 SELECT e.event_id,
    e.occurred_at,
    e.recorded_at,
    e.type,
    e.severity,
    e.ref,
    p.id AS position_id,
    e.venue,
    e.account,
    e.symbol,
    e.ordinal,
    e.actor,
    e.run,
    e.correlation,
    e.causation,
    e.version,
    e.index,
    e.sequence,
    poslife.as_jsonb(e.body) AS payload,
    poslife.as_jsonb(e.evidence) AS evidence
   FROM (poslife.life_events e
     LEFT JOIN poslife.positions p ON ((p.ref = e.ref)));


--
-- Name: VIEW event_log; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON VIEW poslife.event_log IS 'host events and life events together, for people: filter by event_id >= poslife.first_id(time), which looks into the partitions since then alone';


--
-- Name: COLUMN event_log.event_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.event_id IS 'the event''s id: a UUIDv7, which begins with its time; increasing within a run';


--
-- Name: COLUMN event_log.occurred_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.occurred_at IS 'the time at which it happened';


--
-- Name: COLUMN event_log.recorded_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.recorded_at IS 'the time at which it was accepted for storage';


--
-- Name: COLUMN event_log.type; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.type IS 'the kind of event, for example position.opened; hosts choose their own';


--
-- Name: COLUMN event_log.severity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.severity IS 'debug, info, warning, error or critical';


--
-- Name: COLUMN event_log.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.ref IS 'the position that it is about; null if it is about none';


--
-- Name: COLUMN event_log.position_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.position_id IS 'the id of the position that it is about; null while that is pending';


--
-- Name: COLUMN event_log.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.venue IS 'the venue that it is about: ccxt''s exchange id';


--
-- Name: COLUMN event_log.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.account IS 'the account that it is about: the host''s name for it';


--
-- Name: COLUMN event_log.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.symbol IS 'the symbol that it is about: ccxt''s unified symbol';


--
-- Name: COLUMN event_log.ordinal; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.ordinal IS 'the number of the order that it is about, within its position';


--
-- Name: COLUMN event_log.actor; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.actor IS 'the acting party: strategy, reconciler, recovery or operator';


--
-- Name: COLUMN event_log.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.run IS 'the run that recorded it';


--
-- Name: COLUMN event_log.correlation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.correlation IS 'the event, or the host''s own id, to which its chain of causes goes back';


--
-- Name: COLUMN event_log.causation; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.causation IS 'the event that caused it';


--
-- Name: COLUMN event_log.version; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.version IS 'the version of the position that the change made; null for a host event';


--
-- Name: COLUMN event_log.index; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.index IS 'its index among the events of that version; null for a host event';


--
-- Name: COLUMN event_log.sequence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.sequence IS 'its number within its run; null for a life event of a position';


--
-- Name: COLUMN event_log.payload; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.payload IS 'payload or body; null where it was erased; {"$text": …} where jsonb cannot hold it';


--
-- Name: COLUMN event_log.evidence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.event_log.evidence IS 'reasons and raw answers behind a life event; null where there are none, or they were erased';


--
-- Name: fills; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.fills (
    number bigint NOT NULL,
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
    CONSTRAINT fills_assigned_or_why_not CHECK (((ref IS NULL) = (unclaimed_because IS NOT NULL))),
    CONSTRAINT fills_closed_sound CHECK (((closed >= (0)::numeric) AND (closed <= quantity))),
    CONSTRAINT fills_leg_known CHECK ((leg = ANY (ARRAY['net'::text, 'long'::text, 'short'::text]))),
    CONSTRAINT fills_price_sound CHECK (((price > (0)::numeric) AND (price < 'Infinity'::numeric))),
    CONSTRAINT fills_quantity_sound CHECK (((quantity > (0)::numeric) AND (quantity < 'Infinity'::numeric))),
    CONSTRAINT fills_side_known CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text])))
);


--
-- Name: TABLE fills; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.fills IS 'every fill: one execution at the venue, in ccxt''s words a trade';


--
-- Name: COLUMN fills.number; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.number IS 'the order in which fills were stored; numbers may be missing';


--
-- Name: COLUMN fills.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.venue IS 'ccxt''s exchange id';


--
-- Name: COLUMN fills.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.account IS 'the host''s name for the account';


--
-- Name: COLUMN fills.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.symbol IS 'ccxt''s unified symbol';


--
-- Name: COLUMN fills.trade_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.trade_id IS 'the venue''s id of the fill, unique within venue, account, symbol and side: both sides of a match may be ours';


--
-- Name: COLUMN fills.side; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.side IS 'buy or sell';


--
-- Name: COLUMN fills.quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.quantity IS 'the executed quantity, in contracts';


--
-- Name: COLUMN fills.price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.price IS 'the price, in the quote currency';


--
-- Name: COLUMN fills.at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.at IS 'the time of execution, by the venue''s clock';


--
-- Name: COLUMN fills.venue_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.venue_order_id IS 'the venue''s id of the order; null where the venue does not give it';


--
-- Name: COLUMN fills.client_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.client_order_id IS 'the client order id; null where the venue does not give it';


--
-- Name: COLUMN fills.leg; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.leg IS 'the leg of the position; null where the venue does not give it';


--
-- Name: COLUMN fills.fees; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.fees IS 'the fees as a JSON list of cost and currency: paid if above zero; empty where the venue gives none';


--
-- Name: COLUMN fills.closed; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.closed IS 'the part of the quantity that closed a position, by the venue; null where it does not say';


--
-- Name: COLUMN fills.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.ref IS 'the position that it was applied to; null while it is unclaimed';


--
-- Name: COLUMN fills.ordinal; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.ordinal IS 'the order of that position; null for an order that is not poslife''s';


--
-- Name: COLUMN fills.unclaimed_because; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.fills.unclaimed_because IS 'the reason for which it could not be assigned';


--
-- Name: fills_number_seq; Type: SEQUENCE; Schema: poslife; Owner: -
--

ALTER TABLE poslife.fills ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME poslife.fills_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: orders; Type: TABLE; Schema: poslife; Owner: -
--

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
    CONSTRAINT orders_close_reason_known CHECK ((close_reason = ANY (ARRAY['strategy'::text, 'stop_loss'::text, 'take_profit'::text, 'liquidation'::text, 'auto_deleveraging'::text, 'settlement'::text, 'operator'::text, 'external'::text]))),
    CONSTRAINT orders_close_reason_of_exits CHECK (((close_reason IS NOT NULL) = (purpose = 'exit'::text))),
    CONSTRAINT orders_filled_sound CHECK (((filled >= (0)::numeric) AND (filled < 'Infinity'::numeric))),
    CONSTRAINT orders_ordinal_in_name CHECK (((ordinal >= 0) AND (ordinal <= 65535))),
    CONSTRAINT orders_price_sound CHECK (((price > (0)::numeric) AND (price < 'Infinity'::numeric))),
    CONSTRAINT orders_purpose_known CHECK ((purpose = ANY (ARRAY['entry'::text, 'increase'::text, 'reduce'::text, 'exit'::text, 'protect'::text]))),
    CONSTRAINT orders_quantity_sound CHECK (((quantity > (0)::numeric) AND (quantity < 'Infinity'::numeric))),
    CONSTRAINT orders_side_known CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text]))),
    CONSTRAINT orders_status_known CHECK ((status = ANY (ARRAY['prepared'::text, 'submitting'::text, 'working'::text, 'in_doubt'::text, 'filled'::text, 'canceled'::text, 'expired'::text, 'rejected'::text, 'abandoned'::text]))),
    CONSTRAINT orders_trigger_price_sound CHECK (((trigger_price > (0)::numeric) AND (trigger_price < 'Infinity'::numeric)))
);


--
-- Name: TABLE orders; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.orders IS 'the orders of positions';


--
-- Name: COLUMN orders.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.ref IS 'the position that it belongs to';


--
-- Name: COLUMN orders.ordinal; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.ordinal IS 'its number within the position, from 0; part of its client order id';


--
-- Name: COLUMN orders.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.run IS 'the run responsible for it';


--
-- Name: COLUMN orders.purpose; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.purpose IS 'entry, increase, reduce, exit or protect';


--
-- Name: COLUMN orders.side; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.side IS 'buy or sell';


--
-- Name: COLUMN orders.quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.quantity IS 'the requested quantity, in contracts';


--
-- Name: COLUMN orders.filled; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.filled IS 'the sum of its fills, in contracts';


--
-- Name: COLUMN orders.price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.price IS 'the limit price in the quote currency; null for a market order';


--
-- Name: COLUMN orders.trigger_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.trigger_price IS 'the price at which the venue makes a conditional order; null for an order that is made at once';


--
-- Name: COLUMN orders.client_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.client_order_id IS 'the name that poslife gave it before it was sent: ref and ordinal in the venue''s format';


--
-- Name: COLUMN orders.venue_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.venue_order_id IS 'the venue''s id of the order; null until it is known';


--
-- Name: COLUMN orders.status; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.status IS 'prepared, submitting, working, in_doubt, filled, canceled, expired, rejected or abandoned';


--
-- Name: COLUMN orders.prepared_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.prepared_at IS 'the time at which it was prepared';


--
-- Name: COLUMN orders.submitted_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.submitted_at IS 'the time at which it was committed as submitting; the request followed at once, or not at all';


--
-- Name: COLUMN orders.close_reason; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.orders.close_reason IS 'the reason for which an exit closes the position; null for every other order';


--
-- Name: open_positions; Type: VIEW; Schema: poslife; Owner: -
--

CREATE VIEW poslife.open_positions AS
 SELECT id AS position_id,
    ref,
    venue,
    account,
    symbol,
    leg,
    margin_mode,
    side,
    status,
    confidence,
    origin,
    (entered_quantity - exited_quantity) AS quantity,
    trim_scale((entered_cost / entered_quantity)) AS entry_price,
    entered_quantity,
    entered_cost,
    exited_quantity,
    exited_cost,
    stop_price,
    stop_order_id,
    take_profit_price,
    take_profit_order_id,
    (EXISTS ( SELECT
           FROM poslife.orders o
          WHERE ((o.ref = p.ref) AND (o.status = 'in_doubt'::text)))) AS in_doubt,
    opened_at,
    (now() - opened_at) AS age,
    version
   FROM poslife.positions p
  WHERE (status = ANY (ARRAY['open'::text, 'closing'::text]));


--
-- Name: VIEW open_positions; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON VIEW poslife.open_positions IS 'positions that are open or closing, with what is held of each';


--
-- Name: COLUMN open_positions.position_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.position_id IS 'the number that it got with its first fill';


--
-- Name: COLUMN open_positions.ref; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.ref IS 'its identifier from its first instant';


--
-- Name: COLUMN open_positions.venue; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.venue IS 'ccxt''s exchange id';


--
-- Name: COLUMN open_positions.account; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.account IS 'the host''s name for the account';


--
-- Name: COLUMN open_positions.symbol; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.symbol IS 'ccxt''s unified symbol';


--
-- Name: COLUMN open_positions.leg; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.leg IS 'net in one-way mode, long or short in hedge mode';


--
-- Name: COLUMN open_positions.margin_mode; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.margin_mode IS 'cross or isolated, empty where the host gave none';


--
-- Name: COLUMN open_positions.side; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.side IS 'long or short';


--
-- Name: COLUMN open_positions.status; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.status IS 'open or closing';


--
-- Name: COLUMN open_positions.confidence; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.confidence IS 'the degree to which the venue is known to hold it: confirmed, suspect or unconfirmed';


--
-- Name: COLUMN open_positions.origin; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.origin IS 'its source: own, adopted or imported';


--
-- Name: COLUMN open_positions.quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.quantity IS 'the quantity that is held, in contracts: entered less exited';


--
-- Name: COLUMN open_positions.entry_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.entry_price IS 'the average price of its entry fills, in the quote currency, rounded to at least 16 digits';


--
-- Name: COLUMN open_positions.entered_quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.entered_quantity IS 'the sum of the quantities of its entry fills, in contracts';


--
-- Name: COLUMN open_positions.entered_cost; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.entered_cost IS 'the sum of price times quantity over its entry fills: quote currency times contracts';


--
-- Name: COLUMN open_positions.exited_quantity; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.exited_quantity IS 'the sum of the quantities of its exit fills, in contracts';


--
-- Name: COLUMN open_positions.exited_cost; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.exited_cost IS 'the sum of price times quantity over its exit fills: quote currency times contracts';


--
-- Name: COLUMN open_positions.stop_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.stop_price IS 'the trigger of the stop loss at the venue, in the quote currency; null without one';


--
-- Name: COLUMN open_positions.stop_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.stop_order_id IS 'the venue''s id of the stop order; null where the stop is a property of the position there';


--
-- Name: COLUMN open_positions.take_profit_price; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.take_profit_price IS 'the trigger of the take profit at the venue, in the quote currency; null without one';


--
-- Name: COLUMN open_positions.take_profit_order_id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.take_profit_order_id IS 'the venue''s id of the take-profit order';


--
-- Name: COLUMN open_positions.in_doubt; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.in_doubt IS 'it has an order of which the venue''s answer is not known';


--
-- Name: COLUMN open_positions.opened_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.opened_at IS 'the time of its first fill, by the venue''s clock';


--
-- Name: COLUMN open_positions.age; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.age IS 'the time since then, by the database''s clock';


--
-- Name: COLUMN open_positions.version; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.open_positions.version IS 'the number of its changes, from 1';


--
-- Name: position_ids; Type: SEQUENCE; Schema: poslife; Owner: -
--

CREATE SEQUENCE poslife.position_ids
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: position_ids; Type: SEQUENCE OWNED BY; Schema: poslife; Owner: -
--

ALTER SEQUENCE poslife.position_ids OWNED BY poslife.positions.id;


--
-- Name: SEQUENCE position_ids; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON SEQUENCE poslife.position_ids IS 'the ids of positions; it only grows, so that no id is given twice';


--
-- Name: poslife_migrations; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.poslife_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    runs_from integer NOT NULL,
    applied_at timestamp with time zone NOT NULL,
    CONSTRAINT poslife_migrations_runs_from_sound CHECK (((runs_from >= 1) AND (runs_from <= version)))
);


--
-- Name: TABLE poslife_migrations; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.poslife_migrations IS 'the migrations that were applied';


--
-- Name: COLUMN poslife_migrations.version; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.poslife_migrations.version IS 'the number of the migration';


--
-- Name: COLUMN poslife_migrations.name; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.poslife_migrations.name IS 'its purpose in a few words';


--
-- Name: COLUMN poslife_migrations.sha256; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.poslife_migrations.sha256 IS 'the SHA-256 of its text, in hexadecimal';


--
-- Name: COLUMN poslife_migrations.runs_from; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.poslife_migrations.runs_from IS 'the number that a release must know to use the database from then on';


--
-- Name: COLUMN poslife_migrations.applied_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.poslife_migrations.applied_at IS 'the time at which it was applied';


--
-- Name: purges; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.purges (
    run uuid NOT NULL,
    upto bigint NOT NULL,
    digest bytea NOT NULL,
    by text NOT NULL,
    at timestamp with time zone NOT NULL,
    why text NOT NULL,
    CONSTRAINT purges_digest_whole CHECK ((octet_length(digest) = 32)),
    CONSTRAINT purges_upto_from_1 CHECK ((upto >= 1)),
    CONSTRAINT purges_why_given CHECK ((why <> ''::text))
);


--
-- Name: TABLE purges; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.purges IS 'the beginnings of runs'' host events that were deleted on purpose; the rest verifies';


--
-- Name: COLUMN purges.run; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.run IS 'the run';


--
-- Name: COLUMN purges.upto; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.upto IS 'the number of the last deleted event';


--
-- Name: COLUMN purges.digest; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.digest IS 'the digest of that event, from which the next one follows';


--
-- Name: COLUMN purges.by; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.by IS 'the role that deleted them';


--
-- Name: COLUMN purges.at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.at IS 'the time at which they were deleted';


--
-- Name: COLUMN purges.why; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.purges.why IS 'the reason given';


--
-- Name: run_events_default; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.run_events_default (
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
    CONSTRAINT run_events_commitment_whole CHECK ((octet_length(commitment) = 32)),
    CONSTRAINT run_events_digest_whole CHECK ((octet_length(digest) = 32)),
    CONSTRAINT run_events_format_from_1 CHECK ((format >= 1)),
    CONSTRAINT run_events_payload_with_salt CHECK (((payload IS NULL) = (salt IS NULL))),
    CONSTRAINT run_events_salt_whole CHECK ((octet_length(salt) = 16))
);


--
-- Name: runs; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.runs (
    id uuid NOT NULL,
    machine text NOT NULL,
    pid integer NOT NULL,
    process_started text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    lost_at timestamp with time zone,
    ended_at timestamp with time zone
);


--
-- Name: TABLE runs; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.runs IS 'the lives of processes that wrote here';


--
-- Name: COLUMN runs.id; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.id IS 'the run''s id, made by the process';


--
-- Name: COLUMN runs.machine; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.machine IS 'the machine, its boot and its process namespace';


--
-- Name: COLUMN runs.pid; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.pid IS 'the process id in that namespace';


--
-- Name: COLUMN runs.process_started; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.process_started IS 'the start of that process in the operating system''s terms; empty if not known';


--
-- Name: COLUMN runs.started_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.started_at IS 'the time of its start, by the database''s clock';


--
-- Name: COLUMN runs.lease_until; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.lease_until IS 'the end of its lease, by the database''s clock';


--
-- Name: COLUMN runs.lost_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.lost_at IS 'the time at which its lease was found to have run out';


--
-- Name: COLUMN runs.ended_at; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.runs.ended_at IS 'the time at which it was ended; null for one that was lost';


--
-- Name: settings; Type: TABLE; Schema: poslife; Owner: -
--

CREATE TABLE poslife.settings (
    name text NOT NULL,
    value text NOT NULL,
    CONSTRAINT settings_partition_width_known CHECK (((name <> 'partition_width'::text) OR (value = ANY (ARRAY['month'::text, 'day'::text]))))
);


--
-- Name: TABLE settings; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON TABLE poslife.settings IS 'settings of this database';


--
-- Name: COLUMN settings.name; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.settings.name IS 'partition_width';


--
-- Name: COLUMN settings.value; Type: COMMENT; Schema: poslife; Owner: -
--

COMMENT ON COLUMN poslife.settings.value IS 'partition_width: day or month, the width of the partitions of run_events that are made from now on';


--
-- Name: run_events_default; Type: TABLE ATTACH; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.run_events ATTACH PARTITION poslife.run_events_default DEFAULT;


--
-- Data for Name: changes; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.changes (change_id, fingerprint, run, at) FROM stdin;
80261e4c-a51a-4f05-9e6e-d4f2e3a4bab2	\\x9e0217c51005e622a5f95b93efd8153b4c3dc3d699fb261f3c667e9ad4b01b26	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:14.67891+05:45
a04a7c2c-74a3-4d87-9514-bf72eb3d489a	\\x894c024c23557f134ce6e4c9b81a1a2b1d7cc4c6308aeba424222bb5bf955302	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:23.678919+05:45
8b87935f-7074-4d83-ad4d-0f68bc2464e4	\\xb40d9ceaf7cc5506e6d9aeffcd579494313b694f978bb2d0c946b7129998dedb	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:32.678928+05:45
219ae459-acad-4f32-9990-c680698b1a92	\\x37ca94cfadce65a0c60b24a0ece18a7e447d49414ee3d4118700c49cd3d2d5c0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:41.678937+05:45
cccb56c9-7cc6-4920-83ad-3807ce0c3be0	\\xa2ed9182797b9491a2e11b928807abb8d463be485f93bdffe2b00b97a0cae31b	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:50.678946+05:45
4a87432c-d7f4-43c3-96b7-45a7bd285212	\\xdf3835356b732d569f1f671eb5d4a3a53aa07675bb509f4f54d101566df3dfad	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:49:54.67895+05:45
e46193c1-6fd7-4209-a289-4326689b66f9	\\x5dc36acc01675889fce09c0362cc06163b9f134230596e73a8cdf7bd362cdfd1	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:03.678959+05:45
48894f39-b554-4292-8143-56feb76a28c5	\\x6497031191c785de3b3488593bca9ee3ed07ce9426ae52809a13ec7dadde48c6	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:12.678968+05:45
c3f464a5-4c35-42db-bba7-2ac6143363f6	\\xb7850f526ff9caa88570a042552ba233c495cdc9e1d8a25d46e143c948b1cd34	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:21.678977+05:45
66f25908-eb2b-4dc2-9a90-3d7d141003f0	\\xe2dc61fdf1226411c1d122a5f0bd408346c0b244b03370f694c3d8e001ea17e0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:29.678985+05:45
99a23011-131c-42a2-8d71-84eafc0fb91f	\\x04a224efd8bd1da829f69d66e7c9a1f76219f32fd00dc21e9f81f594edde6daf	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:30.678986+05:45
b94db6e3-bdba-4aa6-a7c9-f49f2a9456ac	\\x58a174d5e45f3d6ab7caed6ddf6a9cffc0b803a9dfecbf70110941bdf095f25e	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	2026-01-02 08:50:41.678997+05:45
\.


--
-- Data for Name: dead_letters; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.dead_letters (event_id, record, reason, attempts, buried_at, replayed_at) FROM stdin;
019b7cab-5067-7648-9cef-ce0ab9fd3168	\\x7b22666f726d6174223a20312c2022686561646572223a207b226964223a202230313962376361622d353036372d373634382d396365662d636530616239666433313638222c202274797065223a2022626f742e73746172746564222c2022736368656d61223a20312c2022726566223a206e756c6c2c202276656e7565223a206e756c6c2c20226163636f756e74223a206e756c6c2c202273796d626f6c223a206e756c6c2c20226f72646572223a206e756c6c2c20227365766572697479223a2022696e666f222c20226f636375727265645f6174223a2022323032362d30312d30325430333a30363a30312e3637393031375a222c202272756e223a202230313962376361392d386632652d376136302d396363342d396632363165316637656465222c2022636f7272656c6174696f6e223a206e756c6c2c2022636175736174696f6e223a206e756c6c2c20226163746f72223a20227374726174656779227d2c20227265636f726465645f6174223a2022323032362d30312d30325430333a30363a30322e3637393031385a222c202273657175656e6365223a20372c202276657273696f6e223a206e756c6c2c2022696e646578223a206e756c6c2c20227061796c6f6164223a202265794a705a434936496a41784f574933593246694c5455774e6a63744e7a59304f4330355932566d4c574e6c4d4746694f575a6b4d7a45324f43497349734f6362734f7659384f345a4d4f70496a6f69384a2b6167434a39222c202273616c74223a2022415a74387131426e646b69633738344b7566307861413d3d222c2022636f6d6d69746d656e74223a20226b5636544264665442396a684554484232616f31346c4f467659642f2f7774705135533457466b5049686b3d222c2022646967657374223a202244376e586a3963504a5959717a2b432f75574f363851716b68774f576968384d414765394c4f38443676773d222c202265766964656e6365223a206e756c6c2c202265766964656e63655f73616c74223a206e756c6c7d	refused as number 7	1	2026-01-02 08:49:05.678901+05:45	\N
\.


--
-- Data for Name: epochs; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.epochs (epoch, system_identifier, began_at) FROM stdin;
1	1	2026-01-02 08:49:05.678901+05:45
\.


--
-- Data for Name: erasures; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.erasures (event_id, what, by, at, why) FROM stdin;
019b7cab-2187-7623-a7e9-dc81148ec512	payload	postgres	2026-01-02 08:49:05.678901+05:45	a customer asked for it
\.


--
-- Data for Name: fills; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.fills (number, venue, account, symbol, trade_id, side, quantity, price, at, venue_order_id, client_order_id, leg, fees, closed, ref, ordinal, unclaimed_because) FROM stdin;
1	bybit	main	C10/USDT:USDT	trade-21	buy	100.5	0.0123	2026-01-02 08:49:27.678923+05:45	venue-order-19	01jnxxt9hee4ytfn5heb2fa000	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	01957bdd-262e-713d-a7d4-b172c4f50000	0	\N
2	bybit	main	C28/USDT:USDT	trade-39	buy	100.5	0.0123	2026-01-02 08:49:45.678941+05:45	venue-order-37	01k37vqgseegyax73jke4a6000	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	0198cfbb-c32e-743c-ae9c-729b88a30000	0	\N
3	bybit	main	C50/USDT:USDT	trade-61	buy	100.5	0.0123	2026-01-02 08:50:07.678963+05:45	venue-order-59	01jz3wvp1ef9srn9y00qbsj000	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	0197c7cd-d82e-7a73-8aa7-c005d7990000	0	\N
4	bybit	main	C50/USDT:USDT	trade-72	sell	100.5	0.0123	2026-01-02 08:50:18.678974+05:45	venue-order-69	01jz3wvp1ef9srn9y00qbsj001	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	0197c7cd-d82e-7a73-8aa7-c005d7990000	1	\N
5	bybit	main	C86/USDT:USDT	trade-87	buy	100.5	0.0123	2026-01-02 08:50:33.678989+05:45	\N	\N	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	\N	\N	the key is another's
6	bybit	main	C89/USDT:USDT	trade-90	buy	100.5	0.0123	2026-01-02 08:50:36.678992+05:45	\N	\N	\N	[{"cost":"0.00012","currency":"USDT"}]	\N	\N	\N	no order of that name
\.


--
-- Data for Name: life_events; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.life_events (event_id, type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run, correlation, causation, actor, version, index, sequence, format, body, salt, commitment, evidence, evidence_salt, digest, epoch, commit_xid) FROM stdin;
019b7ca9-a2b6-7f98-b14c-51d9c67be787	position.claimed	1	0193c08c-612e-78cd-91dc-24d3f3170000	bybit	main	C2/USDT:USDT	\N	info	2026-01-02 08:49:11.678907+05:45	2026-01-02 08:49:14.67891+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	0	\N	1	{"side":"long","requested_quantity":"100.5","requested_price":"0.0123"}	\\x466e090d721b03c4317e878a5bd00a91	\\x0a4a86f3f12ebff01158727e50bc360a5d6f424244ec5adbb7e5c615632f727c	\N	\N	\\x17aac25282b5ae330691acfffee5241201f9ff62124b6f1f9a3c9617c05c7e01	1	1001
019b7ca9-c5de-74d7-a3ea-01f2c590b0b0	position.claimed	1	01957bdd-262e-713d-a7d4-b172c4f50000	bybit	main	C10/USDT:USDT	\N	info	2026-01-02 08:49:20.678916+05:45	2026-01-02 08:49:23.678919+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	0	\N	1	{"side":"long","requested_quantity":"100.5","requested_price":"0.0123"}	\\xe9f2f91ded0c0b48ef6be6ee8ebc953b	\\x3fbb631a95441393f24bab965f3356b63ff44dac5cbbb82f941fb2aba268f89b	\N	\N	\\x40a073e3a197c3a8d029bab763c26a51bf446f15ae0d72a12caf3a189d9e5158	1	1002
019b7ca9-aa86-79cc-bd2d-64902744f05f	order.prepared	1	0193c08c-612e-78cd-91dc-24d3f3170000	bybit	main	C2/USDT:USDT	\N	info	2026-01-02 08:49:13.678909+05:45	2026-01-02 08:49:14.67891+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	\N	1	{"purpose":"entry","side":"buy","quantity":"100.5","price":null,"client_order_id":"01jf08rr9ef36s3q14tfshe000","trigger_price":null}	\\x2848e46591637ef8f290ad7cc72ea53f	\\x83f7cf11a71432df34e10014d7d9eea6b38e717695a3b9055d63453cac9610ae	\N	\N	\\x33ba1df037115baae0367d61bb9ba71d8bd28ff6568de47dea22504812376579	1	1001
019b7ca9-cdae-7854-8b33-5a692f69ef90	order.prepared	1	01957bdd-262e-713d-a7d4-b172c4f50000	bybit	main	C10/USDT:USDT	\N	info	2026-01-02 08:49:22.678918+05:45	2026-01-02 08:49:23.678919+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	\N	1	{"purpose":"entry","side":"buy","quantity":"100.5","price":null,"client_order_id":"01jnxxt9hee4ytfn5heb2fa000","trigger_price":null}	\\xdc5bfcbc975106969af68c8ad5a59fb6	\\x424ae8aab69f9b544c365c1b676fa54c0c9b3a88168a5e7410d609297c472021	\N	\N	\\x6ca2358c1dd9cfdd02326b9537cc514ca513a7f1926af10021e82aa9b829a036	1	1002
019b7ca9-e906-78f1-80f9-e722b85e4b12	fill.applied	1	01957bdd-262e-713d-a7d4-b172c4f50000	bybit	main	C10/USDT:USDT	\N	info	2026-01-02 08:49:29.678925+05:45	2026-01-02 08:49:32.678928+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	0	\N	1	{"trade_id":"trade-21","side":"buy","quantity":"100.5","price":"0.0123","venue_order_id":"venue-order-19","late":false}	\\xad1369814cfbfa5c7a5f204be1100ddb	\\x0cdc7dc82f39f1dacb68bd79ab0ad54819b3e738917352e0d02541b051347215	\N	\N	\\x8abe854f74a8e4625cc9d013a5bbf580c0b493a51995b6df8e1372c35b7bd733	1	1003
019b7ca9-f0d6-7a5c-a865-c581892d1e29	position.opened	1	01957bdd-262e-713d-a7d4-b172c4f50000	bybit	main	C10/USDT:USDT	\N	info	2026-01-02 08:49:31.678927+05:45	2026-01-02 08:49:32.678928+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	1	\N	1	{"side":"long","quantity":"100.5","entry_price":"0.0123","origin":"own"}	\\xb0726eaf3d70814f7994ae379216cbc5	\\x20b7d113cc530ba93355c14272269f93c6175bc4526d31e32f3cf88c71611406	\N	\N	\\x1582cee48546e0f7eb8872fbf4d2365c7af88b8ccbbca692fd4dd9f0476c3b48	1	1003
019b7caa-0c2e-7fed-abbb-2502958aebdc	position.claimed	1	0198cfbb-c32e-743c-ae9c-729b88a30000	bybit	main	C28/USDT:USDT	\N	info	2026-01-02 08:49:38.678934+05:45	2026-01-02 08:49:41.678937+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	0	\N	1	{"side":"long","requested_quantity":"100.5","requested_price":"0.0123"}	\\xa0f2ac8716fbb975a021cbd632e53660	\\xf2b91ecb896b8ccf648e20ddb49d62300836b986b31141911a76031eab8dc3b8	\N	\N	\\xd56adf1f3dcb517241afa07345b5b2728240f534d02d61b74c90873c3191638f	1	1004
019b7caa-13fe-7600-abef-845ef9811b0e	order.prepared	1	0198cfbb-c32e-743c-ae9c-729b88a30000	bybit	main	C28/USDT:USDT	\N	info	2026-01-02 08:49:40.678936+05:45	2026-01-02 08:49:41.678937+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	\N	1	{"purpose":"entry","side":"buy","quantity":"100.5","price":null,"client_order_id":"01k37vqgseegyax73jke4a6000","trigger_price":null}	\\x7c775fdfe8d4f1cc85eea4051a0e17a8	\\x1b65e1204dc85caf452605c52e5568dde5fd687dab82c75bd975915a2bc13dfa	\N	\N	\\x331dc40f1481f2a4d6e8a46a08ad94c50f85c255cb09f51c17670600dc2b6cba	1	1004
019b7caa-2f56-7d6f-991a-3bd4972a42e6	fill.applied	1	0198cfbb-c32e-743c-ae9c-729b88a30000	bybit	main	C28/USDT:USDT	\N	info	2026-01-02 08:49:47.678943+05:45	2026-01-02 08:49:50.678946+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	0	\N	1	{"trade_id":"trade-39","side":"buy","quantity":"100.5","price":"0.0123","venue_order_id":"venue-order-37","late":false}	\\x6b6d3adbd15530282e39c7ef6754fe4e	\\xacd6b5d9acdb95972844ebf8598b333896e7c3a87c3231bbf17aee0a630776a7	\N	\N	\\x0e662618499a5f15097da02a6eb6f4c6170cb1e8eeaa23ad63fd1bd9f1b0c176	1	1005
019b7caa-3726-7e2d-9c83-86ca9928c32f	position.opened	1	0198cfbb-c32e-743c-ae9c-729b88a30000	bybit	main	C28/USDT:USDT	\N	info	2026-01-02 08:49:49.678945+05:45	2026-01-02 08:49:50.678946+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	1	\N	1	{"side":"long","quantity":"100.5","entry_price":"0.0123","origin":"own"}	\\x84cfc02a201ea8901a0d935a51e2b0ff	\\x4f46e62f2350a17fabf0ff38ff247709c6300f544f31a1043b7560854b8965a1	\N	\N	\\xbdea3e6da3c032d0ba8d58686d4ed7e574927acae3c606da4ed19ff4c65727cf	1	1005
019b7caa-621e-77aa-8db3-9b6187e01359	position.claimed	1	0197c7cd-d82e-7a73-8aa7-c005d7990000	bybit	main	C50/USDT:USDT	\N	info	2026-01-02 08:50:00.678956+05:45	2026-01-02 08:50:03.678959+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	0	\N	1	{"side":"long","requested_quantity":"100.5","requested_price":"0.0123"}	\\x6d31126b6b408df4ab51184f308509b3	\\x3aa17386fd984ef4faf7ba09675df3829572d8e34fde57565661a5dad90b467a	\N	\N	\\xa3e827f91b5cd4197ae14f33b32006d02a02924a3e8bc33721cc4d6eea03ff21	1	1006
019b7caa-69ee-7833-af17-c84b73f36ea4	order.prepared	1	0197c7cd-d82e-7a73-8aa7-c005d7990000	bybit	main	C50/USDT:USDT	\N	info	2026-01-02 08:50:02.678958+05:45	2026-01-02 08:50:03.678959+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	\N	1	{"purpose":"entry","side":"buy","quantity":"100.5","price":null,"client_order_id":"01jz3wvp1ef9srn9y00qbsj000","trigger_price":null}	\\x21edaa4274c6a1238c6299f90b3169cf	\\xdfe1333281f1c932c4e1d39ddda578f8ae7c04ed964d53ea24445ca091ee3ad4	\N	\N	\\x0e7f4022f9e0da3d77c3e96a85fb7f957cf8aeea47098fe88030e6820b28baca	1	1006
019b7caa-8546-70dd-b141-d3dcd8a29e90	fill.applied	1	0197c7cd-d82e-7a73-8aa7-c005d7990000	bybit	main	C50/USDT:USDT	\N	info	2026-01-02 08:50:09.678965+05:45	2026-01-02 08:50:12.678968+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	0	\N	1	{"trade_id":"trade-61","side":"buy","quantity":"100.5","price":"0.0123","venue_order_id":"venue-order-59","late":false}	\\x1b4ed7d654b97255bffe39fbae07bb1e	\\x06a5d834623b0f49bae9d47aa61c5ce528557e5875d404ae0b6690edbeee57c1	\N	\N	\\xe91a45cb6cb05751c6e400996c9b1f25cc0f0f57c3b5ee4c156a743eb46e29ee	1	1007
019b7caa-8d16-71b9-bc6b-794167ad167a	position.opened	1	0197c7cd-d82e-7a73-8aa7-c005d7990000	bybit	main	C50/USDT:USDT	\N	info	2026-01-02 08:50:11.678967+05:45	2026-01-02 08:50:12.678968+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	1	\N	1	{"side":"long","quantity":"100.5","entry_price":"0.0123","origin":"own"}	\\x8260d0b50d1ed9ca2007069cb86abd24	\\x114ee236fa5abe122eff2b8a51230ce85c9d0c6328a5aeed978eb482954b9922	\N	\N	\\xb2a1944c957f33cb02e6849bdcd6d659459cc0fc453f90d49e78fabe823ae941	1	1007
019b7caa-b03e-70f9-b336-3fe576b45afc	position.closed	1	0197c7cd-d82e-7a73-8aa7-c005d7990000	bybit	main	C50/USDT:USDT	\N	info	2026-01-02 08:50:20.678976+05:45	2026-01-02 08:50:21.678977+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	3	0	\N	1	{"reason":"strategy","entry_price":"0.0123","exit_price":"0.0124","opened_at":"2026-01-02T03:05:05.678961Z","closed_at":"2026-01-02T03:05:16.678972Z"}	\\x081866775cfc648af58a597c9ee3a114	\\x4b02b6daf45815cfd11cfc6bd59edb43e5df18e8b085c9c67c4c958d2a84609b	\N	\N	\\xb7e8181a74d56238a299053dea0191819e68be57f959de0e107a727fda95d302	1	1008
019b7caa-c7ae-7f84-bb35-e7c83e76a4ca	position.claimed	1	0193dd4d-382e-74f8-a3e5-eed114b20000	bybit	main	C77/USDT:USDT	\N	info	2026-01-02 08:50:26.678982+05:45	2026-01-02 08:50:29.678985+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	0	\N	1	{"side":"long","requested_quantity":"100.5","requested_price":"0.0123"}	\\x6a419074a3da686f076c0cb9d293cace	\\x9934aa54c9158a9b6c23ca3d9ad25d2b2f7b15bfc7e34c91cf4122b53ab52346	\N	\N	\\x08261da5a731ef4686b1fe2b65351ac0601c5a5a9d05707b57bd5b2c768576e5	1	1009
019b7caa-cf7e-7205-985d-bedbc6e0559b	order.prepared	1	0193dd4d-382e-74f8-a3e5-eed114b20000	bybit	main	C77/USDT:USDT	\N	info	2026-01-02 08:50:28.678984+05:45	2026-01-02 08:50:29.678985+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	\N	1	{"purpose":"entry","side":"buy","quantity":"100.5","price":null,"client_order_id":"01jfemte1eekwa7sfet4ab4000","trigger_price":null}	\\x0c03e83e44bb077b5a98665df17b97e7	\\xde8f4d02b7b718cdba4af62729d1dc21518b02d4c686aff1e3302146037b24f8	\N	\N	\\xf6cacdd026099c49aacfd801e32b935759e76bb148e9659a67a7f4efa42f1916	1	1009
019b7caa-f68e-7724-a37a-d4ba856dd82b	fill.unclaimed	1	\N	bybit	main	C86/USDT:USDT	\N	info	2026-01-02 08:50:38.678994+05:45	2026-01-02 08:50:41.678997+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	0	0	1	1	{"evidence":"b627a3eeeac2700ff2f654ffbe937f2fa3e5b126fc5e9208f862e85ab8a37f40","price":"0.0123","quantity":"100.5","side":"buy","trade_id":"trade-87","venue_order_id":null}	\\x546583ac939afa0a5a7615c0dd271235	\\xa83a6ed07dba375f197adece319a6e1d135c2f3c24216750981ff3dd3a6c9e0a	{"reason":"the key is another's"}	\\xc98bff9cc968a2e9a355f8a443b8c955	\\x6023e9af013bd9224f592a7e3387e1311dd4d587c92ba8bc718bbdc8872c9609	1	1010
019b7caa-fe5e-7c5a-9fe5-73f45853a5b2	fill.unclaimed	1	\N	bybit	main	C89/USDT:USDT	\N	info	2026-01-02 08:50:40.678996+05:45	2026-01-02 08:50:41.678997+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	0	1	2	1	{"evidence":"e6f438e9a22dc1ae78ead9965059e94fcd9fa781dcf5cc0cff2a77f7179c2c39","price":"0.0123","quantity":"100.5","side":"buy","trade_id":"trade-90","venue_order_id":null}	\\x4a181e70f26d5db6b2c8031d94dea10a	\\x1330b2a662de63acb539b54ea267aa1e0ffa03c1bb01132f8ea286e98b17372c	{"reason":"no order of that name"}	\\x091262d2ce789fee9bbde1aa47e0e6f7	\\x37c68c408fcd2904a8d29c4809ea8b259b608b6f8fb2a0c56bf72581eab56294	1	1010
\.


--
-- Data for Name: orders; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.orders (ref, ordinal, run, purpose, side, quantity, filled, price, trigger_price, client_order_id, venue_order_id, status, prepared_at, submitted_at, close_reason) FROM stdin;
0193c08c-612e-78cd-91dc-24d3f3170000	0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	entry	buy	100.5	0	\N	\N	01jf08rr9ef36s3q14tfshe000	\N	prepared	2026-01-02 08:49:08.678904+05:45	\N	\N
01957bdd-262e-713d-a7d4-b172c4f50000	0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	entry	buy	100.5	100.5	\N	\N	01jnxxt9hee4ytfn5heb2fa000	venue-order-19	filled	2026-01-02 08:49:16.678912+05:45	2026-01-02 08:49:17.678913+05:45	\N
0198cfbb-c32e-743c-ae9c-729b88a30000	0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	entry	buy	100.5	100.5	\N	\N	01k37vqgseegyax73jke4a6000	venue-order-37	filled	2026-01-02 08:49:34.67893+05:45	2026-01-02 08:49:35.678931+05:45	\N
0198cfbb-c32e-743c-ae9c-729b88a30000	1	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	exit	sell	100.5	0	\N	\N	01k37vqgseegyax73jke4a6001	venue-order-47	working	2026-01-02 08:49:51.678947+05:45	2026-01-02 08:49:53.678949+05:45	strategy
0197c7cd-d82e-7a73-8aa7-c005d7990000	0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	entry	buy	100.5	100.5	\N	\N	01jz3wvp1ef9srn9y00qbsj000	venue-order-59	filled	2026-01-02 08:49:56.678952+05:45	2026-01-02 08:49:57.678953+05:45	\N
0197c7cd-d82e-7a73-8aa7-c005d7990000	1	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	exit	sell	100.5	100.5	\N	\N	01jz3wvp1ef9srn9y00qbsj001	venue-order-69	filled	2026-01-02 08:50:13.678969+05:45	2026-01-02 08:50:15.678971+05:45	strategy
0193dd4d-382e-74f8-a3e5-eed114b20000	0	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	entry	buy	100.5	0	\N	\N	01jfemte1eekwa7sfet4ab4000	\N	abandoned	2026-01-02 08:50:23.678979+05:45	\N	\N
\.


--
-- Data for Name: positions; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.positions (ref, id, status, version, venue, account, symbol, leg, margin_mode, side, confidence, origin, requested_quantity, requested_price, entered_quantity, entered_cost, exited_quantity, exited_cost, stop_price, stop_order_id, take_profit_price, take_profit_order_id, close_reason, created_at, opened_at, closed_at) FROM stdin;
0193c08c-612e-78cd-91dc-24d3f3170000	\N	pending	1	bybit	main	C2/USDT:USDT	net		long	\N	\N	100.5	0.0123	\N	\N	\N	\N	\N	\N	\N	\N	\N	2026-01-02 08:49:09.678905+05:45	\N	\N
01957bdd-262e-713d-a7d4-b172c4f50000	1	open	2	bybit	main	C10/USDT:USDT	net		long	confirmed	own	100.5	0.0123	100.5	1.23615	0	0	\N	\N	\N	\N	\N	2026-01-02 08:49:18.678914+05:45	2026-01-02 08:49:25.678921+05:45	\N
0198cfbb-c32e-743c-ae9c-729b88a30000	2	closing	3	bybit	main	C28/USDT:USDT	net		long	confirmed	own	100.5	0.0123	100.5	1.23615	0	0	\N	\N	\N	\N	\N	2026-01-02 08:49:36.678932+05:45	2026-01-02 08:49:43.678939+05:45	\N
0197c7cd-d82e-7a73-8aa7-c005d7990000	3	closed	3	bybit	main	C50/USDT:USDT	net		long	\N	own	100.5	0.0123	100.5	1.23615	100.5	1.24620	\N	\N	\N	\N	strategy	2026-01-02 08:49:58.678954+05:45	2026-01-02 08:50:05.678961+05:45	2026-01-02 08:50:16.678972+05:45
0193dd4d-382e-74f8-a3e5-eed114b20000	\N	ended	2	bybit	main	C77/USDT:USDT	net		long	\N	\N	100.5	0.0123	\N	\N	\N	\N	\N	\N	\N	\N	\N	2026-01-02 08:50:24.67898+05:45	\N	\N
\.


--
-- Data for Name: poslife_migrations; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.poslife_migrations (version, name, sha256, runs_from, applied_at) FROM stdin;
1	positions	379c769f835c5ebf470da1ab1400277afc7b2b78cacf48c32c8984e4d4903cad	1	2026-01-02 08:49:05.678901+05:45
\.


--
-- Data for Name: purges; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.purges (run, upto, digest, by, at, why) FROM stdin;
\.


--
-- Data for Name: run_events_default; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.run_events_default (event_id, type, schema, ref, venue, account, symbol, ordinal, severity, occurred_at, recorded_at, run, correlation, causation, actor, sequence, format, payload, salt, commitment, digest) FROM stdin;
019b7cab-0a16-7f3b-974b-350cac9b861b	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:43.678999+05:45	2026-01-02 08:50:44.679+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	1	1	{"id":"019b7cab-0a16-7f3b-974b-350cac9b861b","Ünïcødé":"🚀"}	\\x019b7cab0a167f3b974b350cac9b861b	\\x756817e476e41213fa73eb0ef1609e28df23d04b234ab8f7b53f92c7a358fd2a	\\x083b2696f75598a2944c5506d69fa4196f6d5282ba6b4e1f03f65d334e755d18
019b7cab-15cf-7ad8-9fa2-4ab6bf871fbb	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:46.679002+05:45	2026-01-02 08:50:47.679003+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	2	1	{"id":"019b7cab-15cf-7ad8-9fa2-4ab6bf871fbb","Ünïcødé":"🚀"}	\\x019b7cab15cf7ad89fa24ab6bf871fbb	\\xa4451c9f12c2c5a529db5e0088d8544a6ffe3b8904cf29a75e2979ccb60916aa	\\x19812628fa1e2743f490517d7e3238fcd50d5e0b10950a12613e89e33c22e97a
019b7cab-2d3f-7ec6-85d0-cb53b89f6510	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:52.679008+05:45	2026-01-02 08:50:53.679009+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	4	1	{"id":"019b7cab-2d3f-7ec6-85d0-cb53b89f6510","Ünïcødé":"🚀"}	\\x019b7cab2d3f7ec685d0cb53b89f6510	\\xbe5bbb419626ae0e90a120562adde94a0c1b1e9af51f06c2a1fb9ecdb7f72fa3	\\x879e4844e314a5a9b010a083535edd61d194d772b60762af5da8afdb65b4226e
019b7cab-38f7-7250-abc7-078753673787	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:55.679011+05:45	2026-01-02 08:50:56.679012+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	5	1	{"id":"019b7cab-38f7-7250-abc7-078753673787","Ünïcødé":"🚀"}	\\x019b7cab38f77250abc7078753673787	\\x633765bf8ae287b80c429290984d6b1788514dda01974a1e0a7779f9851034c9	\\x0954e5c92a1e6fdcfd599f3b037d8890980f10db4e32c44ac9702cead7144d7a
019b7cab-44af-752e-a0b6-4be90bdbc2d7	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:58.679014+05:45	2026-01-02 08:50:59.679015+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	6	1	{"id":"019b7cab-44af-752e-a0b6-4be90bdbc2d7","Ünïcødé":"🚀"}	\\x019b7cab44af752ea0b64be90bdbc2d7	\\x75f5a253d20cb7fd46032a7afd8171528d05ff98edc52c16eb6d88dee839a94c	\\x2662b10eeb5f5bf342cedb7bfb38666de019f656d338c8dd3be71f2a74084c33
019b7cab-2187-7623-a7e9-dc81148ec512	bot.started	1	\N	\N	\N	\N	\N	info	2026-01-02 08:50:49.679005+05:45	2026-01-02 08:50:50.679006+05:45	019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	\N	\N	strategy	3	1	\N	\N	\\x0775e9f80080a00cae6fc567879555a6fe6308ee2fd20c61dc90e264bb99aa04	\\xc33b542d62fac7de1b5aab0921748d23e48e327b3cf9706fd66bb3f6a1b1ed9d
\.


--
-- Data for Name: runs; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.runs (id, machine, pid, process_started, started_at, lease_until, lost_at, ended_at) FROM stdin;
019b7ca9-8f2e-7a60-9cc4-9f261e1f7ede	machine-1	1001	boot+1	2026-01-02 08:49:05.678901+05:45	2026-01-02 08:49:05.678901+05:45	\N	\N
\.


--
-- Data for Name: settings; Type: TABLE DATA; Schema: poslife; Owner: -
--

COPY poslife.settings (name, value) FROM stdin;
partition_width	month
\.


--
-- Name: fills_number_seq; Type: SEQUENCE SET; Schema: poslife; Owner: -
--

SELECT pg_catalog.setval('poslife.fills_number_seq', 6, true);


--
-- Name: position_ids; Type: SEQUENCE SET; Schema: poslife; Owner: -
--

SELECT pg_catalog.setval('poslife.position_ids', 3, true);


--
-- Name: changes changes_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (change_id);


--
-- Name: dead_letters dead_letters_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (event_id);


--
-- Name: epochs epochs_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.epochs
    ADD CONSTRAINT epochs_pkey PRIMARY KEY (epoch);


--
-- Name: erasures erasures_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (event_id);


--
-- Name: fills fills_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.fills
    ADD CONSTRAINT fills_pkey PRIMARY KEY (venue, account, symbol, trade_id, side);


--
-- Name: life_events life_events_numbered; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.life_events
    ADD CONSTRAINT life_events_numbered UNIQUE (ref, version, index);


--
-- Name: life_events life_events_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.life_events
    ADD CONSTRAINT life_events_pkey PRIMARY KEY (event_id);


--
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (ref, ordinal);


--
-- Name: positions positions_id_once; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.positions
    ADD CONSTRAINT positions_id_once UNIQUE (id);


--
-- Name: positions positions_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.positions
    ADD CONSTRAINT positions_pkey PRIMARY KEY (ref);


--
-- Name: poslife_migrations poslife_migrations_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.poslife_migrations
    ADD CONSTRAINT poslife_migrations_pkey PRIMARY KEY (version);


--
-- Name: purges purges_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.purges
    ADD CONSTRAINT purges_pkey PRIMARY KEY (run, upto);


--
-- Name: run_events run_events_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (event_id);


--
-- Name: run_events_default run_events_default_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.run_events_default
    ADD CONSTRAINT run_events_default_pkey PRIMARY KEY (event_id);


--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);


--
-- Name: settings settings_pkey; Type: CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (name);


--
-- Name: fills_by_position; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX fills_by_position ON poslife.fills USING btree (ref, number) WHERE (ref IS NOT NULL);


--
-- Name: fills_unclaimed; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX fills_unclaimed ON poslife.fills USING btree (number) WHERE (ref IS NULL);


--
-- Name: life_events_by_commit; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX life_events_by_commit ON poslife.life_events USING btree (epoch, commit_xid, event_id);


--
-- Name: life_events_by_position; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX life_events_by_position ON poslife.life_events USING btree (ref, event_id) WHERE (ref IS NOT NULL);


--
-- Name: life_events_without_position_numbered; Type: INDEX; Schema: poslife; Owner: -
--

CREATE UNIQUE INDEX life_events_without_position_numbered ON poslife.life_events USING btree (run, sequence) WHERE (ref IS NULL);


--
-- Name: orders_by_venue_order; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX orders_by_venue_order ON poslife.orders USING btree (venue_order_id) WHERE (venue_order_id IS NOT NULL);


--
-- Name: orders_not_ended; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX orders_not_ended ON poslife.orders USING btree (ref) WHERE (status = ANY (ARRAY['prepared'::text, 'submitting'::text, 'working'::text, 'in_doubt'::text]));


--
-- Name: positions_by_closing; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX positions_by_closing ON poslife.positions USING btree (closed_at, ref) WHERE (status = 'closed'::text);


--
-- Name: positions_live_by_ref; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX positions_live_by_ref ON poslife.positions USING btree (ref) WHERE (status = ANY (ARRAY['pending'::text, 'open'::text, 'closing'::text]));


--
-- Name: positions_one_live_per_key; Type: INDEX; Schema: poslife; Owner: -
--

CREATE UNIQUE INDEX positions_one_live_per_key ON poslife.positions USING btree (venue, account, symbol, leg, margin_mode) WHERE (status = ANY (ARRAY['pending'::text, 'open'::text, 'closing'::text]));


--
-- Name: run_events_by_position; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX run_events_by_position ON ONLY poslife.run_events USING btree (ref, event_id) WHERE (ref IS NOT NULL);


--
-- Name: run_events_by_time; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX run_events_by_time ON ONLY poslife.run_events USING brin (occurred_at) WITH (autosummarize='on');


--
-- Name: run_events_default_occurred_at_idx; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX run_events_default_occurred_at_idx ON poslife.run_events_default USING brin (occurred_at) WITH (autosummarize='on');


--
-- Name: run_events_default_ref_event_id_idx; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX run_events_default_ref_event_id_idx ON poslife.run_events_default USING btree (ref, event_id) WHERE (ref IS NOT NULL);


--
-- Name: runs_not_ended; Type: INDEX; Schema: poslife; Owner: -
--

CREATE INDEX runs_not_ended ON poslife.runs USING btree (id) WHERE (ended_at IS NULL);


--
-- Name: run_events_default_occurred_at_idx; Type: INDEX ATTACH; Schema: poslife; Owner: -
--

ALTER INDEX poslife.run_events_by_time ATTACH PARTITION poslife.run_events_default_occurred_at_idx;


--
-- Name: run_events_default_pkey; Type: INDEX ATTACH; Schema: poslife; Owner: -
--

ALTER INDEX poslife.run_events_pkey ATTACH PARTITION poslife.run_events_default_pkey;


--
-- Name: run_events_default_ref_event_id_idx; Type: INDEX ATTACH; Schema: poslife; Owner: -
--

ALTER INDEX poslife.run_events_by_position ATTACH PARTITION poslife.run_events_default_ref_event_id_idx;


--
-- Name: epochs append_only; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON poslife.epochs FOR EACH ROW EXECUTE FUNCTION poslife.append_only();


--
-- Name: erasures append_only; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON poslife.erasures FOR EACH ROW EXECUTE FUNCTION poslife.append_only();


--
-- Name: life_events append_only; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON poslife.life_events FOR EACH ROW EXECUTE FUNCTION poslife.append_only();


--
-- Name: purges append_only; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON poslife.purges FOR EACH ROW EXECUTE FUNCTION poslife.append_only();


--
-- Name: run_events append_only; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON poslife.run_events FOR EACH ROW EXECUTE FUNCTION poslife.append_only();


--
-- Name: epochs append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.epochs FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: erasures append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.erasures FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: life_events append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.life_events FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: purges append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.purges FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: run_events append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.run_events FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: run_events_default append_only_truncate; Type: TRIGGER; Schema: poslife; Owner: -
--

CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.run_events_default FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only();


--
-- Name: fills fills_of_a_position; Type: FK CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.fills
    ADD CONSTRAINT fills_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions(ref);


--
-- Name: life_events life_events_of_a_position; Type: FK CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.life_events
    ADD CONSTRAINT life_events_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions(ref);


--
-- Name: orders orders_of_a_position; Type: FK CONSTRAINT; Schema: poslife; Owner: -
--

ALTER TABLE ONLY poslife.orders
    ADD CONSTRAINT orders_of_a_position FOREIGN KEY (ref) REFERENCES poslife.positions(ref);


--
-- PostgreSQL database dump complete
--


