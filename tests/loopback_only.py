"""
Keep the tests on this machine: an attempt to reach another one raises, and is recorded.

It uses Python's audit events, so it sees every socket, also those that libraries open.
A child process has to install it itself.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any, cast

__all__ = ["LeftThisMachine", "attempts", "install"]

attempts: list[str] = []
"""
Every attempt so far, for code under test may catch the exception.
"""

_NAMES = frozenset({"", "localhost", "localhost.localdomain"})


class LeftThisMachine(RuntimeError):
    """
    A connection, a datagram or a look-up that goes beyond loopback.
    """


def _is_loopback(host: object) -> bool:
    if host is None:
        return True
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    if name in _NAMES:
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"}:
        address: object = arguments[1]
        # Unix sockets have a path, netlink and the like have numbers: both stay here.
        host = cast("tuple[object, ...]", address)[0] if isinstance(address, tuple) else None
        here = not isinstance(host, (str, bytes)) or _is_loopback(host)
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        here = _is_loopback(host) or host == "0.0.0.0"
    else:
        return
    if not here:
        attempts.append(f"{event} {host!r}")
        message = f"expected an address on loopback, got {event} to {host!r}"
        raise LeftThisMachine(message)


def install() -> None:
    """
    Watch this process from now on; an audit hook cannot be taken back.
    """
    sys.addaudithook(_watch)
