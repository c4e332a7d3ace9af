"""
Events as lines of JSON in a file, for a person to read.
"""

from __future__ import annotations

from poslife.jsonl._writer import JsonLinesWriter

__all__ = ["JsonLinesWriter"]
