"""
PostgreSQL's messages.
"""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from poslife.testing.faults._postgres_wire import Message, MessageReader, sqlstate
from tests.testing.faults.packets import CANCEL_REQUEST, SSL_REQUEST, STARTUP, message


@given(bodies=st.lists(st.binary(max_size=50)), cuts=st.lists(st.integers(0, 400)))
def test_messages_are_the_same_however_the_bytes_arrive(bodies: list[bytes], cuts: list[int]) -> None:
    """
    The pieces in which a stream arrives have no influence on its messages.
    """
    stream = STARTUP + b"".join(message(b"Q", body) for body in bodies)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = MessageReader(from_client=True)
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]
    messages = [one for piece in pieces for one in reader.feed(piece)]

    assert [b"", *(b"Q" for _ in bodies)] == [one.kind for one in messages]
    assert bodies == [one.body for one in messages[1:]]


def test_a_clients_first_packets_have_no_letter() -> None:
    """
    After a request for encryption there is another such packet, after a cancel request nothing else.
    """
    opening = list(MessageReader(from_client=True).feed(SSL_REQUEST + STARTUP + message(b"X")))
    cancelling = list(MessageReader(from_client=True).feed(CANCEL_REQUEST + CANCEL_REQUEST))

    assert [b"", b"", b"X"] == [one.kind for one in opening]
    assert [True, False, False] == [one.asks_for_encryption for one in opening]
    assert [b"", b""] == [one.kind for one in cancelling]


def test_strings_and_the_sqlstate_are_read_from_a_body() -> None:
    """
    An error without a SQLSTATE has an empty one.
    """
    parse = Message(b"P", message(b"P", b"name\0SELECT 1\0\0\0"))
    error = Message(b"E", message(b"E", b"SERROR\0C23505\0Mduplicate key\0\0"))
    other = Message(b"E", message(b"E", b"SERROR\0\0"))

    assert ("name", "SELECT 1") == parse.strings(2)
    assert ("23505", "") == (sqlstate(error), sqlstate(other))
