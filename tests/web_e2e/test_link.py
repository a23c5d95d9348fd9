"""link.js and chat.js under node: the scenarios of a connection, and of what a person has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.support.servers import PATIENCE
from tests.support.skips import require_program

ROOT = Path(__file__).parents[2]
PAGE, TESTS = Path("pyconchat/doors/web/page"), Path("tests/web_e2e")
FILES = [PAGE / name for name in ("chat.js", "link.js", "words.js")]
SCENARIOS = [TESTS / "link.test.js", TESTS / "chat.test.js"]


def test_scenarios(tmp_path: Path) -> None:
    """All scenarios pass."""
    node = require_program("node")
    for file in [*FILES, *SCENARIOS]:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    # So that node takes the files for modules, as a browser does.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    result = subprocess.run(
        [node, "--test", *SCENARIOS], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^# pass [1-9]", result.stdout, re.MULTILINE)
