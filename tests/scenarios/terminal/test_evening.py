"""The client at a terminal: talking in groups, and logging in."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from tests.support.scripted_server import ScriptedServer
from tests.support.servers import Server
from tests.support.terminals import PASSWORD, StartClient, settings_are_kept
from tests.support.users import Visit

pytestmark = pytest.mark.server(scope="module")

# Talking.


def test_registering(start_client: StartClient, server: Server) -> None:
    """A new name gets a password, which is typed twice and not shown, not even as stars."""
    anna = start_client("anna", f"127.0.0.1:{server.port}")
    anna.sees_now("Username:")
    anna.types("anna")
    anna.sees_now("no account anna yet")  # the client may write this above a prompt
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


def test_the_second_login(start_client: StartClient, server: Server, tmp_path: Path) -> None:
    """By the saved token, without a password, and under the last name."""
    first = start_client("berta", f"berta@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    first.sees("You are at the front desk")
    first.types("/quit")
    assert first.ends() == 0
    again = start_client("berta", f"127.0.0.1:{server.port}")
    again.sees("You are at the front desk")
    again.sees_below("berta@")
    assert b"assword" not in again.everything()
    assert b"Username" not in again.everything()
    (tokens,) = tmp_path.glob("berta/state/pyconchat/**/tokens")
    assert stat.S_IMODE(tokens.stat().st_mode) == 0o600
    assert stat.S_IMODE(tokens.parent.stat().st_mode) == 0o700


def test_two_people_in_a_group(log_in: StartClient) -> None:
    """Create, join, approve and talk: each message is shown once, with its time."""
    alice, bob = log_in("alice"), log_in("bob")
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


def test_several_groups(log_in: StartClient, visit: Visit) -> None:
    """Alt and a number, and /go, change the group; the bottom line counts unread messages."""
    carl = log_in("carl", "first-group")
    friend = visit("friend-of-carl")
    carl.types("/policy open")
    carl.sees("changed the policy to open")
    carl.types("/create second-group open")
    carl.sees_below("second-group: 1 online")
    second = re.search(r"second-group \(number (\d+)\)", carl.sees("second-group (number"))
    assert second is not None
    friend.types("/join first-group")
    friend.sees("You are in first-group")
    friend.types("one", "two")
    carl.sees_below(":first-group 2")
    friend.types("carl: three")
    carl.sees("friend-of-carl (in first-group): carl: three")
    unread = re.search(r"(\d+):first-group", carl.sees_below(":first-group 3, 1 mention"))
    assert unread is not None
    assert f"(number {unread[1]})" in "".join(carl.rows())  # as on the server
    carl.keys(f"\x1b{unread[1]}")
    carl.sees_below("first-group: 2 online")
    carl.sees_typed("[first-group]")
    carl.sees("— 3 new in first-group, 1 for you, since ")
    carl.sees("friend-of-carl: two")
    carl.sees("friend-of-carl: carl: three")
    carl.waits(lambda: ":first-group" not in carl.bottom(), "count nothing")
    carl.types("/go second-group")
    carl.sees_typed("[second-group]")
    friend.types("four")
    carl.sees_below(f"{unread[1]}:first-group 1")
    carl.types("/go")
    carl.sees_typed("[first-group]")
    carl.sees("friend-of-carl: four")
    carl.keys(f"\x1b{second[1]}")
    carl.sees_typed("[second-group]")
    carl.types("said in second")
    carl.sees("carl: said in second")


def test_what_is_unread(log_in: StartClient, visit: Visit) -> None:
    """Messages in another group count, and coming and going does not."""
    cora = log_in("cora", "cora-one")
    friend = visit("friend-of-cora")
    cora.types("/policy open")
    cora.sees("changed the policy to open")
    friend.types("/join cora-one")
    cora.sees("friend-of-cora has joined")
    cora.types("/create cora-two open")
    cora.sees_typed("[cora-two]")
    friend.types(*(f"message {number}" for number in range(7)), "leave", "join cora-one", "the end")
    cora.sees_below(":cora-one 8")


def test_a_private_message(log_in: StartClient, visit: Visit) -> None:
    """It is marked as private on both sides, and rings the bell."""
    dora, friend = log_in("dora", "dora-tea"), visit("friend-of-dora")
    friend.types("/msg dora can you let me in?")
    dora.sees("friend-of-dora (guest, private): can you let me in?")
    assert dora.bells == 1
    dora.types("/msg friend-of-dora come in")
    dora.sees("dora (private to friend-of-dora): come in")
    friend.sees("dora (private): come in")
    assert dora.bells == 1


def test_a_mention(log_in: StartClient, visit: Visit) -> None:
    """A message with the reader's name rings the bell once and is highlighted; others are not."""
    emil, friend = log_in("emil", "emil-tea"), visit("friend-of-emil")
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


def test_the_message_of_the_day(start_client: StartClient) -> None:
    """Each of its lines is a line on the screen."""
    server = ScriptedServer({"motd": "Be kind.\nAnd calm."})
    zoe = start_client("zoe", f"zoe@127.0.0.1:{server.port}", PYCONCHAT_PASSWORD=PASSWORD)
    zoe.sees("Be kind.")
    zoe.sees("front desk")
    assert [row for row in zoe.rows() if "kind" in row or "calm" in row] == [
        "* Be kind.",
        "* And calm.",
    ]
    server.close()


# Logging in.


def test_a_wrong_password(start_client: StartClient, visit: Visit, server: Server) -> None:
    """The reason is shown, and it is asked for again."""
    visit("zora", "the right one")
    zora = start_client("zora", f"zora@127.0.0.1:{server.port}")
    zora.sees_now("Password of zora:")
    zora.types("not that")
    zora.sees("That is not the password of zora.")
    zora.sees_now("Password of zora:")
    zora.types("the right one")
    zora.sees("You are at the front desk")
    assert b"not that" not in zora.everything()
    assert b"the right one" not in zora.everything()


def test_too_many_wrong_passwords(start_client: StartClient, visit: Visit, server: Server) -> None:
    """After three the client shows the server's reason; a fourth is hidden, too."""
    visit("zeno", "the right one")
    zeno = start_client("zeno", f"zeno@127.0.0.1:{server.port}")
    for times in range(1, 4):
        zeno.waits(lambda: zeno.rows()[-2:] and "Password of zeno:" in zeno.line())
        zeno.types(f"wrong {times}")
        zeno.waits(lambda: zeno.times_seen("not the password") >= times or times == 3)  # noqa: B023
    zeno.sees("There were too many wrong passwords")
    zeno.types("the fourth one")
    zeno.waits(
        lambda: zeno.times_seen("not the password") == 4 or zeno.times_seen("Try again in") == 1
    )
    zeno.keys("\x04")
    zeno.ends()
    settings_are_kept(zeno)
    assert b"fourth" not in zeno.everything()


def test_a_name_in_use(start_client: StartClient, visit: Visit, server: Server) -> None:
    """It is refused with a reason; who was asked for it may choose another."""
    visit("taken-name")
    given = start_client("given", f"taken-name@127.0.0.1:{server.port}")
    assert given.ends() == 1
    given.sees("pyconchat: taken-name is in use")
    asked = start_client("asked", f"127.0.0.1:{server.port}")
    asked.sees_now("Username:")
    asked.types("taken-name")
    asked.sees("taken-name is in use")
    asked.waits(lambda: asked.line() == "Username:")
    asked.types("free-name")
    asked.sees_now("Choose a password")
    asked.types("")
    asked.sees("You are at the front desk")


def test_an_invalid_name(start_client: StartClient, server: Server) -> None:
    """A name with a space is refused at once, and asked for again."""
    adam = start_client("adam", f"127.0.0.1:{server.port}")
    adam.sees_now("Username:")
    adam.types("no name")
    adam.sees("A name has")
    adam.waits(lambda: adam.line() == "Username:")
