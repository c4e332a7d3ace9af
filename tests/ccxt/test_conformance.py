"""
`CcxtSource` passes the conformance suite, with the real client at the simulated Bybit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from typing_extensions import override

from poslife import Account, ClientOrderId, Symbol, TradeId, VenueOrderId
from poslife.ccxt import CcxtSource
from poslife.conformance import VenueSourceConformance
from poslife.protocols import VenueSource
from poslife.testing.bybit import BybitClient, Endpoint, ServerError, SimulatedBybit, bybit_client


class TestCcxtSource(VenueSourceConformance):
    symbol = Symbol("BTC/USDT:USDT")

    @pytest.fixture(autouse=True, params=[str, float], ids=["text", "floats"])
    def _numbers(self, request: pytest.FixtureRequest) -> None:
        self.number: type[str | float] = request.param

    @override
    @asynccontextmanager
    async def source(self) -> AsyncGenerator[VenueSource]:
        async with SimulatedBybit() as self.venue:
            self.client: BybitClient = bybit_client(self.venue.url, number=self.number)
            try:
                await self.client.load_markets()
                yield CcxtSource(self.client, account=Account("main"))
            finally:
                await self.client.close()

    @override
    async def place(self, order: ClientOrderId, /) -> VenueOrderId:
        made = await self.client.create_order(
            self.symbol, "limit", "buy", 1, 50000, params={"clientOrderId": order}
        )
        return VenueOrderId(str(made["id"]))

    @override
    async def execute(self, order: ClientOrderId, /) -> TradeId:
        self.venue.advance(1)
        self.venue.fill(order, quantity=Decimal("0.01"))
        return TradeId(self.venue.fills[-1].execution_id)

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        asked = (Endpoint.OPEN_ORDERS, Endpoint.ORDER_HISTORY, Endpoint.EXECUTIONS, Endpoint.POSITIONS)
        faults = [self.venue.inject(ServerError(endpoint=endpoint), times=None) for endpoint in asked]
        yield
        for fault in faults:
            self.venue.withdraw(fault)

    @override
    @asynccontextmanager
    async def garbled(self) -> AsyncGenerator[None]:
        # ccxt has parsed the venue's own response when it is replaced, as a gateway would.
        client: Any = self.client

        def replace(*_: object) -> str:
            return "<html>back soon</html>"

        before, client.on_rest_response = client.on_rest_response, replace
        yield
        client.on_rest_response = before
