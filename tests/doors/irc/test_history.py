"""CHATHISTORY, and what a client is shown that does not know it."""

from __future__ import annotations

import pytest
from irctokens import Line

from tests.support.irc import IrcServer, IrcUser

CAPS = ("draft/chathistory", "batch", "message-tags", "server-time", "echo-message")


def talk(irc: IrcServer, count: int = 10) -> tuple[IrcUser, list[Line]]:
    """Return a reader in #tea, and *count* messages there as it was shown them, a second apart."""
    reader, writer = irc.enters("reader", *CAPS), irc.enters("writer")
    reader.sends("JOIN #tea")
    writer.sends("JOIN #tea")
    reader.receives()
    for number in range(count):
        writer.sends(f"PRIVMSG #tea :{number}")
        writer.waits(1)
    lines = [each for each in reader.receives() if each.command == "PRIVMSG"]
    return reader, lines


def asked(user: IrcUser, request: str) -> list[Line]:
    """Return the lines of the batch that answers CHATHISTORY."""
    user.receives()
    user.sends(f"CHATHISTORY {request}")
    lines = user.receives()
    assert lines[0].command == lines[-1].command == "BATCH", lines
    return lines[1:-1]


def texts(lines: list[Line]) -> str:
    """Return the texts of *lines*, joined."""
    return "".join(each.params[-1] for each in lines)


def test_the_six_ways(irc: IrcServer) -> None:
    """By id and by time, forward and back; the same ids and times as live."""
    reader, live = talk(irc)
    ids = [f"msgid={(each.tags or {})['msgid']}" for each in live]
    times = [f"timestamp={(each.tags or {})['time']}" for each in live]
    for at in (ids, times):
        for request, expected in {
            "LATEST #tea * 3": "789",
            f"LATEST #tea {at[5]} 100": "6789",
            f"BEFORE #tea {at[5]} 2": "34",
            f"AFTER #tea {at[5]} 2": "67",
            f"AROUND #tea {at[5]} 4": "3456",
            f"BETWEEN #tea {at[2]} {at[6]} 100": "345",
            f"BETWEEN #tea {at[6]} {at[2]} 2": "45",
            f"BETWEEN #tea {at[2]} {at[6]} 2": "34",
            f"BEFORE #tea {at[0]} 5": "",
        }.items():
            assert texts(asked(reader, request)) == expected, request
    again = asked(reader, "LATEST #tea * 100")
    assert [(each.tags or {})["msgid"] for each in again] == [
        (each.tags or {})["msgid"] for each in live
    ]
    assert [(each.tags or {})["time"] for each in again] == [
        (each.tags or {})["time"] for each in live
    ]


def test_only_messages_count(irc: IrcServer) -> None:
    """The limit counts what the client is shown; with event-playback joins and topics as well."""
    reader, _ = talk(irc, 3)
    for name in ("ann", "ben", "cid"):
        irc.enters(name).sends("JOIN #tea")
    assert texts(asked(reader, "LATEST #tea * 3")) == "012"
    reader.sends("CAP REQ draft/event-playback", "TOPIC #tea :leaves")
    kinds = [each.command for each in asked(reader, "LATEST #tea * 3")]
    assert kinds == ["JOIN", "JOIN", "TOPIC"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("LATEST #nothing * 3", "INVALID_TARGET"),
        ("LATEST #secret * 3", "INVALID_TARGET"),
        ("LATEST nobody * 3", "INVALID_TARGET"),
        ("LATEST #tea * x", "INVALID_PARAMS"),
        ("LATEST #tea *", "NEED_MORE_PARAMS"),
        ("BEFORE #tea 5 3", "INVALID_MSGREFTYPE"),
        ("BEFORE #tea msgid=999-1 3", "INVALID_MSGREFTYPE"),
        ("BEFORE #tea timestamp=2026-99-99T00:00:00.000Z 3", "INVALID_MSGREFTYPE"),
        ("SOMETHING #tea * 3", "INVALID_PARAMS"),
        ("TARGETS * * 3", "INVALID_PARAMS"),
    ],
)
def test_requests_that_are_refused(irc: IrcServer, request_: str, code: str) -> None:
    """A standard reply says why; a group of others is as one that does not exist."""
    reader, _ = talk(irc, 1)
    irc.enters("other").sends("JOIN #secret")
    (line,) = reader.gets(f"CHATHISTORY {request_}")
    assert line.startswith(f"irc.test FAIL CHATHISTORY {code} ")


def test_private_ones_and_targets(irc: IrcServer) -> None:
    """A private conversation is read by the partner's name; TARGETS has the newest of each."""
    for name in ("rita", "sam"):
        irc.at_nc(name, "pass word").wire.loseConnection()
    rita = irc.enters("rita", *CAPS, password="pass word")
    sam = irc.enters("sam", password="pass word")
    assert texts(asked(rita, "LATEST sam * 10")) == ""
    rita.sends("JOIN #tea", "PRIVMSG sam :one")
    sam.waits(5)
    sam.sends("PRIVMSG rita :two")
    assert texts(asked(rita, "LATEST sam * 10")) == "onetwo"
    sam.waits(5)
    rita.sends("PRIVMSG #tea :three")
    times = "timestamp=2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z"
    assert [each.params[1] for each in asked(rita, f"TARGETS {times} 10")] == ["sam", "#tea"]
    assert [each.params[1] for each in asked(rita, f"TARGETS {times} 1")] == ["sam"]


def test_what_was_missed_waits_for_a_client_that_asks(irc: IrcServer) -> None:
    """Nothing is pushed; the cursor stays until it has asked; a notice names who has written."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita, bob = irc.enters("rita", *CAPS, password="pass word"), irc.enters("bob")
    rita.sends("JOIN #tea", "MODE #tea -A")
    bob.sends("JOIN #tea")
    rita.waits(2)
    rita.leaves()
    bob.sends("PRIVMSG #tea :missed", "PRIVMSG rita :psst")
    for _ in range(2):
        rita = irc.enters("rita", *CAPS, password="pass word")
        assert "missed" not in rita.raw.decode()
        assert "Messages wait for you from bob." in rita.raw.decode()
        rita.waits(3)
        rita.leaves()
    rita = irc.enters("rita", *CAPS, password="pass word")
    assert texts(asked(rita, "LATEST bob * 5")) == "psst"
    assert texts(asked(rita, "LATEST #tea * 5")) == "missed"
    bob.sends("PRIVMSG #tea :live")
    assert texts(rita.receives()) == "live"
    rita.waits(3)
    rita.leaves()
    rita = irc.enters("rita", *CAPS, password="pass word")
    assert "Messages wait" not in rita.raw.decode()
    nc = irc.at_nc("rita", "pass word")
    assert "missed" not in nc.everything.decode()


def test_what_was_missed_is_shown_to_others(irc: IrcServer) -> None:
    """Under a notice, with its time in the text, or as a tag in a batch."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita, bob = irc.enters("rita", password="pass word"), irc.enters("bob")
    for user in (rita, bob):
        user.sends("JOIN #tea")
    for caps in ((), ("batch", "server-time", "message-tags")):
        rita.waits(2)
        rita.leaves()
        bob.sends("PRIVMSG #tea :missed")
        rita = irc.enters("rita", *caps, password="pass word")
        shown = rita.raw.decode()
        assert "NOTICE rita :— 1 new in tea since" in shown
        assert shown.index("366 rita #tea") < shown.index("1 new in tea") < shown.index("missed")
        assert ("] missed" in shown) == (not caps)
        assert ("chathistory #tea" in shown) == bool(caps)


def test_times_never_go_back(irc: IrcServer) -> None:
    """If the clock is set back, an entry has the time of the one before it."""
    reader, _ = talk(irc, 1)
    irc.chat._wall_clock = lambda: 1_000_000_000.0
    reader.sends("PRIVMSG #tea :late")
    lines = asked(reader, "LATEST #tea * 5")
    assert (lines[0].tags or {})["time"] <= (lines[1].tags or {})["time"]
