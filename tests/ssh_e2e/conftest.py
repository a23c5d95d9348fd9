"""Clients of SSH."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.ssh import OpenSsh


@pytest.fixture
def ssh(server: Server, tmp_path: Path) -> OpenSsh:
    """OpenSSH's client, of somebody without keys."""
    return OpenSsh(server, tmp_path)
