"""
The default directory of a journal.
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
    Return the directory for the journal called *name*, where the platform keeps a program's state.

    ``$XDG_STATE_HOME/poslife/NAME``, or ``~/.local/state/poslife/NAME``; on macOS
    ``~/Library/Application Support/poslife/NAME``; on Windows ``%LOCALAPPDATA%\poslife\NAME``.

    Characters that a file's name cannot hold are replaced, and a digest keeps such names apart. Nothing is
    made on the disk.

    Raises:
        JournalUnavailable: This user has no home directory.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-")[:_MOST_CHARACTERS]
    if safe != name or not safe:
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        safe = f"{safe}-{digest}" if safe else digest
    return _state_directory() / "poslife" / safe


def _state_directory() -> Path:
    named = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    # The XDG specification has a relative path ignored.
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        home = Path.home()
    except RuntimeError as error:
        raise JournalUnavailable(
            "this user has no home directory; choose a directory for the journal"
        ) from error
    if sys.platform == "win32":
        return home / "AppData" / "Local"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    return home / ".local" / "state"
