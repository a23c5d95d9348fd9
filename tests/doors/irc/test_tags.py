"""Client-only tags, TAGMSG, answers and reactions: live, in echoes, and in the history."""

from __future__ import annotations

import json

import pytest
from irctokens import Line

from pyconchat.domain.text import safe_line
from pyconchat.doors.irc.message import MAX_TAGS
from pyconchat.doors.irc.tags import safe_tags
from pyconchat.render.irc_lines import escaped
from tests.support.connections import TestConnection
from tests.support.irc import IrcServer, IrcUser, shown

CAPS = ("message-tags", "echo-message", "batch", "labeled-response", "draft/chathistory")
PLAYBACK = "draft/event-playback"


def pair(irc: IrcServer, *caps: str) -> tuple[IrcUser, IrcUser]:
    """Return alice and bob in #tea, with *caps*."""
    alice, bob = irc.enters("alice", *caps), irc.enters("bob", *caps)
    for user in (alice, bob):
        user.sends("JOIN #tea")
    for user in (alice, bob):
        user.receives()
    return alice, bob


def at_nc(irc: IrcServer) -> TestConnection:
    """Return dave, who is in tea with nc."""
    nc = irc.at_nc("dave")
    nc.types("/join tea")
    return nc


def tags_of(line: Line) -> dict[str, str]:
    """Return the tags of *line* other than those of the server's own."""
    return {name: value for name, value in (line.tags or {}).items() if name[0] == "+"}


def of(line: Line) -> dict[str, str]:
    """Return all tags of *line* but that of its batch."""
    return {name: value for name, value in (line.tags or {}).items() if name != "batch"}


def latest(user: IrcUser, target: str = "#tea") -> Line:
    """Return the newest line of the history."""
    user.receives()
    user.sends(f"CHATHISTORY LATEST {target} * 1")
    _, line, _ = user.receives()
    return line


@pytest.mark.parametrize("target", ["#tea", "bob"])
def test_tags_of_a_message(irc: IrcServer, target: str) -> None:
    """The same for readers, in the echo, and in the history; typing is not stored."""
    alice, bob = pair(irc, *CAPS)
    alice.sends(f"@+b/c=x\\sy\\:\\\\;+a;+typing=done;time=9 PRIVMSG {target} :hello")
    (own,), (other,) = alice.receives(), bob.receives()
    assert tags_of(own) == tags_of(other) == {"+b/c": "x y;\\", "+a": ""}
    assert of(latest(alice, target)) == of(other)


def test_all_tags_that_a_line_has_room_for(irc: IrcServer) -> None:
    """As many bytes as message-tags allows, however many tags."""
    alice, bob = pair(irc, *CAPS)
    long = "a" * 4081
    alice.sends(f"@foo=bar;+baz={long} TAGMSG #tea", f"@foo=bar;+baz={long} PRIVMSG #tea :x")
    assert [tags_of(each)["+baz"] for each in bob.receives()] == [long] * 2
    assert alice.gets(f"@foo=bar;+baz={long}a TAGMSG #tea")[-1].split()[1] == "417"
    many = ";".join(f"+t{number}=1" for number in range(300))
    alice.sends(f"@{many} PRIVMSG #tea :x")
    assert len(tags_of(bob.receives()[-1])) == 300


def test_tags_that_grow_are_left_out() -> None:
    """A character that becomes several does not make them longer than any client may send."""
    typed = {f"+{number}": "\U0001d160" * 200 for number in range(5)}
    kept = safe_tags(typed)
    assert 0 < len(kept) < len(typed)
    assert sum(len(f"{name}={escaped(value)};".encode()) for name, value in kept) <= MAX_TAGS
    assert kept == tuple((name, safe_line(typed[name])) for name, _ in kept)


@pytest.mark.parametrize("target", ["#tea", "bob"])
def test_tagmsg_is_an_entry(irc: IrcServer, target: str) -> None:
    """With an id; in the history with event-playback; programs get it, people see nothing."""
    alice, bob = pair(irc, *CAPS)
    nc = at_nc(irc)
    program = TestConnection(irc.lines, irc.clock)
    program.types('{"hello":1,"name":"robo"}', '{"id":1,"line":"/join tea"}')
    for user in (program, nc, alice, bob):
        user.sees()
    alice.sends(f"@label=1;+x=y\\sz TAGMSG {target}")
    (own,), (other,) = alice.receives(), bob.receives()
    assert shown(own) == shown(other) == f"alice TAGMSG {target}"
    assert of(own).pop("label") == "1"
    assert tags_of(other) == {"+x": "y z"}
    assert {**of(own), "label": ""} == {**of(other), "label": ""}
    assert nc.sees() == ""
    if target == "#tea":
        (entry,) = (json.loads(each) for each in program.sees().splitlines())
        assert (entry["type"], entry["from"], entry["tags"]) == ("tags", "alice", {"+x": "y z"})
    alice.sends(f"PRIVMSG {target} :hello")
    assert latest(alice, target).command == "PRIVMSG"
    alice.sends(f"@+x=2 TAGMSG {target}", f"CAP REQ {PLAYBACK}")
    assert shown(latest(alice, target)) == f"alice TAGMSG {target}"
    assert tags_of(latest(alice, target)) == {"+x": "2"}


def test_who_gets_a_tagmsg(irc: IrcServer) -> None:
    """Not those without message-tags; the sender only with echo-message, other devices always."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    one, two = (irc.enters("rita", "message-tags", password="pass word") for _ in range(2))
    plain, reader = irc.enters("plain", "server-time"), irc.enters("reader", "message-tags")
    for user in (one, plain, reader):
        user.sends("JOIN #tea")
    for user in (one, two, plain, reader):
        user.receives()
    one.sends("@+x=y TAGMSG #tea", "@+x=y TAGMSG nobody")
    assert [each.split()[1] for each in one.sees()] == ["401"]
    assert two.sees() == reader.sees() == ["rita TAGMSG #tea"]
    assert plain.sees() == []
    assert plain.gets("@+x=y TAGMSG #tea") == []
    one.sends("@+x=1 TAGMSG #tea,reader")
    assert reader.sees() == ["rita TAGMSG #tea", "rita TAGMSG reader"]


def test_rights(irc: IrcServer) -> None:
    """Only those send tags who may say something; and ignored people do not."""
    alice, bob = pair(irc, *CAPS)
    carol = irc.enters("carol", *CAPS)
    assert carol.gets("@+x=y TAGMSG #tea")[0].split()[1] == "404"
    nc = at_nc(irc)
    alice.sends("PRIVMSG PyconChat :quiet #tea bob")
    assert bob.gets("@+x=y TAGMSG #tea")[-1].split()[1] == "404"
    assert bob.gets("@+typing=active TAGMSG #tea")[-1].split()[1] == "404"
    bob.sends("PRIVMSG PyconChat :ignore alice")
    nc.sees()
    bob.receives()
    alice.sends("@+x=y TAGMSG #tea", "@+x=y TAGMSG bob")
    assert bob.sees() == []


def test_typing_is_only_relayed(irc: IrcServer) -> None:
    """Its id is in no log."""
    alice, bob = pair(irc, *CAPS, PLAYBACK)
    alice.sends("PRIVMSG #tea :x", "@+typing=active TAGMSG #tea", "@+typing=active TAGMSG bob")
    assert bob.sees()[1:] == ["alice TAGMSG #tea", "alice TAGMSG bob"]
    assert latest(alice).command == "PRIVMSG"


def test_answers(irc: IrcServer) -> None:
    """The tag is /reply, and /reply is the tag."""
    alice, bob = pair(irc, *CAPS)
    nc = at_nc(irc)
    alice.sends("PRIVMSG #tea :the kettle")
    (line,) = bob.receives()[-1:]
    id = of(line)["msgid"]
    nc.sees()
    bob.sends(f"@+draft/reply={id};+x=y PRIVMSG #tea :is on")
    (own,), other = bob.receives(), alice.receives()[-1]
    assert tags_of(own) == tags_of(other) == {"+draft/reply": id, "+x": "y"}
    assert nc.sees() == 'bob ↪ alice "the kettle": is on\n'
    nc.types(f"/reply {id.partition('-')[2]} and the tea")
    (line,) = alice.receives()
    assert (line.params[1], tags_of(line)) == ("and the tea", {"+draft/reply": id})
    assert tags_of(latest(alice)) == {"+draft/reply": id}
    bob.receives()
    bob.sends(f"@+draft/reply={id} PRIVMSG #tea :\x01ACTION nods\x01")  # the tag stays
    assert tags_of(bob.receives()[0]) == {"+draft/reply": id}


@pytest.mark.parametrize("id", ["nonsense", "1-1", "2-1", "2-999", "99-1"])
def test_an_answer_to_nothing(irc: IrcServer, id: str) -> None:
    """The tag of an answer to what is no message here is relayed as any other."""
    alice, bob = pair(irc, *CAPS)
    nc = at_nc(irc)
    nc.sees()
    alice.receives()
    bob.sends(f"@+draft/reply={id} PRIVMSG #tea :hm")
    assert tags_of(alice.receives()[0]) == {"+draft/reply": id}
    assert nc.sees() == "bob: hm\n"


def test_an_answer_in_private(irc: IrcServer) -> None:
    """The same, also before there is a conversation."""
    alice, bob = pair(irc, *CAPS)
    alice.sends("@+draft/reply=9-9 PRIVMSG bob :psst")
    (line,) = bob.receives()
    assert tags_of(line) == {"+draft/reply": "9-9"}
    id = of(line)["msgid"]
    alice.receives()
    bob.sends(f"@+draft/reply={id} PRIVMSG alice :what", f"@+draft/reply={id} NOTICE alice :x")
    assert [tags_of(each) for each in alice.receives()] == [{"+draft/reply": id}] * 2


@pytest.mark.parametrize("target", ["#tea", "bob"])
def test_reactions(irc: IrcServer, target: str) -> None:
    """The tags are /react, and /react is a TAGMSG; others get a notice."""
    alice, bob = pair(irc, *CAPS)
    nc = at_nc(irc)
    alice.sends(f"PRIVMSG {target} :hello")
    id = of(bob.receives()[-1])["msgid"]
    alice.receives()
    nc.sees()
    there = "#tea" if target == "#tea" else "alice"
    bob.sends(f"@label=2;+draft/react=👍;+draft/reply={id} TAGMSG {there}")
    (own,), (other,) = bob.receives(), alice.receives()
    assert shown(own) == shown(other) == f"bob TAGMSG {there}"
    assert tags_of(own) == tags_of(other) == {"+draft/react": "👍", "+draft/reply": id}
    assert of(own)["label"] == "2"
    again = bob.gets(f"@+draft/react=👍;+draft/reply={id} TAGMSG {there}")
    assert "You have reacted with 👍 already." in again[0]
    if target == "#tea":
        assert nc.sees() == '* bob reacted 👍 to alice "hello"\n'
        nc.types(f"/react {id.partition('-')[2]} 👍")
        (line,) = alice.receives()
        assert shown(line) == "dave TAGMSG #tea"
        alice.sends("CAP REQ :-message-tags")
        nc.types(f"/react {id.partition('-')[2]} 🫖")
        assert alice.sees()[-1] == 'PyconChat NOTICE #tea dave reacted 🫖 to alice "hello"'
    bob.sends(f"CAP REQ {PLAYBACK}")
    assert tags_of(latest(bob, there))["+draft/reply"] == id


def test_what_is_no_reaction(irc: IrcServer) -> None:
    """Without a message, or with another text than one emoji, it is an entry as any other."""
    alice, bob = pair(irc, *CAPS)
    alice.sends("PRIVMSG #tea :hello")
    id = of(bob.receives()[-1])["msgid"]
    bob.sends("@+draft/react=👍 TAGMSG #tea", f"@+draft/react=lol;+draft/reply={id} TAGMSG #tea")
    first, second = alice.receives()[-2:]
    assert tags_of(first) == {"+draft/react": "👍"}
    assert tags_of(second) == {"+draft/react": "lol", "+draft/reply": id}
    bob.receives()
    bob.sends(f"@+draft/react=👍;+draft/reply={of(first)['msgid']} TAGMSG #tea")
    assert tags_of(bob.receives()[0])["+draft/reply"] == of(first)["msgid"]
