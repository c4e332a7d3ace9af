"""
The simulated venue without the extra.
"""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    "missing,message",
    [
        pytest.param("aiohttp", "aiohttp is not installed: pip install 'poslife[ccxt]'", id="aiohttp"),
        pytest.param("ccxt", "ccxt is not installed: pip install 'poslife[ccxt]'", id="ccxt"),
        # Missing dependencies of an installed library are not about the extra.
        pytest.param("multidict", "multidict", id="needed-by-aiohttp"),
        pytest.param("certifi", "certifi", id="needed-by-ccxt"),
    ],
)
def test_a_missing_library_is_named(missing: str, message: str) -> None:
    """
    Without the extra, the ImportError names the extra; the absence of any other module stays as it is.
    """
    script = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Missing())
try:
    from poslife.testing.bybit import bybit_client
    bybit_client("http://127.0.0.1:1")
except ImportError as error:
    print(error)
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert message == output.stdout.strip()
