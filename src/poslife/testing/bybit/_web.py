"""
aiohttp's server, or a word on how to get it.
"""

from __future__ import annotations

from poslife.errors import MissingExtra

try:
    from aiohttp import web
except ModuleNotFoundError as error:
    if error.name != "aiohttp":
        raise
    raise MissingExtra("ccxt", "aiohttp") from error

__all__ = ["web"]
