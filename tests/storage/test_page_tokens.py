from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from poslife.errors import InvalidValue
from poslife.protocols import FeedToken
from poslife.protocols._pages import PageToken
from poslife.storage._page_tokens import (
    AfterCommit,
    after_closing,
    after_commit,
    after_number,
    after_uuid,
    closing_token,
    commit_token,
)
from tests.values import REF, closed

NO_TEXT: list[Any] = [7, b"1", True]


def test_without_a_token_a_list_begins() -> None:
    """
    Without a token a list starts before every ref, number and time.
    """
    assert UUID(int=0) == after_uuid(None)
    assert 0 == after_number(None)
    assert after_closing(None) is None


def test_a_token_is_read_as_it_was_written() -> None:
    """
    A token that ends a page is read as the start of the next one.
    """
    position = closed()
    token = closing_token(position)

    assert REF == after_uuid(PageToken(str(REF)))
    assert 42 == after_number(PageToken("42"))
    assert ("2026-01-02T03:04:07.678901+00:00", REF) == after_closing(PageToken(token))


@pytest.mark.parametrize("token", ["", "x", str(REF).upper(), REF.hex, f" {REF}", f"{{{REF}}}", *NO_TEXT])
def test_a_ref_token_is_a_ref_as_we_write_it(token: Any) -> None:
    """
    A text that is not a ref in poslife's form is refused.
    """
    with pytest.raises(InvalidValue, match="after: expected the `next` of a page"):
        after_uuid(token)


@pytest.mark.parametrize("token", ["", "0", "-1", "01", "1.0", "1e3", " 1", "\u0661", "9" * 19, *NO_TEXT])
def test_a_number_token_is_a_number_as_we_write_it(token: Any) -> None:
    """
    A text that is not a positive number in poslife's form is refused.
    """
    with pytest.raises(InvalidValue, match="after: expected the `next` of a page"):
        after_number(token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        f"{REF}",
        f"2026-01-02 {REF}",
        f"2026-01-02T03:04:05.678901 {REF}",
        f"2026-01-02T03:04:05+00:00 {REF}",
        f"2026-01-02T03:04:05.678901+00:00 {REF} ",
        "2026-01-02T03:04:05.678901+00:00 x",
        "2026-01-02T03:04:05.678901+00:00",
        *NO_TEXT,
    ],
)
def test_a_closing_token_is_a_time_and_a_ref_as_we_write_them(token: Any) -> None:
    """
    A naive time, one without microseconds and half a token are refused (incident 42).
    """
    with pytest.raises(InvalidValue, match="after: expected the `next` of a page"):
        after_closing(token)


def test_a_token_of_a_feed_that_goes_by_transactions() -> None:
    """
    It has the epoch, the transaction and the event.
    """
    after = AfterCommit(2, 12345678901, REF)

    assert f"2 12345678901 {REF}" == commit_token(after)
    assert after == after_commit(commit_token(after))
    assert after_commit(None) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        f"7 {REF}",
        f"0 7 {REF}",
        f"1 0 {REF}",
        f"01 7 {REF}",
        f"1 7 {REF} ",
        f"9999999999 7 {REF}",
        f"1  7 {REF}",
        f"1 7 {str(REF).upper()}",
        "1 7",
        *NO_TEXT,
    ],
)
def test_a_token_of_such_a_feed_is_as_we_write_it(token: Any) -> None:
    """
    A token of a feed without epochs, and any other text, is refused.
    """
    with pytest.raises(InvalidValue, match="after: expected the `next` of a page"):
        after_commit(FeedToken(token) if isinstance(token, str) else token)
