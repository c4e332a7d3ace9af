"""
Whose a fill is: what a store is asked, and what is made of its answer.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import (
    Fill,
    Leg,
    LivePosition,
    MarginMode,
    OrderSide,
    OrderStatus,
    Origin,
    PersistedPosition,
    Position,
    Side,
    TradeId,
)
from poslife._domain.booking import opened_by
from poslife._domain.fill_owner import (
    Opens,
    Owner,
    OwnerCandidates,
    OwnerQuery,
    Unclaimed,
    find_order,
    find_owner,
)
from poslife.errors import InvalidValue
from tests.values import (
    AT,
    KEY,
    OTHER_REF,
    REF,
    bought,
    closed,
    exit_order,
    fill,
    order,
    pending,
    persisted,
    sold,
    venue_order,
)

PREPARED, SUBMITTING, WORKING, IN_DOUBT, FILLED, CANCELED, EXPIRED, REJECTED, ABANDONED = OrderStatus
LONG_LEG, SHORT_LEG = replace(KEY, leg=Leg.LONG), replace(KEY, leg=Leg.SHORT)
CROSS, ISOLATED = (replace(KEY, margin_mode=mode) for mode in MarginMode)

QUERY = OwnerQuery(venue=KEY.venue, account=KEY.account, symbol=KEY.symbol, trade_ids=(TradeId("1"),))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"venue": ""}, id="venue"),
        pytest.param({"account": 1}, id="account"),
        pytest.param({"symbol": None}, id="symbol"),
        pytest.param({"trade_ids": ["1"]}, id="a list of trade ids"),
        pytest.param({"trade_ids": "1"}, id="a text for trade ids"),
        pytest.param({"venue_order_id": ""}, id="venue order id"),
        pytest.param({"ref": "pending"}, id="ref"),
    ],
)
def test_question_that_cannot_be(wrong: dict[str, Any]) -> None:
    """
    A field that cannot be is refused by its name.
    """
    with pytest.raises(InvalidValue) as refused:
        replace(QUERY, **wrong)

    assert f"OwnerQuery.{next(iter(wrong))}" == refused.value.field


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"stored": []}, id="a list of fills"),
        pytest.param({"positions": []}, id="a list of positions"),
        pytest.param({"positions": ("1",)}, id="no positions"),
    ],
)
def test_answer_that_cannot_be(wrong: dict[str, Any]) -> None:
    """
    A field that is no tuple of such values is refused by its name.
    """
    with pytest.raises(InvalidValue) as refused:
        OwnerCandidates(**wrong)

    assert f"OwnerCandidates.{next(iter(wrong))}" == refused.value.field


def test_an_order_is_found_by_our_name_then_by_the_venues() -> None:
    """
    Our name counts first; one that no candidate has is another store's or only looks like ours.
    """
    mine = pending(WORKING)
    named = order(WORKING, ref=OTHER_REF, venue_order_id=venue_order("v-1"))
    other = persisted(named, ref=OTHER_REF)
    one = bought("1", venue_order_id="v-1")

    assert (mine, 0) == find_order(one, [mine, other], named=(REF, 0))
    for unknown in (None, (REF, 1)):
        assert (other, 0) == find_order(one, [mine, other], named=unknown)
    assert (other, 0) == find_order(one, [other], named=(REF, 0))
    assert None is find_order(bought("1", venue_order_id="v-2"), [mine, other], named=None)
    assert None is find_order(bought("1"), [mine, other], named=None)


def test_holders_are_the_candidates_that_hold_a_key() -> None:
    """
    Positions that have ended or are closed are candidates for their orders alone.
    """
    found = OwnerCandidates(positions=(pending(WORKING), pending(REJECTED), persisted(), closed()))

    assert (pending(WORKING), persisted()) == found.holders


def test_a_fill_goes_to_its_orders_position() -> None:
    """
    Where that is live, or has ended with its key still free.
    """
    live, gone = pending(WORKING), pending(REJECTED)

    assert Owner(position=live, ordinal=0) == find_owner(
        bought("1"), ordered_by=live, ordinal=0, holders=[live]
    )
    assert Owner(position=gone, ordinal=0) == find_owner(bought("1"), ordered_by=gone, ordinal=0, holders=[])


def test_else_it_goes_to_whoever_holds_the_key() -> None:
    """
    A late fill of a closed or refused position is the next holder's, whose order it is not.
    """
    holder = persisted(order(WORKING, ref=OTHER_REF), ref=OTHER_REF)

    for gone in (pending(REJECTED), closed()):
        found = find_owner(bought("1"), ordered_by=gone, ordinal=0, holders=[holder])
        assert Owner(position=holder, ordinal=None) == found
    assert Owner(position=holder, ordinal=None) == find_owner(
        bought("1"), ordered_by=None, ordinal=None, holders=[holder]
    )


def test_else_it_opens_a_position() -> None:
    """
    Of our own order's key, or adopted where nobody ordered it (incidents 15, 26).
    """
    assert Opens(key=KEY, origin=Origin.OWN) == find_owner(
        bought("1"), ordered_by=closed(), ordinal=0, holders=[]
    )
    assert Opens(key=KEY, origin=Origin.ADOPTED) == find_owner(
        bought("1"), ordered_by=None, ordinal=None, holders=[]
    )
    assert Opens(key=SHORT_LEG, origin=Origin.ADOPTED) == find_owner(
        sold("1", leg=Leg.SHORT), ordered_by=None, ordinal=None, holders=[]
    )


def at(key: Any, ref: Any = REF, side: Side = Side.LONG) -> PersistedPosition:
    return persisted(order(WORKING, ref=ref, side=side.entered_by), key=key, ref=ref, side=side)


LONG, SHORT = at(LONG_LEG), at(SHORT_LEG, OTHER_REF, Side.SHORT)


@pytest.mark.parametrize(
    "one, holders, owner",
    [
        pytest.param(bought("1", leg=Leg.LONG), [LONG, SHORT], LONG, id="into the long leg"),
        pytest.param(sold("1", leg=Leg.LONG), [LONG, SHORT], LONG, id="out of the long leg"),
        pytest.param(bought("1", leg=Leg.SHORT), [LONG, SHORT], SHORT, id="out of the short leg"),
        pytest.param(sold("1", leg=Leg.SHORT), [SHORT], SHORT, id="into the short leg"),
        pytest.param(bought("1"), [at(CROSS)], at(CROSS), id="the only margin mode"),
        pytest.param(
            bought("1", leg=Leg.LONG),
            [at(replace(CROSS, leg=Leg.LONG)), SHORT],
            at(replace(CROSS, leg=Leg.LONG)),
            id="the leg's only margin mode",
        ),
    ],
)
def test_a_fill_goes_to_the_leg_it_names(
    one: Fill, holders: list[LivePosition], owner: PersistedPosition
) -> None:
    """
    Two legs of one symbol do not meet (incidents 29, 38).
    """
    assert Owner(position=owner, ordinal=None) == find_owner(
        one, ordered_by=None, ordinal=None, holders=holders
    )


@pytest.mark.parametrize(
    "one, ordered_by, ordinal, holders, because",
    [
        pytest.param(bought("1"), None, None, [LONG], "which leg", id="no leg said, one held"),
        pytest.param(bought("1"), None, None, [LONG, SHORT], "which leg", id="no leg said, both held"),
        pytest.param(
            bought("1"),
            None,
            None,
            [at(CROSS), at(ISOLATED, OTHER_REF)],
            "margin modes",
            id="two margin modes",
        ),
        pytest.param(sold("1", leg=Leg.LONG), None, None, [], "leaves the long leg", id="out of nothing"),
        pytest.param(
            bought("1", leg=Leg.SHORT), None, None, [LONG], "leaves the short leg", id="other leg held"
        ),
        pytest.param(
            sold("1"), closed(key=LONG_LEG), 0, [], "leaves the long leg", id="a leg that is closed"
        ),
        pytest.param(
            sold("1"),
            closed(*persisted().orders, exit_order(CANCELED)),
            1,
            [],
            "reduce-only",
            id="reduce-only",
        ),
    ],
)
def test_what_cannot_be_assigned_says_why(
    one: Fill, ordered_by: Position | None, ordinal: int | None, holders: list[LivePosition], because: str
) -> None:
    """
    Nothing is guessed: it is stored as unclaimed until evidence or an operator assigns it.
    """
    found = find_owner(one, ordered_by=ordered_by, ordinal=ordinal, holders=holders)

    assert isinstance(found, Unclaimed)
    assert because in found.reason


sites = st.builds(fill, st.sampled_from(OrderSide), st.just("1"), leg=st.sampled_from([None, *Leg]))


@given(
    sites,
    st.none()
    | st.sampled_from([pending(WORKING), pending(REJECTED), persisted(), closed(), closed(key=LONG_LEG)]),
    st.lists(
        st.sampled_from([at(KEY), LONG, SHORT, at(CROSS), at(ISOLATED, OTHER_REF)]), unique=True, max_size=3
    ),
)
def test_every_fill_has_somewhere_to_go(
    one: Fill, ordered_by: Position | None, holders: list[LivePosition]
) -> None:
    """
    Whatever is held and whoever ordered it, there is an answer; it names a live position, or a free key.
    """
    found = find_owner(one, ordered_by=ordered_by, ordinal=None if ordered_by is None else 0, holders=holders)

    if isinstance(found, Owner):
        assert found.position in [*holders, ordered_by]
    elif isinstance(found, Opens):
        assert found.key not in {holder.key for holder in holders}
        booking = opened_by([one], ref=REF, opens=found, at=AT)
        assert (one,) == tuple(stored.fill for stored in booking.plan.fills)
    else:
        assert found.reason


def _held(*keys: Any) -> list[LivePosition]:
    return [
        replace(persisted(), key=key, side=Side.SHORT if key.leg is Leg.SHORT else Side.LONG) for key in keys
    ]


@pytest.mark.parametrize(
    "side, part, leg",
    [
        (OrderSide.BUY, "0", Leg.LONG),
        (OrderSide.SELL, "0", Leg.SHORT),
        (OrderSide.BUY, "10", Leg.SHORT),
        (OrderSide.SELL, "10", Leg.LONG),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "legs", [(LONG_LEG, SHORT_LEG), (LONG_LEG,), (SHORT_LEG,)], ids=["both", "long", "short"]
)
def test_what_a_fill_closed_tells_its_leg(
    side: OrderSide, part: str, leg: Leg, legs: tuple[Any, ...]
) -> None:
    """
    In hedge mode a buy that closed reduces the short leg, and one that closed nothing enters the long one.
    """
    shown = replace(fill(side, "10"), closed=Decimal(part))
    owner = find_owner(shown, ordered_by=None, ordinal=None, holders=_held(*legs))
    key = replace(KEY, leg=leg)

    if key in legs:
        assert isinstance(owner, Owner)
        assert key == owner.position.key
    elif part == "0":
        assert Opens(key=key, origin=Origin.ADOPTED) == owner
    else:
        assert isinstance(owner, Unclaimed)


@pytest.mark.parametrize("part", [None, "4"], ids=str)
def test_a_fill_that_tells_no_leg_is_unclaimed_in_hedge_mode(part: str | None) -> None:
    """
    A fill that went through zero is of no leg of hedge mode; nothing is guessed.
    """
    shown = replace(fill(OrderSide.BUY, "10"), closed=None if part is None else Decimal(part))
    owner = find_owner(shown, ordered_by=None, ordinal=None, holders=_held(LONG_LEG, SHORT_LEG))

    assert isinstance(owner, Unclaimed)
    assert "which leg" in owner.reason


@pytest.mark.parametrize(
    "part, kind", [(None, Opens), ("0", Opens), ("4", Unclaimed), ("10", Unclaimed)], ids=str
)
def test_a_foreign_fill_that_closed_opens_nothing(part: str | None, kind: type[object]) -> None:
    """
    It left a position that is not held here: a sale by hand must not be adopted as a short.
    """
    shown = replace(fill(OrderSide.SELL, "10"), closed=None if part is None else Decimal(part))
    owner = find_owner(shown, ordered_by=None, ordinal=None, holders=[])

    assert kind is type(owner)


def test_what_a_fill_closed_does_not_override_what_is_held() -> None:
    """
    In one-way mode a fill goes to the key's holder, whatever it closed by the venue.
    """
    for part in (None, Decimal(0), Decimal(10)):
        shown = replace(fill(OrderSide.SELL, "10"), closed=part)
        owner = find_owner(shown, ordered_by=None, ordinal=None, holders=_held(KEY))

        assert isinstance(owner, Owner)
