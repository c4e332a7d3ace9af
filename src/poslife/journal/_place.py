"""
Where a journal is kept unless the host says otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from pathlib import Path

from poslife.errors import JournalUnavailable

__all__ = ["default_journal_directory"]

_MOST_CHARACTERS = 80


def default_journal_directory(name: str) -> Path:
    r"""
    The place for the journal called *name*: where the platform keeps a program's state.

    ``$XDG_STATE_HOME/poslife/NAME``, or ``~/.local/state/poslife/NAME``; on macOS
    ``~/Library/Application Support/poslife/NAME``; on Windows ``%LOCALAPPDATA%\poslife\NAME``.

    What a file's name cannot hold is replaced, and a digest keeps such names apart. Nothing is made.

    Raises:
        JournalUnavailable: This user has no home directory, so a place must be chosen.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_MOST_CHARACTERS]
    if safe != name or not safe:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        safe = f"{safe}-{digest}" if safe else digest
    return _state() / "poslife" / safe


def _state() -> Path:
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    # A relative one is invalid, says the specification, and is to be ignored.
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError as error:
        raise JournalUnavailable(
            "this user has no home directory; say where the journal is to be kept"
        ) from error
    if sys.platform == "win32":
        return home / "AppData" / "Local"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"
