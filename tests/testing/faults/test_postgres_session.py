"""
The tap of one PostgreSQL connection.
"""

from __future__ import annotations

from collections.abc import Iterator

from poslife.testing.faults import Answer, Cut, Fate, Step
from poslife.testing.faults._postgres_session import Session
from poslife.testing.faults._postgres_statements import StatementLog, arm
from tests.testing.faults.packets import SSL_REQUEST, STARTUP, message

COPY = (
    message(b"P", b"\0COPY kept FROM STDIN\0\0\0")
    + message(b"B", b"\0\0\0\0\0\0\0\0")
    + message(b"E", b"\0\0\0\0\0")
    + message(b"S")
)
COPY_ACCEPTED = message(b"1") + message(b"2") + message(b"G", b"\0\0\0")
ROWS = message(b"d", b"1\n") + message(b"c") + message(b"S")
COPY_DONE = message(b"C", b"COPY 1\0") + message(b"Z", b"I")


def passed(steps: Iterator[Step]) -> bytes:
    """
    Return the bytes that pass; fail on any other step.
    """
    through = b""
    for step in steps:
        assert isinstance(step, bytes)
        through += step
    return through


def test_a_copy_in_the_extended_protocol_is_one_statement() -> None:
    """
    Its second Sync belongs to the statement that began with the first: the server answers once.
    """
    log = StatementLog()
    session = Session(log)

    assert STARTUP + COPY == passed(session.requested(STARTUP + COPY))
    assert COPY_ACCEPTED == passed(session.replied(COPY_ACCEPTED))
    assert ROWS == passed(session.requested(ROWS))
    assert COPY_DONE == passed(session.replied(COPY_DONE))

    (statement,) = log.statements

    assert (statement.sql, statement.fate) == ("COPY kept FROM STDIN", Fate.ANSWERED)


def test_only_the_end_of_a_copy_is_withheld() -> None:
    """
    The client can send its rows before the reply to its COPY is dropped.
    """
    log = StatementLog()
    arm(log.after, 1, None, Cut.RESET, repeating=False)
    session = Session(log)
    passed(session.requested(STARTUP + COPY))

    assert COPY_ACCEPTED == passed(session.replied(COPY_ACCEPTED))

    passed(session.requested(ROWS))

    assert [Cut.RESET] == list(session.replied(COPY_DONE))


def test_messages_outside_statements_pass() -> None:
    """
    Authentication, Terminate and the server's notifications belong to no statement.
    """
    log = StatementLog()
    arm(log.after, 1, None, Cut.RESET, repeating=False)
    session = Session(log)
    greeting = message(b"R", b"\0\0\0\0") + message(b"Z", b"I")
    notification = message(b"A", b"\0\0\0\0channel\0payload\0")

    assert passed(session.replied(greeting + notification)) == greeting + notification
    assert passed(session.requested(STARTUP + message(b"p", b"secret\0") + message(b"X"))).endswith(
        message(b"X")
    )
    assert log.statements == []


def test_a_request_for_encryption_is_declined() -> None:
    """
    The client gets the server's "no", and the server never sees the request.
    """
    steps = list(Session(StatementLog()).requested(SSL_REQUEST + STARTUP))

    assert [Answer(b"N"), STARTUP] == steps


def test_a_statement_is_cut_before_its_first_message() -> None:
    """
    Nothing of it passes, and nothing after it is read.
    """
    log = StatementLog()
    trap = arm(log.before, 2, None, Cut.SILENCE, repeating=False)
    session = Session(log)
    first, second = (message(b"Q", sql + b"\0") for sql in (b"SELECT 1", b"SELECT 2"))

    assert [STARTUP, first, Cut.SILENCE] == list(session.requested(STARTUP + first + second))[:3]
    assert ("SELECT 2", Fate.NOT_SENT) == (trap.statement.sql, trap.statement.fate)
