"""The five systems that came before: each one's users find here what they had.

Told in what they type and see, over real sockets: their commands, numbers, bare words, menu.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.support.people import Server, SocketUser

Meet = Callable[..., SocketUser]
Talk = Callable[..., SocketUser]

MENU = "1 join a group   2 create a group   3 exit"


class TelnetUser(SocketUser):
    """Somebody at telnet, who sees neither the options that are negotiated nor line ends."""

    def __init__(self, port: int) -> None:
        super().__init__(port, newline="\r\n")
        self._raw = b""

    def _receive(self) -> bool:
        known, self._received = self._received, self._raw
        try:
            more = super()._receive()
        finally:
            self._raw = self._received
            self._received = known
        shown = re.sub(rb"\xff[\xfb-\xfe].", b"", self._raw, flags=re.DOTALL)
        self._received = re.sub(rb"\xff.?$", b"", shown, flags=re.DOTALL)
        return more

    def registers(self, name: str, password: str) -> None:
        """Take *name* for good, as far as the question for a group."""
        self.sees("Username: ")
        self.types(name)
        self.sees("choose a password to keep this name, or press Enter to be a guest")
        self.sees("Password: ")
        self.types(password)
        self.sees("The same again: ")
        self.types(password)
        self.sees("Group: ")


@pytest.fixture
def dial(server: Server) -> Iterator[Callable[[], TelnetUser]]:
    """Connect somebody by telnet."""
    people: list[TelnetUser] = []

    def connect() -> TelnetUser:
        people.append(TelnetUser(server.port))
        return people[-1]

    yield connect
    for person in people:
        person.close()


def test_system_a_groups_with_an_admin(meet: Meet, server: Server) -> None:
    """PyconChat: a username, then a group; requests go to its admin; its nine commands."""
    alice, bob, carol = meet(), meet(), meet()

    alice.sees("Username: ")
    alice.types("alice")
    alice.sees("choose a password to keep this name, or press Enter to be a guest")
    alice.sees("Password: ")
    alice.types("secret of alice")
    alice.sees("Group: ")
    alice.types("tea")
    alice.sees("You are in tea (number 1), which is new: you are its admin")

    for person, name in ((bob, "bob"), (carol, "carol")):
        person.sees("Username: ")
        person.types(name)
        person.sees("Password: ")
        person.types(f"secret of {name}")
        person.sees("Group: ")
        person.types("tea")
        person.sees("You asked to join tea; its admin, alice, has to approve.")
        alice.sees(f"{name} asks to join tea")

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
    assert b"bob: Hello, Alice" not in bob.everything(), "what one typed is on the screen already"

    carol.types("/Disconnect")
    assert carol.is_cut_off()
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
    alice.sees("nc 127.0.0.1")
    alice.types("for carol, later")
    bob.sees("alice: for carol, later")
    bob.types("/KICKMEMBER alice goodbye")
    alice.sees("You were kicked from tea by bob: goodbye")

    carol = meet()
    carol.logs_in("carol", "secret of carol", at_desk=False)
    carol.sees("While you were away, in tea:")
    carol.sees("bob is the admin now, appointed by alice.")
    carol.sees("alice (in tea): for carol, later\n")
    carol.sees("alice was kicked by bob: goodbye")
    carol.sees("Group: ")
    carol.types("tea")
    carol.sees("You are in tea (number 1): 2 members, 2 online; the admin is bob.")


def test_system_b_by_number_and_on_the_console(meet: Meet, talk: Talk, server: Server) -> None:
    """Tchat: the same by number, and what its server's console logged, each once."""
    alice, bob = meet(), talk("bob", "secret of bob")
    alice.logs_in("alice", "", at_desk=False)
    alice.sees("Group: ")
    alice.types("tea")
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
    alice.sees("nc 127.0.0.1")
    alice.types("/policy password open sesame")
    alice.sees("Only the admin")
    bob.types("/policy password open sesame")
    alice.sees("bob changed the policy to password.")
    bob.types("/8 alice a private reason")
    alice.sees("You were kicked from tea by bob")
    alice.types("/3")
    assert alice.is_cut_off()
    server.says("user disconnected: alice")

    log = server.log()
    for line in (
        r"group created: tea \(number 1\) by alice",
        r"user connected: alice",
        r"user connected: bob",
        r"join requested: bob asks to join tea",
        r"join approved: bob joins tea, approved by alice",
        r"admin transferred: bob is the admin of tea",
        r"user kicked: alice from tea by bob",
        r"user disconnected: alice",
    ):
        assert len(re.findall(line, log)) == 1, (line, log)
    kinds = r"(group created|user \w+|admin transferred|join \w+): "
    assert len(re.findall(kinds, log)) == 8, log
    for secret in ("nobody logs", "private", "secret", "sesame"):
        assert secret not in log, secret


def test_system_c_groups_with_passwords(dial: Callable[[], TelnetUser], talk: Talk) -> None:
    """A menu of three; a group has a number and a password; ``qqq`` leaves."""
    alice, bob, carol = dial(), dial(), talk("carol")
    alice.registers("alice", "secret of alice")
    alice.types("")
    alice.sees(MENU)
    alice.sees("> ")
    alice.types("2")
    alice.sees("Group: ")
    alice.types("42")
    alice.sees("Password for it, or Enter to approve each newcomer yourself: ")
    alice.types("open sesame")
    alice.sees("You are in 42 (number 42), which is new")
    alice.sees("newcomers need the password")

    bob.registers("bob", "secret of bob")
    bob.types("")
    bob.sees(MENU)
    bob.types("1")
    bob.sees("Group: ")
    bob.types("42")
    bob.sees("Password of 42: ")
    bob.types("wrong")
    bob.sees("That is not the password of 42.")
    bob.types("1")
    bob.sees("Group: ")
    bob.types("42")
    bob.sees("Password of 42: ")
    bob.types("open sesame")
    bob.sees("You are in 42")
    alice.sees("bob has joined the chat!")
    assert b"open sesame" not in bob.everything(), "a password is not sent back"

    bob.types("3")
    alice.sees("bob: 3")
    bob.types("qqq")
    bob.sees("You have left 42.")
    alice.sees("bob has left the chat.")
    alice.types("is anybody here?")
    bob.types("3")
    bob.sees("Bye.")
    assert bob.is_cut_off()
    assert b"is anybody here?" not in bob.everything()

    carol.types("/join 42 open sesame")
    carol.sees("You are in 42")
    alice.sees("carol has joined the chat!")


def test_system_d_rooms_and_private_messages(
    dial: Callable[[], TelnetUser], talk: Talk, meet: Meet, server: Server
) -> None:
    """A unique username, bare words, words that wait, and a prompt that follows the room."""
    alice = dial()
    alice.registers("Alice", "secret of alice")
    alice.types("")
    alice.sees("You are at the front desk")
    alice.sees("> ")

    guest = talk("gus")
    bob = meet()
    bob.sees("Username: ")
    bob.types("GUS")
    bob.sees("gus is in use; choose another name.")
    bob.sees("Username: ")
    bob.types("bob")
    bob.sees("Password: ")
    bob.types("secret of bob")
    bob.sees("Group: ")
    bob.types("who")
    bob.sees("Online: 3")

    alice.types("join teamchat")
    alice.sees("You are in teamchat")
    alice.sees("[teamchat] ")
    alice.types("/policy open")
    bob.types("join teamchat")
    bob.sees("You are in teamchat")
    alice.sees("bob has joined the chat!")
    alice.sees("[teamchat] ")
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
    bob.sees("Bye.")
    assert bob.is_cut_off()

    alice.types("leave")
    alice.sees("You have left teamchat.")
    alice.sees("> ")
    alice.types("message")
    alice.sees("Recipient: ")
    alice.types("bob")
    alice.sees("Message: ")
    alice.types("call me back")
    alice.sees("bob is offline and will read it at the next login.")
    server.restart()

    bob = meet()
    bob.logs_in("bob", "secret of bob", at_desk=False)
    bob.sees("While you were away, with Alice:")
    bob.sees("Alice (private): call me back\n")
    bob.types("", "exit")
    assert bob.is_cut_off()
    again = talk("bob", "secret of bob")
    assert b"call me back" not in again.everything()
    guest.close()


def test_system_e_administrators(meet: Meet, talk: Talk, server: Server) -> None:
    """Administrators' names ask for a password; kick and ban are theirs, and announced."""
    code = server.says(r"operator: type /claim (\S+)").group(1)
    root = talk("root", "secret of root")
    root.types(f"/claim {code}")
    root.sees("You are an operator now.")

    mallory = meet()
    mallory.sees("Username: ")
    mallory.types("ROOT")
    mallory.sees("Password: ")
    mallory.types("wrong")
    mallory.sees("That is not the password of root.")
    mallory.sees("Username: ")
    mallory.types("mallory")
    mallory.sees("Password: ")
    mallory.types("")
    mallory.sees("Group: ")
    mallory.types("")
    bob = talk("bob")

    for line in ("kick bob", "ban bob", "kick root"):
        mallory.types(line)
        mallory.sees("Only operators can")

    root.types("kick mallory too loud")
    root.sees("mallory was kicked off this server by root: too loud")
    bob.sees("mallory was kicked off this server by root: too loud")
    mallory.sees("You were kicked off this server by root: too loud")
    assert mallory.is_cut_off()

    mallory = talk("mallory")
    root.types("ban mallory again too loud")
    bob.sees("mallory was banned from this server by root: again too loud")
    mallory.sees("You were banned from this server by root: again too loud")
    assert mallory.is_cut_off()
    server.restart()
    mallory = meet()
    mallory.sees("Username: ")
    mallory.types("Mallory")
    mallory.sees("mallory is banned from this server by root: again too loud.")
    mallory.sees("Username: ")

    root = talk("root", "secret of root")
    root.types("unban mallory")
    root.sees("mallory may log in again")
    mallory.types("mallory", "")
    mallory.sees("Group: ")


def test_a_restart_keeps_everything_but_guests(talk: Talk, meet: Meet, server: Server) -> None:
    """Accounts, groups, numbers, members, admins, requests, bans, topics, passwords, ignores."""
    alice, bob, gus = talk("alice", "secret of alice"), talk("bob", "secret of bob"), talk("gus")
    dave = talk("dave", "secret of dave")
    alice.types("/create tea open", "/topic Green tea", "/create nest password open sesame")
    alice.sees("You are in nest (number 2)")
    for person in (bob, gus):
        person.types("/join tea")
        person.sees("You are in tea")
    gus.types("/create guests open")
    gus.sees("number 3")
    bob.types("/ignore dave", "/desk")
    bob.sees("You no longer see what dave says")
    alice.types("/join tea", "/policy approval", "/ban erin spam", "/transfer bob")
    bob.sees("You are the admin of tea now")
    dave.types("/join tea may I?")
    bob.sees("dave asks to join tea")
    server.restart()

    bob = talk("bob", "secret of bob")
    bob.types("/join tea")
    bob.sees("You are in tea (number 1): 2 members, 1 online; the admin is bob.")
    bob.sees("Topic: Green tea")
    bob.types("/requests")
    bob.sees("dave, for ")
    bob.sees('"may I?"')
    bob.types("/bans")
    bob.sees("erin, by alice: spam")
    bob.types("/unignore dave")
    bob.sees("You see again what dave says")
    bob.types("/groups")
    assert "guests" not in bob.sees("nest  password")
    bob.types("/approve")
    bob.sees("dave has joined the chat!")

    dave = talk("dave", "secret of dave")
    dave.types("/join 2 open sesame")
    dave.sees("You are in nest (number 2)")
    dave.types("/create another")
    dave.sees("You are in another (number 4)")
    gus = meet()
    gus.logs_in("gus")
    gus.types("/members")
    gus.sees("front desk")
