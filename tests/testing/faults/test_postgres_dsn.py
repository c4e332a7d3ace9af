"""
The server of a DSN, and the DSN redirected.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of


@pytest.mark.parametrize(
    "dsn,upstream",
    [
        ("postgresql://user:secret@db.example:6000/bot", ("db.example", 6000)),
        ("postgres://db.example/bot", ("db.example", 5432)),
        ("postgresql://[::1]:6000/bot", ("::1", 6000)),
        ("postgresql://user@/bot?host=/run/pg&port=6000", Path("/run/pg/.s.PGSQL.6000")),
        ("postgresql://%2Frun%2Fpg/bot", Path("/run/pg/.s.PGSQL.5432")),
    ],
    ids=["host and port", "default port", "IPv6", "socket in the query", "socket as host"],
)
def test_the_server_of_a_dsn(dsn: str, upstream: object) -> None:
    """
    Host and port, or the socket in a folder, as libpq reads them.
    """
    assert upstream_of(dsn) == upstream


def test_the_server_of_a_dsn_without_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is PGHOST and PGPORT, else a socket in one of the usual folders, else localhost.
    """
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGPORT", "6000")

    assert upstream_of("postgresql:///bot") == ("db.example", 6000)

    monkeypatch.delenv("PGHOST")
    monkeypatch.setenv("PGPORT", "1")

    assert upstream_of("postgresql:///bot") == ("localhost", 1)


@pytest.mark.parametrize(
    "dsn", ["sqlite:///bot.db", "postgresql://a,b/bot", "postgresql:///bot?host=a,b"], ids=str
)
def test_a_dsn_of_no_single_server_is_refused(dsn: str) -> None:
    """
    Another scheme or several hosts raise.
    """
    with pytest.raises(ValueError, match="expected a DSN"):
        upstream_of(dsn)


def test_a_redirected_dsn_keeps_everything_but_its_server() -> None:
    """
    User, password, database and settings stay; host, port and encryption are replaced.
    """
    dsn = "postgresql://us%40er:pa%3Ass@db.example:6000/bot?sslmode=require&host=x&application_name=my%20bot"

    assert redirect_dsn(dsn, "127.0.0.1", 7000) == (
        "postgresql://us%40er:pa%3Ass@127.0.0.1:7000/bot?application_name=my%20bot&sslmode=disable"
    )
