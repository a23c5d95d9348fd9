"""link.js under node: the terminal client's scenarios of a connection."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.servers import PATIENCE
from tests.support.skips import require_program

ROOT = Path(__file__).parents[2]
FILES = ["pyconchat/doors/web/page/link.js", "tests/web_e2e/link.test.js"]


def test_link(tmp_path: Path) -> None:
    """All scenarios of ``link.test.js`` pass."""
    node = require_program("node")
    for file in FILES:
        (tmp_path / file).parent.mkdir(parents=True)
        shutil.copy(ROOT / file, tmp_path / file)
    # So that node takes the files for modules, as a browser does.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    result = subprocess.run(
        [node, "--test", FILES[1]], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^# pass [1-9]", result.stdout, re.MULTILINE)
