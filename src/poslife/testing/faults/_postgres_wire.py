"""
PostgreSQL's messages, as far as a proxy must understand them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# What takes the place of a protocol version in the first packet of a connection.
_CANCEL_REQUEST = 80877102
_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104

# From the client.
QUERY, PARSE, BIND, DESCRIBE, EXECUTE = b"Q", b"P", b"B", b"D", b"E"
CLOSE, FLUSH, SYNC, CALL = b"C", b"H", b"S", b"F"
# From the server; letters mean something else in each direction.
READY, ERROR, COPY_IN, COPY_BOTH = b"Z", b"E", b"G", b"W"

# A client's statement consists of these and ends in one of those: each end brings one READY. The rest is
# authentication, the data of a COPY, and the farewell.
OF_A_STATEMENT = frozenset({QUERY, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, FLUSH, SYNC, CALL})
END_OF_A_STATEMENT = frozenset({QUERY, SYNC, CALL})


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message: its letter (empty in a packet that opens a connection), and all its bytes.
    """

    kind: bytes
    raw: bytes

    @property
    def body(self) -> bytes:
        """
        What follows the letter and the length.
        """
        return self.raw[len(self.kind) + 4 :]

    @property
    def asks_for_encryption(self) -> bool:
        """
        Whether this opens a connection by asking for TLS or GSS encryption.
        """
        return not self.kind and _code(self.raw) in {_SSL_REQUEST, _GSS_REQUEST}

    def strings(self, count: int) -> tuple[str, ...]:
        """
        The first *count* zero-terminated strings of the body.
        """
        return tuple(part.decode(errors="replace") for part in self.body.split(b"\0", count)[:count])


class Messages:
    """
    Cuts one direction of a connection into messages.

    Args:
        from_client: A client's first packets carry no letter.
    """

    def __init__(self, *, from_client: bool) -> None:
        self._opening = from_client
        self._buffer = bytearray()

    def cut(self, data: bytes) -> Iterator[Message]:
        """
        Every message that is complete with *data*.
        """
        self._buffer += data
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Message | None:
        letter = 0 if self._opening else 1
        if len(self._buffer) < letter + 4:
            return None
        length: int = struct.unpack_from("!i", self._buffer, letter)[0]
        if len(self._buffer) < letter + length:
            return None
        raw = bytes(self._buffer[: letter + length])
        del self._buffer[: letter + length]
        message = Message(raw[:letter], raw)
        if self._opening and not message.asks_for_encryption:
            self._opening = _code(raw) == _CANCEL_REQUEST
        return message


def sqlstate(error: Message) -> str:
    """
    The SQLSTATE in an ERROR.
    """
    for fact in error.body.split(b"\0"):
        if fact[:1] == b"C":
            return fact[1:].decode()
    return ""


def _code(packet: bytes) -> int:
    code: int = struct.unpack_from("!i", packet, 4)[0]
    return code
