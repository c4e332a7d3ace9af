"""
Events as rows, and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from poslife import (
    PositionId,
    Severity,
)
from poslife._domain.commit_checks import StoredHead
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.position_status import PositionStatus
from poslife._trail.encoding import encode_body, encode_payload
from poslife._trail.records import EventRecord, chain_digest
from poslife.events import Actor, EventHeader, HostBody, LifeEvent, OrderRejected, RecordedEvent
from poslife.storage._columns import (
    EVENTS,
    LIFE_EVENTS,
    RUN_EVENTS,
    Column,
    names_of,
)
from poslife.storage._event_rows import life_digests, life_event_rows, recorded_event_from, run_event_row
from poslife.storage._mapping import Value
from tests.values import (
    AT,
    KEY,
    OTHER_RUN,
    REF,
    RUN,
    later,
    new_event_id,
)

HEADER = EventHeader(
    id=new_event_id(),
    type="order.rejected",
    schema=1,
    ref=REF,
    venue=KEY.venue,
    account=KEY.account,
    symbol=KEY.symbol,
    order=3,
    severity=Severity.CRITICAL,
    occurred_at=later(7),
    run=OTHER_RUN,
    correlation=UUID(int=5),
    causation=new_event_id(),
    actor=Actor.OPERATOR,
)


LIFE_EVENT = LifeEvent(header=HEADER, version=4, index=2, body=OrderRejected(reason="no funds"))


RECORD = EventRecord(
    header=HEADER,
    recorded_at=later(8),
    sequence=17,
    payload=encode_payload({"price": Decimal("1.50")}),
    digest=bytes(range(32)),
)


def row(columns: Sequence[Column], cells: tuple[Value, ...]) -> dict[str, Value]:
    return dict(zip(names_of(columns), cells, strict=True))


def event_cells(columns: Sequence[Column], cells: tuple[Value, ...]) -> dict[str, Value]:
    found = row(columns, cells)
    content = found.pop("body", None) or found.pop("payload", None)
    return {column: found.get(column) for column in names_of(EVENTS)} | {"content": content}


def test_a_life_event_comes_back_whole() -> None:
    """
    The row of a life event gives its header, its place in the stream and its body.
    """
    rows = life_event_rows((LIFE_EVENT,), AT)
    (digest,) = life_digests(rows, {})
    cells = event_cells(LIFE_EVENTS, (*rows[0].cells, digest))

    assert cells["content"] == encode_body(LIFE_EVENT.body).decode()
    assert RecordedEvent(
        header=HEADER, body=LIFE_EVENT.body, recorded_at=AT, version=4, index=2, digest=digest
    ) == recorded_event_from(cells)


def test_a_life_event_is_linked_to_the_one_before_it() -> None:
    """
    A digest follows the last one of its position, stored or in the same change; without a position, none.
    """
    unassigned = replace(LIFE_EVENT, header=replace(HEADER, ref=None), version=0)
    rows = life_event_rows((LIFE_EVENT, unassigned, replace(LIFE_EVENT, index=3)), AT)
    trail = bytes(range(32))
    assert HEADER.ref is not None
    heads = {HEADER.ref: StoredHead(status=PositionStatus.OPEN, version=3, id=PositionId(1), trail=trail)}
    first, alone, second = life_digests(rows, heads)

    assert chain_digest(trail, rows[0].content) == first
    assert chain_digest(UNLINKED, rows[1].content) == alone
    assert chain_digest(first, rows[2].content) == second


def test_a_hosts_event_comes_back_whole() -> None:
    """
    The row of a host event gives its header, sequence and payload, even under the name of a life event.
    """
    assert RecordedEvent(
        header=HEADER,
        body=HostBody(payload={"price": "1.50"}),
        recorded_at=later(8),
        sequence=17,
        digest=RECORD.digest,
    ) == recorded_event_from(event_cells(RUN_EVENTS, run_event_row(RECORD)))


def test_a_sparse_header_comes_back() -> None:
    """
    A header without ref, place and order comes back without them.
    """
    header = EventHeader(id=new_event_id(), type="bot.started", occurred_at=AT, run=RUN)
    record = EventRecord(header=header, recorded_at=AT, sequence=1, payload=b"{}")

    assert header == recorded_event_from(event_cells(RUN_EVENTS, run_event_row(record))).header
