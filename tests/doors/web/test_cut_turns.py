"""An HTTP connection or WebSocket that is cut in any turn of the reactor leaves nothing behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cuts import Flow, TurnByTurn, cut_in_every_turn, every_turn
from tests.support.web import HttpUser, masked

ORIGIN = {"Origin": "https://chat.example.org", "Host": "chat.example.org"}


def says(user: HttpUser, **fields: object) -> list[dict[str, Any]]:
    """Send an object in a message; return the objects that arrive in a second."""
    user.sends(masked(json.dumps(fields).encode()))
    user.waits(1)
    return user.objects()


def socket(server: TurnByTurn, **hello: object) -> HttpUser:
    """Return a WebSocket that has said *hello*."""
    user = server.at_web()
    assert user.upgrades().status == 101
    assert says(user, hello=1, **hello)[0]["ok"]
    return user


def logins(server: TurnByTurn) -> None:
    """WebSockets: a guest, a newcomer, a wrong password, missed entries."""
    socket(server, name=f"gus{server.turn}", guest=True)
    socket(server, name=f"new{server.turn}", password="a password")
    user = server.at_web()
    user.upgrades()
    assert not says(user, hello=1, name="alice", password="wrong")[0]["ok"]
    user = socket(server, name="alice", password="alice pw", since={"tea": 0, "@bob": 0, "@x": 0})
    user.sends(masked(b"", 0x8))


def commands(server: TurnByTurn) -> None:
    """Commands that ask the store."""
    user = socket(server, name="alice", password="alice pw")
    for line in ("/history", "/search hello", "/msg bob hi", "/ignore bob", "/files", "/desk"):
        says(user, id=1, group="tea", line=line)
    says(user, id=2, group="tea", text="hi", key="k")
    answers = ["alice pw", "alice pw", "alice pw"]
    for line in ("/password", "/policy password x", "/join vault", "/hook add ci", "/quit"):
        says(user, id=3, group="tea", line=line, answers=answers)


def requests_ahead(server: TurnByTurn) -> None:
    """Several requests in one packet, and the end of the WebSocket."""
    user = socket(server, name="alice", password="alice pw")
    requests = ({"id": id, "group": "tea", "text": "hi", "key": f"k{id}"} for id in range(5))
    history = {"id": 9, "group": "tea", "line": "/history"}
    data = b"".join(masked(json.dumps(each).encode()) for each in (history, *requests))
    user.sends(data + masked(b"", 0x8))
    user.waits(3)
    assert len([each for each in user.objects() if "re" in each]) == 6


def cookies(server: TurnByTurn) -> None:
    """The page's session: registration, login, who it is, a WebSocket, its end."""
    user = server.at_web()
    new = {"name": f"new{server.turn}", "password": "a password", "register": True}
    for login in (
        {"name": "alice", "password": "wrong"},
        {"name": f"gus{server.turn}", "password": "a password"},
        {"name": "alice", "password": "alice pw"},
        new,
    ):
        user.sends(_post("/session", login))
        user.waits(1)
        answer = user.answer()
    cookie = answer.headers["set-cookie"].partition(";")[0]
    user.sends(_request("GET", "/session", Cookie=cookie))
    user.waits(1)
    assert json.loads(user.answer().body) == {"name": new["name"]}
    page = server.at_web()
    page.upgrades(**ORIGIN, Cookie=cookie)
    assert says(page, hello=1, name=new["name"])[0]["ok"]
    user.sends(_request("DELETE", "/session", Cookie=cookie, **ORIGIN))
    user.waits(1)
    assert user.answer().status == 204


def hooks(server: TurnByTurn) -> None:
    """Deliveries, one of which is repeated, and one to no hook."""
    for key in ("a", "a", "b"):
        user = server.at_web()
        user.sends(_request("POST", f"/hook/{server.hook}", b"build 7 failed", Idempotency_Key=key))
        user.waits(1)
        assert user.answer().status == 200
    user.sends(_request("POST", "/hook/unknown", b"x"))
    user.waits(1)
    assert user.answer().status == 404
    user.sends(_request("GET", "/healthz") + _request("GET", "/ready"))
    user.waits(1)


def uploads(server: TurnByTurn) -> None:
    """In pieces, resumed at the wrong and at the right offset, and refused."""
    alice, data, name = server.program(), bytes(200_000), f"{server.turn}.txt"
    user = server.at_web()
    user.sends(_put(_ticket(alice, f"/send {name}"), data)[:-50_000])
    user.waits(1)
    user.wire.loseConnection()
    user.waits(1)
    user = server.at_web()
    user.sends(_put(_ticket(alice, f"/send {name}"), data[199_999:], len(data)))
    user.waits(1)
    answer = user.answer()
    assert answer.status == 409
    offset = int(answer.headers["upload-offset"])
    user = server.at_web()
    user.sends(_put(_ticket(alice, f"/send {name}"), data[offset:], len(data)))
    user.waits(1)
    assert user.answer().status == 201
    user.sends(_put("unknown", data))
    user.waits(1)
    empty = server.at_web()
    empty.sends(_put(_ticket(alice, f"/send {name}"), b""))
    empty.waits(1)
    assert empty.answer().status == 201


def downloads(server: TurnByTurn) -> None:
    """Of a whole file by somebody who reads slowly, of a part, and beyond the end."""
    alice = server.program()
    for headers, status in (
        ({}, 200),
        ({"Range": "bytes=100000-"}, 206),
        ({"Range": "bytes=900000-"}, 416),
    ):
        user = server.at_web()
        user.wire.room = 50_000
        user.sends(_request("GET", f"/file/{_ticket(alice, '/get 1')}/a.txt", **headers))
        for _ in range(10):
            user.waits(0)
            if user.wire.producer is not None:
                user.wire.reads(50_000)
        assert user.answer().status == status
    user = server.at_web()
    user.sends(_request("GET", "/file/unknown/a.txt"))
    user.waits(1)


def _ticket(program: Any, line: str) -> str:
    return str(program.does(line, "tea")["ticket"])


def _request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    fields = {"Host": "chat.example.org", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def _post(path: str, fields: object) -> bytes:
    return _request("POST", path, json.dumps(fields).encode(), Content_Type="application/json")


def _put(ticket: str, data: bytes, total: int = 0) -> bytes:
    if not total:
        return _request("PUT", f"/file/{ticket}", data, Content_Length=str(len(data)))
    first = total - len(data)
    return _request(
        "PUT", f"/file/{ticket}", data, Content_Range=f"bytes {first}-{total - 1}/{total}"
    )


FLOWS: dict[str, Flow] = {
    each.__name__: each
    for each in (logins, commands, requests_ahead, cookies, hooks, uploads, downloads)
}


@pytest.mark.parametrize("every", every_turn(11))
@pytest.mark.parametrize("name", FLOWS)
def test_cuts(name: str, every: int, tmp_path: Path, failures: list[object]) -> None:
    """The connection is lost, or closed, or the server ends all connections."""
    cut_in_every_turn(FLOWS[name], tmp_path, failures, every)
