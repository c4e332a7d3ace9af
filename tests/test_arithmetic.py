"""
Arithmetic on decimals is in one module: an operator elsewhere would round as the host's decimal context says.
"""

from __future__ import annotations

import ast
import re
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SOURCE = Path(__file__).parent.parent / "src" / "poslife"
_ARITHMETIC = _SOURCE / "_domain" / "decimals.py"
# The simulated exchange is no part of a bot: it calculates as venues do, with fractions.
_SIMULATED = _SOURCE / "testing"

_IN_ANNOTATION = re.compile(r"\bDecimal\b")
_FUNCTIONS = frozenset({"abs", "sum", "round", "divmod", "pow", "prod", "fsum"})
_METHODS = frozenset(
    {
        *("quantize", "scaleb", "sqrt", "exp", "ln", "log10", "logb", "fma", "remainder_near"),
        *("to_integral_value", "to_integral_exact", "to_integral", "next_plus", "next_minus", "next_toward"),
        *("copy_abs", "copy_negate", "copy_sign", "normalize"),
    }
)
_UNARY = (ast.USub, ast.UAdd)
_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


class _Known(NamedTuple):
    members: frozenset[str]
    functions: frozenset[str]
    constants: frozenset[str]

    @classmethod
    def of(cls, modules: Iterable[ast.Module]) -> _Known:
        listed = tuple(modules)
        return cls(*(frozenset(chain.from_iterable(map(names, listed))) for names in _EVERYWHERE))


class _Names:
    """
    The names that hold decimals: members, functions and constants of all modules, variables of one.
    """

    def __init__(self, known: _Known, module: ast.Module) -> None:
        self._members = known.members
        self._functions = known.functions
        self._variables = {*known.constants, *_variables(module)}
        for _ in range(3):  # each turn follows one more assignment
            self._variables |= {
                target.id
                for node in ast.walk(module)
                if isinstance(node, ast.Assign) and self.is_decimal(node.value)
                for target in node.targets
                if isinstance(target, ast.Name)
            }

    def is_decimal(self, node: ast.expr) -> bool:
        """
        Return whether the expression is a decimal, as far as its names say.
        """
        match node:
            case ast.Name(id=name):
                return name in self._variables
            case ast.Attribute(attr=name) | ast.Call(func=ast.Attribute(attr=name)):
                return name in self._members or name in _METHODS
            case ast.Call(func=ast.Name(id=name)):
                return name == "Decimal" or name in self._functions
            case ast.IfExp(body=body, orelse=other):
                return self.is_decimal(body) or self.is_decimal(other)
            case ast.UnaryOp(operand=operand):
                return self.is_decimal(operand)
            case ast.BinOp(left=left, right=right):
                return self.is_decimal(left) or self.is_decimal(right)
            case ast.GeneratorExp(elt=item) | ast.ListComp(elt=item):
                return self.is_decimal(item)
            case _:
                return False

    def calculates(self, node: ast.AST) -> bool:
        """
        Return whether the node is an operation on a decimal.
        """
        match node:
            case ast.UnaryOp(op=operator, operand=operand):
                return isinstance(operator, _UNARY) and self.is_decimal(operand)
            case ast.BinOp(left=left, op=operator, right=right):
                return isinstance(operator, _BINARY) and (self.is_decimal(left) or self.is_decimal(right))
            case ast.AugAssign(target=target, value=value):
                return self.is_decimal(target) or self.is_decimal(value)
            case ast.Call(func=ast.Name(id=name), args=given):
                return name in _FUNCTIONS and any(self.is_decimal(one) for one in given)
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                return name in _METHODS and not (isinstance(value, ast.Name) and value.id == "unicodedata")
            case _:
                return False


def _is_annotated(annotation: ast.expr | None) -> bool:
    # A container of decimals, or a function of them, is no decimal.
    said = "" if annotation is None else ast.unparse(annotation)
    return "[" not in said and _IN_ANNOTATION.search(said) is not None


def _members(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if not isinstance(node, ast.ClassDef):
            continue
        for line in node.body:
            if isinstance(line, ast.AnnAssign) and _is_annotated(line.annotation):
                yield ast.unparse(line.target)
            if isinstance(line, ast.FunctionDef | ast.AsyncFunctionDef) and _is_annotated(line.returns):
                yield line.name


def _functions(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_annotated(node.returns):
            yield node.name


def _variables(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.arg) and _is_annotated(node.annotation):
            yield node.arg
        if isinstance(node, ast.AnnAssign) and _is_annotated(node.annotation):
            yield ast.unparse(node.target)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            if not isinstance(node.value, ast.Tuple):
                continue
            for target, value in zip(node.targets[0].elts, node.value.elts, strict=False):
                if isinstance(value, ast.Call) and ast.unparse(value.func) == "Decimal":
                    yield ast.unparse(target)


def _constants(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Decimal("):
            yield ast.unparse(node.targets[0])


_EVERYWHERE = (_members, _functions, _constants)


def _modules() -> dict[Path, ast.Module]:
    paths = (path for path in sorted(_SOURCE.rglob("*.py")) if _SIMULATED not in path.parents)
    return {path: ast.parse(path.read_text()) for path in paths}


def _arithmetic_in(module: ast.Module, known: _Known) -> list[str]:
    names = _Names(known, module)
    return [ast.unparse(node) for node in ast.walk(module) if names.calculates(node)]


def test_only_one_module_calculates_with_decimals() -> None:
    """
    No operator, `abs`, `sum` or `round` meets a decimal outside the module of exact arithmetic.
    """
    modules = _modules()
    known = _Known.of(modules.values())
    found = {
        str(path.relative_to(_SOURCE)): arithmetic
        for path, module in modules.items()
        if path != _ARITHMETIC and (arithmetic := _arithmetic_in(module, known))
    }

    assert {} == found


_KNOWN = _Known(
    members=frozenset({"filled", "quantity"}),
    functions=frozenset({"number"}),
    constants=frozenset({"QUANTITY"}),
)


@pytest.mark.parametrize(
    "line",
    [
        "return -quantity",
        "return +quantity",
        "return abs(quantity)",
        "return abs(number(text))",
        "return seen.filled - order.filled",
        "return quantity * 2",
        "return 2 / quantity",
        "quantity += 1",
        "return sum(fill.quantity for fill in fills)",
        "return sum((fill.quantity for fill in fills), Decimal(0))",
        "return round(quantity, 3)",
        "return quantity.quantize(step)",
        "return quantity.normalize()",
        "left = number(text)\n    return -left",
        "left = number(text)\n    right = left\n    return right % 3",
        "return QUANTITY + Decimal(1)",
        "least = Decimal(1)\n    return least * 2",
    ],
)
def test_arithmetic_with_decimals_is_found(line: str) -> None:
    """
    The search finds each kind of operation, by the names that are annotated as decimals.
    """
    module = ast.parse(f"def reckon(quantity: Decimal | None) -> Decimal:\n    {line}")

    assert _arithmetic_in(module, _KNOWN)


@pytest.mark.parametrize(
    "line",
    [
        "return -count",
        "return link.number + 1",
        "return len(quantities) + 1",
        "return sum(map(len, fills))",
        "return quantity > 3",
    ],
)
def test_other_arithmetic_is_not_found(line: str) -> None:
    """
    Arithmetic with ints is no finding, nor is a comparison, which no context rounds.
    """
    module = ast.parse(f"def reckon(quantity: Decimal) -> Decimal:\n    {line}")

    assert [] == _arithmetic_in(module, _KNOWN)
