"""
Options of a sink.
"""

from __future__ import annotations

from dataclasses import dataclass

from poslife._domain.event_envelopes import Severity
from poslife.errors import InvalidValue
from poslife.protocols import BatchWriter

__all__ = ["FurtherWriter", "Overflow", "is_more_severe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overflow:
    """
    The policy for events that no journal takes: there is none, or its disk is full.

    Up to *most* of them wait in memory, whatever their severity. Beyond that those less severe than
    *drop_below* are dropped and counted, and an event ``sink.gap`` records how many, of which run, and which
    numbers. The others wait in memory all the same; with ``drop_below=None`` all do.

    Attributes:
        most: Events in memory before any is dropped.
        drop_below: The least severity that is always kept, or ``None`` to keep all.
    """

    most: int = 100_000
    drop_below: Severity | None = Severity.WARNING

    def __post_init__(self) -> None:
        if type(self.most) is not int or self.most < 1:
            raise InvalidValue("Overflow.most", self.most, "an int of at least 1")
        if self.drop_below is not None and not isinstance(self.drop_below, Severity):
            raise InvalidValue("Overflow.drop_below", self.drop_below, "a Severity or None")


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherWriter:
    """
    Another place for events, beside the store.

    It has a cursor of its own, so a slow one delays no other.

    Attributes:
        name: The name its cursor is kept under: the same at each start.
        writer: Writes to it.
        required: If true, an event stays in the journal until this writer has it, and a flush waits for it.
        life_events: If true, it also gets the store's life events, under the same event ids.
        most_behind: How many events an optional writer may be behind before it loses the oldest, counted as
            dropped.
    """

    name: str
    writer: BatchWriter
    required: bool = False
    life_events: bool = True
    most_behind: int = 1_000_000

    def __post_init__(self) -> None:
        name: object = self.name
        if not isinstance(name, str) or not name.isidentifier() or name == "store":
            raise InvalidValue(
                "FurtherWriter.name", self.name, "a str that is a Python identifier, other than 'store'"
            )
        if type(self.most_behind) is not int or self.most_behind < 1:
            raise InvalidValue("FurtherWriter.most_behind", self.most_behind, "an int of at least 1")


_RANK = {severity: rank for rank, severity in enumerate(Severity)}


def is_more_severe(one: Severity, other: Severity) -> bool:
    """
    Tell if *one* is more severe than *other*.
    """
    return _RANK[one] > _RANK[other]
