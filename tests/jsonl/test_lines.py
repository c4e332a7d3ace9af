"""
What one finds in a file of JSON lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poslife._trail.encoding import encode_body
from poslife.conformance import _full_values as full_values
from poslife.conformance._example_values import Examples
from poslife.errors import InvalidValue, StorageRejected, StorageUnavailable
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import DeadLetter, EventRecord
from poslife.testing.clock import ManualClock
from tests.jsonl.files import buried, lines, recorded, records, sequences


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
        digest=bytes(range(32)),
    )
    life = EventRecord(
        header=replace(full_values.full_header(examples, pending, body.type), ref=None, order=None),
        recorded_at=examples.at(),
        sequence=None,
        version=4,
        index=2,
        payload=encode_body(body),
    )
    async with JsonLinesWriter(str(path)) as writer:
        await writer.write([host, life])
    first, second = path.read_text().splitlines()
    one, two = json.loads(first), json.loads(second)

    assert first.startswith(f'{{"event_id":"{host.header.id}","recorded_at":"')
    assert first.endswith(f'"payload":{{"a":{{"b":1.10}},"c":"\\n"}},"digest":"{host.digest.hex()}"}}')
    assert set(one) == {
        *("event_id", "recorded_at", "occurred_at", "severity", "type", "schema", "venue", "account"),
        *("symbol", "ref", "order", "run", "sequence", "actor", "correlation", "causation", "payload"),
        "digest",
    }
    assert set(one) ^ set(two) == {"ref", "order", "sequence", "version", "index"}
    assert (4, 2, "position.claimed") == (two["version"], two["index"], two["type"])
    assert json.loads(life.payload) == two["payload"]
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
    What cannot be written as it is, is refused, its place is told, and nothing of its batch is written.
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


async def test_dead_letters_are_beside_it_with_their_reason(tmp_path: Path) -> None:
    """
    A dead letter is a line of its own file, readable, whatever is in it; after a restart it is known.
    """
    path = tmp_path / "bot.jsonl"
    clock = ManualClock()
    record = replace(records(Examples(), 1, 1)[0], payload=b"\xff\x00")
    letter = DeadLetter(record=record, reason="no text, said \ud800\nit", attempts=3)
    for _ in range(2):
        async with JsonLinesWriter(path, clock=clock) as writer:
            await writer.bury(letter)
            await writer.bury(letter)
    (line,) = lines(tmp_path / "bot.dead.jsonl")

    assert (str(record.header.id), 3) == (line["event_id"], line["attempts"])
    assert clock.now() == datetime.fromisoformat(line["buried_at"])
    assert [letter] == buried(path)


@pytest.mark.parametrize(
    "path",
    [b"bytes", 7, "", "a\0b", "folder/", None],
    ids=["bytes", "number", "empty", "NUL", "folder", "None"],
)
def test_no_path(path: str) -> None:
    """
    What is no path of a file is refused at once.
    """
    with pytest.raises(InvalidValue, match="path"):
        JsonLinesWriter(path)


@pytest.mark.parametrize(
    "options", [{"most_bytes": 0}, {"most_bytes": 1.5}, {"keep": 0}, {"keep": True}, {"keep": "3"}], ids=str
)
def test_no_option(options: dict[str, Any]) -> None:
    """
    What is no size and no number is refused at once.
    """
    with pytest.raises(InvalidValue, match="an int of at least 1"):
        JsonLinesWriter("bot.jsonl", **options)


async def test_a_relative_path_counts_from_where_one_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A later change of the folder does not move the file.
    """
    monkeypatch.chdir(tmp_path)
    writer = JsonLinesWriter("bot.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with writer:
        await writer.write(records(Examples(), 1, 1))

    assert [] == list((tmp_path / "elsewhere").iterdir())
    assert [1] == sequences(tmp_path / "bot.jsonl")


async def test_a_replay_that_is_cut_off_is_repeated(tmp_path: Path) -> None:
    """
    Stored, and the letter not marked yet: after the next start it waits still, and its event is there once.
    """
    path = tmp_path / "bot.jsonl"
    first, second = records(Examples(), 1, 2)
    async with JsonLinesWriter(path, most_bytes=1) as writer:
        for record in (first, second):
            await writer.bury(DeadLetter(record=record, reason="no room", attempts=1))
        await writer.replay(first.header.id)
    letters = tmp_path / "bot.dead.jsonl"
    whole = letters.read_bytes().splitlines(keepends=True)
    letters.write_bytes(b"".join([*whole[:2], b"no letter\n", whole[0][:50] + b"}\n", whole[2][:-9]]))
    async with JsonLinesWriter(path, most_bytes=1) as writer:
        waiting = await writer.list_dead_letters()
        await writer.replay(first.header.id)
        left = await writer.list_dead_letters()

    assert [1, 2] == [buried.letter.record.sequence for buried in waiting.items]
    assert [2] == [buried.letter.record.sequence for buried in left.items]
    assert [1] == sequences(path)


async def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """
    A closed writer writes nothing; closing it again does nothing, and closing an unused one neither.
    """
    writer = JsonLinesWriter(tmp_path / "bot.jsonl")
    await writer.aclose()
    await writer.aclose()
    with pytest.raises(StorageUnavailable, match="closed"):
        await writer.write(records(Examples(), 1, 1))

    assert [] == list(tmp_path.iterdir())
