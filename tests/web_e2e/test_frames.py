"""The frames of the web door against Autobahn's cases, run by kosoku."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from kosoku import FailureError, run_fuzzingclient
from kosoku._kosoku import CaseResult

ROOT = Path(__file__).parents[2]

LEFT_OUT = ["9.*", "12.*", "13.*"]
"""Performance with messages of up to 16 MiB, far more than the door takes, and compression."""


@pytest.fixture
def port() -> Iterator[int]:
    """Where `echo` listens."""
    command = [sys.executable, "-m", "tests.web_e2e.echo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield int(server.stdout.readline())
        server.kill()


def test_autobahn(port: int) -> None:
    """All cases pass; what a case leaves open may be informational."""

    async def run() -> list[CaseResult]:
        return await run_fuzzingclient(f"ws://127.0.0.1:{port}", None, LEFT_OUT, concurrency=4)

    try:
        with ThreadPoolExecutor(1) as thread:  # Playwright has an event loop in this one
            results = thread.submit(asyncio.run, run()).result()
    except FailureError as failure:
        pytest.fail(str(failure))
    verdicts = {each.case_id: each.behavior.value for each in results}
    assert len(verdicts) == 247
    assert set(verdicts.values()) <= {"OK", "INFORMATIONAL"}
