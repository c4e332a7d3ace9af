"""
Events as rows, and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from poslife import (
    PositionId,
    Severity,
)
from poslife._domain.changes import Change, Revise
from poslife._domain.commit_checks import Heads, StoredHead
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import ChangeId
from poslife._domain.position_status import PositionStatus
from poslife._trail.encoding import encode_body, encode_payload
from poslife._trail.record_format import chain_digest, commitment_of
from poslife._trail.records import EventRecord, header_of, sealed
from poslife.events import Actor, ErasedBody, EventHeader, HostBody, LifeEvent, OrderRejected, RecordedEvent
from poslife.storage._columns import (
    EVENTS,
    LIFE_EVENTS,
    RUN_EVENTS,
    Column,
    names_of,
)
from poslife.storage._event_rows import (
    StreamHead,
    event_record_from,
    head_after,
    life_event_row,
    link_events,
    recorded_event_from,
    run_event_row,
)
from poslife.storage._mapping import Value
from tests.values import (
    AT,
    KEY,
    OTHER_RUN,
    REF,
    RUN,
    later,
    new_event_id,
    persisted,
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


LIFE_EVENT = LifeEvent(
    header=HEADER, version=4, index=2, body=OrderRejected(), evidence={"reason": "no funds"}
)


RECORD = sealed(
    EventRecord(
        header=HEADER,
        recorded_at=later(8),
        sequence=17,
        payload=encode_payload({"price": Decimal("1.50")}),
    ),
    before=UNLINKED,
    salt=bytes(range(16)),
)


def row(columns: Sequence[Column], cells: tuple[Value, ...]) -> dict[str, Value]:
    return dict(zip(names_of(columns), cells, strict=True))


def event_cells(columns: Sequence[Column], cells: tuple[Value, ...]) -> dict[str, Value]:
    found = row(columns, cells)
    content = found.pop("body", None) or found.pop("payload", None)
    return {column: found.get(column) for column in names_of(EVENTS)} | {"content": content}


def linked(*events: LifeEvent, heads: Heads | None = None, unassigned: StreamHead) -> list[EventRecord]:
    """
    The records of a commit, which makes version 4 of the position.
    """
    assert HEADER.ref is not None
    after = persisted(version=4)
    change = Change(
        id=ChangeId(UUID(int=1)),
        run=OTHER_RUN,
        at=AT,
        transitions=(Revise(after=after, orders=()),),
        events=events,
    )
    return link_events(change, heads or {}, unassigned=unassigned)


def test_a_life_event_comes_back_whole() -> None:
    """
    Header, place in the stream, body and evidence, each with its salt and commitment.
    """
    (record,) = linked(LIFE_EVENT, unassigned=StreamHead(0, UNLINKED))
    cells = event_cells(LIFE_EVENTS, life_event_row(record))
    assert record.evidence_salt is not None
    committed = commitment_of(record.evidence_salt, b'{"reason":"no funds"}')

    assert cells["content"] == encode_body(LIFE_EVENT.body, evidence=committed).decode()
    assert record == event_record_from(cells)
    assert RecordedEvent(
        header=HEADER,
        body=LIFE_EVENT.body,
        recorded_at=AT,
        version=4,
        index=2,
        evidence={"reason": "no funds"},
        digest=record.digest,
    ) == recorded_event_from(cells)


def test_a_life_event_is_linked_to_the_one_before_it() -> None:
    """
    To what is stored of its position, and within a change to the event before; one of no position to those
    of its run, by number.
    """
    nobodys = replace(LIFE_EVENT, header=replace(HEADER, ref=None), version=0)
    trail, stream = bytes(range(32)), StreamHead(6, b"s" * 32)
    assert HEADER.ref is not None
    heads = {HEADER.ref: StoredHead(status=PositionStatus.OPEN, version=3, id=PositionId(1), trail=trail)}
    records = linked(
        *(LIFE_EVENT, nobodys, replace(LIFE_EVENT, index=3), nobodys), heads=heads, unassigned=stream
    )
    first, alone, second, next_alone = records

    assert chain_digest(trail, header_of(first)) == first.digest
    assert chain_digest(stream.digest, header_of(alone)) == alone.digest
    assert chain_digest(first.digest, header_of(second)) == second.digest
    assert chain_digest(alone.digest, header_of(next_alone)) == next_alone.digest
    assert [None, 7, None, 8] == [record.sequence for record in records]
    assert StreamHead(8, next_alone.digest) == head_after(records, stream)
    assert stream == head_after(records[:1], stream)
    assert 8 == len({salt for record in records for salt in (record.salt, record.evidence_salt)})


def test_an_erased_event_comes_back_without_its_payload() -> None:
    """
    Its header, commitment and digest are as they were.
    """
    cells = event_cells(RUN_EVENTS, run_event_row(replace(RECORD, payload=None, salt=None)))

    assert replace(RECORD, payload=None, salt=None) == event_record_from(cells)
    assert ErasedBody() == recorded_event_from(cells).body


def test_a_row_with_a_salt_and_no_commitment_is_refused() -> None:
    """
    Any payload could be put beside such a salt.
    """
    cells = event_cells(RUN_EVENTS, run_event_row(RECORD)) | {"commitment": None}

    with pytest.raises(TypeError, match="column commitment holds None"):
        event_record_from(cells)


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
