"""
What JSON lines hold, read from outside the writer; and events to write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from poslife._domain.event_envelopes import EventHeader, RecordedEvent
from poslife._trail.dead_letters import decode_dead_letter
from poslife._trail.encoding import decode_body, encode_payload
from poslife.conformance._example_values import Examples
from poslife.journal._disk import Disk
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import DeadLetter, EventRecord

__all__ = [
    "buried",
    "failing",
    "lines",
    "names_in",
    "recorded",
    "records",
    "sequences",
    "with_disk",
    "write_batches",
]


def records(examples: Examples, first: int, last: int) -> list[EventRecord]:
    """
    Host events with these numbers.
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
        for number in range(first, last + 1)
    ]


def lines(path: Path) -> list[dict[str, Any]]:
    """
    The lines of a file, each of them whole.
    """
    text = path.read_bytes()
    assert not text or text.endswith(b"\n")
    return [json.loads(line) for line in text.splitlines()]


def sequences(*paths: Path) -> list[int]:
    """
    The numbers of the events in some files.
    """
    return [line["sequence"] for path in paths for line in lines(path)]


def recorded(path: Path) -> Sequence[RecordedEvent]:
    """
    The events of a file.
    """
    return [_recorded(line) for line in (path.read_bytes().splitlines() if path.exists() else ())]


def _recorded(line: bytes) -> RecordedEvent:
    fields = json.loads(line)
    payload = bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["payload"])
    header = msgspec.convert({"id": fields.pop("event_id"), **fields}, EventHeader)
    return RecordedEvent(
        header=header,
        body=decode_body(header.type, header.schema, payload, life=fields.get("version") is not None),
        recorded_at=datetime.fromisoformat(fields["recorded_at"]),
        version=fields.get("version"),
        index=fields.get("index"),
        sequence=fields.get("sequence"),
        evidence=fields.get("evidence"),
        digest=bytes.fromhex(fields["digest"]),
    )


def buried(path: Path) -> Sequence[DeadLetter]:
    """
    The dead letters beside a file.
    """
    dead = path.with_name(f"{path.stem}.dead{path.suffix}")
    return [
        DeadLetter(
            record=decode_dead_letter(json.dumps(line["record"]).encode()),
            reason=line["reason"],
            attempts=line["attempts"],
        )
        for line in (lines(dead) if dead.exists() else ())
    ]


def with_disk(writer: JsonLinesWriter, disk: Disk) -> JsonLinesWriter:
    """
    The writer, on another disk.
    """
    writer._disk = disk  # pyright: ignore[reportPrivateUsage]
    writer._files = writer._all_files()  # pyright: ignore[reportPrivateUsage]
    return writer


class failing:  # noqa: N801 - it reads as a word
    """
    A call that fails while it has an errno, and else does what the real one does.
    """

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.code: int | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self.code is not None:
            raise OSError(self.code, os.strerror(self.code))
        return self._call(*arguments)


async def write_batches(
    path: Path, batches: list[list[EventRecord]], *, most_bytes: int = 1 << 20, keep: int | None = None
) -> None:
    """
    Write so many batches, as one process does.
    """
    async with JsonLinesWriter(path, most_bytes=most_bytes, keep=keep) as writer:
        for batch in batches:
            await writer.write(batch)


def names_in(folder: Path) -> list[str]:
    """
    The names of the files in a folder.
    """
    return [each.name for each in folder.iterdir()]
