"""
Events as lines of JSON in a file, for people who want to look at them.
"""

from __future__ import annotations

from poslife.jsonl._writer import JsonLinesWriter

__all__ = ["JsonLinesWriter"]
