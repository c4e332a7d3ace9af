"""
Conversion of ccxt's positions, and keys for the host's symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from poslife._domain.decimals import exact_magnitude
from poslife._domain.identifiers import Account, Leg, MarginMode, PositionKey, Side, Symbol, Venue
from poslife._domain.venue_answers import VenuePosition
from poslife.ccxt._client import markets_of, require_async
from poslife.ccxt._fields import Raw, info_of, leg_in, number, optional_text, row, text
from poslife.ccxt._venues import VenueRules, rules_of
from poslife.errors import InvalidValue

__all__ = ["key_for", "position_from"]

_SIDES = {"long": Side.LONG, "buy": Side.LONG, "short": Side.SHORT, "sell": Side.SHORT}
_SIGNED_FIELDS = ("positionAmt", "szi", "pos", "size")
_SIDE_FIELDS = ("holdSide", "positionSide", "posSide", "side")


def key_for(
    client: object,
    symbol: str,
    *,
    account: Account,
    leg: Leg = Leg.NET,
    margin_mode: MarginMode | None = None,
) -> PositionKey:
    """
    Return the key of a contract, as a `CcxtSource` over the same client writes it.

    Args:
        client: A ``ccxt.async_support`` exchange that has loaded its markets.
        symbol: ccxt's unified symbol, for example ``BTC/USDT:USDT``; never the venue's raw one.
        account: The host's name for the account.
        leg: Long or short in hedge mode.
        margin_mode: Only with a source created with ``margin_modes=True``.

    Raises:
        InvalidValue: The client has no market with this unified symbol, or has not loaded its markets.
    """
    driver = require_async(client)
    if symbol not in markets_of(driver):
        raise InvalidValue("symbol", symbol, f"a unified symbol of a market that {driver.id} has loaded")
    return PositionKey(
        venue=Venue(driver.id), account=account, symbol=Symbol(symbol), leg=leg, margin_mode=margin_mode
    )


def position_from(
    position: Mapping[str, object],
    *,
    venue: Venue,
    account: Account,
    margin_modes: bool = False,
    rules: VenueRules | None = None,
) -> VenuePosition:
    """
    Convert a ccxt position. A row with 0 contracts is flat; a row without a number cannot be read.

    Args:
        position: One row of ``fetch_positions``.
        venue: ccxt's exchange id.
        account: The host's name for the account.
        margin_modes: Put the margin mode into the key, for accounts that hold both modes of one symbol.
        rules: The rules of a venue that is not in `VENUE_RULES`.

    Raises:
        InvalidValue: The contracts are missing, the side is missing although there are contracts, or the leg
            is unknown.
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
    """
    known = rules_of(venue, rules)
    raw = row("position", position)
    info = info_of(raw)
    contracts = number("position.contracts", raw.get("contracts"))
    side = _side(raw, info, contracts)
    key = PositionKey(
        venue=venue,
        account=account,
        symbol=Symbol(text("position.symbol", raw.get("symbol"))),
        leg=_leg(raw, info, known),
        margin_mode=_margin_mode(raw) if margin_modes else None,
    )
    entry = raw.get("entryPrice")
    price = None if entry is None else number("position.entryPrice", entry)
    return VenuePosition(key=key, side=side, quantity=exact_magnitude(contracts), entry_price=price or None)


def _leg(raw: Raw, info: Raw, rules: VenueRules) -> Leg:
    leg = leg_in("position", info, rules)
    if leg is not None:
        return leg
    if raw.get("hedged") is not True:
        return Leg.NET
    side = _SIDES.get(str(raw.get("side")))
    if side is None:
        raise InvalidValue("position.side", raw.get("side"), "'long' or 'short', in hedge mode")
    return Leg.LONG if side is Side.LONG else Leg.SHORT


def _margin_mode(raw: Raw) -> MarginMode:
    mode = optional_text(raw.get("marginMode"))
    if mode not in ("cross", "isolated"):
        raise InvalidValue("position.marginMode", raw.get("marginMode"), "'cross' or 'isolated'")
    return MarginMode(mode)


def _side(raw: Raw, info: Raw, contracts: Decimal) -> Side | None:
    """
    Return ccxt's side, else the side of a signed amount, else the venue's own side; ``None`` if flat.
    """
    if not contracts:
        return None
    unified = _SIDES.get(str(raw.get("side")))
    if unified is not None:
        return unified
    if contracts < 0:
        return Side.SHORT
    if any(number(f"position.info.{name}", info[name]) < 0 for name in _SIGNED_FIELDS if info.get(name)):
        return Side.SHORT
    for name in _SIDE_FIELDS:
        side = _SIDES.get(str(info.get(name)).lower())
        if side is not None:
            return side
    # Binance in one-way mode, for a position too small for a notional, shows its side by the sign alone.
    if optional_text(info.get("positionAmt")) is not None:
        return Side.LONG
    raise InvalidValue("position.side", raw.get("side"), "'long' or 'short'")
