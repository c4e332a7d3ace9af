"""
Dead letters in a file, for the day when the store refuses even them.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from poslife._trail.records import DeadLetter

__all__ = ["LetterFile"]


class LetterFile:
    """
    A file of one JSON text a line, written to the disk before it is believed.

    Args:
        path: Where. Its directory is there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, letter: DeadLetter) -> None:
        """
        Add one.

        Raises:
            OSError: It could not be written.
        """
        # Not msgspec's own text: this one writes lone surrogates as escapes, too.
        told = {"buried_at": datetime.now(UTC).isoformat(), **msgspec.to_builtins(letter)}
        self._add(json.dumps(told))

    def keep_frame(self, frame: bytes, reason: str) -> None:
        """
        Add what the journal gave back and nobody can read: perhaps a newer release's.

        Raises:
            OSError: It could not be written.
        """
        told = {
            "buried_at": datetime.now(UTC).isoformat(),
            "reason": reason,
            "frame": base64.b64encode(frame).decode("ascii"),
        }
        self._add(json.dumps(told))

    def _add(self, line: str) -> None:
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A line that a crash has left half must not swallow this one.
            written = os.write(descriptor, f"\n{line}\n".encode("ascii"))
            if written < len(line) + 2:
                raise OSError(f"only {written} of {len(line) + 2} bytes were written to {self.path}")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
