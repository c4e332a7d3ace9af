"""
The checks that every repository makes before a commit writes. Pure.

In their order of precedence: `require_found`, `require_settlement`, `require_versions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from poslife._domain.changes import Claim, Promote, Revise, Transition
from poslife._domain.event_envelopes import UNLINKED
from poslife._domain.identifiers import PositionId, PositionRef
from poslife._domain.position_status import PositionStatus, require_transition
from poslife._domain.positions import ClosedPosition, PendingPosition
from poslife.errors import AlreadyClosed, IllegalTransition, InvalidValue, PositionNotFound, StaleVersion

__all__ = ["Heads", "StoredHead", "require_found", "require_settlement", "require_versions"]


class StoredHead(msgspec.Struct, frozen=True, kw_only=True):
    """
    The part of a stored position that the checks of a commit need.

    Attributes:
        status: Its status.
        version: Its version.
        id: Its id, if it has one.
        trail: The digest of its last life event; 32 zero bytes where it has none.
    """

    status: PositionStatus
    version: int
    id: PositionId | None
    trail: bytes = UNLINKED


Heads = Mapping[PositionRef, StoredHead]
"""
The heads of the stored ones among a change's positions.
"""


def require_found(transitions: Iterable[Transition], heads: Heads) -> None:
    """
    Make the first check of a commit: every position that the change is about is stored or new.

    Raises:
        PositionNotFound: Naming the first that is neither.
    """
    for transition in transitions:
        may_be_new = transition.version == 1 and isinstance(transition, Claim | Promote)
        if transition.ref not in heads and not may_be_new:
            raise PositionNotFound(transition.ref)


def require_settlement(transition: Transition, stored: ClosedPosition) -> None:
    """
    Make the second check, for a position that is stored as closed: nothing but its orders changes.

    Raises:
        AlreadyClosed: With the stored exit.
    """
    if not isinstance(transition, Revise) or not isinstance(transition.after, ClosedPosition):
        raise AlreadyClosed(stored)
    if replace(transition.after, orders=stored.orders, version=stored.version) != stored:
        raise AlreadyClosed(stored)


def require_versions(transitions: Sequence[Transition], heads: Heads) -> None:
    """
    Make the third check: every transition was planned from the stored version, and the tables have it.

    Raises:
        StaleVersion: Naming the first that was not.
        InvalidValue: For an id that is not the stored one.
        IllegalTransition: For a transition outside `POSITION_TRANSITIONS`.
    """
    for transition in transitions:
        head = heads.get(transition.ref)
        stored = head.version if head is not None else 0
        if stored != transition.version - 1:
            raise StaleVersion(transition.ref, transition.version - 1, stored)
    known = [(transition, heads[transition.ref]) for transition in transitions if transition.ref in heads]
    # Each check over the whole change before the next one: so the errors keep their order of precedence.
    for transition, head in known:
        _require_id(transition, head)
    for transition, head in known:
        _require_step(transition, head)


def _require_id(transition: Transition, head: StoredHead) -> None:
    if isinstance(transition, Claim | Promote) or isinstance(transition.after, PendingPosition):
        return
    if head.id is not None and transition.after.id != head.id:
        raise InvalidValue(
            "PersistedPosition.id", transition.after.id, f"{head.id}, the id of position {transition.ref}"
        )


def _require_step(transition: Transition, head: StoredHead) -> None:
    wanted = PositionStatus.OPEN if isinstance(transition, Promote) else transition.after.status
    subject = f"position {transition.ref}"
    if isinstance(transition, Claim):
        raise IllegalTransition(subject, head.status.value, "claimed")
    was_persisted = head.id is not None
    if isinstance(transition, Promote):
        if was_persisted:
            raise IllegalTransition(subject, head.status.value, "promoted")
    elif isinstance(transition.after, PendingPosition):
        if was_persisted:
            raise IllegalTransition(subject, head.status.value, wanted.value)
    elif not was_persisted:
        raise IllegalTransition(subject, head.status.value, f"{wanted.value} without a Promote")
    if isinstance(transition, Revise) and wanted is PositionStatus.CLOSED and head.status is not wanted:
        raise IllegalTransition(subject, head.status.value, "closed by a Revise; use Close")
    require_transition(transition.ref, head.status, wanted)
