"""The five systems that came before: their users find their commands, numbers, words and menus.

Each story is what users type and see, with every kind of program.
"""

from __future__ import annotations

import re

import pytest

from tests.support.servers import Server
from tests.support.users import PAIRS, UserOf

MENU = "1 join a group   2 create a group   3 exit"

NOT_HERE = {"client": "There is no file notes.pdf here.", "ssh": "scp ", "web": " 127.0.0.1:"}
"""What a user sees who shares a file that does not exist; other kinds get a command to paste."""

PROGRAMS = ("json", "web")
"""Kinds that send a request anew, with the new answer, after a wrong one."""

pytestmark = pytest.mark.parametrize(("one", "other"), PAIRS)


def test_system_a_groups_with_an_admin(user: UserOf, one: str, other: str) -> None:
    """PyconChat: a username, then a group; requests to its admin; its nine commands."""
    alice = user(one, "alice", "secret of alice", group="tea")
    alice.sees("You are in tea (number 1), which is new: you are its admin")
    bob = user(other, "bob", "secret of bob", group="tea")
    bob.sees("You asked to join tea; its admin, alice, has to approve.")
    alice.sees("bob asks to join tea")
    carol = user(one, "carol", "secret of carol", group="tea")
    carol.sees("You asked to join tea; its admin, alice, has to approve.")
    alice.sees("carol asks to join tea")

    alice.types("/viewrequests")
    alice.sees("2 asking to join tea")
    alice.sees("bob, for ")
    alice.sees("carol, for ")
    alice.types("/APPROVEREQUEST bob")
    bob.sees("You are in tea: alice approved your request.")
    alice.sees("bob has joined the chat!")
    alice.types("/approveRequest")
    carol.sees("You are in tea: alice approved your request.")
    bob.sees("carol has joined the chat!")

    bob.types("Hello, Alice")
    alice.sees("bob: Hello, Alice\n")
    carol.sees("bob: Hello, Alice\n")
    bob.does_not_see("bob: Hello, Alice")  # it is on the screen already

    carol.types("/Disconnect")
    assert carol.is_disconnected()
    bob.sees("carol has gone offline")
    bob.types("/allMEMBERS")
    bob.sees("3 members of tea:")
    bob.sees("alice (admin, online)")
    bob.sees("carol (offline)")
    bob.types("/onlinemembers")
    bob.sees("2 members of tea online:")
    bob.types("/whoAdmin")
    bob.sees("The admin of tea is alice, who is online.")

    bob.types("/kickMember alice")
    bob.sees("Only the admin, alice, can kick")
    alice.types("/changeadmin bob")
    bob.sees("You are the admin of tea now, appointed by alice.")
    alice.types("/fileTransfer notes.pdf")
    alice.sees(NOT_HERE.get(one, "nc 127.0.0.1"))
    alice.types("for carol, later")
    bob.sees("alice: for carol, later")
    bob.types("/KICKMEMBER alice goodbye")
    alice.sees("You were kicked from tea by bob: goodbye")

    carol = user(other, "carol", "secret of carol")
    carol.sees("bob is the admin now, appointed by alice.")
    carol.sees(": for carol, later\n")
    carol.sees("alice was kicked by bob: goodbye")
    carol.types("/join tea")
    carol.sees("You are in tea (number 1): 2 members, 2 online; the admin is bob.")


def test_system_b_by_number_and_on_the_console(
    user: UserOf, server: Server, one: str, other: str
) -> None:
    """Tchat: the same by number, and each event once in the log, as on its console."""
    act_by_number(user, one, other)
    server.says("user disconnected: alice")
    check_console(server.whole_log())


def act_by_number(user: UserOf, one: str, other: str) -> None:
    """Let alice and bob do by number what system A does by commands."""
    bob = user(other, "bob", "secret of bob")
    alice = user(one, "alice", group="tea")
    alice.sees("you are its admin")
    bob.types("/join tea a private note")
    alice.sees("bob asks to join tea")
    alice.types("/1")
    alice.sees("bob, for ")
    alice.types("/2")
    bob.sees("You are in tea")
    bob.types("words that nobody logs")
    alice.sees("bob: words that nobody logs")
    alice.types("/4")
    alice.sees("2 members of tea:")
    alice.types("/5")
    alice.sees("2 members of tea online:")
    alice.types("/7")
    alice.sees("The admin of tea is alice")
    alice.types("/6 bob")
    bob.sees("You are the admin of tea now")
    alice.types("/9 notes.pdf")
    alice.sees(NOT_HERE.get(one, "nc 127.0.0.1"))
    alice.types("/policy password open sesame")
    alice.sees("Only the admin")
    bob.types("/policy password open sesame")
    alice.sees("bob changed the policy to password.")
    bob.types("/8 alice a private reason")
    alice.sees("You were kicked from tea by bob")
    alice.types("/3")
    assert alice.is_disconnected()


def check_console(log: str) -> None:
    """Check that *log* has each event once, and no secret."""
    for line in (
        r"group created: tea \(number 1\) by alice",
        r"user connected: alice from 127.0.0.1",
        r"user connected: bob",
        r"join requested: bob \(127.0.0.1\) asks to join tea",
        r"join approved: bob \(127.0.0.1\) joins tea, approved by alice \(127.0.0.1\)",
        r"admin transferred: bob \(127.0.0.1\) is the admin of tea",
        r"user kicked: alice \(127.0.0.1\) from tea by bob \(127.0.0.1\)",
        r"user disconnected: alice from 127.0.0.1",
    ):
        assert len(re.findall(line, log)) == 1, (line, log)
    kinds = r"(group created|user \w+|admin transferred|join \w+): "
    assert len(re.findall(kinds, log)) == 8, log
    for secret in ("nobody logs", "private", "secret", "sesame"):
        assert secret not in log, secret


def test_system_c_groups_with_passwords(user: UserOf, one: str, other: str) -> None:
    """A menu of three; a group has a number and a password; ``qqq`` leaves."""
    alice = user(one, "alice", "secret of alice")
    bob = user(other, "bob", "secret of bob")
    carol = user(one, "carol")
    alice.types("/desk")
    alice.sees(MENU)
    alice.types("2")
    alice.sees("Group: ")
    alice.types("vault")
    alice.sees("Password for it, or Enter to approve each newcomer yourself: ")
    alice.types("open sesame")
    alice.sees("You are in vault (number 1), which is new")
    alice.sees("newcomers need the password")

    bob.types("1")
    bob.sees("Group: ")
    bob.types("1")
    bob.sees("Password of vault: ")
    bob.types("wrong")
    bob.sees("That is not the password of vault.")
    if other in PROGRAMS:
        bob.types("1")
        bob.sees("Group: ")
        bob.types("1")
        bob.sees("Password of vault: ")
    bob.types("open sesame")
    bob.sees("You are in vault")
    alice.sees("bob has joined the chat!")
    assert b"open sesame" not in bob.everything(), "a password is not sent back"

    bob.types("3")
    alice.sees("bob: 3")
    bob.types("qqq")
    bob.sees("You have left vault.")
    alice.sees("bob has left the chat.")
    alice.types("is anybody here?")
    bob.does_not_see("is anybody here?")
    bob.types("3")
    assert bob.is_disconnected()

    carol.types("/join 1 open sesame")
    carol.sees("You are in vault")
    alice.sees("carol has joined the chat!")


def test_system_d_rooms_and_private_messages(user: UserOf, one: str, other: str) -> None:
    """Unique usernames, words as commands, and messages that wait for users who are offline."""
    alice = user(one, "Alice", "secret of alice")
    user(one, "gus")
    bob = user(other)
    assert bob.cannot_log_in("GUS").startswith(
        ("gus is in use; choose another name.", "gus is connected from your address already.")
    )
    bob.logs_in("bob", "secret of bob")
    bob.types("who")
    bob.sees("Online: 3")

    alice.types("join teamchat")
    alice.sees("You are in teamchat")
    alice.types("/policy open")
    alice.sees("Alice changed the policy to open.")
    bob.types("join teamchat")
    bob.sees("You are in teamchat")
    alice.sees("bob has joined the chat!")
    bob.types("/create elsewhere")
    bob.sees("You are in elsewhere")
    alice.types("Hello team!")
    bob.sees("Alice (in teamchat): Hello team!\n")
    bob.types("/desk", "join teamchat")
    bob.sees("You are in teamchat")
    alice.types("who")
    bob.sees("Alice: who\n")

    bob.types("leave")
    bob.sees("You have left teamchat.")
    alice.sees("bob has left the chat.")
    bob.types("exit")
    assert bob.is_disconnected()

    alice.types("leave")  # who is its admin
    alice.sees("You are at the front desk; you are still a member of teamchat")
    alice.types("message")
    alice.sees("Recipient: ")
    alice.types("bob")
    alice.sees("Message: ")
    alice.types("call me back")
    alice.sees("bob is offline and will read it at the next login.")

    bob = user(other, "bob", "secret of bob")
    bob.sees("Alice (private): call me back\n")
    bob.types("exit")
    assert bob.is_disconnected()
    again = user(one, "bob", "secret of bob")
    again.does_not_see("call me back")


def test_system_e_administrators(user: UserOf, server: Server, one: str, other: str) -> None:
    """Administrators have passwords; only they kick and ban, which is announced."""
    act_as_administrators(user, server.says(CLAIM)[1], one, other)


CLAIM = r"operator: type /claim (\S+)"
"""The code in the log."""


def act_as_administrators(user: UserOf, code: str, one: str, other: str) -> None:
    """Let root, who has the claim *code*, kick and ban mallory."""
    root = user(one, "root", "secret of root")
    root.types(f"/claim {code}")
    root.sees("You are an operator now.")

    mallory = user(other)
    assert mallory.cannot_log_in("ROOT", "wrong") == "That is not the password of root."
    mallory.logs_in("mallory")
    bob = user(one, "bob")

    for line in ("kick bob", "ban bob", "kick root"):
        mallory.types(line)
        mallory.sees("Only operators can")

    root.types("kick mallory too loud")
    root.sees("mallory was kicked off this server by root: too loud")
    bob.sees("mallory was kicked off this server by root: too loud")
    mallory.sees("You were kicked off this server by root: too loud")
    assert mallory.is_disconnected()

    mallory = user(other, "mallory")
    root.types("ban mallory again too loud")
    bob.sees("mallory was banned from this server by root: again too loud")
    mallory.sees("You were banned from this server by root: again too loud")
    assert mallory.is_disconnected()
    mallory = user(other)
    banned = "mallory is banned from this server by root: again too loud."
    assert mallory.cannot_log_in("Mallory") == banned

    root.types("unban mallory")
    root.sees("mallory may log in again")
    assert mallory.is_disconnected()
    user(other, "mallory")
