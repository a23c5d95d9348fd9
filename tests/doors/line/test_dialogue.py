"""The questions of a login at the line door, and lines that are sent before they are asked."""

from __future__ import annotations

import pytest

from pyconchat.domain.names import Key
from tests.support.connections import Connect, OpenDoor

CRLF = "\r\n"


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize(
    ("ahead", "question"),
    [
        (["alice", "MySecretPw1", "MySecretPw2", "tea", "MySecretPw3"], "Password: "),
        (["not a name", "MySecretPw1", "tea"], "Username: "),
        (["bob", "abc", "MySecretPw1", "tea"], "Password: "),
        (["aIice", "MySecretPw1", "tea"], "Username: "),
    ],
)
def test_a_password_never_becomes_something_else(
    connect: Connect, newline: str, ahead: list[str], question: str
) -> None:
    """After a refusal the lines sent ahead are discarded, and the question is repeated."""
    connect().logs_in("alice", "secret of alice")
    watcher = connect().logs_in("gus")
    door = connect(newline)
    door.sends("".join(line + newline for line in ahead).encode())
    assert door.sees().rstrip().endswith(question.rstrip())
    assert len(watcher.factory.services.presence.sessions(Key("gus"))) == 1
    online = {each.account.name for each in watcher.factory.services.presence.everybody()}
    assert online == {"alice", "gus"}


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize("name", ["alice", "zoe"], ids=["registered", "new"])
def test_quit_in_answer_to_a_question_for_a_password(
    connect: Connect, newline: str, name: str
) -> None:
    """It ends the login: no password begins with a slash."""
    connect().logs_in("alice", "secret of alice")
    door = connect(newline)
    door.types(name)
    assert door.sees().rstrip().endswith("Password:")
    door.types(" /Quit")
    assert "Bye." in door.sees()
    assert door.wire.closed


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize(
    ("name", "answer"),
    [("alice", ""), ("alice", "/cancel"), ("zoe", "/cancel"), ("zoe", " /Cancel ")],
)
def test_back_to_the_name(connect: Connect, newline: str, name: str, answer: str) -> None:
    """A question for a password is cancelled: the name was mistyped."""
    connect().logs_in("alice", "secret of alice")
    door = connect(newline)
    door.types(name)
    assert ("For another name: /cancel" in door.sees()) is (name == "zoe")
    door.types(answer)
    shown = door.sees()
    assert "* Cancelled. What is your name?" in shown
    assert shown.endswith("Username: ")
    door.types("/cancel")
    assert door.sees().endswith("Username: ")
    door.types("gus")
    assert "gus is new here" in door.sees()


def test_back_to_the_name_from_the_repeated_password(connect: Connect) -> None:
    """Nothing is registered."""
    door = connect(CRLF)
    door.types("alice", "secret of alice", "/cancel")
    assert door.sees().split()[-1] == "Username:"
    door.types("alice")
    assert "alice is new here" in door.sees()


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize("answer", ["den", "vault", "teaa", "99", "ops a-note", "nonsense/", "//x"])
def test_a_refused_group_discards_what_follows(connect: Connect, newline: str, answer: str) -> None:
    """Lines that were meant for the group become no commands of the front desk."""
    alice = connect().logs_in("alice", "secret of alice")
    alice.types("/create tea open", "/create den invite", "/create vault password x")
    watcher = connect().logs_in("gus")
    door = connect(newline)
    ahead = ["MySecretPw1", "exit", "message gus MySecretPw2", "join MySecretPw3"]
    door.sends("".join(line + newline for line in ("bob", "", answer, *ahead)).encode())
    assert "You are at the front desk." in door.sees()
    door.waits(3)
    assert door.wire.connected
    assert "MySecretPw2" not in watcher.sees()
    assert len(watcher.factory.services.groups) == 3
    door.types("join tea")
    assert "You are in tea" in door.sees()


def test_a_ban_from_the_group_does_not_end_the_login(connect: Connect) -> None:
    """It is one refusal, and the person is at the front desk."""
    alice = connect().logs_in("alice", "secret of alice")
    alice.types("/create tea open", "/ban bob")
    bob = connect()
    bob.types("bob", "", "tea")
    seen = bob.sees()
    assert "You are banned from tea by alice." in seen
    assert "You are at the front desk." in seen


@pytest.mark.parametrize("newline", ["\n", CRLF])
def test_half_a_line_never_becomes_an_answer(connect: Connect, newline: str) -> None:
    """If a line has arrived in part when input is discarded, the rest of it is discarded, too."""
    door = connect(newline)
    door.sends(f"not a name{newline}MySecret".encode())
    assert door.sees().rstrip().endswith("Username:")
    door.sends(f"Pw1{newline}".encode())
    assert door.sees().strip() == ""
    door.types("bob")
    assert "bob is new here" in door.sees()


@pytest.mark.parametrize("newline", ["\n", CRLF])
@pytest.mark.parametrize("refusals", [1, 30])
def test_what_the_kernel_still_has_never_becomes_an_answer(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, newline: str, refusals: int
) -> None:
    """All that had arrived before a refusal is discarded, however much work the peer has caused."""
    ahead = f"MySecretPw1{newline}".encode() * 100 + b"MySecret"
    door = connect(newline)
    door.types(*["not a name"] * (refusals - 1))
    monkeypatch.setattr("pyconchat.doors.delayed_lines.unread", lambda _socket: len(ahead))
    door.types("not a name")
    door.waits(20)
    assert door.sees().rstrip().endswith("Username:")
    for first in range(0, len(ahead), 500):
        door.sends(ahead[first : first + 500])
    door.sends(f"Pw1{newline}".encode())
    door.waits(5)
    assert door.sees() == ""
    door.types("bob")
    assert "bob is new here" in door.sees()


def test_a_wrong_password_is_asked_three_times(connect: Connect) -> None:
    """For the same name; then the connection is closed."""
    connect().logs_in("alice", "secret of alice")
    door = connect()
    door.types("alice")
    for _ in range(2):
        door.types("wrong one")
        assert door.sees().endswith("* That is not the password of alice.\nPassword: ")
    door.types("wrong one")
    door.waits(3)
    assert "* There were too many wrong passwords." in door.sees()
    assert not door.wire.connected


def test_an_empty_password_leads_back_to_the_name(connect: Connect) -> None:
    """After a typing error in the name, another one can be given."""
    connect().logs_in("alice", "secret of alice")
    door = connect()
    door.types("alice", "")
    assert door.sees().endswith("Username: ")
    door.logs_in("bob")


def test_a_banned_name_is_refused(connect: Connect) -> None:
    """At the name, before a password is asked; the connection is closed."""
    olga = connect().logs_in("olga", "secret of olga")
    olga.types(f"/claim {olga.factory.services.accounts.claim_code}", "/ban mallory too loud")
    door = connect()
    door.types("mallory")
    door.waits(3)
    assert "* mallory is banned from this server by olga: too loud." in door.sees()
    assert "Password" not in door.everything.decode()
    assert not door.wire.connected


def test_the_question_for_a_group_names_the_groups(connect: Connect) -> None:
    """Only those that the person can enter, their own first; by invitation only for the invited."""
    alice = connect().logs_in("alice", "secret of alice")
    alice.types("/create tea open", "/create den invite", "/create vault password x")
    bob = connect()
    bob.types("bob", "")
    assert "Groups: 1 tea (open), 3 vault (by password). Which one?" in bob.sees()
    alice.types("/join den", "/invite carol")
    carol = connect()
    carol.types("carol", "secret of carol")
    carol.waits(1)
    assert "den" not in carol.sees()
    connect().logs_in("dora", "secret of dora").types("/join vault x")
    again = connect()
    again.types("dora", "secret of dora")
    again.waits(1)
    assert "Groups: 3 vault (member), 1 tea (open). Which one?" in again.sees()


def test_a_guest_at_the_same_address_is_replaced_when_asked_twice(open_door: OpenDoor) -> None:
    """The name once more ends the other connection; from elsewhere the name is in use."""
    connect = open_door()
    ghost = connect().logs_in("gus")
    assert "gus is in use" in connect("\n", "192.0.2.9").types("gus", "gus").sees()
    person = connect()
    assert "gus is connected from your address already" in person.types("gus").sees()
    assert "Password" in person.types("gus").sees()
    assert "You are at the front desk." in person.types("", "").sees()
    ghost.waits(3)
    assert "Somebody at your address" in ghost.sees()
    assert ghost.wire.closed
