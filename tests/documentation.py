"""
Run a page of the documentation as one program, made of its blocks from top to bottom.

* ``python`` blocks may await at top level; they share their names and one event loop.
* A ``text`` block after one is its expected output; ``...`` matches anything.
* ``<!-- python`` to ``-->`` runs without being shown.
* ``<!-- file: NAME -->`` before a block of any language writes the block to a file.
* ``<!-- runs -->`` before a ``console`` block runs its commands, the lines that begin with ``$``; the lines
  after a command are its expected output. With ``<!-- stays -->`` the one command runs until the page ends.
* ``<!-- free port: 8765 -->`` replaces this number by a free port.
* ``<!-- mypy says -->`` before a block checks the block with mypy instead of running it; the ``text`` block
  after it is mypy's expected output.
* ``<!-- not run: REASON -->`` before a block leaves it out.

``python -m tests.documentation PAGE`` runs one page.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import enum
import inspect
import io
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests import loopback_only

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

__all__ = ["Block", "Kind", "PrintedSomethingElse", "blocks", "mypy_blocks", "named_tests", "read", "run"]

_PATIENCE = 60

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^\n]+) -->\n+)?"
    r"^(?:```(?P<language>[a-z]+)\n(?P<shown>.*?)^```$|<!-- python\n(?P<hidden>.*?)^-->$)",
    re.MULTILINE | re.DOTALL,
)
_FREE_PORT = re.compile(r"<!-- free port: (\d+) -->")
_TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py|poslife\.conformance\.\w+)::(?P<name>\w+)`")


class Kind(enum.Enum):
    """
    The use of a block.
    """

    PYTHON = "python"
    FILE = "file"
    CONSOLE = "console"
    BACKGROUND = "background"
    MYPY = "mypy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    Part of a page's program.

    Attributes:
        line: The number of its first line on the page.
        kind: Its use.
        code: Its text.
        output: Its expected output, or ``None``.
        name: The name of its file, for `Kind.FILE`.
    """

    line: int
    kind: Kind = Kind.PYTHON
    code: str
    output: str | None = None
    name: str = ""


class PrintedSomethingElse(AssertionError):
    """
    The output of a block differs from its page.
    """

    def __init__(self, place: str, expected: str, actual: str) -> None:
        super().__init__(f"{place}: the page says\n{expected}\nand the code prints\n{actual}")


def read(path: Path) -> str:
    """
    Read a page, and fill in the free ports.
    """
    page = path.read_text()
    for number in _FREE_PORT.findall(page):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port: int = listening.getsockname()[1]
        page = page.replace(number, str(port))
    return page


def blocks(page: str) -> list[Block]:
    """
    Return the blocks of a page that are used.
    """
    found: list[Block] = []
    for match in _BLOCK.finditer(page):
        language, mark = match["language"], match["mark"] or ""
        part = "shown" if language else "hidden"
        if language == "text" and not mark:
            if found and found[-1].output is None and found[-1].kind in (Kind.PYTHON, Kind.MYPY):
                found[-1] = replace(found[-1], output=match["shown"])
            continue
        kind = _kind(language, mark)
        if kind is not None:
            name = mark.partition(":")[2].strip() if kind is Kind.FILE else ""
            line = page.count("\n", 0, match.start(part)) + 1
            found.append(Block(line=line, kind=kind, code=match[part], name=name))
    return found


def _kind(language: str | None, mark: str) -> Kind | None:
    match mark.partition(":")[0]:
        case "file":
            return Kind.FILE
        case "runs":
            return Kind.CONSOLE
        case "stays":
            return Kind.BACKGROUND
        case "mypy says":
            return Kind.MYPY
        case "not run":
            return None
        case _:
            return Kind.PYTHON if language in (None, "python") else None


def mypy_blocks(page: str) -> list[Block]:
    """
    Return the blocks of a page that mypy checks.
    """
    return [block for block in blocks(page) if block.kind is Kind.MYPY]


def named_tests(page: str) -> Iterator[tuple[str, str]]:
    """
    Yield the tests that a page names, each as a file or a suite, and the test's name.
    """
    for match in _TEST.finditer(page):
        yield match["path"], match["name"]


def run(path: Path) -> None:
    """
    Run a page in the current folder.

    Raises:
        PrintedSomethingElse: The output of a block differs from the page.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    with asyncio.Runner() as runner, contextlib.ExitStack() as until_the_end:
        for block in blocks(read(path)):
            place = f"{path.name}, line {block.line}"
            match block.kind:
                case Kind.PYTHON:
                    _run_python(block, path, names, runner)
                case Kind.FILE:
                    Path(block.name).write_text(block.code)
                case Kind.CONSOLE:
                    for command, expected in _commands(block.code):
                        _compare(place, expected, _output_of(command))
                case Kind.BACKGROUND:
                    ((command, expected),) = _commands(block.code)
                    until_the_end.enter_context(_staying(place, command, expected))
                case Kind.MYPY:
                    pass


def _run_python(block: Block, path: Path, names: dict[str, object], runner: asyncio.Runner) -> None:
    source = ast.parse(block.code, str(path))
    ast.increment_lineno(source, block.line - 1)
    code = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    printed = io.StringIO()
    with contextlib.nullcontext() if block.output is None else contextlib.redirect_stdout(printed):
        if code.co_flags & inspect.CO_COROUTINE:
            runner.run(eval(code, names))
        else:
            exec(code, names)
    if block.output is not None:
        _compare(f"{path.name}, line {block.line}", block.output, printed.getvalue())


def _commands(session: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        # A command may continue after a backslash.
        command, _, expected = part.replace("\\\n", " ").partition("\n")
        yield command, expected


def _arguments(command: str) -> list[str]:
    program, *arguments = shlex.split(command)
    return [sys.executable, "-W", "error", *arguments] if program == "python" else [program, *arguments]


def _output_of(command: str) -> str:
    """
    Run a command, and return its output with stderr, and with the shell's message after SIGKILL.
    """
    done = subprocess.run(
        _arguments(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_PATIENCE,
    )
    return done.stdout + ("Killed\n" if done.returncode == -signal.SIGKILL else "")


@contextlib.contextmanager
def _staying(place: str, command: str, expected: str) -> Generator[None]:
    process = subprocess.Popen(
        _arguments(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        _compare(place, expected, "".join(process.stdout.readline() for _ in expected.splitlines()))
        yield
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)


def _compare(place: str, expected: str, actual: str) -> None:
    if not doctest.OutputChecker().check_output(expected, actual, doctest.ELLIPSIS):
        raise PrintedSomethingElse(place, expected, actual)


def main(arguments: Iterable[str]) -> None:
    """
    Run pages by their paths.
    """
    loopback_only.install()
    # Commands of a page are those installed beside this Python.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for page in arguments:
        run(Path(page))


if __name__ == "__main__":
    main(sys.argv[1:])
