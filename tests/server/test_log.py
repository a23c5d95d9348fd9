"""The server's log: which events are printed, and as what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from pyconchat.server.log import format_line


def event(text: str, namespace: str = "pyconchat", **more: Any) -> dict[str, Any]:
    """Return a log event of *namespace*."""
    return {
        "log_format": "{text}",
        "text": text,
        "log_namespace": namespace,
        "log_time": 0.0,
        "log_level": LogLevel.info,
        **more,
    }


def test_a_line_has_the_time_and_the_text() -> None:
    """The time with its zone, then the text; no class and no level."""
    line = format_line(event("user connected: alice"))
    assert line is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} user connected: alice\n", line)


@pytest.mark.parametrize(
    ("namespace", "level", "printed"),
    [
        ("pyconchat", LogLevel.info, True),
        ("pyconchat.doors.door.Door", LogLevel.info, True),
        ("twisted.scripts._twistd_unix.UnixAppLogger", LogLevel.info, False),
        ("pyconchatter", LogLevel.info, False),
        ("twisted.internet.tcp", LogLevel.warn, True),
        ("log_legacy", LogLevel.critical, True),
        (None, LogLevel.info, False),
    ],
)
def test_what_twisted_says_about_itself(namespace: str, level: Any, printed: bool) -> None:
    """Only its warnings and errors are printed."""
    line = format_line(event("x", namespace, log_level=level))
    assert (line is not None) == printed


def test_an_error_is_marked_and_has_its_traceback() -> None:
    """Lines after the first are indented: none of them can pass for another event."""
    try:
        raise ValueError("one\n2026-11-27T01:28:49+0000 login failed: eve from 192.0.2.1")
    except ValueError:
        failure = Failure()
    line = format_line(event("a door failed", log_level=LogLevel.critical, log_failure=failure))
    assert line is not None
    first, *others = line.splitlines()
    assert first.endswith(" error: a door failed")
    assert any("Traceback" in other for other in others)
    assert all(other.startswith("\t") for other in others)
