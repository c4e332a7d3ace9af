"""
The suite for a `VenueSource`.
"""

from __future__ import annotations

from poslife.conformance._venue_source.answers import AnswerTests
from poslife.conformance._venue_source.refusals import RefusalTests

__all__ = ["VenueSourceConformance"]


class VenueSourceConformance(AnswerTests, RefusalTests):
    """
    The tests of `VenueSource`, one for each sentence of its contract.

    Say how a source is made at a venue where nothing has happened (a simulated one, or a replay), and let the
    hooks make things happen there::

        class TestMySource(VenueSourceConformance):
            symbol = Symbol("BTC/USDT:USDT")

            @asynccontextmanager
            async def source(self) -> AsyncGenerator[VenueSource]:
                async with SimulatedVenue() as self.venue:
                    yield MySource(self.venue.url)

            async def place(self, order: ClientOrderId, /) -> VenueOrderId:
                return VenueOrderId(await self.venue.place(order))

            async def execute(self, order: ClientOrderId, /) -> TradeId:
                return TradeId(await self.venue.fill_a_part_of(order))

            def unreachable(self) -> AbstractAsyncContextManager[None]:
                return self.venue.answering(503)

    Attributes:
        symbol: The symbol that is traded; the host sets it.
        executions: The number of times an order is filled in part; best more than fit on one page of fills.
        formats: The client order ids that the venue takes. *Default*: poslife's own.
    """
