"""
Children that one warm process forks: each costs milliseconds, where starting Python and ccxt costs a second.

The warm process is ``python -m tests.crashes.forking``; its standard input is the socket it is told by. What
it forks dies by a real SIGKILL, as any process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

from poslife.testing.faults import ChildReport
from poslife.testing.faults._checkpoint import ENVIRONMENT_NAME

__all__ = ["WarmProcess"]

PROJECT = Path(__file__).parents[2]
PATIENCE = 30.0


class WarmProcess:
    """
    Has imported the bot, and lives its lives one after another, each in a child of its own.
    """

    def __init__(self) -> None:
        self._telling, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "tests.crashes.forking"]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), cwd=PROJECT)
        self._telling.settimeout(PATIENCE)
        self._answers = self._telling.makefile("rb")

    def close(self) -> None:
        """
        Let it end.
        """
        self._answers.close()
        self._telling.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    async def live(
        self,
        *arguments: str,
        at_every_await: bool = False,
        killed_at: Callable[[Sequence[str]], bool] = lambda _: False,
        killed_after: Awaitable[object] | None = None,
    ) -> ChildReport:
        """
        One life of the bot.

        Args:
            arguments: `bot.live`'s.
            at_every_await: As well.
            killed_at: Asked at each checkpoint, with all of them so far, while the bot stands there.
            killed_after: Kill it when this is done, wherever it is.

        Raises:
            TimeoutError: It stood or ran for too long; it was killed.
        """
        checkpoints: list[str] = []
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as opened:
            output = opened.enter_context(tempfile.TemporaryFile())
            reading, reports = os.pipe()
            lines = asyncio.StreamReader()
            transport, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(lines), os.fdopen(reading, "rb", 0)
            )
            opened.callback(transport.close)
            waits, go_ahead = os.pipe()
            opened.callback(os.close, go_ahead)
            told = json.dumps([arguments, {"at_every_await": at_every_await}])
            child = self._fork(told, (reports, waits, output.fileno()))
            os.close(reports)
            os.close(waits)
            try:
                async with asyncio.timeout(PATIENCE), _killing(child, killed_after):
                    while (line := await lines.readline()).endswith(b"\n"):
                        checkpoints.append(line[:-1].decode())
                        if killed_at(checkpoints):
                            _kill(child)
                            break
                        # Killed meanwhile, it reads no more.
                        with contextlib.suppress(BrokenPipeError):
                            os.write(go_ahead, b".")
            except BaseException:
                _kill(child)
                raise
            finally:
                # Its pipes are closed, so it has ended or is about to.
                status = int(self._answers.readline())
            output.seek(0)
            said = output.read().decode(errors="replace")
        return ChildReport(checkpoints=tuple(checkpoints), exit_status=status, output=said, errors="")

    def _fork(self, told: str, files: Sequence[int]) -> int:
        socket.send_fds(self._telling, [told.encode()], files)
        return int(self._answers.readline())


def _kill(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


@contextlib.asynccontextmanager
async def _killing(child: int, after: Awaitable[object] | None) -> AsyncGenerator[None]:
    async def kill() -> None:
        if after is not None:
            await after
            _kill(child)

    killing = asyncio.ensure_future(kill())
    try:
        yield
    finally:
        killing.cancel()
        await asyncio.wait((killing,))


def serve(told: socket.socket) -> None:
    """
    Fork a child for each message, until nobody tells any more.
    """
    from tests.crashes import bot

    gc.collect()
    gc.freeze()  # what the children share with this process stays shared
    while True:
        message, files, _, _ = socket.recv_fds(told, 65536, 3)
        if not message:
            return
        child = os.fork()
        if child == 0:
            told.close()
            arguments, options = json.loads(message)
            _live(functools.partial(bot.live, *arguments, **options), *files)
        for file in files:
            os.close(file)
        told.sendall(b"%d\n" % child)
        _, status = os.waitpid(child, 0)
        told.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _live(life: Callable[[], None], reports: int, waits: int, output: int) -> None:
    status = 1
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        pipes = (reports, os.fstat(reports).st_ino, waits, os.fstat(waits).st_ino)
        os.environ[ENVIRONMENT_NAME] = ",".join(map(str, pipes))
        life()
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may get out of the child into the warm process's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    from tests import loopback_only

    loopback_only.install()
    with socket.socket(fileno=os.dup(0)) as telling:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        serve(telling)
