"""
The manifest of a run: the versions and settings that it works with, as ``run.started`` stores them.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from importlib import metadata
from pathlib import PurePath
from typing import Final, cast
from uuid import UUID

from poslife._domain.checks import require_label
from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._domain.event_envelopes import Json
from poslife._domain.identifiers import Venue
from poslife._tracker.timings import Timings
from poslife._trail.redaction import redact_secrets
from poslife._version import __version__
from poslife.errors import InvalidValue

__all__ = ["Manifest", "ccxt_version", "configuration_digest", "installed_version"]

_DEEPEST: Final = 64
_MOST_BITS: Final = 2048  # Python refuses to write thousands of digits


class Manifest:
    """
    The part of a run's manifest that is known before its store is open.

    Args:
        host_version: The host's own version, or ``None``.
        configuration: The host's configuration, of which a digest is kept, or ``None``.
        timings: The tracker's timings.
        client_order_ids: The formats that the host has given.

    Raises:
        InvalidValue: The version is no name, or the configuration has a value that JSON cannot hold.
    """

    def __init__(
        self,
        *,
        host_version: str | None,
        configuration: Mapping[str, object] | None,
        timings: Timings,
        client_order_ids: Mapping[Venue, ClientOrderIdFormat],
    ) -> None:
        if host_version is not None:
            require_label("host_version", host_version)
        self._content: dict[str, object] = {
            "poslife": __version__,
            "python": platform.python_version(),
            "ccxt": ccxt_version(),
            "host": host_version,
            "configuration": configuration_digest(configuration, timings, client_order_ids),
            "timings": _settings(timings),
        }

    def payload(self, *, store: str, driver: str | None) -> dict[str, object]:
        """
        Return the payload of ``run.started``.
        """
        return {"store": store, "driver": driver, **self._content}


def configuration_digest(
    configuration: Mapping[str, object] | None,
    timings: Timings,
    client_order_ids: Mapping[Venue, ClientOrderIdFormat],
) -> str:
    """
    Return the SHA-256, in hexadecimal, over a host's configuration and the tracker's settings.

    It covers canonical JSON: keys sorted, no spaces, UTF-8. Secrets are left out first: who knows the rest
    could find a short one by trying.

    Raises:
        InvalidValue: The configuration has a value that JSON cannot hold; names its path and its type.
    """
    content: dict[str, object] = {
        "configuration": None
        if configuration is None
        else _Canonical("configuration").mapping(configuration),
        "timings": _settings(timings),
        "client_order_ids": {str(venue): asdict(given) for venue, given in client_order_ids.items()},
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _settings(timings: Timings) -> dict[str, Json]:
    # 5 and 5.0 seconds are one setting, and JSON has no infinity.
    return {
        name: value if name == "lookups" else float(value) if math.isfinite(value) else str(value)
        for name, value in asdict(timings).items()
    }


class _Canonical:
    """
    Makes a value one of JSON's, without secrets. No error shows a value, for it may be a secret.

    Args:
        field: The place of the value, for an error.
        path: The keys that lead to the value, for the redaction.
        depth: The number of containers around it.
    """

    def __init__(self, field: str, path: tuple[str, ...] = (), depth: int = 0) -> None:
        self._field = field
        self._path = path
        self._depth = depth

    def mapping(self, value: object) -> Json:
        if not isinstance(value, Mapping):
            raise self._refusal(value, "a mapping")
        plain: dict[str, Json] = {}
        for key, item in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise self._refusal(key, "keys that are a str")
            name = self._text(key)
            below = _Canonical(f"{self._field}[{name!r}]", (*self._path, name), self._depth + 1)
            plain[name] = below.plain(item)
        return plain

    def plain(self, value: object) -> Json:
        if self._depth > _DEEPEST:
            raise self._refusal(value, f"at most {_DEEPEST} levels")
        if isinstance(value, Enum):
            value = value.value
        if not isinstance(value, Mapping | list | tuple):
            return redact_secrets(self._path, self._scalar(value))
        hidden = redact_secrets(self._path, [])
        if hidden:  # a secret key hides all that is below it
            return hidden
        made = self.mapping if isinstance(value, Mapping) else self._list
        return made(cast("object", value))

    def _list(self, value: object) -> Json:
        items = cast("list[object] | tuple[object, ...]", value)
        return [
            _Canonical(f"{self._field}[{index}]", self._path, self._depth + 1).plain(item)
            for index, item in enumerate(items)
        ]

    def _scalar(self, value: object) -> Json:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int) and value.bit_length() <= _MOST_BITS:
            return int(value)
        if isinstance(value, float) and math.isfinite(value):
            return float(value)
        if isinstance(value, Decimal) and value.is_finite():
            return str(value)
        if isinstance(value, UUID | date | time | timedelta | PurePath):
            return self._text(str(value))
        raise self._refusal(
            value, "a str, a bool, a finite number, a time, a path, None, a list or a mapping"
        )

    def _text(self, value: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._refusal(value, "a text of valid Unicode") from None
        return str.__str__(value)

    def _refusal(self, value: object, expected: str) -> InvalidValue:
        return InvalidValue(self._field, type(value), expected)


def ccxt_version() -> str | None:
    """
    Return the version of ccxt, which is not imported for it; ``None`` if it is not installed.
    """
    # An upgrade changes the installed version under a running process.
    loaded: object = getattr(sys.modules.get("ccxt"), "__version__", None)
    return loaded if isinstance(loaded, str) else installed_version("ccxt")


@cache  # reading it takes some 10 ms
def installed_version(distribution: str) -> str | None:
    """
    Return the version of an installed distribution, or ``None``.
    """
    try:
        return metadata.version(distribution)
    except (metadata.PackageNotFoundError, OSError, KeyError):
        return None
