"""The client at a terminal: an evening in a group, and who is let in."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.support.servers import Server
from tests.support.terminals import PASSWORD, At, Impostor, settings_are_kept
from tests.support.users import Visit

pytestmark = pytest.mark.server(scope="module")

# An evening.


def test_registering(at: At, server: Server) -> None:
    """A new name is given a password, typed twice, of which nothing shows, not even stars."""
    anna = at("anna", f"127.0.0.1:{server.port}")
    anna.sees_now("Username:")
    anna.types("anna")
    anna.sees_now("has the name anna yet")  # the client may write this above a prompt
    anna.sees_now("Choose a password")
    anna.keys("qzxqzx")
    before = anna.screen()
    anna.looks(0.1)
    assert anna.screen() == before
    anna.keys("\r")
    anna.sees_now("Repeat the password:")
    anna.types("other")
    anna.sees("The passwords are not the same.")
    for _ in range(2):
        anna.types("qzxqzx")
    anna.sees("You are at the front desk")
    assert b"qzx" not in anna.everything()
    assert b"*****" not in anna.everything()
    assert b"\xe2\x80\xa2" not in anna.everything()
    assert anna.sees_below(f"anna@127.0.0.1:{server.port}")


def test_the_second_time_no_password_is_asked_for(at: At, server: Server, tmp_path: Path) -> None:
    """Who was here before is logged in by the token, and under the same name."""
    first = at("berta", f"berta@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    first.sees("You are at the front desk")
    first.types("/quit")
    assert first.ends() == 0
    again = at("berta", f"127.0.0.1:{server.port}")
    again.sees("You are at the front desk")
    again.sees_below("berta@")
    assert b"assword" not in again.everything()
    assert b"Username" not in again.everything()
    (tokens,) = tmp_path.glob("berta/state/pyconchat/**/tokens")
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.parent.stat().st_mode) == 0o700


def test_two_people_in_a_group(chat: At) -> None:
    """Create a group, ask, approve, and talk: what one says is there once, with its time."""
    alice, bob = chat("alice"), chat("bob")
    alice.types("/create tea approval")
    alice.sees("you are its admin")
    alice.sees_below("tea: 1 online")
    bob.types("/join tea it is me")
    alice.sees('bob asks to join tea: "it is me"')
    alice.types("/approve bob")
    bob.sees_below("tea: ")
    alice.sees_below("tea: 2 online")
    alice.types("the kettle is broken")
    bob.types("what again")
    for who in (alice, bob):
        assert re.fullmatch(r"\d\d:\d\d alice: the kettle is broken", who.sees("the kettle is"))
        assert re.fullmatch(r"\d\d:\d\d bob: what again", who.sees("what again"))
    alice.types("last words")
    bob.sees("alice: last words")
    alice.sees("alice: last words")
    assert alice.times_seen("the kettle is broken") == 1
    assert bob.times_seen("what again") == 1


def test_several_groups(chat: At, visit: Visit) -> None:
    """Alt and a number, and /go, change the group; the bottom line counts what is unread."""
    carl = chat("carl", "first-group")
    friend = visit("friend-of-carl")
    carl.types("/policy open")
    carl.sees("changed the policy to open")
    carl.types("/create second-group open")
    carl.sees_below("second-group: 1 online")
    friend.types("/join first-group")
    friend.sees("You are in first-group")
    friend.types("one", "two")
    carl.sees("friend-of-carl (in first-group): two")
    carl.sees_below("unread 1:first-group")
    friend.types("three")
    carl.sees("friend-of-carl (in first-group): three")
    assert "first-group " in carl.sees_below("1:first-group")
    unread = re.search(r"1:first-group (\d+)", carl.sees_below("unread"))
    assert unread is not None
    carl.keys("\x1b1")
    carl.sees_below("first-group: 2 online")
    carl.sees_typed("[first-group]")
    assert "unread" not in carl.bottom()
    carl.types("/go second-group")
    carl.sees_typed("[second-group]")
    friend.types("four")
    carl.sees_below("unread 1:first-group 1")
    carl.types("/go")
    carl.sees_typed("[first-group]")
    assert "unread" not in carl.bottom()
    carl.keys("\x1b2")
    carl.sees_typed("[second-group]")
    carl.types("said in second")
    carl.sees("carl: said in second")


def test_only_messages_are_unread(chat: At, visit: Visit) -> None:
    """The number of unread is that of the messages in the other group."""
    cora = chat("cora", "cora-one")
    friend = visit("friend-of-cora")
    cora.types("/policy open")
    cora.sees("changed the policy to open")
    friend.types("/join cora-one")
    cora.sees("friend-of-cora has joined")
    cora.types("/create cora-two open")
    cora.sees_typed("[cora-two]")
    friend.types(*(f"message {number}" for number in range(7)))
    cora.sees("message 6")
    cora.sees_below("unread 1:cora-one 7")


def test_a_private_message(chat: At, visit: Visit) -> None:
    """A private message is marked as one, on both sides, and rings."""
    dora, friend = chat("dora", "dora-tea"), visit("friend-of-dora")
    friend.types("/msg dora can you let me in?")
    dora.sees("friend-of-dora (private): can you let me in?")
    assert dora.bells == 1
    dora.types("/msg friend-of-dora come in")
    dora.sees("dora (private to friend-of-dora): come in")
    friend.sees("dora (private): come in")
    assert dora.bells == 1


def test_a_mention(chat: At, visit: Visit) -> None:
    """A line that names the reader rings the bell once and is highlighted; others do not."""
    emil, friend = chat("emil", "emil-tea"), visit("friend-of-emil")
    emil.types("/policy open")
    emil.sees("changed the policy to open")
    friend.types("/join emil-tea")
    friend.sees("You are in emil-tea")
    friend.types("emilia is not here", "nor is xemil")
    emil.sees("nor is xemil")
    assert emil.bells == 0
    ordinary = emil.cell("nor is xemil")
    friend.types("hello Emil, tea?")
    emil.sees_now("hello Emil, tea?")
    mention = emil.cell("hello Emil, tea?")
    assert emil.bells == 1
    assert (mention.bold, mention.fg) != (ordinary.bold, ordinary.fg)
    emil.types("I am emil")
    emil.sees("emil: I am emil")
    assert emil.bells == 1


def test_several_lines_from_the_operator(at: At) -> None:
    """A message of the day of several lines is shown in several lines."""
    server = Impostor({"motd": "Be kind.\nAnd calm."})
    zoe = at("zoe", f"zoe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    zoe.sees("Be kind.")
    zoe.sees("front desk")
    assert [row for row in zoe.rows() if "kind" in row or "calm" in row] == [
        "* Be kind.",
        "* And calm.",
    ]
    server.close()


# Who is let in.


def test_a_wrong_password_is_asked_for_again(at: At, visit: Visit, server: Server) -> None:
    """A wrong password is told of and asked for again; the right one lets in."""
    visit("zora", "the right one")
    zora = at("zora", f"zora@127.0.0.1:{server.port}")
    zora.sees_now("Password of zora:")
    zora.types("not that")
    zora.sees("That is not the password of zora.")
    zora.sees_now("Password of zora:")
    zora.types("the right one")
    zora.sees("You are at the front desk")
    assert b"not that" not in zora.everything()
    assert b"the right one" not in zora.everything()


def test_too_many_wrong_passwords(at: At, visit: Visit, server: Server) -> None:
    """The server's patience ends after three; the client says so and leaves with status 1."""
    visit("zeno", "the right one")
    zeno = at("zeno", f"zeno@127.0.0.1:{server.port}")
    for times in range(1, 4):
        zeno.waits(lambda: zeno.rows()[-2:] and "Password of zeno:" in zeno.line())
        zeno.types(f"wrong {times}")
        zeno.waits(lambda: zeno.times_seen("not the password") >= times or times == 3)  # noqa: B023
    assert zeno.ends() == 1
    zeno.sees("too many wrong passwords")
    settings_are_kept(zeno)


def test_a_name_in_use(at: At, visit: Visit, server: Server) -> None:
    """A guest's name cannot be had: who asked for it is told so, and may choose another."""
    visit("taken-name")
    given = at("given", f"taken-name@127.0.0.1:{server.port}")
    assert given.ends() == 1
    given.sees("pyconchat: taken-name is in use")
    asked = at("asked", f"127.0.0.1:{server.port}")
    asked.sees_now("Username:")
    asked.types("taken-name")
    asked.sees("taken-name is in use")
    asked.waits(lambda: asked.line() == "Username:")
    asked.types("free-name")
    asked.sees_now("Choose a password")
    asked.types("")
    asked.sees("You are at the front desk")


def test_a_name_that_is_none(at: At, server: Server) -> None:
    """A name with a space is refused where it is typed, and asked for again."""
    adam = at("adam", f"127.0.0.1:{server.port}")
    adam.sees_now("Username:")
    adam.types("no name")
    adam.sees("A name has")
    adam.waits(lambda: adam.line() == "Username:")
