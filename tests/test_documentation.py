"""
The examples of the README and of the documentation run, with the output that the pages show.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import poslife.conformance
from tests.documentation import (
    Kind,
    PrintedSomethingElse,
    blocks,
    mypy_blocks,
    named_tests,
    run,
)

_PROJECT = Path(__file__).parent.parent
_ALL_PAGES = [
    _PROJECT / "README.md",
    _PROJECT / "CONTRIBUTING.md",
    *(page for page in sorted(_PROJECT.glob("docs/**/*.md")) if "_build" not in page.parts),
]
_TEXTS = {str(path.relative_to(_PROJECT)): path.read_text() for path in _ALL_PAGES}


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page, text in _TEXTS.items() if blocks(text)])
def test_a_page_runs(page: str, tmp_path: Path, empty_postgres_dsn: str) -> None:
    """
    The blocks of a page are a program that runs to its end, without a warning.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.documentation", _PROJECT / page],
        cwd=tmp_path,
        # Pages about PostgreSQL read their database's URL from the environment.
        env={**os.environ, "PYTHONPATH": str(_PROJECT), "BOT_DATABASE": empty_postgres_dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == done.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is there in `nox -s docs`")
@pytest.mark.parametrize("page", [page for page, text in _TEXTS.items() if mypy_blocks(text)])
def test_mypy_says_what_a_page_says(page: str, tmp_path: Path) -> None:
    """
    The errors that a page shows are those of a host's mypy, word for word.
    """
    for block in mypy_blocks(_TEXTS[page]):
        (tmp_path / "bot.py").write_text(block.code)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--hide-error-context", "bot.py"],
            cwd=tmp_path,
            env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert block.output == done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is there in `nox -s docs`")
def test_what_a_reader_saves_is_typed(tmp_path: Path) -> None:
    """
    Programs that a page tells its reader to save pass ``mypy --strict``.
    """
    programs = [
        (page, block)
        for page, text in _TEXTS.items()
        for block in blocks(text)
        if block.kind is Kind.FILE and block.name.endswith(".py")
    ]
    for page, block in programs:
        folder = tmp_path / page.replace("/", "-")
        folder.mkdir(exist_ok=True)
        (folder / block.name).write_text(block.code)
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", block.name],
            cwd=folder,
            env={**os.environ, "MYPY_CACHE_DIR": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

        assert 0 == done.returncode, f"{page}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", [page for page, text in _TEXTS.items() if list(named_tests(text))])
def test_the_tests_a_page_names_are_there(page: str) -> None:
    """
    A test that a page names exists.
    """
    missing = [f"{path}::{name}" for path, name in named_tests(_TEXTS[page]) if not _is_there(path, name)]

    assert [] == missing


def _is_there(path: str, name: str) -> bool:
    if path.startswith("poslife.conformance."):
        suite = getattr(poslife.conformance, path.rpartition(".")[2], None)
        return callable(getattr(suite, name, None))
    file = _PROJECT / path
    if not file.is_file():
        return False
    definitions = ast.walk(ast.parse(file.read_text()))
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name
        for node in definitions
    )


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_outside_the_documentation_lead_to_files(page: str) -> None:
    """
    A link of a page that Sphinx does not build leads to a file.
    """
    text = (_PROJECT / page).read_text()
    targets = [match[1] for match in re.finditer(r"\]\((?!https?:)([^)#]+)[^)]*\)", text)]

    assert [] == [target for target in targets if not (_PROJECT / target).is_file()]


_COMMANDS = """\
<!-- file: killed.py -->
```python
import os
import signal

print("first")
print("second", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
```

<!-- runs -->
```console
$ python killed.py
first
...
Killed
```

<!-- mypy says -->
```python
held: int = "pending"
```

```text
not run
```
"""


def test_files_and_commands_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A page writes its files, runs its commands, and does not run its blocks for mypy.
    """
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    page.write_text(_COMMANDS)
    run(page)

    assert [Kind.FILE, Kind.CONSOLE, Kind.MYPY] == [block.kind for block in blocks(_COMMANDS)]


_PAGE = """\
<!-- python
import asyncio
-->
Text.

```python
await asyncio.sleep(0)
held = 100
print("held", held)
```

which prints

```text
held ...
```

<!-- not run: there is no such thing -->
```python
raise NotImplementedError
```
"""


def test_a_page_is_run_as_it_reads(tmp_path: Path) -> None:
    """
    Hidden blocks run, blocks marked "not run" do not, and top-level await works.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE)
    run(page)

    assert [2, 7] == [block.line for block in blocks(_PAGE)]


def test_a_page_that_says_something_else_is_found(tmp_path: Path) -> None:
    """
    An output that differs from the page is found.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE.replace("held ...", "held 99"))
    with pytest.raises(PrintedSomethingElse, match="held 100"):
        run(page)


def test_an_error_names_its_line_on_the_page(tmp_path: Path) -> None:
    """
    A traceback of an example names its line on the page.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE.replace("held = 100", "held = 100 / 0"))
    with pytest.raises(ZeroDivisionError) as caught:
        run(page)

    assert (str(page), 8) == (
        caught.traceback[-1].frame.code.raw.co_filename,
        caught.traceback[-1].lineno + 1,
    )
