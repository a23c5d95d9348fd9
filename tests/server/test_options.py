"""The options of the server under each of the programs that read them."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.application.twist._options import TwistOptions
from twisted.scripts.twistd import ServerOptions

from pyconchat.server.options import Options


@pytest.mark.parametrize("program", [TwistOptions, ServerOptions], ids=["twist", "twistd"])
def test_the_programs_that_start_servers(program: type, tmp_path: Path) -> None:
    """``twistd`` has a pid file, of which there is none by default; ``twist`` has none."""
    options = Options()
    options.parent = program()
    options.parseOptions(["--state", str(tmp_path), "::1", "8001"])
    assert options.result.state == str(tmp_path)
    assert options.result.doors.line == (r"tcp:8001:interface=\:\:1",)
    assert options.parent.get("pidfile", "") == ""
