"""
A file of dead letters, for when the store refuses even those.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from poslife._trail.records import DeadLetter

__all__ = ["DeadLetterFile"]


class DeadLetterFile:
    """
    A file with one JSON object a line, each synced to the disk before the call returns.

    Args:
        path: The file. Its directory exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, letter: DeadLetter) -> None:
        """
        Add a dead letter.

        Raises:
            OSError: It could not be written.
        """
        # `json` escapes lone surrogates; msgspec's encoder raises over them.
        self._append(msgspec.to_builtins(letter))

    def add_frame(self, frame: bytes, reason: str) -> None:
        """
        Add a frame of the journal that this release cannot decode, perhaps a newer release's.

        Raises:
            OSError: It could not be written.
        """
        self._append({"reason": reason, "frame": base64.b64encode(frame).decode("ascii")})

    def _append(self, fields: dict[str, object]) -> None:
        line = json.dumps({"buried_at": datetime.now(UTC).isoformat(), **fields})
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # The first newline ends a line that a crash has left half written.
            written = os.write(descriptor, f"\n{line}\n".encode("ascii"))
            if written < len(line) + 2:
                raise OSError(f"only {written} of {len(line) + 2} bytes were written to {self.path}")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
