"""
The shape of the source tree: where files lie, what imports what, and what docstrings look like.
"""

from __future__ import annotations

import ast
import graphlib
import re
import tomllib
from fnmatch import fnmatch
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import poslife
import poslife.storage

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).parent.parent
_PACKAGE = _PROJECT / "src" / "poslife"
_FILES = sorted(_PACKAGE.rglob("*.py"))

# Modules without a test file of their name, each with the tests that cover it, or the reason why none do.
# A star stands for every module that matches.
_TESTED_ELSEWHERE = {
    "_version.py": "a constant",
    "venues.py": "names of _domain/venue_answers.py",
    "protocols/_[!p]*.py": "no code of its own: declares what conformance/ tests",
    "ccxt/_venues/*.py": "tests/ccxt/test_venues.py",
    "conformance/_batch_writer.py": "tests/conformance/test_lies.py",
    "conformance/_dead_letter_box.py": "tests/conformance/test_lies.py",
    "conformance/_event_sink/*.py": "tests/conformance/test_lies.py",
    "conformance/_example_changes.py": "tests/conformance/test_lies.py",
    "conformance/_example_records.py": "tests/conformance/test_lies.py",
    "conformance/_hostile_payloads.py": "tests/conformance/test_lies.py",
    "conformance/_journal.py": "tests/journal/test_conformance.py",
    "conformance/_life_event_feed.py": "tests/conformance/test_lies.py",
    "conformance/_repository/*.py": "tests/conformance/test_lies.py",
    "conformance/_run_event_feed.py": "tests/conformance/test_lies.py",
    "conformance/_trail_keeper.py": "tests/conformance/test_lies.py",
    "conformance/_trail_reader.py": "tests/conformance/test_lies.py",
    "conformance/_venue_source/*.py": "tests/conformance/test_lies.py",
}

# First words of a docstring that asks a question instead of naming its subject.
_QUESTIONS = ("What", "Whether", "Where", "Whoever", "Nobody")


def _name(file: Path) -> str:
    return file.relative_to(_PACKAGE).as_posix()


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


# ------------------------------------------------------------------------------------------------ the folder


def test_only_the_front_doors_lie_outside_a_package() -> None:
    """
    Every module but the package's own few lies in a package of one layer.
    """
    files = {file.name for file in _PACKAGE.iterdir() if file.is_file()}

    assert {"__init__.py", "errors.py", "venues.py", "_connect.py", "_version.py", "py.typed"} == files


def _test_file(module: str) -> str:
    """
    The test file of a module's name: `tests/journal/test_disk.py` for `journal/_disk.py`.
    """
    *packages, name = module.split("/")
    return "/".join(["tests", *(package.lstrip("_") for package in packages), f"test_{name.lstrip('_')}"])


def _without_test_file() -> list[str]:
    modules = [_name(file) for file in _FILES if not file.name.startswith("__")]
    return [module for module in modules if not (_PROJECT / _test_file(module)).exists()]


def test_every_module_has_a_test_file_of_its_name() -> None:
    """
    A module's tests are found by its name, or the list above says where they are.
    """
    without = _without_test_file()
    unlisted = [module for module in without if not any(map(partial(fnmatch, module), _TESTED_ELSEWHERE))]

    assert [] == unlisted


def test_the_list_of_exceptions_is_no_longer_than_needed() -> None:
    """
    Each line of the list above is about a module that has no test file of its name.
    """
    without = _without_test_file()
    needless = [pattern for pattern in _TESTED_ELSEWHERE if not any(fnmatch(one, pattern) for one in without)]

    assert [] == needless


def test_the_list_of_exceptions_names_tests_that_exist() -> None:
    """
    A test file that the list above names exists.
    """
    named = [reason for reason in _TESTED_ELSEWHERE.values() if reason.startswith("tests/")]

    assert [] == [file for file in named if not (_PROJECT / file).is_file()]


def _layers() -> list[str]:
    contracts = tomllib.loads((_PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(contract["layers"] for contract in contracts if contract["id"] == "layers")


def test_the_map_at_the_head_of_the_package_is_the_import_contract() -> None:
    """
    The package's docstring draws the layers of `pyproject.toml`, in their order, each with a word on it.
    """
    drawn, _, places = (poslife.__doc__ or "").partition("Where to look for::")
    lines = [line.strip() for line in drawn.splitlines() if line.startswith("    ")]

    assert _layers() == [re.split(r" {2,}", line)[0] for line in lines]
    assert all(re.split(r" {2,}", line)[1] for line in lines)
    for line in places.splitlines():
        for place in re.findall(r"\b_\w+/\w+", line):
            assert (_PACKAGE / f"{place}.py").exists(), place


# ---------------------------------------------------------------------------------------------- the imports


def _module(file: Path) -> str:
    parts = file.relative_to(_PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_MODULES = {_module(file): file for file in _FILES}


def _imported(file: Path) -> Iterator[str]:
    """
    The modules of ours that a file imports, those imported for types alone included.
    """
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in _MODULES else node.module for name in names)


def test_imports_form_no_circle() -> None:
    """
    No module imports itself through others, not even for types.

    Only `errors` may name, for types alone, the values that its exceptions carry.
    """
    graph = {
        module: {name for name in _imported(file) if name in _MODULES and name != module}
        for module, file in _MODULES.items()
        if module != "poslife.errors"
    }

    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_the_errors_import_values_of_the_domain_for_types_alone() -> None:
    """
    At run time `errors` imports nothing of ours.
    """
    tree = _tree(_PACKAGE / "errors.py")
    at_run_time = {
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("poslife")
    }
    for_types = {
        name for name in _imported(_PACKAGE / "errors.py") if name.startswith("poslife.") and name in _MODULES
    }

    assert set() == at_run_time
    assert all(name.startswith("poslife._domain.") for name in for_types), for_types


def test_the_public_surface_does_not_grow_unseen() -> None:
    """
    A new public name of `poslife` or `poslife.storage` raises a number here, in the commit that adds it.
    """
    assert len(set(poslife.__all__) - {"__version__"}) <= 67
    assert len(poslife.storage.__all__) <= 14


# ------------------------------------------------------------------------------------------------ the prose


def _docstrings() -> Iterator[tuple[str, str]]:
    """
    Each docstring of the package, attributes' included, with its place.
    """
    for file in _FILES:
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                text = node.value.value
                if isinstance(text, str):
                    yield f"{_name(file)}:{node.lineno}", text.strip()


def test_docstrings_state_and_do_not_ask() -> None:
    """
    A docstring names its subject or what it does.
    """
    asking = [place for place, text in _docstrings() if text.split(" ", 1)[0] in _QUESTIONS]

    assert [] == asking


def test_docstrings_do_not_refer_elsewhere() -> None:
    """
    A method that implements a protocol's leaves its docstring out, and does not refer to it.
    """
    referring = [place for place, text in _docstrings() if "See `" in text]

    assert [] == referring
