"""A login that is not complete ends with a new password and ``/quit everywhere``."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from pyconchat.domain.names import Key
from pyconchat.store import SqlStore
from tests.doors.test_cuts import Stepped
from tests.support.connections import TestConnection
from tests.support.irc import IrcServer
from tests.support.programs import WiredProgram, line_of
from tests.support.ssh_wire import PASSWORD, SshClient, SshServer, new_key
from tests.support.stepwise import MAX_STEPS
from tests.support.web import Answer, WebUsers

REVOKING = {
    "password": ["/password", PASSWORD, "another pw"],
    "quit everywhere": ["/quit everywhere"],
}
PLAIN = base64.b64encode(f"\0rita\0{PASSWORD}".encode()).decode()

LOGIN = {"name": "alice", "password": "alice pw"}


@pytest.mark.parametrize("lines", REVOKING.values(), ids=list(REVOKING))
def test_an_irc_client_that_has_authenticated(
    store: SqlStore, clock: Clock, lines: list[str]
) -> None:
    """It may wait before it ends the negotiation."""
    server = IrcServer(store, clock)
    owner = server.at_nc("rita", PASSWORD)
    user = server.connects("sasl")
    user.sends("AUTHENTICATE PLAIN", f"AUTHENTICATE {PLAIN}", "NICK rita", "USER u 0 * :U")
    assert any(each.startswith("irc.test 903") for each in user.sees())
    owner.types(*lines)
    user.waits(1)
    user.sends("CAP END")
    user.waits(1)
    shown = user.sees()
    assert not any(" 001 " in each for each in shown)
    assert "That login has ended: connect again." in "\n".join(shown)
    assert not user.wire.connected
    server.stop()


@pytest.mark.parametrize("by_key", [False, True], ids=["by password", "by key"])
def test_an_ssh_connection_without_a_channel(
    store: SqlStore, clock: Clock, tmp_path: Path, by_key: bool
) -> None:
    """It opens no session after that."""
    key, ssh = new_key(), SshServer(store, clock, tmp_path)
    ssh.registers("alice")
    owner = ssh.at_nc("alice", PASSWORD)
    owner.types(f"/key add {key.public().toString('OPENSSH').decode()}")
    client = SshClient(ssh).logs_in("alice", key if by_key else None)
    owner.types("/quit everywhere")
    ssh.waits(2)
    client.runs("say tea hello")
    assert "That login has ended" in client.errors()
    ssh.stop()


def test_a_browser_that_logs_in_while_the_password_is_changed(tmp_path: Path) -> None:
    """The old password gives no cookie that is good afterwards."""
    for steps in range(MAX_STEPS):
        stepped = stepped_at(tmp_path / str(steps))
        web = WebUsers(stepped.server.factory, stepped.server.clock)
        browser = web.connects()
        owner = alice_at(stepped)
        changes(owner, "another pw")
        done = run(stepped, owner.connection, steps)
        body = json.dumps(LOGIN).encode()
        head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        browser.sends(f"POST /session HTTP/1.1\r\nHost: localhost:8080\r\n{head}".encode() + body)
        stepped.settle()
        answer = browser.answer()
        stepped.work.stepwise = False
        assert (steps, name_of(web, answer)) == (steps, None)
        stepped.close()
        if done < steps:
            break
    assert answer.status != 200, "the last login began after the change"


def test_two_devices_that_change_the_password(tmp_path: Path) -> None:
    """One of them does, and stays; the other one is refused, and does not get the account."""
    for steps in range(MAX_STEPS):
        stepped = stepped_at(tmp_path / str(steps))
        first, second = alice_at(stepped), alice_at(stepped)
        changes(first, "first pw")
        done = run(stepped, first.connection, steps)
        changes(second, "second pw")
        stepped.settle()
        first.receives()
        second.receives()
        answers = [[each["ok"] for each in one.objects if "re" in each] for one in (first, second)]
        account = stepped.server.chat.accounts.get(Key("alice"))
        assert account is not None
        stored = {each.name: each.password_hash for each in stepped.store.load().server.accounts}
        chosen = "second pw" if answers[1] == [True] else "first pw"
        assert account.password_hash == stored["alice"] == f"plain:{chosen}", steps
        assert answers.count([True]) == 1, steps
        assert (first if chosen == "first pw" else second).connection.wire.connected
        stepped.close()
        if done < steps:
            break


def stepped_at(folder: Path) -> Stepped:
    """Return a server in *folder*."""
    folder.mkdir()
    return Stepped(folder)


def alice_at(stepped: Stepped) -> WiredProgram:
    """Return a program of alice."""
    stepped.work.stepwise = False
    program = WiredProgram(stepped.server.connect())
    program.logs_in("alice", "alice pw")
    stepped.work.stepwise = True
    return program


def changes(program: WiredProgram, password: str) -> None:
    """Ask for a new password, and wait for nothing."""
    answers = ["alice pw", password, password]
    program.connection.sends(line_of(id=9, line="/password", answers=answers))


def run(stepped: Stepped, connection: TestConnection, steps: int) -> int:
    """Run at most *steps* steps; return how many there were."""
    done = 0
    while done < steps and stepped.work.step():
        connection.tick()
        done += 1
    return done


def name_of(web: WebUsers, answer: Answer) -> str | None:
    """Return whose session the cookie of *answer* is."""
    cookie = answer.headers.get("set-cookie", "").partition(";")[0]
    shown = web.connects().asks("GET", "/session", Cookie=cookie)
    name: str | None = json.loads(shown.body)["name"]
    return name
