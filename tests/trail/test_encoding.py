"""
Payloads, reasons, bodies of life events and fingerprints, as bytes and back.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from poslife import CloseReason, OrderPurpose, OrderSide, OrderStatus, Origin, Protection, Side
from poslife._domain.causation import EventContext
from poslife._domain.changes import Change
from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA, HostBody, UnknownBody
from poslife._domain.events import LIFE_EVENTS, LifeBody
from poslife._domain.identifiers import ChangeId
from poslife._domain.order_preparation import claim
from poslife._domain.plans import change_of
from poslife._trail.encoding import (
    decode_body,
    encode_body,
    encode_evidence,
    encode_payload,
    error_summary,
    evidence_commitment,
    fingerprint,
    redacted_evidence,
)
from poslife.errors import StorageRejected
from tests.trail.hostile import HostileError, written
from tests.values import AT, KEY, OTHER_RUN, REF, RUN, name_of, new_event_id


def test_an_order_as_ccxt_has_it() -> None:
    """
    What a bot records most of all comes back as it was, whichever way it was encoded.
    """
    order: dict[str, object] = {
        "info": {"orderId": "1", "cumExecQty": "0.1", "flags": ["a", None, True]},
        "id": "1",
        "timestamp": 1767225600000,
        "price": 60000.5,
        "fee": {"cost": Decimal("0.01"), "currency": "USDT", "rate": None},
        "trades": [],
    }
    as_json = json.loads(json.dumps(order, default=str))

    assert as_json == written(order)
    assert as_json == written(collections.OrderedDict(order))


def test_an_oversize_payload_keeps_its_beginning_its_size_and_its_digest() -> None:
    """
    Over 64 KiB the rest is let go, and what is kept says so; what went wrong is kept, too.
    """
    rows = ["é" * 1000] * 50
    content = json.loads(encode_payload({"a": "first", "rows": rows}, OSError("disk full")))
    found = content["$oversize"]

    assert found["beginning"].startswith('{"a":"first","error":{')
    assert found["bytes"] > 100_000
    assert 64 == len(found["sha256"])
    assert "builtins.OSError: disk full" == found["error"]


def test_what_was_not_read_to_its_end_says_so() -> None:
    """
    The size and the digest are then of the part that was read.
    """
    assert json.loads(encode_payload({"value": [0] * 100_000}))["$oversize"]["more"]
    assert "more" not in json.loads(encode_payload({"value": ["é" * 16_000] * 3}))["$oversize"]


def test_a_reason_is_one_line_however_long_the_error() -> None:
    """
    A 194-character error once broke a rollback: what is stored as a reason has a bound (incident 18).
    """
    assert "builtins.OSError: disk full" == error_summary(OSError("disk full"))
    assert len(error_summary(OSError("x" * 100_000))) < 2100
    assert "whose str raises RuntimeError" in error_summary(HostileError())


BODIES: dict[str, dict[str, object]] = {
    "position.claimed": {
        "side": Side.SHORT,
        "requested_quantity": Decimal("1.234e-9"),
        "requested_price": Decimal("1e13"),
    },
    "order.prepared": {
        "purpose": OrderPurpose.PROTECT,
        "side": OrderSide.SELL,
        "quantity": Decimal("123456789.012345678"),
        "price": Decimal("0.10"),
        "client_order_id": name_of(3),
        "trigger_price": Decimal("0.125"),
    },
    "order.submitting": {"client_order_id": name_of(4)},
    "order.acknowledged": {"venue_order_id": "v-1"},
    "order.seen_at_venue": {
        "venue_order_id": "v-2",
        "before": OrderStatus.IN_DOUBT,
        "after": OrderStatus.CANCELED,
    },
    "order.rejected": {},
    "order.in_doubt": {},
    "order.abandoned": {},
    "order.ended": {"status": OrderStatus.EXPIRED, "filled": Decimal("3.50"), "overfilled": True},
    "order.taken_over": {"from_run": OTHER_RUN},
    "fill.applied": {
        "trade_id": "t-1",
        "side": OrderSide.SELL,
        "quantity": Decimal("1.1"),
        "price": Decimal("2.2"),
        "venue_order_id": "v-3",
        "late": True,
    },
    "fill.unclaimed": {
        "trade_id": "t-2",
        "side": OrderSide.BUY,
        "quantity": Decimal("3.3"),
        "price": Decimal("4.4"),
        "venue_order_id": "v-4",
    },
    "order.amended": {
        "quantity_before": Decimal("3.5"),
        "quantity": Decimal("2.5"),
        "price_before": Decimal("1.25"),
        "price": Decimal("1.5"),
    },
    "fill.conflicted": {
        "trade_id": "t-3",
        "stored_side": OrderSide.BUY,
        "stored_quantity": Decimal("5.5"),
        "stored_price": Decimal("6.6"),
        "seen_side": OrderSide.SELL,
        "seen_quantity": Decimal("7.7"),
        "seen_price": Decimal("8.8"),
    },
    "position.ended": {},
    "position.opened": {
        "side": Side.SHORT,
        "quantity": Decimal("9.9"),
        "entry_price": Decimal("0.3333333333333333333333333333333333"),
        "origin": Origin.ADOPTED,
    },
    "position.increased": {"quantity": Decimal(10), "entry_price": Decimal("11.5")},
    "position.reduced": {"quantity": Decimal("0.5")},
    "position.protected": {
        "protection": Protection(
            stop_price=Decimal("3.1766"),
            stop_order_id=cast("Any", "s-1"),
            take_profit_price=Decimal("4.5"),
            take_profit_order_id=cast("Any", "p-1"),
        )
    },
    "position.closing": {"reason": CloseReason.OPERATOR},
    "position.closing_withdrawn": {"quantity": Decimal("12.5")},
    "position.closed": {
        "reason": CloseReason.LIQUIDATION,
        "entry_price": Decimal("1.5"),
        "exit_price": Decimal("2.5"),
        "opened_at": AT,
        "closed_at": AT + timedelta(microseconds=1),
    },
}


def test_every_life_event_is_written_down_here() -> None:
    """
    A class that is added gets its line above, with every field it has.
    """
    assert set(LIFE_EVENTS) == set(BODIES)
    for kind, body in LIFE_EVENTS.items():
        assert [field.name for field in dataclasses.fields(body)] == list(BODIES[kind])
        assert kind == body.type


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_life_event_is_read_as_it_was_written(kind: str) -> None:
    """
    Every field comes back, of its own type, no digit lost (incidents 36, 44).
    """
    body: LifeBody = LIFE_EVENTS[kind](**cast("Any", BODIES[kind]))
    again = decode_body(kind, LIFE_EVENT_SCHEMA, encode_body(body), life=True)

    assert body == again
    assert repr(body) == repr(again)


def test_a_body_holds_no_free_text() -> None:
    """
    A body cannot be erased: reasons and raw answers are evidence, and the texts left are names.
    """
    texts = {
        (kind, field.name)
        for kind, body in LIFE_EVENTS.items()
        for field in dataclasses.fields(body)
        if str(field.type) in ("str", "str | None") or "Json" in str(field.type)
    }

    assert set() == texts


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_body_holds_the_commitment_to_its_evidence(kind: str) -> None:
    """
    In hex, beside its fields, which are read as without it.
    """
    body: LifeBody = LIFE_EVENTS[kind](**cast("Any", BODIES[kind]))
    encoded = encode_body(body, evidence=bytes(range(32)))

    assert bytes(range(32)) == evidence_commitment(encoded)
    assert evidence_commitment(encode_body(body)) is None
    assert body == decode_body(kind, LIFE_EVENT_SCHEMA, encoded, life=True)
    assert {**msgspec.json.decode(encode_body(body)), "evidence": bytes(range(32)).hex()} == (
        msgspec.json.decode(encoded)
    )


def test_evidence_is_redacted_as_a_payload_is() -> None:
    """
    A venue's raw answer may hold a key, and anything that JSON has no type for.
    """
    answer: dict[str, object] = {
        "reason": "refused: api_key=abcdef123",
        "answer": {"secret": "s", "at": AT, "size": Decimal("1.50"), "\x00": "\ud800"},
    }
    evidence = redacted_evidence(answer)

    assert "abcdef123" not in str(evidence)
    assert {"secret": "[redacted]", "size": "1.50"}.items() <= cast("Any", evidence["answer"]).items()
    assert evidence == msgspec.json.decode(encode_evidence(evidence))


@pytest.mark.parametrize("kind", [kind for kind, fields in BODIES.items() if fields])
def test_what_may_be_missing_comes_back_missing(kind: str) -> None:
    """
    ``None`` is ``None`` again, wherever a field may be that.
    """
    kinds = LIFE_EVENTS[kind]
    empty = {
        field.name: None if "None" in str(field.type) else BODIES[kind][field.name]
        for field in dataclasses.fields(kinds)
    }
    body: LifeBody = kinds(**cast("Any", empty))

    assert body == decode_body(kind, LIFE_EVENT_SCHEMA, encode_body(body), life=True)


@pytest.mark.parametrize(
    "kind, schema",
    [
        pytest.param("position.teleported", LIFE_EVENT_SCHEMA, id="unknown type"),
        pytest.param("position.closed", LIFE_EVENT_SCHEMA + 1, id="newer schema"),
    ],
)
def test_an_event_of_a_newer_release_is_read_whole(kind: str, schema: int) -> None:
    """
    What this release does not know is given as it stands, with everything in it.
    """
    content = {"reason": "beamed", "to": {"x": [1, 2.5, None, True]}, "when": "2031-01-01"}

    assert UnknownBody(content=cast("Any", content)) == decode_body(
        kind, schema, msgspec.json.encode(content), life=True
    )


def test_a_hosts_event_may_have_a_life_events_name() -> None:
    """
    Where it is stored says what it is, not what it is called.
    """
    assert HostBody(payload={"reason": "x"}) == decode_body(
        "position.closed", 1, encode_payload({"reason": "x"}), life=False
    )


def claimed(**fields: Any) -> Change:
    values: dict[str, Any] = {
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "quantity": Decimal(1),
        "price": None,
        "run": RUN,
        "client_order_id": name_of(0),
        "at": AT,
    }
    plan = claim(**(values | fields))
    event_ids = iter([new_event_id() for _ in range(2)])
    return change_of(
        plan,
        id=ChangeId(UUID(int=1)),
        run=RUN,
        at=AT,
        around=EventContext(),
        new_event_id=lambda: next(event_ids),
    )


def test_a_fingerprint_tells_changes_apart() -> None:
    """
    The same change has the same one, and any other value another.
    """
    change = claimed()
    others = [
        claimed(quantity=Decimal(2)),
        claimed(price=Decimal(1)),
        claimed(run=OTHER_RUN),
        dataclasses.replace(change, at=AT + timedelta(microseconds=1)),
        dataclasses.replace(change, events=change.events[:1]),
        dataclasses.replace(change, id=ChangeId(UUID(int=2))),
    ]

    assert fingerprint(change) == fingerprint(dataclasses.replace(change))
    assert len(others) == len({fingerprint(other) for other in others} - {fingerprint(change)})
    assert 32 == len(fingerprint(change))


def test_a_text_that_no_store_keeps_is_refused_for_good() -> None:
    """
    A lone surrogate in a change is `StorageRejected`, not a `UnicodeEncodeError` out of some driver.
    """
    change = claimed()
    broken = dataclasses.replace(change.events[0], evidence={"reason": "\ud800"})

    with pytest.raises(StorageRejected, match="not valid Unicode"):
        fingerprint(dataclasses.replace(change, events=(broken,)))
