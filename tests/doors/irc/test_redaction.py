"""REDACT, which is /unsay: rights, refusals, other doors, and the history."""

from __future__ import annotations

import pytest
from irctokens import Line

from tests.support.irc import IrcServer, IrcUser, shown

CAPS = ("message-tags", "echo-message", "batch", "labeled-response", "draft/message-redaction")
HISTORY = ("draft/chathistory", "draft/event-playback")


def pair(irc: IrcServer, *more: str) -> tuple[IrcUser, IrcUser]:
    """Return alice, the admin of #tea, and bob in it, who can redact."""
    alice, bob = irc.enters("alice", *CAPS, *more), irc.enters("bob", *CAPS, *more)
    for user in (alice, bob):
        user.sends("JOIN #tea")
    for user in (alice, bob):
        user.receives()
    return alice, bob


def id_of(user: IrcUser, line: str) -> str:
    """Send *line*, and return the id of the echo, the only answer."""
    user.receives()
    user.sends(line)
    (echo,) = user.receives()
    return (echo.tags or {})["msgid"]


def test_own_messages(irc: IrcServer) -> None:
    """Everybody who knows REDACT gets one, with an id of its own; others get a notice."""
    alice, bob = pair(irc)
    carol, nc = irc.enters("carol", "message-tags"), irc.at_nc("dave")
    carol.sends("JOIN #tea")
    nc.types("/join tea")
    id = id_of(bob, "PRIVMSG #tea :wrong channel")
    for user in (alice, carol):
        user.receives()
    bob.sends(f"@label=1 REDACT #tea {id} :wrong  one")
    (own,), (other,) = bob.receives(), alice.receives()
    assert shown(own) == shown(other) == f"bob REDACT #tea {id} wrong  one"
    assert (own.tags or {}).pop("label") == "1"
    assert own.tags == other.tags
    assert (other.tags or {})["msgid"] != id
    assert carol.sees() == ["PyconChat NOTICE #tea bob removed a message: wrong  one"]
    assert nc.sees().splitlines()[-1] == "* bob removed a message: wrong  one"
    id = id_of(bob, "PRIVMSG #tea :again")
    alice.receives()
    bob.sends(f"REDACT #tea {id}")
    assert alice.sees() == [f"bob REDACT #tea {id}"]
    (line,) = bob.gets(f"REDACT #tea {id}")
    assert line.startswith(f"irc.test FAIL REDACT UNKNOWN_MSGID #tea {id} ")


def test_messages_of_others(irc: IrcServer) -> None:
    """The admin and moderators may, and operators of the server, who need not be members."""
    alice, bob = pair(irc)
    carol = irc.enters("carol", *CAPS)
    id = id_of(alice, "PRIVMSG #tea :one")
    bob.receives()
    (line,) = bob.gets(f"REDACT #tea {id}")
    assert line.startswith(f"irc.test FAIL REDACT REDACT_FORBIDDEN #tea {id} Only the admin")
    assert carol.gets(f"REDACT #tea {id}")[0].startswith("irc.test FAIL REDACT INVALID_TARGET #tea")
    assert alice.sees() == []
    second = id_of(bob, "PRIVMSG #tea :two")
    alice.sends(f"REDACT #tea {second} :spam")
    assert bob.sees() == [f"alice REDACT #tea {second} spam"]
    irc.at_nc("olga", "pass word").types(f"/claim {irc.chat.accounts.claim_code}")
    carol.gets("OPER olga :pass word")
    bob.receives()
    carol.sends(f"@label=1 REDACT #tea {id}")
    assert [shown(each) for each in carol.receives()] == ["irc.test ACK"]
    assert bob.sees() == [f"carol REDACT #tea {id}"]


def test_an_id_of_another_group(irc: IrcServer) -> None:
    """Rights in one group say nothing about messages of another."""
    alice, bob = pair(irc)
    bob.sends("JOIN #own")
    id = id_of(alice, "PRIVMSG #tea :one")
    (line,) = bob.gets(f"REDACT #own {id}")
    assert line.startswith(f"irc.test FAIL REDACT UNKNOWN_MSGID #own {id}")


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("REDACT #nothing 1-1", "INVALID_TARGET #nothing"),
        ("REDACT nobody 1-1", "INVALID_TARGET nobody"),
        ("REDACT #tea nonsense", "UNKNOWN_MSGID #tea nonsense"),
        ("REDACT #tea 1-99999", "UNKNOWN_MSGID #tea 1-99999"),
        ("REDACT #tea 1-1", "UNKNOWN_MSGID #tea 1-1"),  # no message
        ("REDACT alice 1-1", "UNKNOWN_MSGID alice 1-1"),
    ],
)
def test_refusals(irc: IrcServer, request_: str, code: str) -> None:
    """A standard reply, with the label."""
    _, bob = pair(irc)
    bob.sends(f"@label=x {request_}")
    (line,) = bob.receives()
    assert (line.tags or {})["label"] == "x"
    assert shown(line).startswith(f"irc.test FAIL REDACT {code} ")
    assert bob.gets("REDACT #tea")[0].split()[1] == "461"


def test_the_window(irc: IrcServer) -> None:
    """People can redact their own messages for a day."""
    _, bob = pair(irc)
    id = id_of(bob, "PRIVMSG #tea :one")
    now = irc.chat.now() / 1000
    irc.chat._wall_clock = lambda: now + 25 * 3600
    (line,) = bob.gets(f"REDACT #tea {id}")
    assert line.startswith(f"irc.test FAIL REDACT REDACT_WINDOW_EXPIRED #tea {id} 86400 ")


def test_private_messages(irc: IrcServer) -> None:
    """Each sees the other one's name as the target; nobody removes what the other has said."""
    alice, bob = pair(irc)
    id = id_of(alice, "PRIVMSG bob :psst")
    bob.receives()
    assert bob.gets(f"REDACT alice {id}")[0].split()[1:4] == ["FAIL", "REDACT", "REDACT_FORBIDDEN"]
    alice.sends(f"REDACT bob {id}")
    assert alice.sees() == bob.sees() == [f"alice REDACT bob {id}"]
    id = id_of_own(alice)
    assert alice.gets(f"REDACT alice {id}") == [f"alice REDACT alice {id}"]


def id_of_own(user: IrcUser) -> str:
    """Return the id of a message that alice sends to herself, which she gets twice."""
    user.sends("PRIVMSG alice :note")
    echo, _ = user.receives()
    return (echo.tags or {})["msgid"]


def commands(lines: list[Line]) -> list[str]:
    """Return the commands of *lines* in a batch."""
    assert lines[0].command == lines[-1].command == "BATCH"
    return [each.command for each in lines[1:-1]]


def test_history(irc: IrcServer) -> None:
    """The message is gone; with event-playback, and the capability, there is the REDACT."""
    _, bob = pair(irc, *HISTORY)
    reader = irc.enters("reader", *CAPS, *HISTORY)
    reader.sends("JOIN #tea")
    ids = [id_of(bob, f"PRIVMSG #tea :{number}") for number in range(2)]
    bob.sends(f"REDACT #tea {ids[0]}")
    live = reader.receives()[-1]
    reader.sends("CHATHISTORY LATEST #tea * 2")
    lines = reader.receives()
    assert commands(lines) == ["PRIVMSG", "REDACT"]
    assert lines[2].params == live.params
    assert (lines[2].tags or {})["msgid"] == (live.tags or {})["msgid"]
    for cap in ("draft/message-redaction", "draft/event-playback"):
        reader.sends(f"CAP REQ -{cap}", "CHATHISTORY LATEST #tea * 1")
        assert commands(reader.receives()[1:]) == ["PRIVMSG"]


def test_what_was_missed(irc: IrcServer) -> None:
    """Clients that are sent it get the REDACT, too."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita = irc.enters("rita", *CAPS, password="pass word")
    bob = irc.enters("bob", *CAPS)
    for user in (rita, bob):
        user.sends("JOIN #tea")
    id = id_of(bob, "PRIVMSG #tea :hello")
    rita.waits(2)
    rita.leaves()
    bob.sends(f"REDACT #tea {id}")
    rita = irc.enters("rita", *CAPS, password="pass word")
    assert f":bob!bob@pyconchat REDACT #tea {id}\r\n" in rita.raw.decode()
