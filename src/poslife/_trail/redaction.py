"""
Leaving secrets out of what is stored. Pure.
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
    "SHORTEST_TELLING",
    "KeyRedaction",
    "Redaction",
    "redact_keys",
    "redact_secrets",
]

Redaction: TypeAlias = Callable[[tuple[str, ...], Json], Json]
"""
Decides what is stored of a value: given its path and the value as JSON has it, it returns that value, or what
is to stand in its place.

It is asked about every value of a payload, containers before what they hold, and about an error's message and
traceback, under ``("error", "message")`` and ``("error", "traceback")``. An item of a list has the path of
the list.
"""

REDACTED: Final = "[redacted]"

SHORTEST_TELLING: Final = 12
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
    A `Redaction` by names: of keys, and of what stands like a key within a text.
    """

    def __init__(self, *names: str) -> None:
        self.names: tuple[str, ...] = tuple(_plain(name) for name in names)
        if not all(self.names):
            raise ValueError("the name of a key to redact has a letter or a digit")
        self._harmless_keys: set[str] = set()
        self._harmless_texts: set[str] = set()
        spelled = "|".join(_BETWEEN.join(map(re.escape, name)) for name in self.names) or "(?!)"
        # A name, then = or : and the value: of a URL's query, a header, JSON, or a repr.
        self._telling = re.compile(
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
        The value, redacted where its key or its words call for it.
        """
        if value is None or isinstance(value, bool):
            return value
        if path and self._is_secret(path[-1]):
            return REDACTED
        return self.text(value) if isinstance(value, str) else value

    def spares(self, keys: dict[str, object]) -> bool:
        """
        Whether none of the keys calls for redacting, or is longer than any key of sense.
        """
        if self._harmless_keys.issuperset(keys):
            return True
        for key in keys:
            if key not in self._harmless_keys:
                if len(key) > LONGEST_PLAIN or self._is_secret(key) or self.may_tell(key):
                    return False
                if len(self._harmless_keys) < _MOST_KNOWN:
                    self._harmless_keys.add(key)
        return True

    def may_tell(self, text: str) -> bool:
        """
        Whether there may be something to redact in a text.
        """
        if len(text) < SHORTEST_TELLING or not (":" in text or "=" in text or "-----" in text):
            return False
        if text in self._harmless_texts:
            return False
        if self._telling.search(text.lower()) is not None:
            return True
        if len(text) <= _LONGEST_KNOWN:
            # Symbols and the like come again and again.
            if len(self._harmless_texts) >= _MOST_KNOWN:
                self._harmless_texts.clear()
            self._harmless_texts.add(text)
        return False

    def text(self, text: str) -> str:
        """
        The text without what is to be redacted in it.
        """
        if not self.may_tell(text):
            return text
        lowered = text.lower()
        if len(lowered) != len(text):
            # A letter that has no lower case of one letter: places would not be the same.
            lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
        kept: list[str] = []
        place = 0
        for found in self._telling.finditer(lowered):
            begin = found.end("name") if found["name"] else found.start()
            kept += (text[place:begin], REDACTED)
            place = found.end()
        return "".join((*kept, text[place:]))

    def _is_secret(self, key: str) -> bool:
        return _plain(key).endswith(self.names)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def redact_keys(*names: str) -> KeyRedaction:
    """
    A redaction of the values of keys: ``redact_keys("apiKey", "secret", "token")``.

    A key is meant when it ends with one of the names, whatever its case, hyphens and underscores: ``secret``
    means ``api_secret`` and ``X-Client-Secret``, too, but not ``secret_santa``. What stands under such a key
    is replaced as a whole, but for ``None``, ``True`` and ``False``. In every text, an error's message and
    traceback among them, what follows such a name and ``=`` or ``:`` is replaced, and so are private keys in
    PEM, passwords in URLs and bearer tokens.

    Args:
        names: The names, instead of those that `redact_secrets` knows.

    Raises:
        ValueError: A name is empty.
    """
    return KeyRedaction(*names)


redact_secrets: Final[KeyRedaction] = redact_keys(
    # ccxt's credentials, but for those that are no secret: uid, login, walletAddress. A token may be a coin.
    "apiKey",
    "secret",
    "secretKey",
    "password",
    "passwd",
    "passphrase",
    "privateKey",
    "twofa",
    # In the requests that it signs.
    "signature",
    "apiSign",
    "bapiSign",
    "accessSign",
    "accessKey",
    "authorization",
    # What else a bot's configuration holds.
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
What a sink of poslife leaves out unless told otherwise: credentials as ccxt and its venues name them, and
what else a bot's configuration is likely to hold.

A function of your own may ask it, too: ``redact_secrets(path, value)``.
"""
