"""
Events that a database cannot take, or dies of: each is set aside alone, and its neighbours are stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import Mock

import msgspec
import pytest

from poslife import BatchingSink, EventId, SinkState, Symbol
from poslife._trail.records import encode_record
from poslife.conformance._hostile_payloads import hostile_payloads
from poslife.events import EventHeader, HostEvent
from poslife.journal import FileJournal
from poslife.postgres import PostgresStore
from poslife.protocols import EventRecord
from poslife.testing.faults import Cut, FaultProxy, Step
from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of
from tests.postgres.support import session
from tests.postgres_roles import as_bot
from tests.sink.postgres_scene import found_in, scene
from tests.sink.zoo import POISON, BriskClock, host_event, reaches
from tests.trail.hostile import (
    Hostile,
    HostileEnum,
    HostileError,
    HostileList,
    HostileNumber,
    HostileRecord,
    HostileText,
    HostileZone,
    released,
)
from tests.values import RUN, new_event_id

pytestmark = pytest.mark.slow

MARKER = "toxic-7f3a91"


async def letters_in(dsn: str) -> dict[EventId, str]:
    """
    The dead letters, and why they are.
    """
    async with session(dsn) as other:
        rows = await other.fetch("SELECT event_id, reason FROM poslife.dead_letters")
    return {EventId(row["event_id"]): row["reason"] for row in rows}


# ------------------------------------------------------------------------------------------ hostile payloads


async def test_hostile_payloads_are_simply_stored(postgres_dsn: str, tmp_path: Path) -> None:
    """
    Nothing that a host puts into a payload is refused by the database (incident 45).
    """
    hostile = (
        Hostile(),
        datetime(2026, 1, 1, tzinfo=HostileZone()),
        HostileNumber("1.5"),
        HostileEnum.ONE,
        HostileList([1, 2]),
        HostileError(),
        HostileText("text"),
        {HostileText("key"): 1},
        HostileRecord(),
        released(),
        Mock(spec=str),
    )
    payloads = [*hostile_payloads().values(), *({"before": 1, "value": value} for value in hostile)]
    store = PostgresStore(as_bot(postgres_dsn))
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(tmp_path))
    for payload in payloads:
        sink.emit(host_event("zoo.hostile", payload))
        sink.emit(host_event("tick", {}))
    await sink.aclose(15)
    await store.aclose()
    async with session(postgres_dsn) as other:
        rows = await other.fetch("SELECT payload FROM poslife.run_events ORDER BY sequence")
        # What PostgreSQL itself makes of it: every payload is an object in its eyes.
        kinds = await other.fetch("SELECT DISTINCT jsonb_typeof(payload::jsonb) FROM poslife.run_events")

    assert 2 * len(payloads) == len(rows) == sink.stats().committed
    assert ["object"] == [row[0] for row in kinds]


# ------------------------------------------------------------------------- what the database itself refuses


def refusing(code: str) -> str:
    return f"""
        CREATE FUNCTION public.refuses() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.type = '{POISON}' THEN RAISE 'not this one' USING ERRCODE = '{code}'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuses BEFORE INSERT ON poslife.run_events
            FOR EACH ROW EXECUTE FUNCTION public.refuses()
    """


CHECK = f"ALTER TABLE poslife.run_events ADD CONSTRAINT mine CHECK (type <> '{POISON}')"


@pytest.mark.parametrize(
    "refusal, reason",
    [
        pytest.param(refusing("22P02"), "22P02", id="invalid text"),
        pytest.param(refusing("22003"), "22003", id="number out of range"),
        pytest.param(refusing("23502"), "23502", id="not null"),
        pytest.param(refusing("23505"), "23505", id="unique"),
        pytest.param(refusing("54000"), "54000", id="program limit"),
        pytest.param(refusing("P0001"), "P0001", id="a trigger's own word"),
        pytest.param(CHECK, "mine", id="check"),
    ],
)
async def test_a_row_that_the_database_refuses_is_set_aside_alone(
    refusal: str, reason: str, postgres_dsn: str, tmp_path: Path
) -> None:
    """
    Refused for good, it becomes a dead letter; the rest of its batch is stored, in order (incident 45).
    """
    begun: list[int] = []

    def is_poison(number: int) -> bool:
        return bool(begun) and number - begun[0] in {50, 51, 200}

    async with scene(postgres_dsn, tmp_path, is_poison=is_poison) as there:
        await there.does(refusal)
        # Not before: on a busy machine hundreds are emitted by the time that the table refuses any.
        begun.append(len(there.bot.emitted))
        await there.bot.emits(300)
        await there.sink.flush(10)
    letters = await letters_in(postgres_dsn)

    assert there.bot.poison == letters.keys()
    assert 3 == len(letters)
    assert all(reason in why for why in letters.values())


def good() -> EventRecord:
    header = EventHeader(id=new_event_id(), type="tick", occurred_at=datetime.now(UTC), run=RUN)
    return EventRecord(
        header=header, recorded_at=datetime.now(UTC), sequence=1, payload=b"{}", salt=bytes(16)
    )


SMUGGLED: Mapping[str, Callable[[EventRecord], EventRecord]] = {
    "NUL in the payload": lambda record: msgspec.structs.replace(record, payload=b'{"a":"\x00"}'),
    "no UTF-8": lambda record: msgspec.structs.replace(record, payload=b'{"a":"\xff\xfe"}'),
    "no JSON": lambda record: msgspec.structs.replace(record, payload=b'{"price": NaN}'),
    "a sequence beyond 64 bits": lambda record: msgspec.structs.replace(record, sequence=(1 << 64) - 1),
}


async def test_what_a_broken_release_left_in_the_journal_is_set_aside(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """
    Records that no `emit` makes, among good ones, from the journal of a process that is gone.
    """
    left = FileJournal(tmp_path)
    bad: set[EventId] = set()
    fine: set[EventId] = set()
    sequence = 0
    for spoil in SMUGGLED.values():
        for number in range(20):
            sequence += 1
            record = msgspec.structs.replace(good(), sequence=sequence)
            if number == 10:
                sequence -= 1
                record = spoil(record)
            (bad if number == 10 else fine).add(record.header.id)
            left.append(encode_record(record))
    left.close()
    store = PostgresStore(as_bot(postgres_dsn))
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(tmp_path))
    await sink.flush(10)
    await sink.aclose(10)
    await store.aclose()
    found = await found_in(postgres_dsn)

    assert bad == {one.id for one in found if one.buried}
    assert fine == {one.id for one in found if not one.buried}
    assert len(bad) + len(fine) == len(found)
    assert (len(fine), len(bad)) == (sink.stats().committed, sink.stats().dead_lettered)


# ---------------------------------------------------------------------------------------------- a toxic row


class Toxic:
    """
    The connection dies whenever these bytes are sent.
    """

    def __init__(self) -> None:
        self._tail = b""

    def requested(self, data: bytes, /) -> Iterator[Step]:
        seen = self._tail + data
        self._tail = seen[-len(MARKER) :]
        yield Cut.RESET if MARKER.encode() in seen else data

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data


async def test_a_row_of_which_the_connection_dies_is_found(postgres_dsn: str, tmp_path: Path) -> None:
    """
    It looks like an outage, but others are taken: it is found by halves, and set aside (incident 45).
    """
    async with FaultProxy(upstream_of(postgres_dsn), tap=Toxic) as proxy:
        store = PostgresStore(redirect_dsn(as_bot(postgres_dsn), proxy.host, proxy.port), command_timeout=2)
        await store.open()
        sink = BatchingSink(store, journal=FileJournal(tmp_path), batch=500, linger=0.01)
        events = [
            sink.emit(host_event("tick", {"note": MARKER if number == 333 else ""})) for number in range(1000)
        ]
        await sink.aclose(15)
        await store.aclose()
    found = await found_in(postgres_dsn)

    assert [events[333]] == [one.id for one in found if one.buried]
    assert len(found) == len(set(events) & {one.id for one in found}) == 1000
    assert sink.stats().store.failures <= 20


# ------------------------------------------------------------------------------------------------ the budget


async def test_a_schema_that_refuses_everything_holds_the_stream(postgres_dsn: str, tmp_path: Path) -> None:
    """
    After a few dead letters it is the table that is at fault: the others wait, and are stored in the end.
    """
    async with scene(postgres_dsn, tmp_path, clock=BriskClock(), letters_a_minute=5) as there:
        await there.does("ALTER TABLE poslife.run_events ADD CONSTRAINT none CHECK (false) NOT VALID")
        await reaches(there.sink, SinkState.HELD, "a fault of the store")
        await there.bot.emits(100)
        await there.does("ALTER TABLE poslife.run_events DROP CONSTRAINT none")
        await there.sink.flush(10)

    assert 5 == there.sink.stats().dead_lettered


# -------------------------------------------------------------------------------- a foreign key of the host's


PARENTED = (
    "CREATE TABLE public.parents (symbol text PRIMARY KEY)",
    "INSERT INTO public.parents VALUES ('early')",
    "ALTER TABLE poslife.run_events ADD CONSTRAINT parented FOREIGN KEY (symbol) REFERENCES public.parents",
)


def child(symbol: str) -> HostEvent:
    one = host_event("child", {})
    return msgspec.structs.replace(one, header=msgspec.structs.replace(one.header, symbol=Symbol(symbol)))


async def test_an_event_whose_parent_is_committed_meanwhile_is_stored(
    postgres_dsn: str, tmp_path: Path
) -> None:
    """
    The row that a foreign key asks for is on its way: nothing is buried for coming a moment before it.
    """
    async with scene(postgres_dsn, tmp_path) as there, session(postgres_dsn) as other:
        await there.does(*PARENTED, f"GRANT SELECT ON public.parents TO {there.role}")
        there.bot.emit_event(child("late"))
        await reaches(there.sink, SinkState.WAITING, "23503")
        await other.execute("INSERT INTO public.parents VALUES ('late')")
    found = await found_in(postgres_dsn)

    assert [] == [one for one in found if one.buried]
    assert 0 == there.sink.stats().dead_lettered


async def test_an_event_without_a_parent_is_set_aside_alone(postgres_dsn: str, tmp_path: Path) -> None:
    """
    After five tries that is believed: one dead letter, nothing else lost, and the order kept.
    """
    async with scene(postgres_dsn, tmp_path) as there:
        await there.does(*PARENTED, f"GRANT SELECT ON public.parents TO {there.role}")
        orphan = there.bot.emit_event(child("never"))
        there.bot.emit_event(child("early"))
        await there.bot.emits(100)
    async with session(postgres_dsn) as other:
        rows = await other.fetch("SELECT event_id, reason, attempts FROM poslife.dead_letters")

    assert [(orphan, True)] == [(row["event_id"], row["attempts"] >= 5) for row in rows]
    assert all("23503" in row["reason"] for row in rows)
