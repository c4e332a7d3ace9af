"""
The operating system's errors, translated into poslife's.
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from poslife.errors import StorageNotReady, StorageUnavailable

__all__ = ["NOT_READY", "translate_errors"]

_FULL: Final = "make room; nothing was lost, and nothing is written until then"
_RIGHTS: Final = "let this user write the file and its folder"
_PLACE: Final = "make the folder, and name a file in it"

NOT_READY: Final[Mapping[int, str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "raise this user's disk quota, or make room",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f), or give the writer smaller files (most_bytes)",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EROFS: "mount the file system for writing, or put the file elsewhere",
    errno.ENOENT: _PLACE,
    errno.ENOTDIR: _PLACE,
    errno.EISDIR: _PLACE,
    errno.ELOOP: "check the links on its path",
    errno.ENAMETOOLONG: "give it a shorter name",
    errno.ENXIO: "name a plain file",
}
"""
Advice for each errno on which a person has to act. Any other, that of a failing disk included, may pass.
"""


@contextmanager
def translate_errors(path: Path) -> Generator[None]:
    """
    Raise a poslife error from an `OSError`, naming its file or *path*.

    Raises:
        StorageNotReady: Nothing is wrong with the events; a person must put the disk right.
        StorageUnavailable: It may pass: repeat.
    """
    try:
        yield
    except OSError as error:
        reason = f"{error.filename or path}: {error.strerror or error}"
        if (advice := NOT_READY.get(error.errno or 0)) is not None:
            raise StorageNotReady(f"{reason}: {advice}") from error
        raise StorageUnavailable(reason) from error
