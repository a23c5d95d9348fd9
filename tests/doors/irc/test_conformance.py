"""Cases of the specifications that clients rely on, and that no other file here has."""

from __future__ import annotations

import pytest

from tests.doors.irc.test_registration import plain
from tests.support.irc import IrcServer, IrcUser

LABELS = ("labeled-response", "batch", "echo-message")


def in_tea(irc: IrcServer, *names: str) -> list[IrcUser]:
    """Return clients of *names*, who are in the group tea; the first one is its admin."""
    users = [irc.enters(name) for name in names]
    for user in users:
        user.sends("JOIN #tea")
    for user in users:
        user.receives()
    return users


@pytest.mark.parametrize(
    ("lines", "numerics"),
    [
        (["AUTHENTICATE FOO"], ["908", "904"]),
        (["AUTHENTICATE PLAIN", "AUTHENTICATE *"], ["906"]),
        (["AUTHENTICATE PLAIN", f"AUTHENTICATE {'x' * 401}"], ["905"]),
        (["AUTHENTICATE PLAIN", "AUTHENTICATE +"], ["904"]),
    ],
)
def test_sasl_that_ends_early(irc: IrcServer, lines: list[str], numerics: list[str]) -> None:
    """Each way has its numeric, and the client may try again."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    user = irc.connects("sasl")
    found = [each.split()[1] for each in user.gets(*lines)]
    assert [each for each in found if each != "+"] == numerics
    assert user.gets("AUTHENTICATE PLAIN") == ["AUTHENTICATE +"]
    answer = user.gets(f"AUTHENTICATE {plain('rita', 'pass word')}")
    assert [each.split()[1] for each in answer] == ["900", "903"]


@pytest.mark.parametrize("text", ["a", "é", "a" * 480, "a" * 470 + "😃"])
def test_a_line_that_comes_byte_by_byte(irc: IrcServer, text: str) -> None:
    """Characters whose bytes come apart are whole again, and nothing is cut off."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    bob.receives()
    for byte in f"PRIVMSG bob :{text}\r\n".encode():
        alice.door.dataReceived(bytes([byte]))
    bob.tick()
    assert bob.sees() == [f"alice PRIVMSG bob {text}"]


@pytest.mark.parametrize("caps", [(), ("message-tags",)])
def test_a_line_that_never_ends(irc: IrcServer, caps: tuple[str, ...]) -> None:
    """It ends the connection."""
    alice = irc.enters("alice", *caps)
    alice.receives()
    alice.door.dataReceived(b"PRIVMSG alice :" + b"a" * 16_384)
    alice.waits(5)
    assert b"ERROR " in alice.wire.value()
    assert not alice.wire.connected


@pytest.mark.parametrize("channels", ["#tea", "#tea,#tea"])
def test_a_kick_of_several_is_one_line_each(irc: IrcServer, channels: str) -> None:
    """A channel for each, or one for all."""
    alice, bob, _carol, dave = in_tea(irc, "alice", "bob", "carol", "dave")
    alice.sends(f"KICK {channels} bob,carol :bye")
    assert dave.sees() == ["alice KICK #tea bob bye", "alice KICK #tea carol bye"]
    assert bob.sees()[0] == "alice KICK #tea bob bye"


def test_a_kick_that_is_refused(irc: IrcServer) -> None:
    """442 outside of the group, 482 without the right, 441 and 401 for those who are not in it."""
    alice, bob = in_tea(irc, "alice", "bob")
    eve = irc.enters("eve")
    assert eve.gets("KICK #tea bob")[0].split()[1] in ("442", "482")
    assert eve.gets("KICK #nothing bob")[0].split()[1] == "403"
    assert bob.gets("KICK #tea alice")[0].split()[1] == "482"
    assert alice.gets("KICK #tea eve")[0].split()[1] == "441"
    assert alice.gets("KICK #tea nobody")[0].split()[1] == "401"


def test_the_label_of_several_echoes(irc: IrcServer) -> None:
    """It is on their batch; a message to oneself has it once, and no receiver sees it."""
    alice, bob = irc.enters("alice", *LABELS), irc.enters("bob", *LABELS)
    irc.enters("carol")
    bob.receives()
    alice.receives()
    alice.sends("@label=1 PRIVMSG bob,carol :hi")
    first, *echoes, last = alice.receives()
    assert (first.tags, first.params[1:]) == ({"label": "1"}, ["labeled-response"])
    assert [each.params for each in echoes] == [["bob", "hi"], ["carol", "hi"]]
    assert last.params == [f"-{first.params[0][1:]}"]
    (received,) = bob.receives()
    assert not received.tags
    alice.sends("@label=2 NOTICE alice :hi")
    assert [each.tags for each in alice.receives()] == [{"label": "2"}, None]


def test_the_read_marker_comes_before_the_end_of_the_names(irc: IrcServer) -> None:
    """So that a client knows what is unread when it has the group."""
    alice = irc.enters("alice", "draft/read-marker")
    commands = [each.split()[1] for each in alice.gets("JOIN #tea")]
    assert commands.index("MARKREAD") < commands.index("366")


def test_an_account_that_is_no_operator(irc: IrcServer) -> None:
    """OPER with its right password is 491; HELPOP is HELP."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    alice = irc.enters("alice")
    alice.sends("OPER rita :pass word")
    alice.waits(1)
    assert [each.split()[1] for each in alice.sees()] == ["491"]
    start, *texts, end = (each.split()[1] for each in alice.gets("HELPOP PRIVMSG"))
    assert (start, set(texts), end) == ("704", {"705"}, "706")
    assert alice.gets("HELPOP nonsense")[0].split()[1] == "524"


def test_the_account_tag_is_on_all_acts_of_registered_people(irc: IrcServer) -> None:
    """Not only on their messages, and not on what guests and the service do."""
    irc.at_nc("alice", "pass word").wire.loseConnection()
    caps = ("account-tag", "away-notify", "message-tags", "setname")
    alice, gus = irc.enters("alice", password="pass word"), irc.enters("gus")
    reader = irc.enters("reader", *caps)
    for user in (reader, alice, gus):
        user.sends("JOIN #tea")
    reader.sends("MODE #tea +o alice")
    reader.receives()
    alice.sends("TOPIC #tea :hot", "INVITE reader #tea", "KICK #tea gus", "AWAY :brb")
    alice.sends("SETNAME :Al", "@+typing=active TAGMSG #tea", "PRIVMSG PyconChat :slow #tea 1")
    gus.sends("JOIN #tea", "SETNAME :Gu")
    received = reader.receives()
    acts = {"TOPIC", "KICK", "AWAY", "SETNAME", "JOIN", "NOTICE"}
    found = [each for each in received if each.command in acts]
    assert acts == {each.command for each in found}
    for each in received:
        account = (each.tags or {}).get("account")
        assert account == ("alice" if (each.source or "").startswith("alice!") else None), each


def test_past_acts_have_no_account(irc: IrcServer) -> None:
    """Somebody else may have had the name, as a guest."""
    alice = irc.enters("alice")
    alice.sends("JOIN #tea", "TOPIC #tea :hot", "PRIVMSG PyconChat :register pass-word")
    caps = ("account-tag", "batch", "draft/chathistory", "draft/event-playback", "message-tags")
    alice = irc.enters("alice", *caps, password="pass-word")
    alice.sends("CHATHISTORY LATEST #tea * 10")
    topic = next(each for each in alice.receives() if each.command == "TOPIC")
    assert "account" not in (topic.tags or {})


def test_sasl_that_is_under_way_at_the_end_of_the_registration(irc: IrcServer) -> None:
    """It is aborted, and the client is a guest (IRCv3 SASL)."""
    user = irc.connects("sasl")
    user.sends("NICK alice", "USER alice 0 * :Alice", "AUTHENTICATE PLAIN", "CAP END")
    numerics = [each.command for each in user.receives()]
    assert numerics.index("906") < numerics.index("001")
    user.sends("AUTHENTICATE PLAIN")
    assert [each.command for each in user.receives()] == ["AUTHENTICATE"]
