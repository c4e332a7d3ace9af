"""
A file of what a bot does with its events, written before and after, so that a SIGKILL leaves the truth.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from poslife import WriterStats


class Emitting(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """
    An event is about to be handed over; *about* is the bot's name of a position, *run* the bot's run.
    """

    event: str
    kind: str
    about: str = ""
    run: str = ""


class Emitted(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """
    The call for the event has returned, or the bot has shut down where *event* is empty.

    With what the sink counts then, for each of its writers.
    """

    event: str
    stats: tuple[WriterStats, ...] = ()


class Witness:
    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._encode = msgspec.json.Encoder().encode

    def write(self, entry: Emitting | Emitted) -> None:
        """
        Write it at once: nothing waits in this process.
        """
        os.write(self._descriptor, self._encode(entry) + b"\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """
    What a life of a bot did; *ended* only if it was not killed.
    """

    emitting: Sequence[Emitting]
    emitted: Sequence[Emitted]
    ended: Emitted | None

    @property
    def last_stats(self) -> Sequence[WriterStats]:
        """
        The sink's figures at the end, or after the last event before a SIGKILL.
        """
        return self.ended.stats if self.ended else self.emitted[-1].stats if self.emitted else ()


def read_witness(path: Path) -> Witnessed:
    """
    Read a file whose last line may be cut off.
    """
    decode = msgspec.json.Decoder[Emitting | Emitted](Emitting | Emitted).decode
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    entries = [decode(line) for line in lines if line.endswith(b"\n")]
    emitted = [entry for entry in entries if isinstance(entry, Emitted)]
    return Witnessed(
        emitting=[entry for entry in entries if isinstance(entry, Emitting)],
        emitted=[entry for entry in emitted if entry.event],
        ended=next((entry for entry in emitted if not entry.event), None),
    )


def count_emitted(path: Path) -> int:
    """
    Count the calls that have returned, fast enough to be asked again and again.
    """
    return path.read_bytes().count(b'["Emitted",') if path.exists() else 0
