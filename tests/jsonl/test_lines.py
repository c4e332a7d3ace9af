"""
Events and dead letters as lines of JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from poslife._domain.identifiers import event_id_at
from poslife._trail.encoding import encode_body
from poslife._trail.records import sealed
from poslife.conformance import _full_values as full_values
from poslife.conformance._example_values import Examples
from poslife.errors import StorageRejected
from poslife.jsonl import JsonLinesWriter
from poslife.jsonl._lines import (
    created_at,
    dead_letter_line,
    encode_lines,
    is_json,
    parse_dead_letters,
    parse_id,
    replayed_line,
)
from poslife.protocols import BuriedLetter, DeadLetter, EventRecord
from tests.jsonl.files import recorded, records, sequences


async def test_a_line_says_all_of_an_event_and_its_payload_as_json(tmp_path: Path) -> None:
    """
    A host's event with every field, and a life event: one line each, nothing left out but what is not there.
    """
    path = tmp_path / "bot.jsonl"
    examples = Examples()
    pending = full_values.full_pending(examples)
    body = full_values.life_bodies()[0]
    host = EventRecord(
        header=full_values.full_header(examples, pending, "stop_loss.placed", schema=3),
        recorded_at=examples.at(),
        sequence=7,
        payload=b'{"a": {"b": 1.10},\n "c": "\\n"}',
    )
    host = sealed(host, before=bytes(32), salt=bytes(range(16)))
    life = EventRecord(
        header=replace(full_values.full_header(examples, pending, body.type), ref=None, order=None),
        recorded_at=examples.at(),
        sequence=None,
        version=4,
        index=2,
        payload=encode_body(body),
        evidence=b'{"reason": "no"}',
        evidence_salt=bytes(range(16, 32)),
    )
    life = sealed(life, before=bytes(32), salt=bytes(range(32, 48)))
    async with JsonLinesWriter(str(path)) as writer:
        await writer.write([host, life])
    first, second = path.read_text().splitlines()
    one, two = json.loads(first), json.loads(second)

    seal = (
        f',"format":1,"salt":"000102030405060708090a0b0c0d0e0f","commitment":"{host.commitment.hex()}"'
        f',"digest":"{host.digest.hex()}"'
    )

    assert first.startswith(f'{{"event_id":"{host.header.id}","recorded_at":"')
    assert first.endswith(f'"payload":{{"a":{{"b":1.10}},"c":"\\n"}}{seal}}}')
    assert set(one) == {
        *("event_id", "recorded_at", "occurred_at", "severity", "type", "schema", "venue", "account"),
        *("symbol", "ref", "order", "run", "sequence", "actor", "correlation", "causation", "payload"),
        *("format", "salt", "commitment", "digest"),
    }
    assert set(one) ^ set(two) == {
        *("ref", "order", "sequence", "version", "index", "evidence", "evidence_salt")
    }
    assert (4, 2, "position.claimed") == (two["version"], two["index"], two["type"])
    assert json.loads(life.payload or b"") == two["payload"]
    assert ({"reason": "no"}, bytes(range(16, 32)).hex()) == (two["evidence"], two["evidence_salt"])
    assert [host.header, life.header] == [event.header for event in recorded(path)]
    assert 0o600 == path.stat().st_mode & 0o777


_NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001 - naive on purpose

Spoil = Callable[[EventRecord], EventRecord]


def changed(**fields: object) -> Spoil:
    """
    What gives a record other values, of any kind.
    """
    return lambda record: msgspec.structs.replace(record, **fields)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(changed(payload=b"\xff"), id="no text"),
        pytest.param(changed(payload=b'{"a":'), id="half JSON"),
        pytest.param(changed(payload=b'{"a":NaN}'), id="no JSON"),
        pytest.param(changed(payload=b'{}\n{"event_id":"x"}'), id="two lines"),
        pytest.param(changed(payload=b""), id="nothing"),
        pytest.param(changed(recorded_at=_NAIVE), id="naive time"),
        pytest.param(changed(sequence=1.99), id="no whole number"),
        pytest.param(changed(sequence=True), id="a flag"),
        pytest.param(changed(sequence=1 << 64), id="beyond 64 bits"),
        pytest.param(changed(payload="{}"), id="no bytes"),
    ],
)
async def test_a_bad_record_is_refused_with_its_place(spoil: Spoil, tmp_path: Path) -> None:
    """
    What cannot be written as it is, is refused, the error has its place, and nothing of its batch is written.
    """
    path = tmp_path / "bot.jsonl"
    batch = records(Examples(), 1, 5)
    async with JsonLinesWriter(path) as writer:
        with pytest.raises(StorageRejected) as caught:
            await writer.write([*batch[:3], spoil(batch[3]), batch[4]])

        assert 3 == caught.value.row
        assert not path.exists()
        await writer.write(batch)
        assert [1, 2, 3, 4, 5] == sequences(path)


def test_a_dead_letters_line_is_parsed_as_it_was_encoded() -> None:
    """
    Whatever its event is; a letter that was replayed is none, and a later burial is one again.
    """
    first, second = records(Examples(), 1, 2)
    one = DeadLetter(record=replace(first, payload=b"\xff"), reason="no text \ud800", attempts=2)
    other = DeadLetter(record=second, reason="no room", attempts=1)
    at = Examples().at()
    text = [line for _, line in (dead_letter_line(one, at), dead_letter_line(other, at))]
    replayed = replayed_line(second.header.id.bytes, at)[1]

    found = parse_dead_letters([b"a note of mine\n", *text, replayed])
    assert {first.header.id.bytes: BuriedLetter(letter=one, buried_at=at)} == found
    assert {first.header.id.bytes, second.header.id.bytes} == set(
        parse_dead_letters([*text, replayed, text[1]])
    )


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\x00",
        b'{"event_id":"no id at all, but as long as one would be"}',
        b'{"event_id":"0192',
        b' {"event_id":"01920000-0000-7000-8000-000000000000"}',
    ],
    ids=["empty", "no text", "no id", "cut", "another beginning"],
)
def test_a_line_of_another_kind_has_no_id(line: bytes) -> None:
    """
    It is left alone.
    """
    assert parse_id(line) is None


def test_an_id_says_when_its_event_was_made() -> None:
    """
    To the millisecond, without reading the line.
    """
    (record,) = records(Examples(), 1, 1)
    ((event, line),) = encode_lines([record])

    assert record.header.id.bytes == event == parse_id(line)
    assert is_json(line)
    assert not is_json(line[:-5])
    assert int(event_id_at(record.recorded_at, 0).int >> 80) / 1000 == created_at(
        event_id_at(record.recorded_at, 7).bytes
    )
