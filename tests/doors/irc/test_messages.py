"""Messages: who gets them, echoes and labels, long ones, and what is not passed on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from pyconchat.commands import TABLE
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.testing import TestUser
from tests.support.groups import find_group
from tests.support.irc import IrcServer, IrcUser

LABELS = ("labeled-response", "batch", "message-tags")


def pair(irc: IrcServer, *caps: str) -> tuple[IrcUser, IrcUser]:
    """Return alice, with *caps*, and bob, in #tea."""
    alice, bob = irc.enters("alice", *caps), irc.enters("bob", "message-tags", "server-time")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    alice.receives()
    bob.receives()
    return alice, bob


def test_private_messages(irc: IrcServer) -> None:
    """They go to the other one, and wait for registered people."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    alice, bob = irc.enters("alice"), irc.enters("bob")
    assert alice.gets("PRIVMSG bob :psst") == []
    assert bob.sees() == ["alice PRIVMSG bob psst"]
    assert alice.gets("PRIVMSG rita :later")[0].startswith("irc.test 301 alice rita")
    rita = irc.enters("rita", password="pass word")
    assert "PRIVMSG rita :[" in rita.raw.decode()
    assert alice.gets("PRIVMSG zoe :x")[0].split()[1] == "401"


def test_two_devices(irc: IrcServer) -> None:
    """Sessions of one account see each other's messages."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    one, two = (irc.enters("rita", password="pass word") for _ in range(2))
    bob = irc.enters("bob")
    one.sends("JOIN #tea")
    assert two.sees()[0] == "rita JOIN #tea"
    one.sends("PRIVMSG #tea :a", "PRIVMSG bob :b")
    assert two.sees() == ["rita PRIVMSG #tea a", "rita PRIVMSG bob b"]
    bob.receives()
    bob.sends("PRIVMSG rita :c")
    assert two.sees() == ["bob PRIVMSG rita c"]


def test_echoes(irc: IrcServer) -> None:
    """With echo-message, the sender gets the line with the id that others get."""
    alice, bob = pair(irc, "echo-message", "message-tags")
    alice.sends("PRIVMSG #tea :hello")
    (own,), (other,) = alice.receives(), bob.receives()
    assert own.params == other.params == ["#tea", "hello"]
    assert own.tags is not None
    assert other.tags is not None
    assert own.tags["msgid"] == other.tags["msgid"]
    assert set(other.tags) == {"msgid", "time"}


def test_a_label_is_on_one_answer(irc: IrcServer) -> None:
    """On the echo, on a reply, on a batch of replies, or on ACK."""
    alice, bob = pair(irc, *LABELS)
    alice.sends("@label=1 PRIVMSG #tea :hello")
    (ack,) = alice.receives()
    assert (ack.command, ack.tags) == ("ACK", {"label": "1"})
    alice.sends("CAP REQ echo-message")
    alice.receives()
    alice.sends("@label=2 PRIVMSG #tea :hello", "@label=3 PRIVMSG bob :psst")
    echoes = alice.receives()
    assert [each.tags and each.tags["label"] for each in echoes] == ["2", "3"]
    alice.sends("@label=4 PING x")
    (pong,) = alice.receives()
    assert (pong.command, pong.tags) == ("PONG", {"label": "4"})
    alice.sends("@label=5 WHO #tea")
    lines = alice.receives()
    assert lines[0].params == ["+b1", "labeled-response"]
    assert lines[0].tags == {"label": "5"}
    assert {each.tags and each.tags["batch"] for each in lines[1:-1]} == {"b1"}
    alice.sends("@label=6 PRIVMSG #nothing :x", "@label=7 PONG x")
    refused, ack = alice.receives()
    assert (refused.command, refused.tags) == ("403", {"label": "6"})
    assert (ack.command, ack.tags) == ("ACK", {"label": "7"})
    bob.receives()
    bob.sends("PRIVMSG #tea :y")
    (line,) = alice.receives()
    assert "label" not in (line.tags or {})


def test_a_labelled_join(irc: IrcServer) -> None:
    """The JOIN and the names are the answer."""
    alice = irc.enters("alice", *LABELS)
    alice.sends("@label=j JOIN #tea")
    lines = alice.receives()
    assert lines[0].tags == {"label": "j"}
    assert [each.command for each in lines] == ["BATCH", "JOIN", "353", "366", "BATCH"]


def test_a_ping_is_answered_in_order(irc: IrcServer) -> None:
    """After the messages before it, although they are stored first."""
    alice, _ = pair(irc, "echo-message")
    data = b"PRIVMSG #tea :1\r\nPRIVMSG #tea :2\r\nPING x\r\nPRIVMSG #tea :3\r\n"
    alice.door.dataReceived(data)
    assert alice.sees() == [
        "alice PRIVMSG #tea 1",
        "alice PRIVMSG #tea 2",
        "irc.test PONG irc.test x",
        "alice PRIVMSG #tea 3",
    ]


def test_actions_and_notices(irc: IrcServer) -> None:
    """They are kept as such; other CTCP is not passed on; a notice is never answered."""
    alice, bob = pair(irc)
    nc = irc.at_nc("carol")
    nc.types("/join tea")
    alice.sends("PRIVMSG #tea :\x01ACTION waves\x01", "NOTICE #tea :beep")
    assert nc.sees().splitlines()[-2:] == ["~ alice waves", "alice: beep"]
    lines = bob.sees()[-2:]
    assert lines == ["alice PRIVMSG #tea \x01ACTION waves\x01", "alice NOTICE #tea beep"]
    nc.types("/me nods")
    assert bob.sees() == ["carol PRIVMSG #tea \x01ACTION nods\x01"]
    alice.receives()
    assert alice.gets("PRIVMSG bob :\x01VERSION\x01")[0].split()[1] == "404"
    assert alice.gets("NOTICE bob :\x01VERSION x\x01", "NOTICE zoe :x", "NOTICE #no :x") == []
    assert bob.sees() == []


def test_formatting_is_not_passed_on(irc: IrcServer) -> None:
    """Neither bold nor colours nor escape sequences."""
    alice, bob = pair(irc)
    alice.sends("PRIVMSG #tea :\x02b\x02 \x0304,05c\x03 \x1b[31md")
    assert bob.sees() == ["alice PRIVMSG #tea b c d"]
    assert alice.gets("PRIVMSG #tea :\x02\x02")[0].split()[1] in ("404", "412")


def test_long_messages(irc: IrcServer) -> None:
    """One line stays one line; 4,000 bytes of nc come in lines of 512, and nothing is lost."""
    alice, bob = pair(irc)
    for command in ("PRIVMSG", "NOTICE"):
        for colon in ("", ":"):
            text = "y" * (512 - len(f"{command} #tea {colon}\r\n"))
            alice.sends(f"{command} #tea {colon}{text}")
            assert bob.sees() == [f"alice {command} #tea {text}"]
    nc = irc.at_nc("carol")
    nc.types("/join tea")
    bob.receives()
    words = " ".join("中文" * (number % 9 + 1) for number in range(120))
    nc.types(words)
    lines = bob.receives()
    assert max(len(line.split(b" ", 1)[1]) for line in bob.raw.split(b"\r\n") if line) <= 510
    assert " ".join(each.params[1] for each in lines) == words
    assert ["msgid" in (each.tags or {}) for each in lines] == [True] + [False] * (len(lines) - 1)


def test_lines_that_cannot_be_read(irc: IrcServer) -> None:
    """417 and INVALID_UTF8; a line without end closes the connection."""
    alice = irc.enters("alice")
    assert alice.gets(f"PRIVMSG #tea :{'x' * 600}")[0].split()[1] == "417"
    assert alice.gets("PRIVMSG #tea :\udcff")[0].startswith("irc.test FAIL PRIVMSG INVALID_UTF8")
    assert alice.gets("x" * 9000)[0].startswith("ERROR")


def test_tags_of_clients(irc: IrcServer) -> None:
    """Client-only tags are stored with the message; others are not passed on."""
    alice, bob = pair(irc, "message-tags")
    alice.sends("@+example=a\\:b;secret=x;msgid=9 PRIVMSG #tea :hello")
    (line,) = bob.receives()
    assert line.tags is not None
    assert line.tags["+example"] == "a;b"
    assert set(line.tags) == {"time", "msgid", "+example"}
    alice.sends("@+typing=active TAGMSG #tea", "@+typing=active TAGMSG bob")
    assert bob.sees() == ["alice TAGMSG #tea", "alice TAGMSG bob"]


def test_account_tags(irc: IrcServer) -> None:
    """Registered people have one, guests have none, in groups and in private."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita, gus = irc.enters("rita", password="pass word"), irc.enters("gus")
    reader = irc.enters("reader", "account-tag")
    for user in (reader, rita, gus):
        user.sends("JOIN #tea")
    reader.receives()
    for user in (rita, gus):
        user.sends("PRIVMSG #tea :a", "PRIVMSG reader :b", "PRIVMSG reader :c")
    tags = [each.tags for each in reader.receives()]
    assert tags == [{"account": "rita"}] * 3 + [None] * 3


@pytest.mark.parametrize("nick", ["PyconChat", "NickServ", "chanserv"])
def test_the_service(irc: IrcServer, nick: str) -> None:
    """It takes the commands of the other doors, and answers with notices to the sender."""
    alice, bob = pair(irc)
    lines = alice.gets(f"PRIVMSG {nick} :members #tea")
    assert lines[0] == "PyconChat NOTICE alice 2 members of tea:"
    assert alice.gets(f"PRIVMSG {nick} :whoAdmin #tea")[0].startswith("PyconChat NOTICE alice The")
    assert "no such command" in alice.gets(f"PRIVMSG {nick} :hello")[0]
    assert alice.gets(f"PRIVMSG {nick} :kick #tea zoe")[0].startswith("PyconChat NOTICE alice zoe")
    assert alice.gets(f"NOTICE {nick} :members #tea") == []
    assert bob.sees() == []


def test_what_a_command_asks(irc: IrcServer) -> None:
    """A question cannot be asked: the refusal says what is missing."""
    alice, _ = pair(irc)
    assert alice.gets("PRIVMSG PyconChat :kick #tea") == ["PyconChat NOTICE alice Kick whom?"]


def test_commands_that_ask_at_other_doors(irc: IrcServer) -> None:
    """Their answers are words after them: a password, the name of a group to delete."""
    alice, _ = pair(irc)
    (line,) = alice.gets("PRIVMSG NickServ :register good-password")
    assert line == "PyconChat NOTICE alice alice is yours now: the password keeps it."
    assert "registered" in alice.gets("PRIVMSG NickServ :register another-one")[0]
    alice.gets("PRIVMSG NickServ :password good-password new-password")
    irc.enters("alice", password="new-password")
    alice.receives()
    assert "This ends tea" in alice.gets("PRIVMSG PyconChat :delete #tea")[0]
    assert alice.gets("PRIVMSG PyconChat :delete #tea tea") == [
        "PyconChat KICK #tea alice The group was deleted."
    ]
    alice.sends("JOIN #vault", "MODE #vault +A")
    alice.receives()
    assert "alice PART #vault" in alice.gets("PRIVMSG PyconChat :leave #vault")


def test_messages_to_oneself(irc: IrcServer) -> None:
    """They are received, by other devices too, and read back; an echo comes beside."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    one = irc.enters("rita", password="pass word")
    two = irc.enters("rita", "echo-message", *LABELS, "draft/chathistory", password="pass word")
    assert one.gets("PRIVMSG rita :note") == ["rita PRIVMSG rita note"]
    assert two.sees() == ["rita PRIVMSG rita note"]
    two.sends("@label=1 PRIVMSG rita :two")
    echo, received = two.receives()
    assert (echo.tags or {})["label"] == "1"
    assert (echo.tags or {})["msgid"] == (received.tags or {})["msgid"]
    assert one.sees() == ["rita PRIVMSG rita two"]
    lines = two.gets("CHATHISTORY LATEST rita * 5")
    assert lines[1:-1] == ["rita PRIVMSG rita note", "rita PRIVMSG rita two"]
    for user in (one, two):
        user.waits(2)
        user.leaves()
    assert "note" not in irc.enters("rita", password="pass word").raw.decode()


def test_what_happens_in_private(irc: IrcServer) -> None:
    """Each line of an edit, and files and reactions, are notices that name the conversation."""
    alice, bob = irc.enters("alice"), TestUser(irc.chat, "bob")
    bob.types("/query alice", "one")
    assert alice.sees() == ["bob PRIVMSG alice one"]
    bob.types("/edit two\nthree", "/react 1 👍", "/unsay 1")
    shown = alice.sees()
    assert [each.split(" NOTICE alice ")[1] for each in shown] == [
        "[@bob] bob corrected: two",
        "three",
        '[@bob] bob reacted 👍 to bob "two…"',
        "[@bob] bob removed a message.",
    ]


def test_files_in_private(irc: IrcServer) -> None:
    """The NOTICE names the conversation."""
    alice = irc.enters("alice")
    irc.enters("bob")
    one, other = (irc.chat.accounts.find(Name(name)) for name in ("bob", "alice"))
    sharing = irc.chat.private.share(
        one, other, lambda talk: talk.rules.share(one.actor, 1, SafeText("a.txt"), 5, "", "1")
    )
    Deferred.fromCoroutine(sharing)
    alice.tick()
    assert alice.sees() == ["PyconChat NOTICE alice [@bob] bob shared a.txt (5 bytes), number 1"]


def test_one_label_for_several_targets(irc: IrcServer) -> None:
    """The echoes are one batch, which has the label; without echoes it is on ACK."""
    alice, bob = pair(irc, *LABELS, "echo-message")
    alice.sends("@label=1 PRIVMSG #tea,bob,zoe :hi")
    lines = alice.receives()
    assert [each.command for each in lines] == ["BATCH", "401", "PRIVMSG", "PRIVMSG", "BATCH"]
    assert (lines[0].tags or {})["label"] == "1"
    assert sum("label" in (each.tags or {}) for each in lines) == 1
    assert bob.sees() == ["alice PRIVMSG #tea hi", "alice PRIVMSG bob hi"]
    alice.sends("CAP REQ -echo-message")
    alice.receives()
    alice.sends("@label=2 PRIVMSG #tea,bob :hi")
    assert [each.command for each in alice.receives()] == ["ACK"]
    alice.sends("PRIVMSG #tea :after")
    assert bob.sees()[-1] == "alice PRIVMSG #tea after"


def test_events_have_an_id(irc: IrcServer) -> None:
    """The same live and in the history, also for those who caused them."""
    caps = ("message-tags", "server-time", "batch", "draft/chathistory", "draft/event-playback")
    alice = irc.enters("alice", *caps)
    alice.sends("JOIN #tea")
    alice.receives()
    alice.sends("TOPIC #tea :leaves")
    (live,) = alice.receives()
    alice.sends("CHATHISTORY LATEST #tea * 1")
    past = alice.receives()[1]
    assert past.params == live.params == ["#tea", "leaves"]
    assert (live.tags or {})["msgid"] == (past.tags or {})["msgid"]
    assert (live.tags or {})["time"] == (past.tags or {})["time"]


def test_tags_to_oneself(irc: IrcServer) -> None:
    """An echo with the label, and the message."""
    alice, _ = pair(irc, *LABELS, "echo-message")
    alice.sends("@label=1;+x=y TAGMSG alice")
    echo, received = alice.receives()
    assert (echo.tags or {}) == {"label": "1", **(received.tags or {})}
    assert set(received.tags or {}) == {"+x", "msgid"}


def test_messages_of_hooks(irc: IrcServer) -> None:
    """They are NOTICEs from the name of the hook, which has no account; also in the history."""
    alice, bob = pair(irc, "account-tag", "message-tags", "draft/chathistory", "batch")
    conversation = find_group(irc.chat, "tea")
    admin = irc.chat.accounts.find(Name("alice")).actor
    registered = replace(admin, guest=False)
    irc.chat.decide(conversation, lambda group: group.add_hook(registered, Name("ci"), "5a"))
    bob.waits(0)
    assert bob.sees() == ["PyconChat NOTICE #tea alice added the hook ci: programs can post here."]
    alice.receives()
    irc.chat.posting.post_by_hook("5a", SafeText("build 7 failed"))
    (line,) = alice.receives()
    assert (line.hostmask.nickname, line.command) == ("ci", "NOTICE")
    assert line.params == ["#tea", "build 7 failed"]
    assert line.tags is not None
    assert set(line.tags) == {"msgid"}
    assert bob.sees() == ["ci NOTICE #tea build 7 failed"]
    alice.sends("CHATHISTORY LATEST #tea * 1")
    assert alice.receives()[1].params == line.params


_OF_A_GROUP = ["leave", "history", *(each.name.lstrip("/") for each in TABLE if each.only_here)]


@pytest.mark.parametrize("word", _OF_A_GROUP)
def test_a_command_of_a_group_in_one_of_two_asks_for_the_group(word: str, irc: IrcServer) -> None:
    """In the words of this door, where no place is current."""
    alice = irc.enters("alice")
    alice.sends("JOIN #tea,#cake")
    alice.receives()
    answer = f"PyconChat NOTICE alice Name the group first: /msg PyconChat {word} #GROUP"
    assert alice.gets(f"PRIVMSG PyconChat :{word}") == [answer]
