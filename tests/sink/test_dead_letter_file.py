"""
The file for dead letters that the store refuses, too.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from poslife._sink.dead_letter_file import DeadLetterFile
from poslife.protocols import DeadLetter, EventRecord
from tests.sink.fakes import event


def letter(payload: bytes) -> DeadLetter:
    header = event(1).header
    record = EventRecord(header=header, recorded_at=header.occurred_at, sequence=1, payload=payload)
    return DeadLetter(record=record, reason="a lone surrogate: \udc80", attempts=3)


def objects_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines() if line]


def test_each_letter_is_a_line_of_its_own_whatever_it_holds(tmp_path: Path) -> None:
    """
    Bytes that are no text, and a reason with a lone surrogate, are ASCII in the file and read back whole.
    """
    path = tmp_path / "dead-letters.jsonl"
    file = DeadLetterFile(path)
    for payload in (b"{}", b"\xff\x00"):
        file.add(letter(payload))
    first, second = objects_in(path)

    assert ("a lone surrogate: \udc80", 3) == (first["reason"], first["attempts"])
    assert b"\xff\x00" == base64.b64decode(second["record"]["payload"])
    assert "buried_at" in second


def test_a_frame_is_kept_as_it_is(tmp_path: Path) -> None:
    """
    What this release cannot decode comes back byte by byte.
    """
    path = tmp_path / "dead-letters.jsonl"
    DeadLetterFile(path).add_frame(b"\x92\x63\xc0", "a newer release's")
    (found,) = objects_in(path)

    assert b"\x92\x63\xc0" == base64.b64decode(str(found["frame"]))
    assert "a newer release's" == found["reason"]


def test_a_half_written_line_spoils_no_other(tmp_path: Path) -> None:
    """
    A crash may leave half a line: the next letter begins on a line of its own.
    """
    path = tmp_path / "dead-letters.jsonl"
    path.write_text('{"buried_at": "2026')
    DeadLetterFile(path).add(letter(b"{}"))
    half, _, whole = path.read_text("ascii").partition("\n")

    assert '{"buried_at": "2026' == half
    assert 3 == json.loads(whole)["attempts"]


def test_it_is_for_this_user_alone(tmp_path: Path) -> None:
    """
    A payload may be confidential.
    """
    path = tmp_path / "dead-letters.jsonl"
    DeadLetterFile(path).add(letter(b"{}"))

    assert 0o600 == path.stat().st_mode & 0o777


def test_a_disk_that_refuses_is_an_error(tmp_path: Path) -> None:
    """
    The sink has to know that the letter is nowhere.
    """
    (tmp_path / "dead-letters.jsonl").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        DeadLetterFile(tmp_path / "dead-letters.jsonl").add(letter(b"{}"))
    if not Path("/dev/full").exists():
        return
    with pytest.raises(OSError, match="No space left"):
        DeadLetterFile(Path("/dev/full")).add(letter(b"{}"))
