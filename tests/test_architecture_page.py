"""
The architecture page agrees with the source: its tree, its layers, and the files that it names.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).parent.parent
_PACKAGE = _PROJECT / "src" / "poslife"
_PAGE = (_PROJECT / "docs/explanation/architecture.md").read_text()

_FILE = re.compile(r"`([\w/]+\.py)`")
_FOLDER = re.compile(r"`([\w/]+/)`")
_STEP = re.compile(r"^\d+\. `([\w/]+\.py)`: `(?:(\w+)\.)?(\w+)`", re.MULTILINE)


def _section(title: str) -> str:
    return _PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _block(title: str) -> list[str]:
    return _section(title).partition("```text\n")[2].partition("```")[0].splitlines()


def _modules_of_the_tree() -> Iterator[str]:
    """
    The modules that the tree shows, as paths below the package.
    """
    folders: list[str] = []
    for line in filter(None, _block("The tree")[1:]):
        indentation = len(line) - len(line.lstrip())
        del folders[indentation // 2 - 1 :]
        for name in re.split(r" {2,}", line.strip())[0].split(", "):
            if name.endswith("/"):
                folders.append(name)
            else:
                yield "".join([*folders, name])


def test_the_tree_shows_every_module() -> None:
    """
    The page's tree is the tree of the package, no module more and none less.
    """
    modules = {
        file.relative_to(_PACKAGE).with_suffix("").as_posix()
        for file in _PACKAGE.rglob("*.py")
        if not file.name.startswith("__") or file.parent == _PACKAGE
    }
    shown = list(_modules_of_the_tree())

    assert len(set(shown)) == len(shown)
    assert modules == set(shown)


def test_the_layers_are_those_of_the_contract() -> None:
    """
    The page shows the layers that the import contract holds.
    """
    contracts = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["id"] == "layers")

    assert layers == _block("The layers")


def test_the_files_that_the_page_names_exist() -> None:
    """
    Each file and folder that the page names is there.
    """
    named = {path for pattern in (_FILE, _FOLDER) for path in pattern.findall(_PAGE)}
    missing = {path for path in named if not (_PACKAGE / path).exists() and not (_PROJECT / path).exists()}

    assert len(named) > 50
    assert set() == missing


@pytest.mark.parametrize(
    "title",
    [
        "A fill: from `apply_fills` to the commit",
        "An order: from `submit` to the row",
        "An event: from `record` to a PostgreSQL row",
    ],
    ids=["fill", "order", "event"],
)
def test_each_step_names_what_its_file_defines(title: str) -> None:
    """
    A step of a walk begins with a file, and what it names next is defined in that file.
    """
    steps = re.findall(r"^\d+\. (.*)$", _section(title), re.MULTILINE)
    undefined = [
        f"{file}: {holder or ''}.{name}"
        for file, holder, name in _STEP.findall(_section(title))
        if not _defines(_PACKAGE / file, holder, name)
    ]

    assert len(steps) >= 8
    assert all(_FILE.match(step) for step in steps)
    assert [] == undefined


def _defines(file: Path, holder: str, name: str) -> bool:
    nodes: list[ast.stmt] = ast.parse(file.read_text()).body
    if holder:
        (owner,) = (node for node in nodes if isinstance(node, ast.ClassDef) and node.name == holder)
        nodes = owner.body
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, definitions) and node.name == name for node in nodes)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_files_that_a_guide_names_exist(page: str) -> None:
    """
    Each file and folder of the source that a guide names is there.
    """
    text = (_PROJECT / page).read_text()
    named = {path for pattern in (_FILE, _FOLDER) for path in pattern.findall(text)}
    missing = {path for path in named if not (_PACKAGE / path).exists() and not (_PROJECT / path).exists()}

    assert set() == missing
