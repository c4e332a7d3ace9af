"""
PostgreSQL's messages, as far as a proxy has to read them.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

# Request codes in place of the protocol version in the first packet of a connection.
_CANCEL_REQUEST = 80877102
_SSL_REQUEST = 80877103
_GSS_REQUEST = 80877104

# From the client.
QUERY, PARSE, BIND, DESCRIBE, EXECUTE = b"Q", b"P", b"B", b"D", b"E"
CLOSE, FLUSH, SYNC, CALL = b"C", b"H", b"S", b"F"
# From the server; the same letter has another meaning in each direction.
READY, ERROR, COPY_IN, COPY_BOTH = b"Z", b"E", b"G", b"W"

# A client's statement consists of the first set and ends with one of the second: each end brings one READY.
# The other messages are authentication, the data of a COPY, and Terminate.
OF_A_STATEMENT = frozenset({QUERY, PARSE, BIND, DESCRIBE, EXECUTE, CLOSE, FLUSH, SYNC, CALL})
END_OF_A_STATEMENT = frozenset({QUERY, SYNC, CALL})


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message: its type letter (empty in a connection's first packets), and all its bytes.
    """

    kind: bytes
    raw: bytes

    @property
    def body(self) -> bytes:
        """
        The bytes after the letter and the length.
        """
        return self.raw[len(self.kind) + 4 :]

    @property
    def asks_for_encryption(self) -> bool:
        """
        True for a request for TLS or GSS encryption.
        """
        return not self.kind and _code(self.raw) in {_SSL_REQUEST, _GSS_REQUEST}

    def strings(self, count: int) -> tuple[str, ...]:
        """
        Return the first *count* zero-terminated strings of the body.
        """
        return tuple(part.decode(errors="replace") for part in self.body.split(b"\0", count)[:count])


class MessageReader:
    """
    Splits one direction of a connection into messages.

    Args:
        from_client: A client's first packets have no type letter.
    """

    def __init__(self, *, from_client: bool) -> None:
        self._opening = from_client
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """
        Yield each message that *data* completes.
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
    Return the SQLSTATE of an ERROR.
    """
    for field in error.body.split(b"\0"):
        if field[:1] == b"C":
            return field[1:].decode()
    return ""


def _code(packet: bytes) -> int:
    code: int = struct.unpack_from("!i", packet, 4)[0]
    return code
