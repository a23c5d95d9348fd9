"""A check for all tests of the running chat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.logger import capturedLogs


@pytest.fixture(autouse=True)
def _no_tracebacks() -> Iterator[None]:
    """Check that no traceback is logged."""
    with capturedLogs() as events:
        yield
    failures = [event["log_failure"] for event in events if "log_failure" in event]
    assert [failure.getTraceback() for failure in failures] == []
