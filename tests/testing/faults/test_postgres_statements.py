"""
Statements, and the traps that wait for one.
"""

from __future__ import annotations

import asyncio

import pytest

from poslife.testing.faults import Cut, Fate, Trap, is_commit
from poslife.testing.faults._postgres_statements import StatementInProgress, StatementLog, arm, find_trap

TRANSACTION = ["BEGIN;", "INSERT", "COMMIT;"]


def caught(trap: Trap, statements: list[str]) -> list[int]:
    return [number for number, sql in enumerate(statements, 1) if trap.catches(sql)]


@pytest.mark.parametrize(
    "number, repeating, expected",
    [(1, False, [1]), (3, False, [3]), (7, False, []), (1, True, [1, 2, 3, 4, 5, 6]), (2, True, [2, 4, 6])],
    ids=str,
)
def test_a_trap_catches_its_number(number: int, *, repeating: bool, expected: list[int]) -> None:
    """
    It does so once, or at every such number.
    """
    trap = Trap(number, lambda _: True, Cut.RESET, repeating=repeating)

    assert expected == caught(trap, 2 * TRANSACTION)


def test_only_matching_statements_count() -> None:
    """
    The second COMMIT is the sixth statement.
    """
    trap = Trap(2, is_commit, Cut.RESET, repeating=False)

    assert [6] == caught(trap, 3 * TRANSACTION)
    assert not trap.armed


def test_every_trap_counts_a_statement_that_another_catches() -> None:
    """
    The first trap that catches it acts; a trap that has acted is removed when the next is armed.
    """
    log = StatementLog()
    first = arm(log.after, 1, None, Cut.RESET, repeating=False)
    second = arm(log.after, 2, None, Cut.SILENCE, repeating=False)

    assert [first, second] == [find_trap(log.after, sql) for sql in ("one", "two")]
    assert find_trap(log.after, "three") is None

    third = arm(log.after, 1, None, Cut.RESET, repeating=False)

    assert [third] == log.after


def test_a_number_counts_from_one() -> None:
    """
    There is no statement number 0.
    """
    with pytest.raises(ValueError, match="count from 1, got 0"):
        arm([], 0, None, Cut.RESET, repeating=False)


async def test_a_sprung_trap_has_its_statement() -> None:
    """
    Before, it has none; afterwards it shows the statement's later state, too.
    """
    trap = Trap(1, lambda _: True, Cut.RESET, repeating=False)
    with pytest.raises(LookupError, match="has not sprung"):
        _ = trap.statement
    waiting = asyncio.ensure_future(trap.wait())
    statement = StatementInProgress(connection=3, parsed=["SELECT $1"])

    assert Cut.RESET is trap.spring(statement)

    await waiting
    statement.fate = Fate.REPLY_DROPPED

    assert trap.sprung
    assert ("SELECT $1", 3, Fate.REPLY_DROPPED) == (
        trap.statement.sql,
        trap.statement.connection,
        trap.statement.fate,
    )


def test_executed_sql_is_shown_rather_than_prepared() -> None:
    """
    A statement that is only prepared has the text that was prepared, one that is neither has none.
    """
    assert "a; b" == StatementInProgress(1, parsed=["p"], executed=["a", "b"]).sql
    assert "p" == StatementInProgress(1, parsed=["p"]).sql
    assert "" == StatementInProgress(1).sql


@pytest.mark.parametrize(
    "sql, expected",
    [("COMMIT;", True), ("  commit", True), ("END", True), ("COMMITTED", False), ("ROLLBACK", False)],
)
def test_a_commit(sql: str, *, expected: bool) -> None:
    """
    END is one, too.
    """
    assert expected is is_commit(sql)
