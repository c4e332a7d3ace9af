"""
Leaving secrets out of stored events. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from typing_extensions import override

from poslife._domain.event_envelopes import Json

__all__ = [
    "LONGEST_PLAIN",
    "REDACTED",
    "SHORTEST_SUSPECT",
    "KeyRedaction",
    "Redaction",
    "redact_keys",
    "redact_secrets",
]

Redaction: TypeAlias = Callable[[tuple[str, ...], Json], Json]
"""
Takes a path and the value there, as JSON has it; returns that value, or another to store in its place.

It is called for every value of a payload, for containers before their items, and for an error's message and
traceback, under ``("error", "message")`` and ``("error", "traceback")``. An item of a list has the path of
the list.
"""

REDACTED: Final = "[redacted]"

SHORTEST_SUSPECT: Final = 12
LONGEST_PLAIN: Final = 1024
_MOST_KNOWN: Final = 4096
_LONGEST_KNOWN: Final = 64
_BETWEEN: Final = "[-_ ]?"

# A private key in PEM, a password in a URL, the token in a URL of Telegram's, a bearer's token.
_RECOGNIZED: Final = (
    r"-----begin [a-z0-9 ]*private key-----.*?(?:-----end [a-z0-9 ]*private key-----|$)"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"
    r"|(?<=/bot)[0-9]{5,}:[-\w]{20,}"
    r"|(?<=bearer )[-\w.~+/=]{8,}"
)


class KeyRedaction:
    """
    A `Redaction` by the names of keys, in payloads and within texts.
    """

    def __init__(self, *names: str) -> None:
        self.names: tuple[str, ...] = tuple(_plain(name) for name in names)
        if not all(self.names):
            raise ValueError("the name of a key to redact must have a letter or a digit")
        self._known_keys: set[str] = set()
        self._known_texts: set[str] = set()
        spelled = "|".join(_BETWEEN.join(map(re.escape, name)) for name in self.names) or "(?!)"
        # A name, then = or : and the value: of a URL's query, a header, JSON, or a repr.
        self._secret = re.compile(
            rf"""(?P<name>(?:{spelled})\\?["']?\s*[=:]\s*)"""
            r"""(?:b?\\?"(?:[^"\\]|\\.)*(?:"|$)|b?\\?'(?:[^'\\]|\\.)*(?:'|$)"""
            r"""|(?:bearer|basic|token)\s+[^\s&,;"'})\]]+|[^\s&,;"'})\]]+)"""
            rf"|{_RECOGNIZED}",
            re.DOTALL,
        )

    @override
    def __repr__(self) -> str:
        return f"redact_keys({', '.join(map(repr, self.names))})"

    def __call__(self, path: tuple[str, ...], value: Json) -> Json:
        """
        Return the value, redacted if its key is secret or its text holds a secret.
        """
        if value is None or isinstance(value, bool):
            return value
        if path and self._is_secret(path[-1]):
            return REDACTED
        return self.text(value) if isinstance(value, str) else value

    def are_harmless(self, keys: dict[str, object]) -> bool:
        """
        Tell if no key is secret, holds a secret, or is longer than ``LONGEST_PLAIN``.
        """
        if self._known_keys.issuperset(keys):
            return True
        for key in keys:
            if key not in self._known_keys:
                if len(key) > LONGEST_PLAIN or self._is_secret(key) or self.may_hold_secret(key):
                    return False
                if len(self._known_keys) < _MOST_KNOWN:
                    self._known_keys.add(key)
        return True

    def may_hold_secret(self, text: str) -> bool:
        """
        Tell if a text may hold a secret.
        """
        if len(text) < SHORTEST_SUSPECT or not (":" in text or "=" in text or "-----" in text):
            return False
        if text in self._known_texts:
            return False
        if self._secret.search(text.lower()) is not None:
            return True
        if len(text) <= _LONGEST_KNOWN:
            # Symbols and the like recur.
            if len(self._known_texts) >= _MOST_KNOWN:
                self._known_texts.clear()
            self._known_texts.add(text)
        return False

    def text(self, text: str) -> str:
        """
        Return the text without its secrets.
        """
        if not self.may_hold_secret(text):
            return text
        lowered = text.lower()
        if len(lowered) != len(text):
            # Some letters have a lower case of two: positions would shift.
            lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
        kept: list[str] = []
        at = 0
        for found in self._secret.finditer(lowered):
            begin = found.end("name") if found["name"] else found.start()
            kept += (text[at:begin], REDACTED)
            at = found.end()
        return "".join((*kept, text[at:]))

    def _is_secret(self, key: str) -> bool:
        return _plain(key).endswith(self.names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def redact_keys(*names: str) -> KeyRedaction:
    """
    Return a redaction of the values of keys: ``redact_keys("apiKey", "secret", "token")``.

    A key matches if it ends with one of the names, whatever its case, hyphens and underscores: ``secret``
    matches ``api_secret`` and ``X-Client-Secret``, but not ``secret_santa``. The value of such a key is
    replaced as a whole, but for ``None``, ``True`` and ``False``. In every text, an error's message and
    traceback included, the word after such a name and ``=`` or ``:`` is replaced, and so are private keys in
    PEM, passwords in URLs and bearer tokens.

    Args:
        names: The names, instead of those that `redact_secrets` knows.

    Raises:
        ValueError: A name is empty.
    """
    return KeyRedaction(*names)


redact_secrets: Final[KeyRedaction] = redact_keys(
    # ccxt's credentials without uid, login and walletAddress, which are no secrets. A token may be a coin.
    "apiKey",
    "secret",
    "secretKey",
    "password",
    "passwd",
    "passphrase",
    "privateKey",
    "twofa",
    # Of the requests that it signs.
    "signature",
    "apiSign",
    "bapiSign",
    "accessSign",
    "accessKey",
    "authorization",
    # Others in a bot's configuration.
    "accessToken",
    "refreshToken",
    "authToken",
    "bearerToken",
    "botToken",
    "apiToken",
    "mnemonic",
    "seedPhrase",
    "cookie",
)
"""
The default redaction of a sink: credentials as ccxt and its venues name them, and others that a bot's
configuration is likely to hold.

A function of your own may call it: ``redact_secrets(path, value)``.
"""
