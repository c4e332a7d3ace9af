"""
Every exception poslife raises, and its one warning.

::

    PoslifeError
    ├── InvalidValue (ValueError)          a value that must not get in: which field, value, what is taken
    ├── IllegalTransition                  a step the transition tables do not have
    │   └── AlreadyClosing                 another exit owns the position
    ├── UnknownVenueFormat                 no client order id format is known for the venue
    ├── NotRecovered                       opening before `recover()`
    ├── SubmitWindowPassed                 too late to send: the request was not made
    ├── BlockMisused                       the steps of an opening or closing block out of order
    ├── TrackerNotStarted                  used outside `async with tracker`
    ├── RepositoryError
    │   ├── PositionNotFound
    │   ├── AlreadyClosed                  carries the stored exit
    │   ├── StaleVersion
    │   ├── DuplicatePosition              carries the existing position
    │   │   └── KeyInDoubt                 the key's order may or may not exist
    │   ├── StorageRejected                the store refuses this change for good
    │   │   ├── FillAlreadyStored          carries the stored fill
    │   │   └── ChangeIdReused
    │   ├── StorageUnavailable             unknown whether it was written: repeat the same change
    │   │   ├── StorageBusy                locked by somebody else for too long
    │   │   └── StorageNotReady            a table, right or disk is missing: somebody must put it right
    │   ├── DeadLetterNotFound
    │   ├── RunLost                        this run's lease has ended: it may record, not open
    │   ├── SchemaVersionError             the database is newer, older or edited
    │   └── SchemaMismatch                 lists every difference
    ├── SinkError
    │   ├── FlushTimeout
    │   └── JournalUnavailable             the journal cannot keep the event: full, read-only, not ours
    ├── VenueError
    │   └── VenueUnavailable               could not ask; says nothing about what the venue holds
    └── ConfigurationError
        ├── InvalidUrl
        └── MissingExtra (ImportError)

    PoslifeMisuseWarning (UserWarning)     `record` was given what it cannot name; it is kept all the same

No exception is raised for a definitive refusal by the venue: that is an outcome
(`Rejected`), and the venue client's own exception goes on its way unchanged.
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
    "FillAlreadyStored",
    "FlushTimeout",
    "IllegalTransition",
    "InvalidUrl",
    "InvalidValue",
    "JournalUnavailable",
    "KeyInDoubt",
    "MissingExtra",
    "NotRecovered",
    "PositionNotFound",
    "PoslifeError",
    "PoslifeMisuseWarning",
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
    "SubmitWindowPassed",
    "TrackerNotStarted",
    "UnknownVenueFormat",
    "VenueError",
    "VenueUnavailable",
]

_SHOWN = 120


def _show(value: object) -> str:
    """
    The value as an error message shows it: its repr, cut, and never raising.
    """
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a host's __repr__ may raise anything; the message must come out
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


class PoslifeError(Exception):
    """
    What every exception of poslife is. Each survives pickling and copying with its attributes.
    """

    @override
    def __reduce__(self) -> tuple[object, ...]:
        # An exception is rebuilt from its message otherwise, which none of these takes alone.
        return _restored, (type(self), self.args), self.__dict__.copy()


def _restored(kind: type[PoslifeError], message: tuple[object, ...]) -> PoslifeError:
    error = kind.__new__(kind)
    error.args = message
    return error


class PoslifeMisuseWarning(UserWarning):
    """
    `record` was given something it cannot name; the event is stored all the same, with severity ERROR.
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
    A step that the transition tables do not have; nothing was written.

    Attributes:
        subject: What was to change, for example ``order 2 of 0190…``.
        current: The state it is in.
        wanted: The state it was to go to.
        allowed: The states it could go to.
    """

    def __init__(self, subject: str, current: str, wanted: str, allowed: Iterable[str] = ()) -> None:
        self.subject = subject
        self.current = current
        self.wanted = wanted
        self.allowed: tuple[str, ...] = tuple(allowed)
        super().__init__(f"{subject} is {current} and cannot become {wanted}: {self._advice()}")

    def _advice(self) -> str:
        return f"from there only to {', '.join(self.allowed)}" if self.allowed else "that state is final"


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
    def _advice(self) -> str:
        return "another exit owns it; wait for its outcome before closing again"


class UnknownVenueFormat(PoslifeError):
    """
    No client order id format, or no way to ask through ccxt, is known for a venue.

    Attributes:
        venue: The venue.
        known: The venues for which it is.
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
    A position was to be opened before `recover()` has settled what ended runs left.
    """

    def __init__(self) -> None:
        super().__init__(
            "call `await tracker.recover(source)` once after the start, before opening a position"
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
            f"{waited:.3f} s passed since the order was committed as submitting, {window:g} s are allowed; "
            "the request was not made. Open again"
        )


class BlockMisused(PoslifeError):
    """
    The steps of an opening or closing block came out of order.
    """

    def __init__(self, wanted: str, reason: str) -> None:
        self.wanted = wanted
        self.reason = reason
        super().__init__(f"{wanted}: {reason}")


class TrackerNotStarted(PoslifeError):
    """
    The tracker was used outside its ``async with`` block; only `record` works there.
    """

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        super().__init__(f"{wanted} needs a started tracker: use it inside `async with tracker:`")


class RepositoryError(PoslifeError):
    """
    What every exception of a `Repository` is.
    """


class PositionNotFound(RepositoryError):
    """
    No position has this ref or id.

    Attributes:
        sought: The ref or the id that was asked for.
    """

    def __init__(self, sought: PositionRef | PositionId) -> None:
        self.sought = sought
        kind = "id" if isinstance(sought, int) else "ref"
        super().__init__(
            f"no position with {kind} {sought} in this store; at its start the tracker logs which one it is"
        )


class AlreadyClosed(RepositoryError):
    """
    The position was closed before; its exit stands as stored.

    Attributes:
        closed: The stored position, with its exit price, reason and time.
    """

    def __init__(self, closed: ClosedPosition) -> None:
        self.closed = closed
        super().__init__(
            f"position {closed.id} ({closed.key}) was closed at {closed.closed_at.isoformat()} "
            f"({closed.reason.value}); its stored exit stands"
        )


class StaleVersion(RepositoryError):
    """
    The position has moved on since it was read; read it again and decide anew.

    Attributes:
        ref: The position.
        expected: The version the change was made from.
        stored: The version in the store.
    """

    def __init__(self, ref: PositionRef, expected: int, stored: int) -> None:
        self.ref = ref
        self.expected = expected
        self.stored = stored
        super().__init__(
            f"position {ref} is at version {stored}, the change was made from version {expected}; "
            "read it again and decide anew"
        )


class DuplicatePosition(RepositoryError):
    """
    The key already has a live position, pending or open.

    Attributes:
        key: What the exchange can hold one of.
        existing: The live position that holds the key.
    """

    def __init__(self, key: PositionKey, existing: LivePosition) -> None:
        self.key = key
        self.existing = existing
        super().__init__(f"{key} is already held by live position {existing.ref}; {self._advice()}")

    def _advice(self) -> str:
        return "join it or wait until it has ended"


class KeyInDoubt(DuplicatePosition):
    """
    The key's live position has an order that may or may not exist; no further entry until that is known.
    """

    @override
    def _advice(self) -> str:
        return "one of its orders is in doubt: `await tracker.recover(source)` asks the venue"


class StorageRejected(RepositoryError):
    """
    The store refuses this change for good; repeating it cannot help, and nothing of it was written.

    Attributes:
        reason: What the store said.
        constraint: The constraint that refused it, where one did.
        row: For a batch of events, the place in it of the refused one, from 0, where the store told it.
        tries: For a batch of events, how often to try it before that is believed: more than once where
            somebody may be about to commit what an event refers to.
    """

    def __init__(
        self, reason: str, *, constraint: str | None = None, row: int | None = None, tries: int = 1
    ) -> None:
        self.reason = reason
        self.constraint = constraint
        self.row = row
        self.tries = tries
        super().__init__(
            f"the store refused the change: {reason}" + (f" (constraint {constraint})" if constraint else "")
        )


class FillAlreadyStored(StorageRejected):
    """
    A fill with the same venue, account, symbol and trade id is stored already.

    Attributes:
        stored: The fill as stored. Compare it: the same numbers are a repetition, others a conflict.
    """

    def __init__(self, stored: Fill) -> None:
        self.stored = stored
        super().__init__(f"fill {stored.trade_id} of {stored.symbol} on {stored.venue} is stored already")


class ChangeIdReused(StorageRejected):
    """
    The change id was used before for a change with other contents.

    Attributes:
        change_id: The id that was used twice.
    """

    def __init__(self, change_id: UUID) -> None:
        self.change_id = change_id
        super().__init__(
            f"change id {change_id} was used before for another change; make a new id for each change"
        )


class StorageUnavailable(RepositoryError):
    """
    The store did not answer: whether the change was written is unknown. Repeat the same change, with its id.

    Attributes:
        reason: What went wrong, in the driver's words.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the store did not answer: {reason}")


class StorageBusy(StorageUnavailable):
    """
    Somebody else holds a lock for longer than the lock time-out; repeat the same change later.
    """


class StorageNotReady(StorageUnavailable):
    """
    The store must be put right first; nothing is wrong with what was to be written.

    A table, a column, a partition or a right is missing, the server is read-only or lets nobody in.
    """


class DeadLetterNotFound(RepositoryError):
    """
    There is no dead letter with this event id, or it was replayed before.

    Attributes:
        event_id: The id.
    """

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__(f"there is no dead letter {event_id}, or it was replayed before")


class RunLost(RepositoryError):
    """
    This run's lease has ended, so another process may have taken over: it may record, and may not open.

    Attributes:
        run: The run whose lease has ended.
    """

    def __init__(self, run: UUID) -> None:
        self.run = run
        super().__init__(
            f"the lease of run {run} has ended and another process may hold its orders; "
            "`await tracker.recover(source)` starts a new run"
        )


class SchemaVersionError(RepositoryError):
    """
    The database's migrations are not the ones this release knows.

    Attributes:
        found: The newest migration in the database, 0 for none.
        known: The newest migration of this release.
        reason: What does not fit.
    """

    def __init__(self, found: int, known: int, reason: str) -> None:
        self.found = found
        self.known = known
        self.reason = reason
        super().__init__(
            f"the database's schema is at {found}, this release of poslife knows {known}: {reason}"
        )


class SchemaMismatch(RepositoryError):
    """
    The tables are not as this release needs them; found at start, before the first trade.

    Attributes:
        where: The server and database, or the file.
        differences: Every difference, one sentence each.
    """

    def __init__(self, where: str, differences: Sequence[str]) -> None:
        self.where = where
        self.differences: tuple[str, ...] = tuple(differences)
        listed = "\n".join(f"  - {difference}" for difference in self.differences)
        super().__init__(f"the schema in {where} differs from what poslife needs:\n{listed}")


class SinkError(PoslifeError):
    """
    What every exception of an `EventSink` is.
    """


class FlushTimeout(SinkError):
    """
    Not everything emitted before the flush was stored in time. Nothing is lost; the sink goes on.

    Attributes:
        waited: Seconds waited.
        backlog: Events accepted and not yet stored.
        last_error: What kept the store from taking them, where something did.
        kept_in: The journal's directory, from where the next start stores them; ``None`` where they are in
            memory only.
    """

    def __init__(
        self, waited: float, backlog: int, last_error: str | None = None, kept_in: str | None = None
    ) -> None:
        self.waited = waited
        self.backlog = backlog
        self.last_error = last_error
        self.kept_in = kept_in
        because = f"; the store last said: {last_error}" if last_error else ""
        super().__init__(
            f"after {waited:g} s {backlog} events wait to be stored{because}; none is lost, flush again"
            + (f", or let the next start store them from {kept_in}" if kept_in else "")
        )


class JournalUnavailable(SinkError):
    """
    The journal cannot keep an event now. Nothing of it was kept, and nothing before it is lost.

    Attributes:
        reason: What went wrong, and what to do.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the journal cannot keep events: {reason}")


class VenueError(PoslifeError):
    """
    What every exception of a `VenueSource` is.
    """


class VenueUnavailable(VenueError):
    """
    The venue could not be asked. This says nothing about what it holds.

    Attributes:
        venue: The venue.
        question: What was asked.
        reason: What went wrong, in the client's words.
    """

    def __init__(self, venue: str, question: str, reason: str) -> None:
        self.venue = venue
        self.question = question
        self.reason = reason
        super().__init__(
            f"could not ask {venue} for {question}: {reason}; this says nothing about what it holds"
        )


class ConfigurationError(PoslifeError):
    """
    poslife was set up in a way that cannot work.
    """


class InvalidUrl(ConfigurationError):
    """
    `connect` was given a URL it cannot use.

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
        extra: The extra to install.
    """

    def __init__(self, extra: str, library: str) -> None:
        self.extra = extra
        self.library = library
        super().__init__(f"{library} is not installed: pip install 'poslife[{extra}]'")
