"""Failed logins and refused connections in the log, with the client's address."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.connections import Connect, OpenDoor

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.rst"


def hello(name: str, **fields: object) -> str:
    """Return the login of a program."""
    return json.dumps({"hello": 1, "name": name, **fields})


@pytest.mark.parametrize("host", ["192.0.2.9", "2001:db8::9", "::ffff:192.0.2.9"])
@pytest.mark.parametrize("door", ["line", "json, password", "json, token"])
def test_failed_logins_as_fail2ban_reads_them(
    door: str, host: str, connect: Connect, log: Callable[[], list[str]]
) -> None:
    """Through each door: one line, which the documented pattern finds, with the whole address."""
    connect().logs_in("alice", "secret of alice")
    attacker = connect(host=host)
    match door:
        case "line":
            attacker.types("alice", "MySecretPw1")
        case "json, password":
            attacker.types(hello("alice", password="MySecretPw1"))
        case "json, token":
            attacker.types(hello("alice", token="MySecretPw1"))
    attacker.sees()
    attacker.waits(1)
    failed = re.search(r"failregex = (.*)", DOCUMENT.read_text())
    assert failed is not None
    pattern = failed.group(1).replace("<ADDR>", "(?P<ip>[0-9a-f.:]+)")
    found = [match for line in log() if (match := re.search(pattern, line, re.MULTILINE))]
    assert [match["ip"] for match in found] == [host.removeprefix("::ffff:")]
    assert "MySecretPw1" not in repr(log())
    assert any(re.match("user connected: alice from 192.0.2.1", line) for line in log())


@pytest.mark.parametrize("typed", ["a b", "x" * 200, "\x1b[31m", "login failed: bob from 1.2.3.4"])
def test_what_is_no_name_is_not_logged(
    typed: str, connect: Connect, log: Callable[[], list[str]]
) -> None:
    """Whatever was typed where a name belongs."""
    connect().types(typed, "secret")
    connect().types(hello(typed, password="secret"))
    assert log() == []


def test_refused_connections(open_door: OpenDoor, log: Callable[[], list[str]]) -> None:
    """Each address once a minute, each cause ten times at most."""
    connect = open_door(connections_per_ip=1)
    for number in range(20):
        for _ in range(3):
            connect(host=f"192.0.2.{number}").waits(0.01)
    lines = [line for line in log() if "refused" in line]
    assert lines == [
        f"connection refused: from 192.0.2.{number} (connections_per_ip)\n" for number in range(10)
    ]
