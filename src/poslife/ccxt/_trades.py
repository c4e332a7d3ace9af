"""
Conversion of ccxt's trades into fills. A trade that cannot be read is said; nothing is guessed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from poslife._domain.client_order_ids import CLIENT_ORDER_IDS, ClientOrderIdFormat
from poslife._domain.decimals import exact_magnitude, exact_negation
from poslife._domain.fills import Fee, Fill
from poslife._domain.identifiers import Account, Leg, OrderSide, Symbol, TradeId, Venue, VenueOrderId
from poslife._domain.venue_answers import FillPage, UnreadableRow
from poslife._runtime.clock import SystemClock
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
    venue_time,
)
from poslife.ccxt._unreadable import unreadable_row
from poslife.ccxt._venues import FeeFields, TradeChannel, VenueRules, rules_of
from poslife.errors import InvalidValue

__all__ = ["fill_from", "fills_and_unreadable", "fills_from"]

logger = logging.getLogger("poslife.ccxt")

# What a trade within an order may lack, and the order's fields that say it.
_SAID_BY_ORDER = {
    "symbol": ("symbol",),
    "order": ("id",),
    "side": ("side",),
    "timestamp": ("lastTradeTimestamp", "lastUpdateTimestamp"),
}


def fill_from(
    trade: Mapping[str, object],
    *,
    venue: Venue,
    account: Account,
    order: Mapping[str, object] | None = None,
    rules: VenueRules | None = None,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> Fill | None:
    """
    Convert a ccxt trade into a fill; ``None`` for a row that is not an execution, such as a funding payment.

    A fee that cannot be read is unknown: the fill has no fees then, as where the venue does not give them.

    Args:
        trade: One row of ``fetch_my_trades`` or ``watch_my_trades``, or of an order's ``trades``.
        venue: ccxt's exchange id.
        account: The host's name for the account.
        order: The ccxt order that the trade was within. It says what such a trade may lack: symbol, order,
            side, time and client order id.
        rules: The rules of a venue that is not in `VENUE_RULES`.
        formats: Client order id formats, if the tracker was given any.

    Raises:
        InvalidValue: The id, side, price, amount or time is missing or cannot be read.
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
    """
    known = rules_of(venue, rules)
    around: Raw = {} if order is None else row("order", order)
    raw = _completed(row("trade", trade), around)
    info = info_of(raw)
    if not _is_execution(info, known):
        return None
    channel = known.channel_of(info)
    named = None if channel.order_name is None else info.get(channel.order_name)
    venue_order_id = optional_text(raw.get("order"))
    side, leg = _side_and_leg(raw, info, known, channel)
    quantity = exact_magnitude(number("trade.amount", raw.get("amount")))
    return Fill(
        venue=venue,
        account=account,
        symbol=Symbol(text("trade.symbol", raw.get("symbol"))),
        trade_id=_trade_id(raw, known),
        side=side,
        quantity=quantity,
        price=number("trade.price", raw.get("price")),
        at=_time(raw, info, channel),
        venue_order_id=None if venue_order_id is None else VenueOrderId(venue_order_id),
        client_order_id=client_order_id_in(
            named or around.get("clientOrderId"), venue=venue, formats=formats
        ),
        leg=leg,
        fees=_fees(raw, info, channel.fees),
        closed=_closed(info, known, side, quantity),
    )


def fills_from(
    trades: Iterable[Mapping[str, object]] | None,
    *,
    venue: Venue,
    account: Account,
    order: Mapping[str, object] | None = None,
    rules: VenueRules | None = None,
    formats: Mapping[Venue, ClientOrderIdFormat] = CLIENT_ORDER_IDS,
) -> FillPage:
    """
    Convert the executions among *trades* by `fill_from`; an order's ``trades`` may be ``None``.

    A row that cannot be read costs itself: it is in `FillPage.unreadable`, with the reason, and in the log.
    Give the page to `PositionTracker.apply_fills`, which records such rows. It is never complete.

    Args:
        trades: The rows.
        venue: ccxt's exchange id.
        account: The host's name for the account.
        order: The ccxt order whose ``trades`` they are.
        rules: The rules of a venue that is not in `VENUE_RULES`.
        formats: Client order id formats, if the tracker was given any.

    Raises:
        InvalidValue: *trades* is no list, or *order* no dict.
        UnknownVenueFormat: The venue is not in `VENUE_RULES` and no *rules* are given.
    """
    known = rules_of(venue, rules)
    if order is not None:
        row("order", order)
    if trades is not None and not _holds_rows(trades):
        raise InvalidValue("trades", trades, "a list of ccxt's trades")
    fills, unreadable = fills_and_unreadable(
        trades or (), venue=venue, account=account, order=order, rules=known, formats=formats
    )
    for _, said in unreadable:
        # A host that unpacks the page passes only the fills on.
        logger.warning("a trade of %s:%s cannot be read: %s", venue, account, said.reason)
    return FillPage(
        fills=tuple(fill for _, fill in fills),
        complete=False,
        next_cursor=None,
        at=SystemClock().now(),
        unreadable=tuple(said for _, said in unreadable),
    )


def fills_and_unreadable(
    trades: Iterable[object],
    *,
    venue: Venue,
    account: Account,
    rules: VenueRules,
    formats: Mapping[Venue, ClientOrderIdFormat],
    order: Mapping[str, object] | None = None,
) -> tuple[list[tuple[Raw, Fill]], list[tuple[object, UnreadableRow]]]:
    """
    Return the rows that are executions, each with its fill, and those that cannot be read, with the reason.
    """
    fills: list[tuple[Raw, Fill]] = []
    unreadable: list[tuple[object, UnreadableRow]] = []
    for trade in trades:
        try:
            raw = row("trade", trade)
            fill = fill_from(raw, venue=venue, account=account, order=order, rules=rules, formats=formats)
        except InvalidValue as error:
            unreadable.append((trade, unreadable_row(trade, error, venue=venue, account=account)))
        else:
            if fill is not None:
                fills.append((raw, fill))
    return fills, unreadable


def _holds_rows(trades: object) -> bool:
    return isinstance(trades, Iterable) and not isinstance(trades, str | bytes | Mapping)


def _completed(raw: Raw, order: Raw) -> Raw:
    """
    Return the trade with what only its order says.
    """
    if not order:
        return raw
    said = {
        field: next((order[name] for name in names if order.get(name) is not None), None)
        for field, names in _SAID_BY_ORDER.items()
        if raw.get(field) is None
    }
    return {**raw, **said}


def _time(raw: Raw, info: Raw, channel: TradeChannel) -> datetime:
    own = None if channel.time is None else info.get(channel.time)
    if own in (None, ""):
        return time("trade.timestamp", raw.get("timestamp"))
    return venue_time(f"trade.info.{channel.time}", own)


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


def _side_and_leg(
    raw: Raw, info: Raw, rules: VenueRules, channel: TradeChannel
) -> tuple[OrderSide, Leg | None]:
    side = order_side("trade.side", raw.get("side"))
    if not rules.close_in_position_side or is_hedged(info, rules) is not True:
        return side, leg_in("trade", info, rules, channel.leg_fields)
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


def _closed(info: Raw, rules: VenueRules, side: OrderSide, quantity: Decimal) -> Decimal | None:
    """
    Return how much of the trade closed a position; ``None`` if that is not shown or cannot be read.
    """
    try:
        if rules.trade_closed is not None:
            closed = exact_magnitude(number("closed", info.get(rules.trade_closed)))
        elif rules.trade_position_before is not None:
            before = number("before", info.get(rules.trade_position_before))
            leaves = (side is OrderSide.BUY) is (before < 0)
            closed = exact_magnitude(before) if leaves else Decimal(0)
        else:
            return None
    except InvalidValue:
        return None
    return min(closed, quantity)


def _fees(raw: Raw, info: Raw, fields: FeeFields | None) -> tuple[Fee, ...]:
    """
    Return the fees; none where one of them is not given or cannot be read, for a part is not the whole.
    """
    try:
        shown = _fee_rows(raw)
        fees = _fees_of_ccxt(shown) if fields is None else _fees_of_venue(info, fields, shown)
    except InvalidValue:
        return ()
    return tuple(fees)


def _fee_rows(raw: Raw) -> tuple[Raw, ...]:
    several = raw.get("fees")
    if several:
        return tuple(rows("trade.fees", several))
    return () if raw.get("fee") is None else (row("trade.fee", raw["fee"]),)


def _fees_of_ccxt(shown: Iterable[Raw]) -> list[Fee]:
    return [_fee(fee.get("cost"), fee.get("currency")) for fee in shown]


def _fees_of_venue(info: Raw, fields: FeeFields, shown: tuple[Raw, ...]) -> list[Fee]:
    """
    Return the fees as the venue writes them; ccxt's where the row has none of the fields.
    """
    parts = [info] if fields.rows is None else rows(f"trade.info.{fields.rows}", info.get(fields.rows) or ())
    fees: list[Fee] = []
    for part in parts:
        amount = next((part[name] for name in fields.amount if part.get(name) not in (None, "")), None)
        if amount is None:
            return _fees_of_ccxt(shown)
        currency = part.get(fields.currency) if fields.currency is not None else None
        if currency is None and len(shown) == 1:
            currency = shown[0].get("currency")
        fees.append(_fee(amount, currency, negated=fields.paid_below_zero))
    return fees


def _fee(cost: object, currency: object, *, negated: bool = False) -> Fee:
    amount: Decimal = number("trade.fee.cost", cost)
    return Fee(
        cost=exact_negation(amount) if negated else amount,
        currency=text("trade.fee.currency", currency),
    )
