"""
Runs a page of the documentation as the program that its Python blocks are, from top to bottom.

* Blocks may await at top level, and share their names and one event loop.
* A ``text`` block that follows one holds what it prints; ``...`` stands for anything.
* ``<!-- python`` to ``-->`` runs and does not show: what a reader's project has, and the page's does not.
* ``<!-- not run: REASON -->`` before a block leaves it out.

``python -m tests.documentation PAGE`` runs one; nothing else of the suite is needed.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests import loopback_only

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["Block", "blocks", "run"]

_BLOCK = re.compile(
    r"(?P<skip><!-- not run: .+ -->\n+)?"
    r"^(?:```(?P<language>python|text)\n(?P<shown>.*?)^```$|<!-- python\n(?P<hidden>.*?)^-->$)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    Part of a page's program.

    Attributes:
        line: Where its first line stands on the page.
        code: What runs.
        output: What it prints, where the page says so.
    """

    line: int
    code: str
    output: str | None


class PrintedSomethingElse(AssertionError):
    """
    A block does not print what its page says.
    """

    def __init__(self, place: str, expected: str, actual: str) -> None:
        super().__init__(f"{place}: the page says\n{expected}\nand the code prints\n{actual}")


def blocks(page: str) -> list[Block]:
    """
    The blocks of a page that run.
    """
    found: list[Block] = []
    for match in _BLOCK.finditer(page):
        if match["skip"]:
            continue
        if match["language"] == "text":
            if found and found[-1].output is None:
                found[-1] = Block(line=found[-1].line, code=found[-1].code, output=match["shown"])
            continue
        part = "shown" if match["language"] else "hidden"
        line = page.count("\n", 0, match.start(part)) + 1
        found.append(Block(line=line, code=match[part], output=None))
    return found


def run(path: Path) -> None:
    """
    Run a page, here and now.

    Raises:
        PrintedSomethingElse: Code and page say different things.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for block in blocks(path.read_text()):
            source = ast.parse(block.code, str(path))
            ast.increment_lineno(source, block.line - 1)
            code = compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            with _checked(block, f"{path.name}, line {block.line}"):
                if code.co_flags & inspect.CO_COROUTINE:
                    runner.run(eval(code, names))
                else:
                    exec(code, names)


@contextlib.contextmanager
def _checked(block: Block, place: str) -> Generator[None]:
    if block.output is None:
        yield
        return
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        yield
    if not doctest.OutputChecker().check_output(block.output, printed.getvalue(), doctest.ELLIPSIS):
        raise PrintedSomethingElse(place, block.output, printed.getvalue())


if __name__ == "__main__":
    loopback_only.install()
    run(Path(sys.argv[1]))
