"""
What a bot says of its events, in a file: a line and a write for each word, so that its words survive it.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

__all__ = ["Accepted", "Began", "Counts", "Emitted", "Ended", "Pen", "Word", "WordFile"]


class Counts(msgspec.Struct, frozen=True, array_like=True):
    """
    What a sink counts for one of its writers, at one moment.
    """

    writer: str
    emitted: int
    recovered: int
    committed: int
    dead_lettered: int
    dropped: int
    backlog: int

    @property
    def closes(self) -> bool:
        """
        Whether every event is accounted for.
        """
        came = self.emitted + self.recovered
        return came == self.committed + self.dead_lettered + self.dropped + self.backlog


class Began(msgspec.Struct, frozen=True, tag=True):
    """
    A life of the bot begins.
    """


class Emitted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    An event is about to be handed to whatever keeps events.

    Attributes:
        event: Names it.
        kind: Its type.
        about: How it names its position, where it does.
        run: The run that emits it, where there are such.
    """

    event: str
    kind: str
    about: str = ""
    run: str = ""


class Accepted(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    The call for the event has returned.

    Attributes:
        event: Which one.
        counts: What the sink counts now, for each writer.
    """

    event: str
    counts: tuple[Counts, ...] = ()


class Ended(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """
    The life ends in good order, and the sink is closed.
    """

    counts: tuple[Counts, ...] = ()


Word = Began | Emitted | Accepted | Ended


class Pen:
    """
    Writes words at once: nothing of them waits in this process.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._encoder = msgspec.json.Encoder()

    def say(self, word: Word) -> None:
        """
        Write a word.
        """
        os.write(self._descriptor, self._encoder.encode(word) + b"\n")


class WordFile:
    """
    Reads them, while they are written and afterwards.

    Attributes:
        path: The file. It need not be there yet.
        words: All that was read.
        accepted: How many `Accepted` are among them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.words: list[Word] = []
        self.accepted = 0
        self._read = 0
        self._decoder = msgspec.json.Decoder[Word](Word)

    def read_on(self) -> None:
        """
        Read what was written meanwhile.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # being written just now
                self._read += len(line)
                word = self._decoder.decode(line)
                self.words.append(word)
                if isinstance(word, Accepted):
                    self.accepted += 1
