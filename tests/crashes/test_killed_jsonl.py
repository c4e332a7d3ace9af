"""
The writer of JSON lines, its process killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.jsonl.files import sequences


@pytest.mark.slow
async def test_killed_while_writing(tmp_path: Path) -> None:
    """
    Killed again and again in the middle of its writes, it leaves each event once when all is repeated.
    """
    path = tmp_path / "bot.jsonl"
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from poslife.conformance._example_values import Examples\n"
        "from poslife.jsonl import JsonLinesWriter\n"
        "from tests.jsonl.files import records\n"
        "async def main():\n"
        "    batch = records(Examples(), 1, 400)\n"
        "    async with JsonLinesWriter(sys.argv[1], most_bytes=30_000) as writer:\n"
        "        for first in range(0, 400, 20):\n"
        "            await writer.write(batch[first : first + 20])\n"
        "            print(first, flush=True)\n"
        "asyncio.run(main())\n"
    )
    for kills in (1, 3, 8, 15):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        for _ in range(kills):
            await process.stdout.readline()
        process.kill()
        await process.communicate()
        for each in tmp_path.glob("*.jsonl"):
            each.unlink()
        break_off = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
        )
        assert break_off.stdout is not None
        await break_off.stdout.readline()
        break_off.kill()
        await break_off.communicate()
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=asyncio.subprocess.PIPE
    )
    await done.communicate()
    files = sorted(tmp_path.glob("bot-*.jsonl"), key=lambda each: int(each.stem.split("-")[1]))

    assert 0 == done.returncode
    assert list(range(1, 401)) == sequences(*files, path)
