"""What a session does: without a terminal, with one, and for one command."""

from __future__ import annotations

import json
import re
import struct
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.conch.ssh.common import NS
from twisted.internet.defer import Deferred

from pyconchat.domain.errors import Refused
from pyconchat.domain.names import Name, fold
from pyconchat.domain.public_keys import key_of_blob
from pyconchat.domain.replies import EndWhy
from tests.doors.ssh.test_login import line_of, lists
from tests.support.ssh_wire import DATA, PASSWORD, ServerOf, SshClient, SshServer, new_key

COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


@pytest.fixture
def tea(ssh: SshServer) -> SshServer:
    """A server with an open group, whose members are alice and bob."""
    for name in ("alice", "bob"):
        ssh.at_nc(name, PASSWORD).types("/join tea", "/quit")
        ssh.waits(2)
    return ssh


def said(server: SshServer) -> list[str]:
    """Return the messages in tea."""
    conversation = server.services.groups.get("tea")
    assert conversation is not None
    entries = server.chat.store.entries(conversation.id, 0, 2**62, 100)
    return [each.event.text for each in entries if hasattr(each.event, "text")]


def test_without_a_terminal(tea: SshServer) -> None:
    """Lines end in LF, without a prompt, and without colours."""
    client = SshClient(tea).logs_in("alice")
    channel = client.runs()
    assert client.sees().endswith("Group: ")
    client.types(channel, "tea", "hello", "/who")
    shown = client.sees()
    assert "* You are in tea" in shown
    assert not set(shown) & {"\r", "\x1b"}
    assert "[tea]" not in shown
    assert said(tea) == ["hello"]
    client.types(channel, "/quit")
    assert client.status() == 0


def test_a_dumb_terminal(tea: SshServer) -> None:
    """It is none."""
    client = SshClient(tea).logs_in("alice")
    client.runs(term="dumb")
    assert "\x1b" not in client.sees()


def test_a_stranger_without_a_terminal(ssh: SshServer) -> None:
    """They are a guest."""
    client = SshClient(ssh).enters("zoe")
    client.runs()
    assert "Hello zoe." in client.sees()
    account = ssh.chat.accounts.get(Name("zoe"))
    assert account is not None
    assert not account.registered


def test_no_guests(server_of: ServerOf) -> None:
    """A stranger is told so, and the status is 1."""
    client = SshClient(server_of(guests=False)).enters("zoe")
    client.runs("say tea hello")
    assert "no guests" in client.errors()
    assert client.status() == 1


def test_a_terminal(tea: SshServer) -> None:
    """The editor: a prompt, the time before each line, own messages as others see them."""
    client = SshClient(tea).logs_in("alice")
    channel = client.runs(term="xterm")
    client.sees()
    client.types(channel, "tea", "hello")
    shown = COLOURS.sub("", client.sees(1.5))
    assert re.search(r"\d\d:\d\d alice: hello\r\n", shown)
    assert "[tea] " in shown
    assert "alice | tea: 1 online" in shown
    client.types(channel, "/quit")
    assert client.status() == 0


def test_what_comes_during_a_question(tea: SshServer) -> None:
    """It is shown above the question and above what is typed, in order, from first to last."""
    client, bob = SshClient(tea).logs_in("alice"), tea.at_nc("bob", PASSWORD)
    bob.types("/join tea")
    channel = client.runs("chat tea", term="xterm")
    bob.types("one", "two")
    client.types(channel, "/password")
    bob.types("three")
    for keys in (b"\x03", b"begun"):
        client.sends(DATA, struct.pack(">L", channel) + NS(keys))
        client.tick(0.1)
    bob.types("four", "five")
    shown = COLOURS.sub("", client.sees())
    said = re.findall(r"bob: (\w+)\r\n", shown)
    assert said == ["one", "two", "three", "four", "five"]
    assert "bob: five\r\n[tea] begun" in shown


def test_bell_and_colours(tea: SshServer) -> None:
    """A mention rings, and NO_COLOR is heard."""
    clients = []
    for name, plain in (("alice", False), ("bob", True)):
        client = SshClient(tea).logs_in(name)
        channel = client.opens()
        assert channel is not None
        if plain:
            client.asks(channel, b"env", NS(b"NO_COLOR") + NS(b"1"))
        client.asks(channel, b"pty-req", NS(b"xterm") + bytes(16) + NS(b""))
        client.asks(channel, b"exec", NS(b"chat tea"))
        client.tick(0.1)
        client.sees()
        clients.append((client, channel))
    (alice, channel), (bob, _) = clients
    alice.types(channel, "hello")
    assert "\a" not in bob.sees()
    alice.types(channel, "bob: look")
    shown = bob.sees()
    assert "\a" in shown
    assert not re.search(r"\x1b\[[39]\dm", shown)  # but the status is in reverse video
    assert re.search(r"\x1b\[\d+malice\x1b\[0m: bob: look", alice.sees())


def test_a_new_name_with_a_key(ssh: SshServer) -> None:
    """Enter keeps it; the key logs in from then on, and no other does."""
    key = new_key()
    client = SshClient(ssh).begins()
    assert client.key("zoe", key) is True
    channel = client.runs(term="xterm")
    assert "Your key is ssh-ed25519 SHA256:" in client.sees()
    client.types(channel, "", "")
    client.sees()
    account = ssh.chat.accounts.get(Name("zoe"))
    assert account is not None
    assert (account.registered, account.password_hash) == (True, "")
    assert SshClient(ssh).begins().key("zoe", key) is True
    assert SshClient(ssh).begins().key("zoe", new_key()) is False
    client = SshClient(ssh).begins()
    assert client.password("zoe", "") is False
    assert client.methods == b"publickey"
    assert "has no password, only keys" in ssh_line(ssh, "zoe")
    loaded = ssh.chat.store.load().server.accounts
    assert [len(each.keys) for each in loaded if each.name == "zoe"] == [1]


def ssh_line(server: SshServer, name: str) -> str:
    """Return what somebody at nc sees who gives *name*."""
    from tests.support.connections import TestConnection

    return TestConnection(server.lines, server.clock).types(name, "x").sees()


def test_a_new_name_with_a_password_or_as_a_guest(ssh: SshServer) -> None:
    """A password, typed twice, registers; guest stays one."""
    for name, answers, registered in (
        ("zoe", ("another password", "another password"), True),
        ("yan", ("guest",), False),
    ):
        client = SshClient(ssh).begins()
        assert client.key(name, new_key()) is True
        channel = client.runs(term="xterm")
        client.types(channel, *answers, "")
        assert "front desk" in client.sees()
        account = ssh.chat.accounts.get(Name(name))
        assert account is not None
        assert (account.registered, account.keys) == (registered, [])


@pytest.mark.parametrize("back", ["/cancel\n", "\x03"])
@pytest.mark.parametrize("has_key", [True, False])
def test_back_to_the_name(ssh: SshServer, has_key: bool, back: str) -> None:
    """The terminal asks for it."""
    client = SshClient(ssh).begins()
    if has_key:
        assert client.key("zoee", new_key()) is True
    else:
        client = SshClient(ssh).enters("zoee")
    channel = client.runs(term="xterm")
    assert "For another name: /cancel" in client.sees()
    client.sends(DATA, struct.pack(">L", channel) + NS(back.encode()))
    assert "Cancelled. What is your name?" in client.sees()
    client.types(channel, "zoe")
    assert "zoe is new here" in client.sees()


def test_a_key_is_never_the_first_of_a_registered_account(ssh: SshServer) -> None:
    """A stranger's session does not get the name that was registered meanwhile."""
    client = SshClient(ssh).begins()
    assert client.key("zoe", new_key()) is True
    ssh.registers("zoe")
    client.runs(term="xterm")
    assert "Password: " in client.sees()


@pytest.mark.parametrize(
    ("command", "stored"),
    [
        ("say tea hello there", ["hello there"]),
        ("say tea /quit", ["/quit"]),
        ("say TEA   two  spaces ", ["  two  spaces"]),
    ],
)
def test_say(tea: SshServer, command: str, stored: list[str]) -> None:
    """The text is said as it is, and the status is 0 when it is stored."""
    client = SshClient(tea).logs_in("alice")
    client.runs(command)
    assert client.status() == 0
    assert said(tea) == stored


def test_say_the_input(tea: SshServer) -> None:
    """Each line is a message; the last needs no end."""
    client = SshClient(tea).logs_in("alice")
    channel = client.runs("say tea")
    client.types(channel, "one", "/two", "", " three")
    client.sends(94, channel.to_bytes(4, "big") + NS(b"four"))
    client.ends_input(channel)
    assert client.status() == 0
    assert said(tea) == ["one", "/two", " three", "four"]


@pytest.mark.parametrize(
    ("command", "status", "error"),
    [
        ("say coffee hello", 1, "There is no group of that name"),
        ("msg nobody hello", 1, "neither online nor registered"),
        ("in tea kick", 1, ""),
        ("in coffee members", 1, "There is no group of that name"),
        ("in tea", 2, "Use say GROUP"),
        ("say", 2, "Use say GROUP"),
        ("rm -rf /", 2, "Use say GROUP"),
        ("scp -t tea/", 2, "without -O"),
        ("follow nowhere", 1, "There is no group of that name"),
    ],
)
def test_refusals(tea: SshServer, command: str, status: int, error: str) -> None:
    """1 if it was refused, 2 if it was not understood, with a sentence on the standard error."""
    client = SshClient(tea).logs_in("alice")
    client.runs(command)
    assert error in client.errors()
    assert client.sees() == ""
    assert client.status() == status


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("who", "* Online: 1\n*   bob"),
        ("help", "/key"),
        ("in tea members", "2 members of tea"),
        ("in tea history", "alice created tea"),
        ("/who", "* Online: 1\n"),
        ("groups", "tea"),
    ],
)
def test_commands(tea: SshServer, command: str, answer: str) -> None:
    """The answer is on the standard output."""
    tea.at_nc("bob", PASSWORD)
    client = SshClient(tea).logs_in("alice")
    client.runs(command)
    assert answer in client.sees()
    assert client.status() == 0


def test_message_to_somebody(tea: SshServer) -> None:
    """As /msg; the other one gets it at the next login."""
    client = SshClient(tea).logs_in("alice")
    client.runs("msg bob see you")
    assert client.status() == 0
    assert "alice (private): see you" in tea.at_nc("bob", PASSWORD).everything.decode()


def test_what_one_command_receives_is_not_shown(tea: SshServer) -> None:
    """Missed messages stay missed, for the next session."""
    tea.at_nc("bob", PASSWORD).types("/msg alice are you there?", "/quit")
    tea.waits(2)
    client = SshClient(tea).logs_in("alice")
    client.runs("who")
    assert "are you there" not in client.sees()
    tea.waits(2)
    assert "are you there?" in tea.at_nc("alice", PASSWORD).everything.decode()


def test_follow(tea: SshServer) -> None:
    """It prints what happens, until it is cut."""
    client = SshClient(tea).logs_in("alice")
    client.runs("follow tea")
    client.sees()
    speaker = tea.at_nc("bob", PASSWORD)
    speaker.types("/join tea", "news")
    assert "bob: news\n" in client.sees()


def test_token_and_json(tea: SshServer) -> None:
    """A token lets a program in; JSON mode is logged in already."""
    client = SshClient(tea).logs_in("alice")
    client.runs("token")
    token = client.sees().strip()
    assert client.status() == 0
    assert len(token) == 32
    channel = client.runs("json")
    first = json.loads(client.sees().splitlines()[0])
    assert (first["hello"], first["name"]) == (1, "alice")
    client.types(channel, '{"id": 7, "group": "tea", "text": "from a program"}')
    assert '{"re":7,"ok":true' in client.sees()
    assert said(tea) == ["from a program"]


def test_subsystems(alice: SshClient) -> None:
    """Others than SFTP are refused with a sentence."""
    channel = alice.opens()
    assert channel is not None
    alice.asks(channel, b"subsystem", NS(b"netconf"))
    assert "no such subsystem" in alice.errors()
    assert alice.status() == 2


def test_keys(ssh: SshServer) -> None:
    """List, add, remove: what a removed key has opened ends, and nothing else."""
    first, second = new_key(), new_key()
    lists(ssh, "alice", first, second)
    by_first = SshClient(ssh).logs_in("alice", first)
    by_first.runs()
    by_second = SshClient(ssh).logs_in("alice", second)
    channel = by_second.runs()
    by_second.types(channel, "", "/key")
    shown = by_second.sees()
    assert "* 1 ssh-ed25519 SHA256:" in shown
    assert "* 2 ssh-ed25519 SHA256:" in shown
    by_second.types(channel, "/key remove 1")
    assert "is removed" in by_second.sees()
    assert "was removed" in by_first.sees()
    assert by_first.status() == 0
    by_first.runs()
    assert "That login has ended" in by_first.sees()
    by_second.types(channel, f"/key add {line_of(second)}", "/key remove 5", "/key add nonsense")
    shown = by_second.sees()
    for sentence in ("is listed already", "There is no such key", "not a public key"):
        assert sentence in shown


def test_the_offered_key(ssh: SshServer) -> None:
    """``/key add`` takes the key that this connection has offered, after a question, once."""
    key = new_key()
    client = SshClient(ssh).begins()
    assert client.probe("alice", key) is False
    assert client.password("alice") is True
    channel = client.runs()
    client.types(channel, "", "/key add")
    assert "Add ssh-ed25519 SHA256:" in client.sees()
    client.types(channel, "yes")
    assert "logs you in from now on" in client.sees()
    assert SshClient(ssh).begins().key("alice", key) is True
    client.types(channel, "/key add")
    assert "is listed already" in client.sees()


def test_an_account_without_a_password(ssh: SshServer) -> None:
    """Passwords are refused at every door, until there is one again; the last key stays."""
    key = new_key()
    lists(ssh, "alice", key)
    client = SshClient(ssh).logs_in("alice", key)
    channel = client.runs()
    client.types(channel, "", "/password none", PASSWORD)
    assert "no password any more" in client.sees()
    assert SshClient(ssh).begins().password("alice") is False
    client.types(channel, "/key remove 1")
    assert "your only key" in client.sees()
    client.types(channel, "/password", "a new password")
    assert "Your password is changed" in client.sees()
    assert SshClient(ssh).begins().password("alice", "a new password") is True


def test_no_password_without_a_key(ssh: SshServer) -> None:
    """Nobody locks themselves out."""
    user = ssh.at_nc("alice", PASSWORD)
    user.types("/password none")
    assert "Without a password you need a key" in user.sees()


def test_changes_at_the_same_time(ssh: SshServer) -> None:
    """Two sessions neither list a key twice, nor take away the last key and the password."""
    key = key_of_blob(new_key().public().blob())
    ssh.at_nc("alice", PASSWORD)
    ssh.at_nc("alice", PASSWORD)
    account, keys = ssh.services.accounts.find(Name("alice")), ssh.services.keys
    here, there = ssh.services.presence.sessions(account.key)

    def does(*changes: Coroutine[Any, Any, object]) -> list[type]:
        doing = [Deferred.fromCoroutine(change) for change in changes]
        ssh.waits(1)
        done: list[object] = []
        for each in doing:
            each.addBoth(lambda result: done.append(getattr(result, "value", result)))
        return [type(each) for each in done]

    assert does(keys.add(here, key), keys.add(there, key)) == [bool, Refused]
    assert [each.blob for each in account.keys] == [key.blob]
    assert does(keys.drop_password(here), keys.remove(there, 1)) == [type(None), Refused]
    assert [each.blob for each in account.keys] == [key.blob]


def test_a_guest_registers_with_a_key(ssh: SshServer) -> None:
    """The memberships of the guest stay."""
    key = new_key()
    client = SshClient(ssh).begins()
    assert client.key("zoe", key) is True
    channel = client.runs()
    client.types(channel, "tea", "/key add", "yes")
    assert "zoe is yours now" in client.sees()
    conversation = ssh.services.groups.get("tea")
    assert conversation is not None
    assert not conversation.group.temporary


def test_a_changed_password_ends_the_login_of_the_connection(ssh: SshServer) -> None:
    """No further session is opened by what was proven before."""
    client = SshClient(ssh).logs_in("alice")
    user = ssh.at_nc("alice", PASSWORD)
    user.types("/password", PASSWORD, "another password")
    client.runs()
    assert "That login has ended" in client.sees()
    with pytest.raises(Refused):
        ssh.services.accounts.find(Name("nobody"))


def test_times_in_the_zone_of_the_client(tea: SshServer) -> None:
    """TZ chooses it, for this session only; a bad one is ignored."""
    shown = []
    for zone in (b"", b"Asia/Tokyo", b"../../etc/passwd"):
        client = SshClient(tea).logs_in("alice")
        channel = client.opens()
        assert channel is not None
        client.asks(channel, b"env", NS(b"TZ") + NS(zone))
        client.asks(channel, b"exec", NS(b"in tea history 5"))
        text = client.sees()
        found = re.search(r"(\d\d):(\d\d)[^]]*\] \* \[tea\] alice created", text)
        assert found, text + client.errors()
        shown.append(int(found[1]) * 60 + int(found[2]))
    here, tokyo, bad = shown
    assert here == bad
    offset = time.localtime(tea.chat.now() / 1000).tm_gmtoff // 60
    assert (tokyo - here - (9 * 60 - offset)) % (24 * 60) == 0


@pytest.mark.parametrize(
    ("command", "term", "last"),
    [
        ("", "", "* Connect again.\n"),
        ("", "xterm", "* Connect again."),
        ("follow tea", "", "* Connect again.\n"),
        ("json", "", '{"type":"end","why":"stopping","text":"Connect again."}\n'),
    ],
)
def test_a_node_that_stops(tea: SshServer, command: str, term: str, last: str) -> None:
    """Each kind of session ends after a last line; then the connection ends."""
    client = SshClient(tea).logs_in("alice")
    client.runs(command, term=term)
    client.sees()
    [session] = tea.chat.presence.sessions(fold(Name("alice")))
    session.end_when_idle(EndWhy.STOPPING, "Connect again.")
    assert last in client.sees(5)
    assert not tea.chat.presence.sessions(fold(Name("alice")))
    assert client.status() is not None
