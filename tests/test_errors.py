from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest

import poslife.errors
from poslife.errors import (
    AlreadyClosed,
    AlreadyClosing,
    BlockMisused,
    ChangeIdReused,
    ConfigurationError,
    DeadLetterNotFound,
    DuplicatePosition,
    ErasureRefused,
    EventNotFound,
    FillAlreadyStored,
    FlushTimeout,
    IllegalTransition,
    InvalidUrl,
    InvalidValue,
    JournalUnavailable,
    KeyInDoubt,
    MissingExtra,
    NotRecovered,
    OpenedForReading,
    PositionNotFound,
    PositionUnreadable,
    PoslifeError,
    PoslifeMisuseWarning,
    PurgeRefused,
    RepositoryError,
    RunLost,
    SchemaMismatch,
    SchemaVersionError,
    SinkError,
    StaleVersion,
    StorageBusy,
    StorageNotReady,
    StorageRejected,
    StorageUnavailable,
    StoreNotFound,
    SubmitWindowPassed,
    TrackerNotStarted,
    UnknownVenueFormat,
    VenueError,
    VenueUnavailable,
)
from tests.values import KEY, REF, RUN, bought, closed, pending, persisted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from poslife import PositionId

# One of each, and what its message must say: which value, and what to do.
EXAMPLES: list[tuple[PoslifeError, list[str]]] = [
    (InvalidValue("Order.quantity", "1.5", "a Decimal"), ["Order.quantity", "'1.5'", "str", "a Decimal"]),
    (
        IllegalTransition("order 2 of x", "filled", "working", ["canceled"]),
        ["order 2 of x", "filled", "working", "may become only canceled"],
    ),
    (AlreadyClosing(REF), [str(REF), "another exit", "wait for its outcome"]),
    (UnknownVenueFormat("woo", ["okx", "bybit"]), ["'woo'", "bybit, okx", "client_order_ids="]),
    (NotRecovered(), ["await tracker.recover"]),
    (SubmitWindowPassed(7.25, 5.0), ["7.250 s", "5 s", "not made", "open again"]),
    (BlockMisused("submit", "one block submits once"), ["submit", "one block submits once"]),
    (TrackerNotStarted("opening"), ["opening", "async with tracker"]),
    (PositionNotFound(REF), ["ref", str(REF), "the tracker logs which one"]),
    (PositionUnreadable(str(REF), "'x' is not a valid Side"), [str(REF), "'x'", "the release that wrote it"]),
    (AlreadyClosed(closed()), ["7", str(KEY), "2026-01-02T03:04:07", "strategy", "stands"]),
    (StaleVersion(REF, 3, 5), [str(REF), "3", "5", "read it again"]),
    (DuplicatePosition(KEY, persisted()), [str(KEY), str(REF), "wait until it has ended"]),
    (KeyInDoubt(KEY, pending()), [str(KEY), str(REF), "in doubt", "await tracker.recover"]),
    (StorageRejected("too long", constraint="name_check"), ["too long", "name_check", "will not help"]),
    (FillAlreadyStored(bought("1", trade_id="t-9")), ["t-9", str(KEY.symbol), "bybit", "compare"]),
    (ChangeIdReused(RUN), [str(RUN), "a new id for each change"]),
    (StorageUnavailable("connection reset"), ["did not answer", "connection reset"]),
    (StorageBusy("locked for 10 s"), ["is locked", "locked for 10 s", "try again later"]),
    (StorageNotReady("no table x"), ["not ready", "no table x", "mend that and try again"]),
    (DeadLetterNotFound(RUN), [str(RUN), "replayed before", "list_dead_letters()"]),
    (JournalUnavailable("the disk is full"), ["the disk is full"]),
    (EventNotFound(RUN), [str(RUN), "no event", "check the id"]),
    (ErasureRefused(RUN, "it has no evidence"), [str(RUN), "not erased", "it has no evidence"]),
    (PurgeRefused(RUN, 7, "its last is 3"), [str(RUN), "up to number 7", "its last is 3"]),
    (RunLost(RUN), [str(RUN), "await tracker.recover"]),
    (StoreNotFound("bot.db", "check the path"), ["no poslife here", "bot.db", "check the path"]),
    (OpenedForReading("bot.db"), ["bot.db", "for reading only", "open the store without it"]),
    (SchemaVersionError(3, 2, "upgrade poslife"), ["3", "2", "upgrade poslife"]),
    (SchemaMismatch("bot.db", ["no column x", "no table y"]), ["bot.db", "no column x", "no table y"]),
    (FlushTimeout(1.5, 20, "OSError: reset"), ["1.5 s", "20 events", "OSError: reset", "flush again"]),
    (
        VenueUnavailable("bybit", "positions", "HTTP 500"),
        ["bybit", "positions", "HTTP 500", "nothing about what it holds"],
    ),
    (InvalidUrl("mysql://host", "there is no store for it"), ["'mysql://host'", "sqlite:///bot.db"]),
    (MissingExtra("postgres", "asyncpg"), ["asyncpg", "pip install 'poslife[postgres]'"]),
]
GROUPS = (PoslifeError, RepositoryError, SinkError, VenueError, ConfigurationError)
each = pytest.mark.parametrize(
    "error, said", [pytest.param(error, said, id=type(error).__name__) for error, said in EXAMPLES]
)


def all_classes() -> list[type]:
    return [thing for thing in vars(poslife.errors).values() if inspect.isclass(thing)]


def drawn() -> Iterator[tuple[str, str, list[str]]]:
    """
    Each class in the docstring's tree, with its parent there and its further bases.
    """
    above: list[str] = []
    for line in (poslife.errors.__doc__ or "").splitlines():
        found = re.match(r"    ((?:│   |    )*)(├── |└── )?([A-Z]\w+)(?: \((\w+)\))?", line)
        if found is None:
            continue
        indent, branch, name, further = found.groups()
        depth = len(indent) // 4 + 1 if branch else 0
        above[depth:] = [name]
        yield name, above[depth - 1] if depth else "", [further] if further else []


def test_the_tree_in_the_docstring_is_the_real_one() -> None:
    """
    The tree in the docstring has every class under its own parent, with its further bases.
    """
    tree = {name: (parent, further) for name, parent, further in drawn()}
    real: dict[str, tuple[str, list[str]]] = {}
    for kind in all_classes():
        first, *others = [base.__name__ for base in kind.__bases__]
        root = kind in {PoslifeError, PoslifeMisuseWarning}
        real[kind.__name__] = ("", [] if kind is PoslifeError else [first]) if root else (first, others)

    assert real == tree


def test_every_exception_is_public() -> None:
    """
    ``__all__`` names every class of the module, sorted.
    """
    assert sorted(kind.__name__ for kind in all_classes()) == poslife.errors.__all__


def test_every_exception_has_an_example_here() -> None:
    """
    Every class that is not a mere group has an example above.
    """
    assert set(all_classes()) - {*GROUPS, PoslifeMisuseWarning} == {type(error) for error, _ in EXAMPLES}


@each
def test_a_message_says_which_value_and_what_to_do(error: PoslifeError, said: list[str]) -> None:
    """
    A message names the value and says what to do.
    """
    for words in said:
        assert words in str(error)


@each
def test_an_exception_keeps_what_it_was_given(error: PoslifeError, said: list[str]) -> None:
    """
    Every required argument of an exception is an attribute of the same name.
    """
    for name, parameter in inspect.signature(type(error)).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            assert hasattr(error, name), name


def test_a_refused_value_is_told_in_one_sentence() -> None:
    """
    A refusal says the field and what it takes, then the value and its type, then the hint if there is one.
    """
    assert "Order.quantity: expected a Decimal, got '1.5' (str)" == str(
        InvalidValue("Order.quantity", "1.5", "a Decimal")
    )
    assert "Order.quantity: expected a Decimal, got 1.5 (float); make it from the venue's text" == str(
        InvalidValue("Order.quantity", 1.5, "a Decimal", hint="make it from the venue's text")
    )


def test_only_a_final_status_is_called_final() -> None:
    """
    A status is called final only if nothing leads out of it; a pending position may still change.
    """
    assert str(IllegalTransition("order 2", "filled", "working", ())).endswith("; filled is final")
    assert "final" not in str(IllegalTransition("position 7", "pending", "protected"))


def test_a_value_that_cannot_be_shown_is_refused_all_the_same() -> None:
    """
    A value whose ``repr`` raises or is very long is refused with a message all the same.
    """

    class Unspeakable:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "whose repr raises RuntimeError" in str(InvalidValue("x", Unspeakable(), "a Decimal"))
    assert len(str(InvalidValue("x", "x" * 100_000, "a Decimal"))) < 300


@pytest.mark.parametrize("sought, kind", [(REF, "ref"), (7, "id")])
def test_what_was_not_found_is_named(sought: Any, kind: str) -> None:
    """
    The message says whether a ref or an id was not found, and which.
    """
    number: PositionId = sought
    missing = PositionNotFound(number)

    assert sought == missing.sought
    assert f"no position with {kind} {sought}" in str(missing)


def test_a_refusal_is_caught_as_the_kind_it_is() -> None:
    """
    Hosts that know no exception of poslife catch the built-in ones.
    """
    assert isinstance(InvalidValue("x", 1, "y"), ValueError)
    assert isinstance(MissingExtra("ccxt", "ccxt"), ImportError)
    assert isinstance(KeyInDoubt(KEY, pending()), DuplicatePosition)
    assert isinstance(StorageBusy("x"), StorageUnavailable)
    assert isinstance(StorageNotReady("x"), StorageUnavailable)
    assert not issubclass(PoslifeError, (OSError, RuntimeError))


def pickled(error: PoslifeError) -> PoslifeError:
    """
    The error as another process would receive it.
    """
    received = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(received, PoslifeError)
    return received


@pytest.mark.parametrize("travel", [pickled, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize(
    "error",
    [
        *(pytest.param(error, id=type(error).__name__) for error, _ in EXAMPLES),
        *(pytest.param(group("plain"), id=group.__name__) for group in GROUPS),
    ],
)
def test_an_exception_arrives_whole(
    error: PoslifeError, travel: Callable[[PoslifeError], PoslifeError]
) -> None:
    """
    A pickled or copied exception, as from a worker process, has its class, message and every attribute.
    """
    arrived = travel(error)

    assert type(error) is type(arrived)
    assert str(error) == str(arrived)
    assert vars(error) == vars(arrived)


def test_an_unreachable_store_says_only_that() -> None:
    """
    A refused connection does not ask to repeat a change, for at the start there is none.
    """
    assert "the store did not answer: refused" == str(StorageUnavailable("refused"))
