"""
Record format 1, byte for byte: what is stored today must be verified by every later release.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast
from uuid import UUID

import msgspec
import pytest

import poslife
from poslife import Account, EventId, PositionRef, Severity, Side, Symbol, Venue, VenueOrderId
from poslife._domain.identifiers import RunId
from poslife._trail.dead_letters import encode_dead_letter
from poslife._trail.encoding import encode_body, encode_evidence
from poslife._trail.record_format import chain_digest, commitment_of, decode_header, encode_header
from poslife._trail.records import EventRecord, decode_record, encode_record, header_of, sealed
from poslife.conformance._example_changes import begin
from poslife.errors import InvalidValue
from poslife.events import Actor, EventHeader, OrderRejected
from poslife.jsonl._lines import encode_lines
from poslife.sqlite import SqliteStore
from tests.tampering import tamper
from tests.tracker.scenes import KEY, answer

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)

# Nothing below was made by poslife: the bytes come from an encoder of msgpack written for them alone.
SALT = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
PAYLOAD = b'{"price":"1.50"}'
COMMITMENT = bytes.fromhex("2811504c4e4933c5d88d564c47cdf619c36bf66d3e040fd6563be238e30def61")
HEADER = bytes.fromhex(
    "dc001401c410019b76daa80070008000000000000001ab73746f702e706c6163656403c410019b76"
    "daa80070008000000000010000a56279626974a46d61696ead4442522f555344543a55534454cdff"
    "ffa77761726e696e67cf0006474846204001cf0006474846204002c410019b76daa8007000800000"
    "0000000002c410019b76daa80070008000000000000003c410019b76daa800700080000000000000"
    "04a86f70657261746f7207c0c0c4202811504c4e4933c5d88d564c47cdf619c36bf66d3e040fd656"
    "3be238e30def61"
)
DIGEST = bytes.fromhex("5b91e391607015553f7d7d42d4e1239229ae16f247bd866ad6a27a5626afd1ce")
FRAME = (
    bytes.fromhex(
        "015b91e391607015553f7d7d42d4e1239229ae16f247bd866ad6a27a5626afd1ce00010203040506"
        "0708090a0b0c0d0e0f000000cf"
    )
    + HEADER
    + PAYLOAD
)
LINE = (
    b'{"event_id":"019b76da-a800-7000-8000-000000000001","recorded_at":"2026-01-01T00:00:00.000002Z",'
    b'"occurred_at":"2026-01-01T00:00:00.000001Z","severity":"warning","type":"stop.placed","schema":3,'
    b'"venue":"bybit","account":"main","symbol":"DBR/USDT:USDT","ref":"019b76da-a800-7000-8000-000000010000",'
    b'"order":65535,"run":"019b76da-a800-7000-8000-000000000002","sequence":7,"actor":"operator",'
    b'"correlation":"019b76da-a800-7000-8000-000000000003",'
    b'"causation":"019b76da-a800-7000-8000-000000000004","payload":{"price":"1.50"},"format":1,'
    b'"salt":"000102030405060708090a0b0c0d0e0f",'
    b'"commitment":"2811504c4e4933c5d88d564c47cdf619c36bf66d3e040fd6563be238e30def61",'
    b'"digest":"5b91e391607015553f7d7d42d4e1239229ae16f247bd866ad6a27a5626afd1ce"}\n'
)

EVIDENCE = b'{"reason":"no"}'
EVIDENCE_SALT = bytes.fromhex("101112131415161718191a1b1c1d1e1f")
BODY = b'{"evidence":"b5a50e05295b8b07eb7c0ccaf1e9112d0573c8a6a6c76aa37cf3e6159858217f"}'
LIFE_HEADER = bytes.fromhex(
    "dc001401c410019b76daa80070008000000000000001ae6f726465722e72656a656374656401c0c0"
    "c0c0c0a4696e666fcf0006474846204000cf0006474846204000c410019b76daa800700080000000"
    "00000002c0c0a87374726174656779010000c420ff90cb9b01e3f80245e32589b276d9212d6eec07"
    "b2605eef2e353c6c2d89eb4f"
)
LIFE_DIGEST = bytes.fromhex("6bfde523204631a8a9dafa0f487c6dd9d7b63ada26d42148b7f79644d40d37d2")


def numbered(number: int) -> UUID:
    return UUID(int=UUID("019b76da-a800-7000-8000-000000000000").int + number)


RECORD = EventRecord(
    header=EventHeader(
        id=EventId(numbered(1)),
        type="stop.placed",
        schema=3,
        ref=PositionRef(numbered(1 << 16)),
        venue=Venue("bybit"),
        account=Account("main"),
        symbol=Symbol("DBR/USDT:USDT"),
        order=65_535,
        severity=Severity.WARNING,
        occurred_at=NEW_YEAR + timedelta(microseconds=1),
        run=RunId(numbered(2)),
        correlation=numbered(3),
        causation=EventId(numbered(4)),
        actor=Actor.OPERATOR,
    ),
    recorded_at=NEW_YEAR + timedelta(microseconds=2),
    sequence=7,
    payload=PAYLOAD,
    salt=SALT,
    commitment=COMMITMENT,
    digest=DIGEST,
)


def test_a_host_events_bytes_are_those_of_format_1() -> None:
    """
    Commitment, header array, digest, journal frame and line of JSON never change.
    """
    bare = replace(RECORD, salt=None, commitment=bytes(32), digest=bytes(32))

    assert COMMITMENT == commitment_of(SALT, PAYLOAD)
    assert HEADER == header_of(RECORD)
    assert DIGEST == chain_digest(bytes(32), HEADER)
    assert RECORD == sealed(bare, before=bytes(32), salt=SALT)
    assert FRAME == encode_record(RECORD)
    assert RECORD == decode_record(FRAME)
    assert LINE == encode_lines([RECORD])[0][1]


def test_a_dead_letters_bytes_are_those_of_format_1() -> None:
    """
    Names and texts, bytes in base64, the format's number among them.
    """
    letter = json.loads(encode_dead_letter(RECORD))

    assert (1, 7) == (letter["format"], letter["sequence"])
    assert [b64encode(one).decode() for one in (SALT, COMMITMENT, PAYLOAD, DIGEST)] == [
        letter[name] for name in ("salt", "commitment", "payload", "digest")
    ]


def test_a_life_events_bytes_are_those_of_format_1() -> None:
    """
    The body commits to the evidence, the header to the body.
    """
    committed = commitment_of(EVIDENCE_SALT, EVIDENCE)
    header = EventHeader(
        id=EventId(numbered(1)), type="order.rejected", occurred_at=NEW_YEAR, run=RunId(numbered(2))
    )
    life = EventRecord(header=header, recorded_at=NEW_YEAR, sequence=1, version=0, index=0, payload=BODY)
    life = sealed(life, before=DIGEST, salt=SALT)

    assert EVIDENCE == encode_evidence({"reason": "no"})
    assert BODY == encode_body(OrderRejected(), evidence=committed)
    assert LIFE_HEADER == header_of(life)
    assert LIFE_DIGEST == life.digest


def test_a_header_comes_back_from_its_array() -> None:
    """
    Every field, of its own type.
    """
    placed = decode_header(HEADER)

    assert (RECORD.header, RECORD.recorded_at, 7, None, None, COMMITMENT) == (
        *(placed.header, placed.recorded_at, placed.sequence, placed.version, placed.index),
        placed.commitment,
    )


class LaterHeader(EventHeader, frozen=True, kw_only=True):
    """
    The header of a later release, with one more optional field.
    """

    strategy: str | None = None


def test_a_field_that_a_later_release_adds_changes_no_digest() -> None:
    """
    The array lists its fields, and does not ask the class for them.
    """
    given = {field.name: getattr(RECORD.header, field.name) for field in fields(RECORD.header)}
    later = LaterHeader(**given, strategy="grid")
    array = encode_header(later, RECORD.recorded_at, 7, None, None, COMMITMENT)

    assert HEADER == array


@pytest.mark.parametrize("array", [b"", HEADER[:-1], b"\xc0", HEADER[:3] + b"\x02" + HEADER[4:]], ids=len)
def test_what_is_no_header_array_of_format_1_is_refused(array: bytes) -> None:
    """
    Another format's array is not read as this one's.
    """
    with pytest.raises((msgspec.MsgspecError, InvalidValue)):
        decode_header(array)


# ----------------------------------------------------------------------------------- a verifier of one's own

Verify = Callable[[str], list[str]]


@pytest.fixture
def verify() -> Verify:
    """
    The verifier that stands in ``docs/reference/format.md``.
    """
    page = Path(__file__).parents[2] / "docs" / "reference" / "format.md"
    (code,) = [part.partition("```")[0] for part in page.read_text().split("```python\n")[1:]]
    assert 40 >= len([line for line in code.splitlines() if line.strip()])
    names: dict[str, object] = {}
    exec(compile(code, "format.md", "exec"), names)  # noqa: S102 - of our own page

    return cast("Verify", names["verify"])


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """
    A store with host events, life events of positions and of none, and evidence.
    """
    path = tmp_path / "bot.db"
    async with poslife.connect(f"sqlite:///{path}") as tracker:
        await tracker.recover()
        async with tracker.opening(KEY, side=Side.LONG, quantity=Decimal(1)) as opening:
            tracker.record("bot.told", opening.ref, {"price": Decimal("1.50")})
            await opening.submit(answer())
            await opening.acknowledged(VenueOrderId("v1"))
        tracker.record("bot.told", None, {"number": 2})
    store = SqliteStore(path)
    await store.open()
    story = await begin(store)
    for reason in ("no such order", "flat", "flat again"):
        await store.commit(story.unclaimed(reason))
    await store.aclose()
    return path


@pytest.mark.parametrize(
    "statement, faults",
    [
        ("SELECT 1", 0),
        ("UPDATE run_events SET severity = 'error' WHERE sequence = 2", 1),
        ("UPDATE life_events SET actor = 'operator' WHERE type = 'position.claimed'", 1),
        (
            "UPDATE run_events SET payload = '{}' WHERE type = 'bot.told' AND ref IS NOT NULL",
            1,
        ),
        ('UPDATE life_events SET evidence = \'{"reason":"other"}\' WHERE sequence = 2', 1),
        ("UPDATE run_events SET salt = zeroblob(16) WHERE sequence = 2", 1),
        ("DELETE FROM run_events WHERE sequence = 2", 1),
        ("DELETE FROM life_events WHERE type = 'order.submitting'", 1),
        ("DELETE FROM life_events WHERE sequence = 2", 1),
        ("DELETE FROM run_events WHERE sequence <= 2", 1),
        ("UPDATE run_events SET payload = NULL, salt = NULL WHERE sequence = 2", 1),
        ("UPDATE life_events SET evidence = NULL, evidence_salt = NULL WHERE sequence = 2", 1),
        ("UPDATE run_events SET format = 2, severity = 'error' WHERE sequence = 2", 0),
    ],
)
async def test_a_stranger_can_verify_a_file(file: Path, verify: Verify, statement: str, faults: int) -> None:
    """
    Forty lines that know this page alone find what was altered or removed, and accept what was erased.
    """
    changed = tamper(file, statement)

    assert 0 != changed
    assert faults == len(verify(str(file)))


async def test_a_stranger_follows_erasures_and_purges(file: Path, verify: Verify) -> None:
    """
    What was removed on record is no fault, and one as soon as the record is gone.
    """
    store = SqliteStore(file)
    await store.open()
    events = (await store.read_run_events()).items
    unclaimed = [one for one in (await store.read_life_streams()).items if one.header.ref is None]
    await store.erase(events[2].header.id, why="asked for")
    await store.erase(unclaimed[0].header.id, why="asked for")
    await store.purge(events[0].header.run, 2, why="old")
    await store.aclose()

    assert [] == verify(str(file))
    assert 2 == tamper(file, "DELETE FROM erasures")
    assert {str(events[2].header.id), str(unclaimed[0].header.id)} == {
        fault.split(" ")[0] for fault in verify(str(file))
    }
    assert 1 == tamper(file, "UPDATE purges SET digest = zeroblob(32)")
    assert 3 == len(verify(str(file)))
