"""
A position's protection: its stop loss and its take profit.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from poslife._domain.checks import require_name
from poslife._domain.decimals import require_positive
from poslife._domain.identifiers import VenueOrderId
from poslife.errors import InvalidValue

__all__ = ["Protection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """
    The stop loss and take profit that the venue executes by itself, as confirmed by the venue.

    A position without any has ``None`` instead; no flag beside the values can contradict them.

    Attributes:
        stop_price: The stop-loss trigger in the quote currency, or ``None``.
        stop_order_id: The venue's id of the stop order, or ``None`` where the stop is a property of the
            position there.
        take_profit_price: The take-profit trigger in the quote currency, or ``None``.
        take_profit_order_id: The venue's id of the take-profit order, or ``None``.

    Raises:
        InvalidValue: There is no price, an order id without its price, or a price that is not above zero.
    """

    stop_price: Decimal | None = None
    stop_order_id: VenueOrderId | None = None
    take_profit_price: Decimal | None = None
    take_profit_order_id: VenueOrderId | None = None

    def __post_init__(self) -> None:
        if self.stop_price is None and self.take_profit_price is None:
            raise InvalidValue(
                "Protection", None, "a stop_price or a take_profit_price", hint="no protection at all is None"
            )
        for kind, price, order in (
            ("stop", self.stop_price, self.stop_order_id),
            ("take_profit", self.take_profit_price, self.take_profit_order_id),
        ):
            if price is not None:
                require_positive(f"Protection.{kind}_price", price)
            if order is not None:
                require_name(f"Protection.{kind}_order_id", order)
                if price is None:
                    raise InvalidValue(
                        f"Protection.{kind}_price", None, f"a Decimal, since {kind}_order_id is given"
                    )
