"""
The real clients of ccxt, without a network: what they would send is kept, what they are to receive is given.
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
    What a client would have sent.
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
    Takes a client's requests, and gives it the next answer: a value, or an error's body.
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
        Let the next request be answered by a success; a fresh copy, for ccxt changes what it parses.
        """
        text = json.dumps(value)

        def take(_: Request) -> object:
            self.client.last_http_response = text
            return json.loads(text)

        self.answers.append(take)

    def answer_page(self, page: str) -> None:
        """
        Let the next request be answered by a page that is no JSON, with status 200.
        """

        def take(request: Request) -> object:
            self.client.last_http_response = page
            self.client.handle_errors(200, "OK", request.url, request.method, {}, page, None, {}, "")
            return page

        self.answers.append(take)

    def refuse(self, body: Mapping[str, object], *, status: int = 400, url: str | None = None) -> None:
        """
        Let the next request be answered by an error, which ccxt itself makes an exception of.
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
What is traded at each venue that is known.
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


def client(venue: str, *, number: object = str, **options: object) -> Any:
    """
    A client that has loaded its markets and knows its account.
    """
    made = getattr(ccxt, venue)(
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
    A market as ccxt keeps it.
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
    A client and its line.
    """
    line = Line(client(venue, **options))
    line.client.fetch = line.fetch
    return line
