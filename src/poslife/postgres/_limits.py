"""
Time-outs, and the settings of transactions and sessions that follow from them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from poslife.errors import InvalidValue

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    Time-outs, in seconds.

    Attributes:
        connect: To get a connection, or to open the store.
        command: For the answer to one statement. The server gives up earlier, so that its error arrives.
        lock: For a lock of another transaction.
        reads_only: Transactions may only read; no time-out, but a setting like these.
    """

    connect: float = 10.0
    command: float = 10.0
    lock: float = 3.0
    reads_only: bool = False

    def __post_init__(self) -> None:
        for limit in ("connect", "command", "lock"):
            seconds: object = getattr(self, limit)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= 3600:
                raise InvalidValue(
                    f"{limit}_timeout", seconds, "a number of seconds above zero, at most 3600"
                )

    @property
    def begin(self) -> str:
        """
        The statements that begin a transaction, whatever the session, the role or the database is set to.

        The time-out for an idle transaction ends one whose client is gone, and frees its locks.
        """
        command = _milliseconds(self.command)
        access = "READ ONLY" if self.reads_only else "READ WRITE"
        return (
            f"BEGIN ISOLATION LEVEL READ COMMITTED {access} NOT DEFERRABLE;"
            "SET LOCAL synchronous_commit = on;"
            "SET LOCAL search_path = pg_catalog;"
            "SET LOCAL TimeZone = 'UTC';"
            f"SET LOCAL lock_timeout = {_milliseconds(self.lock)};"
            f"SET LOCAL statement_timeout = {max(command * 4 // 5, 1)};"
            f"SET LOCAL idle_in_transaction_session_timeout = {command}"
        )

    @property
    def for_session(self) -> str:
        """
        The statements that set up a session whose transactions are single statements.
        """
        command = _milliseconds(self.command)
        seconds = max(round(self.command / 3), 1)
        return (
            "SET default_transaction_isolation = 'read committed';"
            "SET default_transaction_read_only = off;"
            "SET synchronous_commit = on;"
            "SET search_path = pg_catalog;"
            "SET TimeZone = 'UTC';"
            f"SET lock_timeout = {_milliseconds(self.lock)};"
            f"SET statement_timeout = {max(command * 4 // 5, 1)};"
            f"SET idle_in_transaction_session_timeout = {command};"
            "SET idle_session_timeout = 0;"
            # From PostgreSQL 17 on.
            "SELECT set_config('transaction_timeout', '0', false)"
            " WHERE current_setting('transaction_timeout', true) IS NOT NULL;"
            # So that the server, too, notices a network that drops every packet, and ends the session.
            f"SET tcp_user_timeout = {command};"
            f"SET tcp_keepalives_idle = {seconds};"
            f"SET tcp_keepalives_interval = {seconds};"
            "SET tcp_keepalives_count = 2"
        )


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
