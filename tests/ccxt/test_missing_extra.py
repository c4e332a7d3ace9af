"""
poslife imports ccxt only in `poslife.ccxt`.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
import poslife
assert "ccxt" not in sys.modules
try:
    import poslife.ccxt
except ImportError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    "missing, message",
    [
        ("ccxt", "MissingExtra ccxt is not installed: pip install 'poslife[ccxt]'"),
        ("ccxt.async_support", "ModuleNotFoundError No module named 'ccxt.async_support'"),
    ],
)
def test_ccxt_is_needed_only_by_its_own_package(missing: str, message: str) -> None:
    """
    poslife itself does not import it; without it, the message says what to install.
    """
    code = WITHOUT.format(missing=missing)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert message == done.stdout.strip()
