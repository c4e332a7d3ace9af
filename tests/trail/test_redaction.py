"""
What is a secret stays one: nothing of it is in the bytes a sink stores.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import KeyRedaction, Redaction, Severity, redact_keys, redact_secrets
from poslife._trail.encoding import encode_payload, encode_redacted, error_summary
from poslife._trail.host_events import encode_event
from poslife.errors import PoslifeMisuseWarning
from poslife.events import EventHeader, HostEvent, Json
from tests.values import AT, RUN, new_event_id

SECRET = "9f8e7d6c5b4a3210hUsHhUsH"


def written(payload: Any, error: BaseException | None = None, redact: Redaction = redact_secrets) -> str:
    return encode_payload(payload, error, redact=redact).decode()


@dataclasses.dataclass
class Credentials:
    apiKey: str  # noqa: N815 - as ccxt has it
    secret: str


class Client:
    def __repr__(self) -> str:
        return f"Client(apiKey='{SECRET}', sandbox=True)"


HIDING: list[Any] = [
    pytest.param({"apiKey": SECRET}, id="ccxt's key"),
    pytest.param({"api_key": SECRET, "API-KEY": SECRET, "bybit api key": SECRET}, id="spellings"),
    pytest.param({"apiSecret": SECRET, "client_secret": SECRET, "secretKey": SECRET}, id="secrets"),
    pytest.param({"db_password": SECRET, "passphrase": SECRET}, id="passwords"),
    pytest.param({"config": {"bybit": [{"secret": SECRET}]}}, id="deep below"),
    pytest.param({"secret": [SECRET, {"more": SECRET}]}, id="a container under a secret key"),
    pytest.param({"credentials": Credentials(SECRET, SECRET)}, id="dataclass"),
    pytest.param({"client": Client()}, id="repr"),
    pytest.param({"headers": {"X-MBX-APIKEY": SECRET, "X-BAPI-SIGN": SECRET}}, id="venues' headers"),
    pytest.param({"headers": {"OK-ACCESS-KEY": SECRET, "OK-ACCESS-SIGN": SECRET}}, id="more headers"),
    pytest.param({"headers": {"Authorization": f"Bearer {SECRET}"}}, id="authorization"),
    pytest.param({"request": f"GET /order?symbol=X&signature={SECRET}&x=1"}, id="signed URL"),
    pytest.param({"body": f'{{"apiKey": "{SECRET}", "a": 1}}'}, id="JSON in a text"),
    pytest.param({"body": json.dumps(json.dumps({"secret": SECRET}))}, id="JSON in JSON"),
    pytest.param({"log": f"headers: {{'X-BAPI-API-KEY': '{SECRET}'}}"}, id="dict in a text"),
    pytest.param({"log": f"authorization: bearer {SECRET}"}, id="header line"),
    pytest.param({"dsn": f"postgresql://bot:{SECRET}@db/bot"}, id="password in a URL"),
    pytest.param({"url": f"https://api.telegram.org/bot12345678:{SECRET}/sendMessage"}, id="Telegram"),
    pytest.param(
        {"pem": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----"}, id="private key"
    ),
    pytest.param({f"https://x/?signature={SECRET}": 200}, id="within a key"),
    pytest.param({"İİİİ": f"İİİİ SECRET={SECRET}"}, id="letters whose lower case is longer"),
    pytest.param({"password": int(SECRET[:8], 16), "x": f"password={int(SECRET[:8], 16)}"}, id="number"),
]


@pytest.mark.parametrize("payload", HIDING)
def test_a_secret_is_not_written(payload: Any) -> None:
    """
    Under whatever key ccxt and its venues have it, however deep, and within texts.
    """
    text = written({"kept": "as it is", **payload})

    assert SECRET not in text
    assert str(int(SECRET[:8], 16)) not in text
    assert "[redacted]" in text
    assert "as it is" == json.loads(text)["kept"]


def test_an_errors_words_are_redacted() -> None:
    """
    Message, cause, notes and the lines of source in the traceback.
    """
    caught: BaseException | None = None
    try:
        try:
            raise ConnectionError(f"GET https://api/?apiKey={SECRET}")  # noqa: TRY301 - it is the story
        except ConnectionError as cause:
            cause.add_note(f"secret: {SECRET}")
            raise RuntimeError(f"bybit {{'sign': 1, 'signature': '{SECRET}'}}") from cause
    except RuntimeError as error:
        caught = error
    text = written({}, caught)

    assert SECRET not in text
    assert "ConnectionError" in text
    assert SECRET not in error_summary(RuntimeError(f"secret={SECRET}"))
    assert SECRET not in written({"x": ["y" * 1000] * 100}, caught)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param({"symbol": "BTC/USDT:USDT", "token": "USDT", "price": "1.5"}, id="a coin"),
        pytest.param({"apiKey": None, "secret": True}, id="whether there is one"),
        pytest.param({"secret_santa": "x", "keyboard": "y", "passing": "z"}, id="other words"),
        pytest.param({"message": "the secret is out, no password given here"}, id="words in a sentence"),
        pytest.param({"url": "https://api.bybit.com/v5/order?symbol=BTCUSDT"}, id="URL"),
        pytest.param({"walletAddress": "0x00000000219ab540356cBB839Cbe05303d7705Fa"}, id="address"),
        pytest.param({"client_order_id": "pl-0123456789abcdef:0"}, id="name of an order"),
    ],
)
def test_the_rest_stays(payload: dict[str, Json]) -> None:
    """
    What only sounds like one is stored as it is.
    """
    assert payload == json.loads(written(payload))


def test_keys_of_ones_own() -> None:
    """
    `redact_keys` takes the place of the usual ones.
    """
    mine = redact_keys("token", "seat-number")
    found = json.loads(
        written({"token": "abc", "Seat_Number": 7, "secret": "kept", "x": "token=abcdef"}, None, mine)
    )

    assert {
        "token": "[redacted]",
        "Seat_Number": "[redacted]",
        "secret": "kept",
        "x": "token=[redacted]",
    } == (found)
    assert ("token", "seatnumber") == mine.names
    assert "redact_keys('token', 'seatnumber')" == repr(mine)
    with pytest.raises(ValueError, match="letter"):
        redact_keys("token", "-_")


def test_without_names_only_what_is_recognized_is_redacted() -> None:
    """
    A URL's password is one whatever the keys are called.
    """
    assert SECRET not in written({"x": f"redis://:{SECRET}@db/0"}, None, KeyRedaction())
    assert SECRET in written({"secret": SECRET}, None, KeyRedaction())


def test_a_function_of_ones_own() -> None:
    """
    It sees each value with its path, containers before what they hold, and what it returns is stored.
    """
    seen: list[tuple[tuple[str, ...], Json]] = []

    def mine(path: tuple[str, ...], value: Json) -> Json:
        seen.append((path, value))
        if path == ("account", "balance"):
            return None
        return {"count": len(value)} if isinstance(value, list) else redact_secrets(path, value)

    found = json.loads(
        written({"account": {"balance": 5, "id": 1}, "ids": [1, 2], "secret": SECRET}, None, mine)
    )

    assert {"account": {"balance": None, "id": 1}, "ids": {"count": 2}, "secret": "[redacted]"} == found
    assert [("account",), ("account", "balance"), ("account", "id"), ("ids",), ("secret",)] == [
        path for path, _ in seen
    ]


def test_what_a_function_returns_may_be_anything() -> None:
    """
    It is encoded like a host's payload, and breaks nothing.
    """

    def strange(path: tuple[str, ...], value: Json) -> Any:
        return {1, float("nan")} if path[-1] == "x" else value

    assert {"x": ["nan", 1], "y": 2} == json.loads(written({"x": 0, "y": 2}, None, strange))


@pytest.mark.parametrize("raised", [RuntimeError(SECRET), BaseExceptionGroup(SECRET, [GeneratorExit()])])
def test_a_redaction_that_fails_lets_nothing_through(raised: BaseException) -> None:
    """
    Neither payload nor error nor what the function raised is written; ERROR and a warning say so.
    """

    def broken(path: tuple[str, ...], value: Json) -> Json:
        raise raised

    header = EventHeader(id=new_event_id(), type="bot.started", occurred_at=AT, run=RUN)
    event = HostEvent(header=header, payload={"x": SECRET}, error=RuntimeError(SECRET))
    with pytest.warns(PoslifeMisuseWarning, match=r"'bot\.started'"):
        encoded, payload = encode_event(event, broken)

    assert SECRET not in payload.decode()
    assert {"$unredacted": f"builtins.{type(raised).__name__}"} == json.loads(payload)
    assert (Severity.ERROR, header.id, header.type) == (encoded.severity, encoded.id, encoded.type)


def test_an_interrupt_goes_through() -> None:
    """
    Ctrl-C while a redaction runs ends the process; it is not for a sink to stop it.
    """

    def interrupted(path: tuple[str, ...], value: Json) -> Json:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_payload({"x": 1}, redact=interrupted)


def test_an_event_without_trouble_keeps_its_header() -> None:
    """
    Redacted or not, it is the same header.
    """
    header = EventHeader(id=new_event_id(), type="bot.started", occurred_at=AT, run=RUN)

    for redact in (None, redact_secrets):
        encoded, payload = encode_event(HostEvent(header=header, payload={"x": 1}), redact)
        assert header is encoded
        assert b'{"x":1}' == payload


def test_what_was_harmless_once_is_not_looked_at_for_ever() -> None:
    """
    The words it remembers are bounded: ten thousand symbols do not add up.
    """
    mine = redact_keys("secret")
    for number in range(10_000):
        encode_payload({f"key{number}": f"BASE{number}/USDT:USDT"}, redact=mine)

    known: Any = vars(mine)
    sizes = [len(known[name]) for name in known if name.startswith("_known")]
    assert [True, True] == [0 < size <= 4096 for size in sizes]
    assert SECRET not in written({"secret": SECRET}, None, mine)


@given(
    st.recursive(
        st.none() | st.booleans() | st.text(max_size=30) | st.integers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from(["secret", "my_apiKey", "PASSWORD"]),
)
def test_no_shape_hides_a_secret(shape: Any, name: str) -> None:
    """
    Wherever the key stands, and whatever stands beside it.
    """
    for payload in (
        {"a": shape, name: SECRET},
        {"a": [shape, {name: [shape, SECRET]}]},
        {"a": {"b": shape, "c": f"{name}={SECRET}"}},
    ):
        encoded, failed = encode_redacted(payload, None, redact_secrets)
        assert failed is None
        assert SECRET.encode() not in encoded


def test_a_redaction_can_be_passed_on() -> None:
    """
    To a worker process, say.
    """
    again = pickle.loads(pickle.dumps(redact_keys("token")))  # noqa: S301 - our own bytes

    assert "[redacted]" == again(("token",), "abc")
