"""
The protocols around a venue: `VenueSource` asks it, `SubmitClassifier` judges its client's exceptions.
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
    The questions that can be asked about one account at one venue.

    A question that could not be asked raises. An empty answer always means that the venue has nothing.
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
        Return the positions that the venue holds, and the part of *scope* that the answer covers.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer could not be read.
            InvalidValue: *scope* is of another venue or account.
        """
        ...

    @abstractmethod
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        """
        Look up one order by its client order id or the venue's id.

        Raises:
            VenueUnavailable: The venue could not be asked. That is no `OrderNotSeen`.
            InvalidValue: *query* is of another venue or account.
        """
        ...

    @abstractmethod
    async def fills(self, query: FillQuery, /) -> FillPage:
        """
        Return a page of fills, oldest first.

        Raises:
            VenueUnavailable: The venue could not be asked, or its answer could not be read.
            InvalidValue: *query* is of another venue or account.
        """
        ...


class SubmitClassifier(Protocol):
    """
    A function that tells definitive refusals of an order from all other exceptions.
    """

    @abstractmethod
    def __call__(self, error: BaseException, context: SubmitContext, /) -> SubmitVerdict:
        """
        Return the verdict on *error*, which a submit raised: `SubmitVerdict.UNKNOWN` unless it is certain.
        """
        ...
