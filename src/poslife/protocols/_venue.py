"""
The protocols around a venue: `VenueSource` asks it, `SubmitClassifier` reads its client's exceptions.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

from poslife._domain.identifiers import (
    Account,
    Venue,
)
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
    SubmitContext,
    SubmitVerdict,
)

__all__ = ["SubmitClassifier", "VenueSource"]


class VenueSource(Protocol):
    """
    What can be asked of one account at one venue.

    It raises when it could not ask; an empty answer is only ever a true answer.
    """

    @property
    @abstractmethod
    def venue(self) -> Venue:
        """
        The venue that is asked.
        """
        ...

    @property
    @abstractmethod
    def account(self) -> Account:
        """
        The account that is asked about.
        """
        ...

    @abstractmethod
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        """
        The positions the venue holds, and what the answer covers.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer not be read.
            InvalidValue: The scope is of another venue or account than this source's.
        """
        ...

    @abstractmethod
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        One order, by our name or the venue's.

        Raises:
            VenueUnavailable: The venue could not be asked. That is no `OrderNotSeen`.
            InvalidValue: The query is of another venue or account than this source's.
        """
        ...

    @abstractmethod
    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        A page of fills, oldest first.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer not be read.
            InvalidValue: The query is of another venue or account than this source's.
        """
        ...


class SubmitClassifier(Protocol):
    """
    Tells a definitive refusal from everything else.
    """

    @abstractmethod
    def __call__(self, error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
        """
        What *error*, which came out of the submit, says about the order. In doubt: `SubmitVerdict.UNKNOWN`.
        """
        ...
