"""
Checks of one stored event: its digest, and the commitments to its payload and its evidence.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from poslife import OrderSide, TradeId
from poslife._trail.encoding import encode_body
from poslife._trail.record_format import commitment_of
from poslife._trail.records import EventRecord
from poslife.conformance._example_changes import begin
from poslife.conformance._example_records import a_record
from poslife.conformance._example_values import Examples
from poslife.events import FillUnclaimed
from poslife.events._sealing import check_content, follows
from poslife.memory import MemoryStore


def _altered(record: EventRecord, **fields: object) -> EventRecord:
    return msgspec.structs.replace(record, **fields)


async def test_a_life_event_that_a_store_gives_wrongly_is_a_fault() -> None:
    """
    Without its body, with one that is no object, or with evidence that the body does not commit to.
    """
    store = MemoryStore()
    await store.commit((await begin(store)).unclaimed("no such order"))
    (record,) = (await store.read_life_events()).items
    assert record.evidence is not None
    body, salt = encode_body(FillUnclaimed(**_FILL)), bytes(16)
    number, bare = b'{"evidence":7}', {"salt": salt, "commitment": commitment_of(salt, body), "payload": body}
    unread = {"salt": salt, "commitment": commitment_of(salt, number), "payload": number}

    assert (0, "its body is missing: a body is never erased") == check_content(_altered(record, payload=None))
    assert (0, "its body cannot be read") == check_content(_altered(record, **unread))
    assert (0, "it has evidence that its body does not commit to") == check_content(_altered(record, **bare))
    assert (0, None) == check_content(_altered(record, **bare, evidence=None, evidence_salt=None))
    assert (0, None) == check_content(record)
    assert (1, None) == check_content(_altered(record, evidence=None, evidence_salt=None))
    assert not follows(_altered(record, sequence=1 << 64), bytes(32))


_FILL: dict[str, Any] = {
    "trade_id": TradeId("t"),
    "side": OrderSide.BUY,
    "quantity": Decimal(1),
    "price": Decimal(2),
    "venue_order_id": None,
}


async def test_salt_payload_and_commitment_go_together() -> None:
    """
    A payload without a salt matches no commitment; a salt that outlived its payload or evidence is a fault.
    """
    store = MemoryStore()
    await store.commit((await begin(store)).unclaimed("no such order"))
    (life,) = (await store.read_life_events()).items
    host = a_record(Examples(), 1)
    altered = "its payload was altered: it does not match its commitment"
    half = "it has a salt and no payload: they are erased together"
    half_evidence = "it has a salt of evidence and no evidence: they are erased together"

    assert (0, altered) == check_content(_altered(host, salt=None))
    assert (0, altered) == check_content(_altered(host, commitment=bytes(32)))
    assert (1, half) == check_content(_altered(host, payload=None))
    assert (1, None) == check_content(_altered(host, payload=None, salt=None))
    assert (1, half_evidence) == check_content(_altered(life, evidence=None))
