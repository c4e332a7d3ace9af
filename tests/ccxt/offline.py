"""
ccxt's real clients without a network: requests are recorded, responses are given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import ccxt.async_support as ccxt

from poslife import Symbol

Answer = Callable[["Request"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    A request that a client would have sent.
    """

    method: str
    url: str
    body: str

    @property
    def whole(self) -> str:
        return f"{self.method} {self.url} {self.body}"


@dataclass(slots=True)
class Line:
    """
    The requests of one client, and the responses to the next ones.
    """

    client: Any
    answers: list[Answer] = field(default_factory=list[Answer])
    sent: list[Request] = field(default_factory=list[Request])

    async def fetch(
        self, url: str, method: str = "GET", headers: object = None, body: str | None = None
    ) -> object:
        request = Request(method=method, url=url, body=body or "")
        self.sent.append(request)
        if not self.answers:
            raise ccxt.RequestTimeout(f"{self.client.id} {method} {url} request timed out")
        return self.answers.pop(0)(request)

    def answer(self, value: object) -> None:
        """
        Answer the next request with *value*; with a fresh copy, because ccxt changes what it parses.
        """
        text = json.dumps(value)

        def take(_: Request) -> object:
            self.client.last_http_response = text
            return json.loads(text)

        self.answers.append(take)

    def answer_page(self, page: str) -> None:
        """
        Answer the next request with a page, with status 200.
        """

        def take(request: Request) -> object:
            self.client.last_http_response = page
            self.client.handle_errors(200, "OK", request.url, request.method, {}, page, None, {}, "")
            return page

        self.answers.append(take)

    def refuse(self, body: Mapping[str, object], *, status: int = 400, url: str | None = None) -> None:
        """
        Answer the next request with an error, from which ccxt makes its own exception.
        """
        text = json.dumps(body)

        def handle(request: Request) -> object:
            where = request.url if url is None else url
            self.client.handle_errors(
                status, "", where, request.method, {}, text, json.loads(text), {}, request.body
            )
            self.client.handle_http_status_code(status, "", where, request.method, text)
            return json.loads(text)

        self.answers.append(handle)


SYMBOLS: Mapping[str, Symbol] = {
    "bybit": Symbol("BTC/USDT:USDT"),
    "binance": Symbol("BTC/USDT:USDT"),
    "binanceusdm": Symbol("BTC/USDT:USDT"),
    "binancecoinm": Symbol("BTC/USD:BTC"),
    "okx": Symbol("BTC/USDT:USDT"),
    "gate": Symbol("BTC/USDT:USDT"),
    "bitget": Symbol("BTC/USDT:USDT"),
    "hyperliquid": Symbol("BTC/USDC:USDC"),
    "bingx": Symbol("BTC/USDT:USDT"),
    "kucoin": Symbol("BTC/USDT:USDT"),
    "kucoinfutures": Symbol("BTC/USDT:USDT"),
}
"""
A symbol of each supported venue.
"""

_IDS = {
    "okx": "BTC-USDT-SWAP",
    "gate": "BTC_USDT",
    "hyperliquid": "BTC",
    "bingx": "BTC-USDT",
    "kucoin": "XBTUSDTM",
    "kucoinfutures": "XBTUSDTM",
    "binancecoinm": "BTCUSD_PERP",
}

_OPTIONS: dict[str, object] = {
    "enableUnifiedAccount": True,
    "enableUnifiedMargin": False,
    "uta": False,
    "unifiedAccount": False,
    "approvedBuilderFee": True,
    "builderFee": False,
    "refSet": True,
    "hasAlreadyAuthenticatedSuccessfully": False,
    "leverageBrackets": {},
}


def client(venue: str, *, number: object = str, namespace: Any = ccxt, **options: object) -> Any:
    """
    Return a client that has loaded its markets and knows its account.
    """
    made = getattr(namespace, venue)(
        {
            "apiKey": "key",
            "secret": "c2VjcmV0",
            "password": "pw",
            "uid": "uid",
            "walletAddress": "0x" + "0" * 40,
            "privateKey": "0x" + "11" * 32,
            "enableRateLimit": False,
            "number": number,
        }
    )
    made.options = made.deep_extend(made.options, _OPTIONS, options)
    symbol = SYMBOLS.get(venue, Symbol("BTC/USDT:USDT"))
    made.set_markets(
        [
            market(made, symbol, _IDS.get(venue, "BTCUSDT")),
            market(made, "BTC/USDT", "BTCUSDT-SPOT"),
        ],
        {code: {"id": code, "code": code, "precision": 1e-8} for code in ("BTC", "USDT", "USDC", "USD")},
    )
    return made


def market(made: Any, symbol: str, id: str, **more: object) -> dict[str, Any]:
    """
    Return a market as ccxt keeps it.
    """
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    contract = bool(settle)
    structure: dict[str, Any] = made.safe_market_structure(
        {
            "id": id,
            "symbol": symbol,
            "base": base,
            "quote": quote,
            "settle": settle or None,
            "baseId": "0" if made.id == "hyperliquid" else base,
            "quoteId": quote,
            "settleId": settle or None,
            "type": "swap" if contract else "spot",
            "spot": not contract,
            "margin": False,
            "swap": contract,
            "future": False,
            "option": False,
            "contract": contract,
            "linear": (settle == quote) if contract else None,
            "inverse": (settle == base) if contract else None,
            "contractSize": 1 if contract else None,
            "active": True,
            "precision": {"amount": 0.001, "price": 0.1},
            "limits": {"amount": {"min": 0.001}, "price": {}, "cost": {}, "leverage": {}},
            "info": {
                "orderTypes": ["LIMIT", "MARKET"],
                "szDecimals": "3",
                "contract": id,
                "quanto_multiplier": "1",
            },
            **more,
        }
    )
    return structure


def on_line(venue: str, **options: object) -> Line:
    """
    Return a client's line.
    """
    line = Line(client(venue, **options))
    line.client.fetch = line.fetch
    return line
