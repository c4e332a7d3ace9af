"""
The files the type checkers read are complete.
"""

from __future__ import annotations

import ast
from pathlib import Path

import poslife

HERE = Path(__file__).parent


def test_every_public_name_is_used_as_a_host_would() -> None:
    """
    Each name of `poslife.__all__` is in accepted.py.
    """
    tree = ast.parse((HERE / "accepted.py").read_text())
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    assert set() == set(poslife.__all__) - names


def test_every_misuse_is_an_error_for_mypy() -> None:
    """
    Each function of rejected.py has an ignored error; mypy reports an ignore that is no longer needed.
    """
    source = (HERE / "rejected.py").read_text()
    lines = source.splitlines()
    misuses = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    bodies = {node.name: lines[node.lineno - 1 : node.end_lineno] for node in misuses}
    without = [name for name, text in bodies.items() if "# type: ignore[" not in "".join(text)]

    assert [] == without
    assert 15 < len(misuses)
