"""
Packets of PostgreSQL's protocol.
"""

from __future__ import annotations

import struct

STARTUP = struct.pack("!ii", 8, 196608)
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
CANCEL_REQUEST = struct.pack("!iiii", 16, 80877102, 1, 2)


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
