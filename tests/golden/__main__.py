"""
Make the golden files anew: `nox -s golden`.

Until 0.1.0 is released, after every change of a migration; afterwards a format's files stay as they are.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from tests.golden.postgres import make_postgres
from tests.golden.story import FORMAT, make_files

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FORMAT
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    asyncio.run(make_files(folder, make_postgres))
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        sys.stdout.write(f"{file.relative_to(folder)} {file.stat().st_size}\n")
