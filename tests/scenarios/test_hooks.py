"""Programs that post to a group with curl, at a real server."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.programs import Program
from tests.support.servers import PATIENCE, Server
from tests.support.skips import require_program
from tests.support.users import SocketUser, Visit

PAYLOADS = Path(__file__).parents[1] / "hooks" / "payloads"
PASSWORD = "a long password"

Enter = Callable[..., Program]


pytestmark = pytest.mark.server(web=True)


class Answer(NamedTuple):
    """An answer: its status, its line, and its head."""

    status: int
    line: str
    head: str


def curl(*arguments: str, body: bytes = b"") -> Answer:
    """Return the answer to a request that curl makes."""
    command = [require_program("curl"), "-sSi", "-m", str(PATIENCE), *arguments]
    done = subprocess.run(command, input=body, capture_output=True, check=True)
    head, _, rest = done.stdout.decode().replace("\r\n", "\n").rpartition("\n\n")
    head = head.rpartition("HTTP/1.1 ")[2]  # without a 100 before it
    return Answer(int(head.split()[0]), rest.strip(), head)


def add_hook(alice: SocketUser, name: str = "ci") -> str:
    """Add a hook to the group tea; return its address."""
    alice.types(f"/hook add {name}")
    shown = alice.sees("shown only now")
    found = re.search(r"https?://\S+/hook/\S+", shown + alice.sees_all())
    assert found is not None
    return found[0]


def test_a_day_of_ci(server: Server, visit: Visit, enter: Enter) -> None:
    """Text, payloads, a delivery that is repeated, also after a kill; an address that has ended."""
    alice, bot = visit("alice", PASSWORD), enter("bot")
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bot.does("/join tea")
    address = add_hook(alice)
    assert address.startswith(f"http://127.0.0.1:{server.web_port}/hook/")

    assert curl("-d", "build 7 failed", address)[:2] == (200, "ok")
    alice.sees("ci (hook): build 7 failed")
    bot.sees("message", **{"from": "ci", "text": "build 7 failed", "hook": True, "notice": True})

    github = ["-H", "Content-Type: application/json", "-H", "X-GitHub-Event: push"]
    push = [*github, "-H", "X-GitHub-Delivery: 72d3162e", "--data-binary",
            f"@{PAYLOADS / 'github-push.json'}", address]  # fmt: skip
    assert curl(*push)[:2] == curl(*push)[:2] == (200, "ok")
    alice.sees("ci (hook): monalisa pushed 2 commits to main of octo-org/kettle")
    ping = ["-H", "X-GitHub-Event: ping", "-H", "Content-Type: application/json"]
    assert curl(*ping, "-d", f"@{PAYLOADS / 'github-ping.json'}", address)[:2] == (200, "ignored")

    server.kill()
    server.start()
    assert curl(*push)[:2] == (200, "ok")
    assert curl("-d", "build 8 is fine", address)[:2] == (200, "ok")
    alice = visit("alice", PASSWORD)
    alice.types("/join tea", "/history")
    alice.sees("build 8 is fine")
    found = alice.answer_to("/search monalisa")
    assert sum("ci (hook): monalisa pushed" in line for line in found) == 1
    alice.types("/hook remove ci")
    alice.sees("alice removed the hook ci.")
    assert curl("-d", "build 9 failed", address)[:2] == (404, "There is no such hook.")
    assert address.rpartition("/")[2] not in server.whole_log()


@pytest.mark.server(web=True, limits="[limits]\nmessages_per_second = 0.5\n")
def test_abuse(server: Server, visit: Visit) -> None:
    """Each answer is one line, and the chat goes on."""
    alice = visit("alice", PASSWORD)
    alice.types("/create tea open")
    alice.sees("You are in tea")
    address = add_hook(alice)
    assert curl(address).status == 405
    assert curl("-d", "x", address[:-1]).status == 404
    assert curl("--data-binary", "@-", address, body=b"x" * 1_000_000).status == 413
    chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"]
    assert curl(*chunked, address, body=b"x" * 1_000_000).status == 413
    assert curl("--data-binary", "@-", address, body=b"\xff\xfe").status == 400
    json = ["-H", "Content-Type: application/json", "--data-binary", "@-"]
    assert curl(*json, address, body=b"[" * 60_000).status == 400
    hostile = b"\x1b]0;owned\x07\x1b[2Jred\r\nbob: no\n* server"
    assert curl("--data-binary", "@-", address, body=hostile).status == 200
    assert alice.sees("* server").endswith("ci (hook): red\n    bob: no\n    * server")
    # A head and half a body, and no more.
    path = address.partition(str(server.web_port))[2]
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"
    with ExitStack() as slow:
        for _ in range(5):
            address_of_server = ("127.0.0.1", server.web_port)
            half = slow.enter_context(socket.create_connection(address_of_server))
            half.sendall(head.encode())
        answers = [curl("-d", "again", address) for _ in range(20)]
        limited = [each for each in answers if each.status == 429]
        assert limited
        assert {each.status for each in answers} <= {200, 429}
        assert all(re.search(r"(?im)^retry-after: [1-9]", each.head) for each in limited)
        alice.types("/who")
        alice.sees("alice")
    alice.types("done")
    assert "half" not in alice.sees_all()
