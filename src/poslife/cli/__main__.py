"""
``python -m poslife.cli``: the ``poslife`` command.
"""

from __future__ import annotations

from poslife.cli import main

if __name__ == "__main__":
    main()
