"""
Where a PostgreSQL DSN leads, and how to lead it elsewhere.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from poslife.testing.faults._proxy import Address

_DEFAULT_PORT = 5432
# Where libpq and asyncpg look when a DSN names no host.
_SOCKET_FOLDERS = ("/run/postgresql", "/var/run/postgresql", "/tmp", "/private/tmp")  # noqa: S108


def upstream_of(dsn: str) -> Address:
    """
    The server that *dsn* leads to.

    Raises:
        ValueError: It is no PostgreSQL URL, or names several servers.
    """
    parts = urlsplit(dsn)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"a PostgreSQL DSN begins with postgresql://, not {parts.scheme!r}")
    query = dict(parse_qsl(parts.query))
    hosts = unquote(parts.netloc.rpartition("@")[2])
    if "," in hosts or "," in query.get("host", ""):
        raise ValueError("a proxy stands in front of one server; the DSN names several")
    host, port = _host_and_port(hosts)
    host = host or query.get("host") or os.environ.get("PGHOST", "")
    port = port or query.get("port") or os.environ.get("PGPORT", "") or str(_DEFAULT_PORT)
    if not host:
        sockets = (Path(folder, f".s.PGSQL.{port}") for folder in _SOCKET_FOLDERS)
        return next((path for path in sockets if path.exists()), ("localhost", int(port)))
    if host.startswith("/"):
        return Path(host, f".s.PGSQL.{port}")
    return host, int(port)


def led_through(dsn: str, host: str, port: int) -> str:
    """
    *dsn* with another server in it, its user, database and settings kept, and encryption off.

    The proxy reads along, so client and server speak in the clear.
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
