"""
Every exception that poslife raises, and its one warning.

::

    PoslifeError
    ├── InvalidValue (ValueError)          a value was refused: the field, the value, what the field takes
    ├── IllegalTransition                  the transition tables have no such change of status
    │   └── AlreadyClosing                 another exit owns the position
    ├── UnknownVenueFormat                 no client order id format is known for the venue
    ├── NotRecovered                       a position was to be opened before `recover()`
    ├── SubmitWindowPassed                 too late to send: the request was not made
    ├── BlockMisused                       a step of an opening or closing block came out of order
    ├── TrackerNotStarted                  the tracker was used outside `async with tracker`
    ├── RepositoryError
    │   ├── PositionNotFound               no position has this ref or id
    │   ├── PositionUnreadable             a stored row of the position cannot be read
    │   ├── AlreadyClosed                  the position was closed before: carries it as stored
    │   ├── StaleVersion                   the position has changed since it was read
    │   ├── DuplicatePosition              the key has a live position: carries it
    │   │   └── KeyInDoubt                 one of that position's orders may or may not exist
    │   ├── StorageRejected                the store refuses the change for good
    │   │   ├── FillAlreadyStored          the fill is stored already: carries it as stored
    │   │   └── ChangeIdReused             another change had this id
    │   ├── StorageUnavailable             unknown whether the change was written: repeat the same change
    │   │   ├── StorageBusy                a lock was not released in time
    │   │   └── StorageNotReady            the store lacks a table, a right or disk space
    │   ├── DeadLetterNotFound             no dead letter has this event id, or it was replayed before
    │   ├── EventNotFound                  no event has this id
    │   ├── ErasureRefused                 the event has nothing that may be erased, or this role may not
    │   ├── PurgeRefused                   the run is unknown, runs still or is shorter, or this role may not
    │   ├── RunLost                        this run's lease has ended: it may record, but not open
    │   ├── StoreNotFound                  opened for reading: there is no poslife at this place
    │   ├── OpenedForReading               the store was opened for reading only, and was asked to write
    │   ├── SchemaVersionError             the database's migrations are not those of this release
    │   └── SchemaMismatch                 the tables are not as poslife needs them: lists every difference
    ├── SinkError
    │   ├── FlushTimeout                   not every event was stored in time; none is lost
    │   └── JournalUnavailable             the journal cannot keep the event: full, read-only, another's
    ├── VenueError
    │   └── VenueUnavailable               the venue could not be asked; says nothing about what it holds
    └── ConfigurationError
        ├── InvalidUrl                     `connect` cannot use the URL
        └── MissingExtra (ImportError)     an adapter's library is not installed

    PoslifeMisuseWarning (UserWarning)     `record` was given an invalid argument; the event is stored

A definitive refusal by the venue raises none of these: it is an outcome (`Rejected`), and the venue
client's own exception propagates unchanged.

Each message says what was wrong, with which value, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from poslife._domain.fills import Fill
    from poslife._domain.identifiers import PositionId, PositionKey, PositionRef
    from poslife._domain.positions import ClosedPosition, LivePosition

__all__ = [
    "AlreadyClosed",
    "AlreadyClosing",
    "BlockMisused",
    "ChangeIdReused",
    "ConfigurationError",
    "DeadLetterNotFound",
    "DuplicatePosition",
    "ErasureRefused",
    "EventNotFound",
    "FillAlreadyStored",
    "FlushTimeout",
    "IllegalTransition",
    "InvalidUrl",
    "InvalidValue",
    "JournalUnavailable",
    "KeyInDoubt",
    "MissingExtra",
    "NotRecovered",
    "OpenedForReading",
    "PositionNotFound",
    "PositionUnreadable",
    "PoslifeError",
    "PoslifeMisuseWarning",
    "PurgeRefused",
    "RepositoryError",
    "RunLost",
    "SchemaMismatch",
    "SchemaVersionError",
    "SinkError",
    "StaleVersion",
    "StorageBusy",
    "StorageNotReady",
    "StorageRejected",
    "StorageUnavailable",
    "StoreNotFound",
    "SubmitWindowPassed",
    "TrackerNotStarted",
    "UnknownVenueFormat",
    "VenueError",
    "VenueUnavailable",
]

_SHOWN = 120


def _show(value: object) -> str:
    """
    Return the value's repr, cut to length, or a substitute if it raises.
    """
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a host's __repr__ may raise anything; the message must come out
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


class PoslifeError(Exception):
    """
    The base of every exception of poslife. Each keeps its attributes when pickled or copied.
    """

    @override
    def __reduce__(self) -> tuple[object, ...]:
        # The default calls the class with the message alone, which none of these takes.
        return _restored, (type(self), self.args), self.__dict__.copy()


def _restored(kind: type[PoslifeError], message: tuple[object, ...]) -> PoslifeError:
    error = kind.__new__(kind)
    error.args = message
    return error


class PoslifeMisuseWarning(UserWarning):
    """
    An argument of `record` is invalid; the event is stored all the same, with severity ERROR.
    """


class InvalidValue(PoslifeError, ValueError):
    """
    A value was refused; nothing was written.

    Attributes:
        field: The parameter or attribute, for example ``PersistedPosition.id``.
        value: The value as given.
        expected: The values that are taken.
        hint: Further advice, or ``None``.
    """

    def __init__(self, field: str, value: object, expected: str, *, hint: str | None = None) -> None:
        self.field = field
        self.value = value
        self.expected = expected
        self.hint = hint
        advice = f"; {hint}" if hint else ""
        super().__init__(f"{field}: expected {expected}, got {_show(value)} ({type(value).__name__}){advice}")


class IllegalTransition(PoslifeError):
    """
    A change of status that the transition tables do not have; nothing was written.

    Attributes:
        subject: The order or position, for example ``order 2 of 0190…``.
        current: Its status.
        wanted: The status it was to change to.
        allowed: The statuses it may change to; empty where the status is final, or is not the obstacle.
    """

    def __init__(self, subject: str, current: str, wanted: str, allowed: Iterable[str] | None = None) -> None:
        self.subject = subject
        self.current = current
        self.wanted = wanted
        self.allowed: tuple[str, ...] = () if allowed is None else tuple(allowed)
        super().__init__(self._message(final=allowed is not None and not self.allowed))

    def _message(self, *, final: bool) -> str:
        refused = f"{self.subject} is {self.current} and cannot become {self.wanted}"
        if self.allowed:
            return f"{refused}; {self.current} may become only {', '.join(self.allowed)}"
        return f"{refused}; {self.current} is final" if final else refused


class AlreadyClosing(IllegalTransition):
    """
    Another exit owns the position; wait for its outcome before closing again.

    Attributes:
        ref: The position.
    """

    def __init__(self, ref: PositionRef) -> None:
        self.ref = ref
        super().__init__(f"position {ref}", "closing", "closing", ("open", "closed"))

    @override
    def _message(self, *, final: bool) -> str:
        return (
            f"{self.subject} is closing already: another exit owns it; "
            "wait for its outcome before closing again"
        )


class UnknownVenueFormat(PoslifeError):
    """
    No client order id format, or no rules for ccxt, are known for a venue.

    Attributes:
        venue: The venue.
        known: The venues for which they are known, sorted.
    """

    def __init__(
        self,
        venue: str,
        known: Iterable[str],
        *,
        missing: str = "client order id format",
        give: str = "client_order_ids={Venue(…): ClientOrderIdFormat(…)}",
    ) -> None:
        self.venue = venue
        self.known: tuple[str, ...] = tuple(sorted(known))
        super().__init__(
            f"no {missing} is known for venue {_show(venue)} (known: {', '.join(self.known)}); "
            f"give one as {give}"
        )


class NotRecovered(PoslifeError):
    """
    A position was to be opened before `recover` has settled the orders of ended runs.
    """

    def __init__(self) -> None:
        super().__init__(
            "this run has not recovered yet: call `await tracker.recover(source)` once after the start, "
            "before the first opening"
        )


class SubmitWindowPassed(PoslifeError):
    """
    Too much time passed between the commit of SUBMITTING and the request; the request was not made.

    Attributes:
        waited: Seconds since the commit.
        window: Seconds allowed.
    """

    def __init__(self, waited: float, window: float) -> None:
        self.waited = waited
        self.window = window
        super().__init__(
            f"{waited:.3f} s passed since the order was committed as submitting, of {window:g} s allowed; "
            "the request was not made: open again"
        )


class BlockMisused(PoslifeError):
    """
    A step of an opening or closing block came out of order.

    Attributes:
        wanted: The step.
        reason: Why it cannot be taken now, and what to do.
    """

    def __init__(self, wanted: str, reason: str) -> None:
        self.wanted = wanted
        self.reason = reason
        super().__init__(f"{wanted}: {reason}")


class TrackerNotStarted(PoslifeError):
    """
    The tracker was used outside its ``async with`` block; only `record` works there.

    Attributes:
        wanted: The method that was called.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(f"{wanted} needs a started tracker: use it inside `async with tracker:`")


class RepositoryError(PoslifeError):
    """
    The base of every exception of a `Repository`.
    """


class PositionNotFound(RepositoryError):
    """
    No position has this ref or id.

    Attributes:
        sought: The ref or id.
    """

    def __init__(self, sought: PositionRef | PositionId) -> None:
        self.sought = sought
        kind = "id" if isinstance(sought, int) else "ref"
        super().__init__(
            f"no position with {kind} {sought} in this store; check that it is the right one: "
            "the tracker logs which one it uses when it starts"
        )


class PositionUnreadable(RepositoryError):
    """
    A stored row of the position cannot be read: it was altered, or another release has written it.

    Attributes:
        ref: The ref of the position, as the row has it.
        reason: The value that cannot be read.
    """

    def __init__(self, ref: str, reason: str) -> None:
        self.ref = ref
        self.reason = reason
        super().__init__(
            f"position {ref} is stored and cannot be read: {reason}; read it with the release that wrote it, "
            "or put the row right"
        )


class AlreadyClosed(RepositoryError):
    """
    The position was closed before; its stored exit stands.

    Attributes:
        closed: The stored position, with its exit price, reason and time.
    """

    def __init__(self, closed: ClosedPosition) -> None:
        self.closed = closed
        super().__init__(
            f"position {closed.id} ({closed.key}) was closed at {closed.closed_at.isoformat()} "
            f"({closed.reason.value}); its stored exit stands: read it from this exception's `closed`"
        )


class StaleVersion(RepositoryError):
    """
    The position has changed since it was read; read it again and decide anew.

    Attributes:
        ref: The position.
        expected: The version from which the change was planned.
        stored: The version in the store.
    """

    def __init__(self, ref: PositionRef, expected: int, stored: int) -> None:
        self.ref = ref
        self.expected = expected
        self.stored = stored
        super().__init__(
            f"position {ref} is at version {stored}, but the change was planned from version {expected}; "
            "read it again and decide anew"
        )


class DuplicatePosition(RepositoryError):
    """
    The key already has a live position, pending or open.

    Attributes:
        key: The key.
        existing: The live position that holds it.
    """

    def __init__(self, key: PositionKey, existing: LivePosition) -> None:
        self.key = key
        self.existing = existing
        super().__init__(f"{key} is already held by live position {existing.ref}; {self._advice()}")

    def _advice(self) -> str:
        return "add orders to it or wait until it has ended"


class KeyInDoubt(DuplicatePosition):
    """
    The key's live position has an order in doubt; no further entry until it is known whether that exists.
    """

    @override
    def _advice(self) -> str:
        return "one of its orders is in doubt: let `await tracker.recover(source)` ask the venue"


class StorageRejected(RepositoryError):
    """
    The store refuses the change for good: nothing of it was written, and repeating it cannot help.

    Attributes:
        reason: The store's reason.
        constraint: The constraint that refused it, or ``None``.
        row: For a batch of events: the index of the refused one, or ``None`` where the store does not say.
        tries: For a batch of events: how often to try it before the refusal is final. More than 1 where
            another transaction may be about to commit the row that an event refers to.
    """

    def __init__(
        self, reason: str, *, constraint: str | None = None, row: int | None = None, tries: int = 1
    ) -> None:
        self.reason = reason
        self.constraint = constraint
        self.row = row
        self.tries = tries
        by = f" (constraint {constraint})" if constraint else ""
        super().__init__(f"the store refused the change: {reason}{by}; {self._advice()}")

    def _advice(self) -> str:
        return "repeating it will not help until the cause is gone"


class FillAlreadyStored(StorageRejected):
    """
    A fill with the same venue, account, symbol, trade id and side is stored already.

    Attributes:
        stored: The fill as stored. With the same numbers the new one is a repetition, with others a conflict.
    """

    def __init__(self, stored: Fill) -> None:
        self.stored = stored
        super().__init__(f"fill {stored.trade_id} of {stored.symbol} on {stored.venue} is stored already")

    @override
    def _advice(self) -> str:
        return "compare it with this exception's `stored`"


class ChangeIdReused(StorageRejected):
    """
    The change id was used before, for a change with other contents.

    Attributes:
        change_id: The id.
    """

    def __init__(self, change_id: UUID) -> None:
        self.change_id = change_id
        super().__init__(f"change id {change_id} was used before, for another change")

    @override
    def _advice(self) -> str:
        return "make a new id for each change"


class StorageUnavailable(RepositoryError):
    """
    The store did not answer. Whether the change was written is unknown: repeat the same change, with its id.

    Attributes:
        reason: The driver's reason.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(self._message())

    def _message(self) -> str:
        return f"the store did not answer: {self.reason}"


class StorageBusy(StorageUnavailable):
    """
    Another transaction holds a lock for longer than the lock time-out; repeat the same change later.
    """

    @override
    def _message(self) -> str:
        return f"the store is locked: {self.reason}; try again later"


class StorageNotReady(StorageUnavailable):
    """
    The store needs an operator first; nothing is wrong with the change. Repeat it afterwards.

    A table, a column, a partition, a right or disk space is missing, or the server is read-only or refuses
    connections.
    """

    @override
    def _message(self) -> str:
        return f"the store is not ready: {self.reason}; mend that and try again"


class DeadLetterNotFound(RepositoryError):
    """
    No dead letter has this event id, or it was replayed before.

    Attributes:
        event_id: The id.
    """

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__(
            f"no dead letter with event id {event_id}, or it was replayed before; "
            "`list_dead_letters()` gives those that can be replayed"
        )


class EventNotFound(RepositoryError):
    """
    No event and no dead letter has this id.

    Attributes:
        event_id: The id.
    """

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__(
            f"no event with id {event_id} in this store, or it was purged; "
            "check the id, and that it is the right store"
        )


class ErasureRefused(RepositoryError):
    """
    Nothing of the event may be erased; nothing was changed.

    Attributes:
        event_id: The event.
        reason: Why not, and what to do.
    """

    def __init__(self, event_id: UUID, reason: str) -> None:
        self.event_id = event_id
        self.reason = reason
        super().__init__(f"event {event_id} was not erased: {reason}")


class PurgeRefused(RepositoryError):
    """
    The events may not be purged; nothing was changed.

    Attributes:
        run: The run.
        upto: The number of the last event that was to be purged.
        reason: Why not, and what to do.
    """

    def __init__(self, run: UUID, upto: int, reason: str) -> None:
        self.run = run
        self.upto = upto
        self.reason = reason
        super().__init__(f"the host events of run {run} up to number {upto} were not purged: {reason}")


class RunLost(RepositoryError):
    """
    This run's lease has ended, so another run may have taken over its orders: it may record, but not open.

    Attributes:
        run: The run.
    """

    def __init__(self, run: UUID) -> None:
        self.run = run
        super().__init__(
            f"the lease of run {run} has ended, and another run may have taken over its orders; "
            "start a new run with `await tracker.recover(source)`"
        )


class StoreNotFound(RepositoryError):
    """
    A store that was opened for reading is not there. Nothing was created.

    Attributes:
        where: The file, or the server and database.
        reason: What is there instead, and what to do.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"there is no poslife here ({where}): {reason}")


class OpenedForReading(RepositoryError):
    """
    The store was opened for reading only, and was asked to write. Nothing was sent to it.

    Attributes:
        where: The file, or the DSN without user and password.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        super().__init__(
            f"{where}: the store was opened for reading only (reads_only=True), so this call is refused; "
            "open the store without it to write"
        )


class SchemaVersionError(RepositoryError):
    """
    The database's migrations are not those of this release.

    Attributes:
        found: The number of the newest migration in the database, 0 for none.
        known: The number of the newest migration of this release.
        reason: What does not fit, and what to do.
    """

    def __init__(self, found: int, known: int, reason: str) -> None:
        self.found = found
        self.known = known
        self.reason = reason
        super().__init__(
            f"the database is at migration {found}, this release of poslife at migration {known}: {reason}"
        )


class SchemaMismatch(RepositoryError):
    """
    The tables are not as this release needs them. Raised when the store is opened.

    Attributes:
        where: The server and database, or the file.
        differences: Every difference, one sentence each.
    """

    def __init__(self, where: str, differences: Sequence[str]) -> None:
        self.where = where
        self.differences: tuple[str, ...] = tuple(differences)
        listed = "\n".join(f"  - {difference}" for difference in self.differences)
        super().__init__(f"the schema of {where} is not as poslife needs it; mend each of these:\n{listed}")


class SinkError(PoslifeError):
    """
    The base of every exception of an `EventSink`.
    """


class FlushTimeout(SinkError):
    """
    Not every event emitted before the flush was stored in time. None is lost; the sink goes on storing.

    Attributes:
        waited: Seconds waited.
        backlog: Events that are accepted and not yet stored.
        last_error: The store's last error, or ``None``.
        kept_in: The journal's directory, from which the next start stores them; ``None`` where they are in
            memory only.
    """

    def __init__(
        self, waited: float, backlog: int, last_error: str | None = None, kept_in: str | None = None
    ) -> None:
        self.waited = waited
        self.backlog = backlog
        self.last_error = last_error
        self.kept_in = kept_in
        events = "1 event was" if backlog == 1 else f"{backlog} events were"
        because = f" (last error: {last_error})" if last_error else ""
        super().__init__(
            f"{events} not stored within {waited:g} s{because}; none is lost: flush again"
            + (f", or let the next start store them from {kept_in}" if kept_in else "")
        )


class JournalUnavailable(SinkError):
    """
    The journal cannot keep an event now. Nothing of that event was kept; no earlier one is lost.

    Attributes:
        reason: What is wrong, and what to do.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the journal cannot keep events: {reason}")


class VenueError(PoslifeError):
    """
    The base of every exception of a `VenueSource`.
    """


class VenueUnavailable(VenueError):
    """
    The venue could not be asked. This says nothing about what it holds.

    Attributes:
        venue: The venue.
        question: The question, for example ``positions``.
        reason: The client's reason.
    """

    def __init__(self, venue: str, question: str, reason: str) -> None:
        self.venue = venue
        self.question = question
        self.reason = reason
        super().__init__(
            f"could not ask {venue} for {question}: {reason}; "
            "this says nothing about what it holds: ask again"
        )


class ConfigurationError(PoslifeError):
    """
    The base of errors in how poslife was set up.
    """


class InvalidUrl(ConfigurationError):
    """
    `connect` cannot use the URL.

    Attributes:
        url: The URL, without its password.
        reason: What is wrong with it.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"{_show(url)}: {reason}; use sqlite:///bot.db, postgresql://user@host/database or memory://"
        )


class MissingExtra(ConfigurationError, ImportError):
    """
    An adapter's library is not installed.

    Attributes:
        extra: The extra of poslife that brings it.
        library: The library.
    """

    def __init__(self, extra: str, library: str) -> None:
        self.extra = extra
        self.library = library
        super().__init__(f"{library} is not installed: pip install 'poslife[{extra}]'")
