"""
The examples of the README and of the documentation run, and print what the pages say.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation import PrintedSomethingElse, blocks, run

_PROJECT = Path(__file__).parent.parent
_PAGES = [
    str(path.relative_to(_PROJECT))
    for path in (_PROJECT / "README.md", *sorted(_PROJECT.glob("docs/**/*.md")))
    if blocks(path.read_text())
]


@pytest.mark.slow
@pytest.mark.parametrize("page", _PAGES)
def test_a_page_runs(page: str, tmp_path: Path, empty_postgres_dsn: str) -> None:
    """
    A page's blocks, one after the other, are a program that works, without a warning.
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.documentation", _PROJECT / page],
        cwd=tmp_path,
        # Pages that speak of PostgreSQL find their database where a bot would.
        env={**os.environ, "PYTHONPATH": str(_PROJECT), "BOT_DATABASE": empty_postgres_dsn},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 0 == done.returncode, done.stdout + done.stderr
    assert "" == done.stderr


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
    Hidden blocks run, marked ones do not, and awaiting at top level works.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE)
    run(page)

    assert [2, 7] == [block.line for block in blocks(_PAGE)]


def test_a_page_that_says_something_else_is_found(tmp_path: Path) -> None:
    """
    What a page says a block prints is what it prints.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE.replace("held ...", "held 99"))
    with pytest.raises(PrintedSomethingElse, match="held 100"):
        run(page)


def test_an_error_names_its_line_on_the_page(tmp_path: Path) -> None:
    """
    A traceback of an example points into the page.
    """
    page = tmp_path / "page.md"
    page.write_text(_PAGE.replace("held = 100", "held = 100 / 0"))
    with pytest.raises(ZeroDivisionError) as caught:
        run(page)

    assert (str(page), 8) == (
        caught.traceback[-1].frame.code.raw.co_filename,
        caught.traceback[-1].lineno + 1,
    )
