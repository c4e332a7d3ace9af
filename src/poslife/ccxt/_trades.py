"""
Conversion of ccxt's trades into fills. A trade that cannot be read raises; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.fills import Fee, Fill
from poslife._domain.identifiers import Account, Leg, OrderSide, Symbol, TradeId, Venue, VenueOrderId
from poslife.ccxt._fields import (
    Raw,
    client_order_id_in,
    info_of,
    is_hedged,
    leg_in,
    number,
    optional_text,
    order_side,
    row,
    rows,
    text,
    time,
)
from poslife.ccxt._venues import VenueRules, rules_of
from poslife.errors import InvalidValue

__all__ = ["fill_from", "fills_from"]


def fill_from(
    trade: Mapping[str, object],
    *,
    venue: Venue,
    account: Account,
    rules: VenueRules | None = None,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> Fill | None:
    """
    Convert a ccxt trade into a fill; ``None`` for a row that is not an execution, such as a funding payment.

    Args:
        trade: One row of ``fetch_my_trades`` or ``watch_my_trades``, or of an order's ``trades``.
        venue: ccxt's exchange id.
        account: The host's name for the account.
        rules: The rules of a venue that is not in `VENUE_RULES`.
        formats: Client order id formats, if the tracker was given any.

    Raises:
        InvalidValue: The id, side, price, amount or time is missing or cannot be read.
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
    """
    known = rules_of(venue, rules)
    raw = row("trade", trade)
    info = info_of(raw)
    if not _is_execution(info, known):
        return None
    order = optional_text(raw.get("order"))
    named = None if known.trade_order_name is None else info.get(known.trade_order_name)
    side, leg = _side_and_leg(raw, info, known)
    return Fill(
        venue=venue,
        account=account,
        symbol=Symbol(text("trade.symbol", raw.get("symbol"))),
        trade_id=_trade_id(raw, known),
        side=side,
        quantity=abs(number("trade.amount", raw.get("amount"))),
        price=number("trade.price", raw.get("price")),
        at=time("trade.timestamp", raw.get("timestamp")),
        venue_order_id=None if order is None else VenueOrderId(order),
        client_order_id=client_order_id_in(named, venue=venue, formats=formats),
        leg=leg,
        fees=_fees(raw, negated=known.fees_negated_where is not None and known.fees_negated_where in info),
    )


def fills_from(
    trades: Iterable[Mapping[str, object]] | None,
    *,
    venue: Venue,
    account: Account,
    rules: VenueRules | None = None,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> tuple[Fill, ...]:
    """
    Convert the executions among *trades* by `fill_from`; an order's ``trades`` may be ``None``.

    Raises:
        InvalidValue: One of them cannot be read.
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
    """
    fills = [
        fill_from(trade, venue=venue, account=account, rules=rules, formats=formats) for trade in trades or ()
    ]
    return tuple(fill for fill in fills if fill is not None)


def _is_execution(info: Raw, rules: VenueRules) -> bool:
    if rules.trade_kind is None or rules.trade_kind not in info:
        return True
    kind = str(info[rules.trade_kind])
    if kind in rules.no_executions:
        return False
    if kind not in rules.executions:
        raise InvalidValue(
            f"trade.info.{rules.trade_kind}",
            kind,
            f"a known kind of execution: {', '.join(sorted(rules.executions | rules.no_executions))}",
        )
    return True


def _trade_id(raw: Raw, rules: VenueRules) -> TradeId:
    parts = [raw.get(part) for part in rules.trade_id_parts]
    if any(part in (None, "") for part in parts):
        raise InvalidValue("trade.id", raw.get("id"), f"an id built from {', '.join(rules.trade_id_parts)}")
    return TradeId(":".join(str(part) for part in parts))


def _side_and_leg(raw: Raw, info: Raw, rules: VenueRules) -> tuple[OrderSide, Leg | None]:
    side = order_side("trade.side", raw.get("side"))
    if not rules.close_in_position_side or is_hedged(info, rules) is not True:
        return side, leg_in("trade", info, rules)
    leg = Leg.LONG if side is OrderSide.BUY else Leg.SHORT
    effect = str(info.get("tradeSide"))
    if effect == "open":
        return side, leg
    # A liquidation or a reduction by the venue names the leg that it closes, as in burst_close_long.
    if effect.endswith("close_long"):
        return OrderSide.SELL, Leg.LONG
    if effect.endswith("close_short"):
        return OrderSide.BUY, Leg.SHORT
    if effect == "close":
        return (OrderSide.SELL if side is OrderSide.BUY else OrderSide.BUY), leg
    raise InvalidValue("trade.info.tradeSide", effect, "'open' or 'close', in hedge mode")


def _fees(raw: Raw, *, negated: bool) -> tuple[Fee, ...]:
    several = raw.get("fees")
    shown = rows("trade.fees", several) if several else ()
    if not shown and raw.get("fee") is not None:
        shown = (row("trade.fee", raw["fee"]),)
    fees: list[Fee] = []
    for fee in shown:
        currency = optional_text(fee.get("currency"))
        if fee.get("cost") is None or currency is None:
            continue  # ccxt writes None for a fee that the venue does not report
        cost = number("trade.fee.cost", fee["cost"])
        fees.append(Fee(cost=-cost if negated else cost, currency=currency))
    return tuple(fees)
