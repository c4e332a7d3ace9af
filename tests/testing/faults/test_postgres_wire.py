from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from poslife.testing.faults import Cut, Fate, PostgresFaultProxy, Step
from poslife.testing.faults._postgres_wire import Messages

STARTUP = struct.pack("!ii", 8, 196608)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def passed(steps: Iterator[Step]) -> bytes:
    """
    What goes through; anything but bytes fails.
    """
    through = b""
    for step in steps:
        assert isinstance(step, bytes)
        through += step
    return through


COPY = (
    message(b"P", b"\0COPY kept FROM STDIN\0\0\0")
    + message(b"B", b"\0\0\0\0\0\0\0\0")
    + message(b"E", b"\0\0\0\0\0")
    + message(b"S")
)
COPY_ACCEPTED = message(b"1") + message(b"2") + message(b"G", b"\0\0\0")
ROWS = message(b"d", b"1\n") + message(b"c") + message(b"S")
COPY_DONE = message(b"C", b"COPY 1\0") + message(b"Z", b"I")


def test_a_copy_in_the_extended_protocol_is_one_statement() -> None:
    """
    Its second Sync belongs to the statement that began with the first: the server answers once.
    """
    proxy = PostgresFaultProxy(("127.0.0.1", 1))
    session = proxy.network.new_tap()

    assert STARTUP + COPY == passed(session.requested(STARTUP + COPY))
    assert COPY_ACCEPTED == passed(session.replied(COPY_ACCEPTED))
    assert ROWS == passed(session.requested(ROWS))
    assert COPY_DONE == passed(session.replied(COPY_DONE))

    (statement,) = proxy.statements

    assert (statement.sql, statement.fate) == ("COPY kept FROM STDIN", Fate.ANSWERED)


def test_only_the_end_of_a_copy_is_withheld() -> None:
    """
    A client is let send its rows before the reply to its COPY is dropped.
    """
    proxy = PostgresFaultProxy(("127.0.0.1", 1))
    proxy.drop_reply()
    session = proxy.network.new_tap()
    passed(session.requested(STARTUP + COPY))

    assert COPY_ACCEPTED == passed(session.replied(COPY_ACCEPTED))

    passed(session.requested(ROWS))

    assert [Cut.RESET] == list(session.replied(COPY_DONE))


def test_what_belongs_to_no_statement_passes() -> None:
    """
    Authentication, the farewell, and what the server says unasked are nobody's statement.
    """
    proxy = PostgresFaultProxy(("127.0.0.1", 1))
    proxy.drop_reply()
    session = proxy.network.new_tap()
    greeting = message(b"R", b"\0\0\0\0") + message(b"Z", b"I")
    unasked = message(b"A", b"\0\0\0\0channel\0payload\0")

    assert passed(session.replied(greeting + unasked)) == greeting + unasked
    assert passed(session.requested(STARTUP + message(b"p", b"secret\0") + message(b"X"))).endswith(
        message(b"X")
    )
    assert proxy.statements == ()


@given(bodies=st.lists(st.binary(max_size=50)), cuts=st.lists(st.integers(0, 400)))
def test_messages_are_the_same_however_the_bytes_arrive(bodies: list[bytes], cuts: list[int]) -> None:
    """
    Where the network cuts a stream has no influence on its messages.
    """
    stream = STARTUP + b"".join(message(b"Q", body) for body in bodies)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = Messages(from_client=True)
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    messages = [one for piece in pieces for one in reader.cut(piece)]

    assert [b"", *(b"Q" for _ in bodies)] == [one.kind for one in messages]
    assert bodies == [one.body for one in messages[1:]]
