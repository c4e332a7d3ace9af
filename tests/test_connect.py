from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import poslife
from poslife import OrderSide, Venue
from poslife._connect import classify_by_origin, store_at
from poslife.errors import InvalidUrl
from poslife.protocols import SubmitContext, SubmitVerdict

CONTEXT = SubmitContext(venue=Venue("bybit"), side=OrderSide.BUY, in_doubt_before=False)


async def where(url: str) -> str:
    store = store_at(url, None)
    await store.open()
    try:
        return await store.describe()
    finally:
        await store.aclose()


async def test_memory_is_a_store() -> None:
    """
    ``memory://`` needs no set-up, and says that it forgets.
    """
    assert "forgotten" in await where("memory://")


@pytest.mark.parametrize("name", ["bot.db", "with space.db", "ümläut.db", "50%.db"])
async def test_a_file_is_named_from_the_root_with_four_slashes(tmp_path: Path, name: str) -> None:
    """
    ``sqlite:////…`` is that file, percent signs written as ``%25``, and `describe` names it.
    """
    file = tmp_path / name

    assert str(file) in await where(f"sqlite:///{str(file).replace('%', '%25')}")
    assert file.exists()


async def test_a_file_is_named_from_here_with_three_slashes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    ``sqlite:///bot.db`` is ``bot.db`` in the working directory.
    """
    monkeypatch.chdir(tmp_path)

    assert "bot.db" in await where("SQLite:///bot.db")
    assert (tmp_path / "bot.db").exists()


@pytest.mark.parametrize(
    "url, because",
    [
        pytest.param("", "a URL without a scheme", id="empty"),
        pytest.param("bot.db", "a URL without a scheme", id="a bare path"),
        pytest.param("mysql://host/bot", "there is no store for 'mysql'", id="an unknown store"),
        pytest.param("sqlite://bot.db", "three slashes", id="two slashes"),
        pytest.param("sqlite://user@host/bot.db", "three slashes", id="a host"),
        pytest.param("sqlite:///", "names no file", id="no file"),
        pytest.param("sqlite://", "names no file", id="nothing at all"),
        pytest.param("sqlite:///:memory:", "memory://", id="SQLite's memory"),
        pytest.param("sqlite:///bot.db?mode=ro", "question mark", id="a query"),
        pytest.param("sqlite:///bot#1.db", "number sign", id="a fragment"),
        pytest.param("sqlite:///bot%00.db", "NUL", id="a NUL"),
        pytest.param("memory://bot", "nothing comes after", id="memory with a name"),
        pytest.param("memory:///bot", "nothing comes after", id="memory with a path"),
        pytest.param("postgresql://[::1/bot", "cannot be read", id="half an address"),
        pytest.param(None, "no text", id="none"),
        pytest.param(b"memory://", "no text", id="bytes"),
        pytest.param(7, "no text", id="a number"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_and_told_why(url: Any, because: str) -> None:
    """
    Nothing is opened by guess: the error says what is wrong and what the URLs look like (incident 52).
    """
    with pytest.raises(
        InvalidUrl, match=rf"{re.escape(because)}.*sqlite:///bot\.db.*postgresql://.*memory://"
    ):
        poslife.connect(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://trader:s3cret@host/bot",
        "mysql://trader:s3c:r3t@host/bot",
        "mysql://trader:s3c@r3t@host/bot",
        "mysql://:s3cret@host/bot",
        "mysql://host/bot?user=x&password=s3cret",
        "sqlite://trader:s3cret@host/bot.db",
        "memory://trader:s3cret@host",
        "postgresql://trader:s3cret@[::1/bot",
    ],
)
def test_a_password_is_in_no_error(url: str) -> None:
    """
    An error ends up in a log.
    """
    with pytest.raises(InvalidUrl) as refused:
        poslife.connect(url)

    for told in (str(refused.value), refused.value.url, repr(refused.value)):
        assert "s3c" not in told
        assert "r3t" not in told


def test_an_unknown_exception_is_no_refusal() -> None:
    """
    Only ccxt's exceptions are told apart; every other leaves the order in doubt.
    """
    for error in (ValueError("refused"), TimeoutError(), KeyboardInterrupt()):
        assert SubmitVerdict.UNKNOWN is classify_by_origin(error, CONTEXT)
