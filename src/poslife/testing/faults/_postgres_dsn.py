"""
The server of a PostgreSQL DSN, and the DSN redirected to another server.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from poslife.testing.faults._link import Address

_DEFAULT_PORT = 5432
# libpq and asyncpg look here if a DSN names no host.
_SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql", "/tmp", "/private/tmp")  # noqa: S108


def upstream_of(dsn: str) -> Address:
    """
    Return the address of the server of *dsn*.

    Raises:
        ValueError: It is not a PostgreSQL URL, or names several servers.
    """
    parts = urlsplit(dsn)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"expected a DSN with the scheme postgresql, got {parts.scheme!r}")
    query = dict(parse_qsl(parts.query))
    hosts = unquote(parts.netloc.rpartition("@")[2])
    if "," in hosts or "," in query.get("host", ""):
        raise ValueError("expected a DSN with one server, got several: use a proxy for each")
    host, port = _host_and_port(hosts)
    host = host or query.get("host") or os.environ.get("PGHOST", "")
    port = port or query.get("port") or os.environ.get("PGPORT", "") or str(_DEFAULT_PORT)
    if not host:
        sockets = (Path(folder, f".s.PGSQL.{port}") for folder in _SOCKET_FOLDERS)
        return next((path for path in sockets if path.exists()), ("localhost", int(port)))
    if host.startswith("/"):
        return Path(host, f".s.PGSQL.{port}")
    return host, int(port)


def redirect_dsn(dsn: str, host: str, port: int) -> str:
    """
    Return *dsn* with another server, with its user, database and settings, and without encryption.

    The proxy has to read the messages, so client and server must not encrypt them.
    """
    parts = urlsplit(dsn)
    user, at, _ = parts.netloc.rpartition("@")
    settings = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in {"host", "hostaddr", "port"} and not name.startswith("ssl")
    ]
    query = urlencode([*settings, ("sslmode", "disable")], quote_via=quote)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return urlunsplit((parts.scheme, f"{user}{at}{address}", parts.path, query, ""))


def _host_and_port(location: str) -> tuple[str, str]:
    if location.startswith("["):
        host, _, port = location[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = location.partition(":")
    return host, port
