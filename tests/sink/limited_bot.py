"""
A bot whose files may not grow beyond a limit for a while: ``python -m tests.sink.limited_bot FOLDER``.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from pathlib import Path

from poslife import SinkState
from tests.sink.sqlite_scene import scene
from tests.sink.zoo import reaches


async def _live(folder: Path) -> None:
    path = folder / "bot.sqlite"
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with scene(path, folder) as there:
        # The write-ahead log is the largest of its files, and the journal's are much smaller.
        log = path.with_name(f"{path.name}-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (log + 5000, hard))
        await reaches(there.sink, SinkState.WAITING, "the disk cannot be read or written")
        await there.bot.emits(100)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    assert there.sink.stats().dead_lettered == 0


if __name__ == "__main__":
    from tests import loopback_only

    loopback_only.install()
    asyncio.run(_live(Path(sys.argv[1])))
