"""A connection of a browser that is cut at any await leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.support.programs import MemoryServer, line_of
from tests.support.stepwise import MAX_STEPS, StepByStep
from tests.support.stores import quick_store
from tests.support.web import UPGRADE, HttpUser, WebUsers, masked

SINCE = {"tea": 0, "@bob": 0, "@nobody": 0}
SOCKET = ("GET", "/ws", "", UPGRADE)


def login(**fields: object) -> tuple[str, str, str, dict[str, str]]:
    """Return the request that logs in with *fields*."""
    return "POST", "/session", json.dumps(fields), {"Content-Type": "application/json"}


ALICE = login(name="alice", password="alice pw")
HELLO = line_of(hello=1, name="alice", password="alice pw", since=SINCE)

FLOWS = {
    "login": (ALICE, ALICE),
    "wrong password": (login(name="alice", password="wrong"), ALICE),
    "newcomer": (login(name="newN", password="a password"),),
    "guest": (login(name="gus", guest=True),),
    "logout": (ALICE, ("DELETE", "/session", "", {})),
    "cookie": (ALICE, SOCKET, line_of(hello=1, since=SINCE)),
    **{
        f"socket {line.partition(' ')[0]}": (
            SOCKET,
            HELLO,
            line_of(id=1, group="tea", line=line, key="k", answers=answers),
        )
        for line, answers in (
            ("hello", []),
            ("/password", ["alice pw", "alice pw", "alice pw"]),
            ("/quit everywhere", []),
        )
    },
}


def sends(user: HttpUser, part: object, number: int) -> None:
    """Send a request, or a text frame. *number* makes the name of a newcomer new."""
    if isinstance(part, bytes):
        user.sends(masked(part.rstrip(b"\n")))
        return
    method, path, body, headers = part  # type: ignore[misc]
    body = body.replace("newN", f"new{number}")
    fields = {"Host": "localhost:8080", "Content-Length": str(len(body)), **headers}
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    user.sends("\r\n".join([*head, "", body]).encode())


@pytest.mark.parametrize("flow", FLOWS)
def test_a_cut_at_any_await(flow: str, tmp_path: Path, failures: list[object]) -> None:
    """In every state of a flow, a cut ends the session and frees the guest's name."""
    work, store, clock = StepByStep(), quick_store(tmp_path), Clock()
    server = MemoryServer(store, clock, hasher=work, threads=work)
    web = WebUsers(server.factory, clock)
    bob = server.program("bob", "bob pw")
    bob.does("/create tea open")
    for name in ("alice", "bob"):
        program = server.program(name, f"{name} pw")
        program.asks("/join tea")
        program.does("/msg alice psst" if name == "bob" else "hello", "tea")
        program.cut()
    server.waits(30)
    alone = len(server.factory.open_doors)
    for steps in range(MAX_STEPS):
        work.stepwise = True
        user, parts, done = web.connects(), list(FLOWS[flow]), 0
        while True:
            if parts and not work.waiting:
                sends(user, parts.pop(0), steps)
            elif done < steps and work.step():
                user.waits(0)
                done += 1
            else:
                break
        if user.wire.connected:
            user.protocol.connectionLost(Failure(ConnectionLost()))
        while work.step():
            user.waits(0)
        work.stepwise = False
        server.waits(10)
        online = [each.account.name for each in server.chat.presence.everybody()]
        assert (steps, online, len(server.factory.open_doors)) == (steps, ["bob"], alone)
        assert server.chat.accounts.get("gus") is None
        assert server.factory.connection_limits.unauthenticated == 0
        assert failures == []
        if done < steps:
            break
    else:
        raise AssertionError("the flow needs more steps")
    assert steps
    server.stop()
    store.close()
