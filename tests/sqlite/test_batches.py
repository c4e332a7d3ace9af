"""
Batches of events: refused records and their indexes, known events, and probes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from poslife._domain.event_envelopes import EventHeader
from poslife._trail.encoding import encode_body, encode_payload
from poslife.conformance import _full_values as full_values
from poslife.conformance._example_values import Examples
from poslife.errors import StorageRejected
from poslife.protocols import DeadLetter, EventRecord
from poslife.sqlite._batches import rows_of
from poslife.sqlite._cells import cells_of
from poslife.storage._columns import RUN_EVENTS
from poslife.storage._event_rows import run_event_row
from tests.sqlite.files import cells, opened_store, ours, refusing

Spoil = Callable[[EventRecord], EventRecord]


def records(examples: Examples, count: int) -> list[EventRecord]:
    """
    Return host events, numbered from 1.
    """
    return [
        EventRecord(
            header=EventHeader(
                id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run
            ),
            recorded_at=examples.at(),
            sequence=number,
            payload=encode_payload({"number": number}),
            salt=bytes(16),
        )
        for number in range(1, count + 1)
    ]


def sequences(path: Path) -> list[object]:
    """
    Return the numbers of the stored events, in the order in which they were stored.
    """
    return [number for (number,) in cells(path, "SELECT sequence FROM run_events ORDER BY rowid")]


def test_a_row_is_as_every_store_has_it() -> None:
    """
    The fast way to a row gives the same cells as the plain one, for every field and every kind of time.
    """
    examples = Examples()
    full = full_values.full_header(examples, full_values.full_pending(examples), "stop_loss.placed", schema=3)
    whole = examples.at().replace(microsecond=0)
    batch = [
        *records(examples, 2),
        replace(records(examples, 1)[0], header=full),
        replace(records(examples, 1)[0], header=replace(full, occurred_at=whole), recorded_at=whole),
        replace(records(examples, 1)[0], recorded_at=whole.replace(tzinfo=ZoneInfo("UTC"), microsecond=10)),
    ]

    assert [cells_of(run_event_row(record)) for record in batch] == rows_of(batch)
    assert all(len(row) == len(RUN_EVENTS) for row in rows_of(batch))


def _life(record: EventRecord) -> EventRecord:
    body = full_values.life_bodies()[0]
    return replace(record, sequence=None, version=1, index=0, payload=encode_body(body))


def changed(**fields: object) -> Spoil:
    """
    Return a function that gives a record other values, of any type.
    """
    return lambda record: msgspec.structs.replace(record, **fields)


@pytest.mark.parametrize(
    "spoil, reason",
    [
        pytest.param(_life, "is a life event, which is stored with its change", id="a life event"),
        pytest.param(changed(sequence=None), "its sequence is None, expected an int", id="no sequence"),
        pytest.param(changed(sequence=1.99), "its sequence is 1.99, expected an int", id="a fraction"),
        pytest.param(changed(sequence=True), "its sequence is True, expected an int", id="a flag"),
        pytest.param(changed(sequence=0), "its sequence is 0, expected an int", id="zero"),
        pytest.param(changed(sequence=1 << 63), "expected an int from 1 to", id="64 bits"),
        pytest.param(changed(payload=b"\xff"), "decode byte 0xff", id="no text"),
        pytest.param(changed(payload=b""), "truncated", id="no payload"),
        pytest.param(changed(payload=b'{"a":NaN}'), "malformed", id="NaN"),
        pytest.param(changed(payload=b'{"a":"\x00"}'), "malformed", id="NUL"),
        pytest.param(changed(payload=b'{"a":"\\ud800"}'), "event", id="half a pair"),
        pytest.param(changed(payload=b"[1]"), "expected a JSON object", id="a list"),
        pytest.param(changed(payload="{}"), "decode", id="text for bytes"),
        pytest.param(changed(recorded_at=datetime(2026, 1, 2)), "aware UTC", id="naive"),  # noqa: DTZ001
        pytest.param(changed(recorded_at="2026-01-02T03:04:05.678901Z"), "aware UTC", id="a text for a time"),
        pytest.param(changed(recorded_at=1.5), "aware UTC", id="a number for a time"),
        pytest.param(
            changed(recorded_at=datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
            "aware UTC",
            id="elsewhere",
        ),
        pytest.param(
            changed(recorded_at=datetime(2026, 1, 2, tzinfo=timezone(timedelta(seconds=30)))),
            "aware UTC",
            id="30 s off",
        ),
    ],
)
async def test_a_bad_record_is_refused_before_sqlite_sees_it(
    spoil: Spoil, reason: str, tmp_path: Path
) -> None:
    """
    A record that SQLite would not store unchanged is refused with its index, and its batch is not stored.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 5)
        for place in (0, 2, 4):
            spoilt = [*batch[:place], spoil(batch[place]), *batch[place + 1 :]]
            with pytest.raises(StorageRejected, match=reason) as caught:
                await store.write(spoilt)

            assert place == caught.value.row
        assert [] == sequences(path)
        letter = DeadLetter(record=spoil(batch[0]), reason="refused", attempts=2)
        if type(letter.record.payload) is bytes and type(letter.record.recorded_at) is datetime:
            await store.bury(letter)
        await store.write(batch[1:])

        assert [2, 3, 4, 5] == sequences(path)


@pytest.mark.parametrize("place", [0, 3, 6])
async def test_sqlite_refuses_and_the_row_is_known(place: int, tmp_path: Path) -> None:
    """
    A record that SQLite itself refuses is refused with its index, also after events that are stored already.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 8)
        await store.write(batch[7:])
        bad = replace(batch[place], header=replace(batch[place].header, type="bot.poisoned"))
        with refusing(path, "bot.poisoned"), pytest.raises(StorageRejected, match="refused") as caught:
            await store.write([*batch[:place], bad, *batch[place + 1 :]])

        assert place == caught.value.row
        assert [8] == sequences(path)


async def test_only_a_known_id_is_passed_over(tmp_path: Path) -> None:
    """
    An event whose id is stored is passed over; a conflict with any other constraint is an error.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        batch = records(Examples(), 4)
        await store.write(batch[:2])
        with ours(path) as connection:
            connection.execute("CREATE UNIQUE INDEX once_a_run ON run_events (run, sequence)")
        again = replace(batch[2], sequence=1)
        with pytest.raises(StorageRejected, match="UNIQUE") as caught:
            await store.write([batch[0], batch[1], again])

        assert (2, "run_events.run, run_events.sequence") == (caught.value.row, caught.value.constraint)
        await store.write(batch)

        assert [1, 2, 3, 4] == sequences(path)


async def test_a_probe_writes_to_the_disk_and_leaves_nothing(tmp_path: Path) -> None:
    """
    A probe writes to the disk, so that a failing disk is not taken for a refused event, and leaves no row.
    """
    path = tmp_path / "bot.db"
    async with opened_store(path) as store:
        await store.write(records(Examples(), 1))
        log = path.with_name("bot.db-wal")
        before = log.stat().st_size
        await store.probe()

        assert before < log.stat().st_size
        assert [(1, 0)] == cells(
            path, "SELECT (SELECT count(*) FROM run_events), (SELECT count(*) FROM dead_letters)"
        )
        with refusing(path, "store.probed"), pytest.raises(StorageRejected):
            await store.probe()
