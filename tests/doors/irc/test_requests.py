"""Requests to join that come while the admin is offline: shown later, with how to answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.irc import IrcServer

HISTORY = ("draft/chathistory", "batch", "message-tags", "server-time")


@pytest.fixture
def closed(store: SqlStore, clock: Clock) -> Iterator[IrcServer]:
    """A server where alice, the admin of tea, has gone before bob asked to join."""
    server = IrcServer(store, clock)
    server.at_nc("alice", "pass word").wire.loseConnection()
    alice = server.enters("alice", password="pass word")
    alice.sends("JOIN #tea", "MODE #tea +A")
    alice.leaves()
    server.enters("bob").sends("KNOCK #tea :let me in")
    yield server
    server.stop()


def answers(server: IrcServer, *caps: str) -> list[str]:
    """Return the lines that tell alice, at her login, how to answer."""
    raw = server.enters("alice", *caps, password="pass word").raw.decode()
    return [each for each in raw.split("\r\n") if "asks to join" in each]


@pytest.mark.parametrize("caps", [(), HISTORY])
def test_at_the_login(closed: IrcServer, caps: tuple[str, ...]) -> None:
    """As a NOTICE in the group, whatever the client understands."""
    (answer,) = answers(closed, *caps)
    assert " NOTICE #tea :" in answer
    assert answer.endswith(
        "bob asks to join: let me in. Answer: /msg PyconChat approve #tea bob, or reject."
    )


@pytest.mark.parametrize("caps", [(), HISTORY])
def test_only_while_it_waits(closed: IrcServer, caps: tuple[str, ...]) -> None:
    """A guest who has gone waits for no answer."""
    guest = closed.enters("gus")
    guest.sends("JOIN #tea")
    guest.leaves()
    found = answers(closed, *caps)
    assert len(found) == (1 if caps else 2)
    assert not any("gus" in each for each in found if "Answer" in each)


def test_not_after_the_answer(closed: IrcServer) -> None:
    """It was given at another door."""
    closed.at_nc("alice", "pass word").types("/join tea", "/approve bob")
    assert not any("Answer:" in each for each in answers(closed, *HISTORY))


def test_not_more_than_ten(closed: IrcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are counted."""
    monkeypatch.setattr("pyconchat.doors.irc.requests.MAX_REQUESTS", 2)
    for name in ("carol", "dave", "eve"):
        closed.enters(name).sends("JOIN #tea")
    user = closed.enters("alice", *HISTORY, password="pass word")
    raw = user.raw.decode()
    assert raw.count("Answer:") == 2
    assert "NOTICE #tea :2 more: /msg PyconChat requests #tea\r\n" in raw


def test_each_is_shown_once(closed: IrcServer) -> None:
    """At the next login only those are shown that are new, and how many others there are."""
    assert len(answers(closed, *HISTORY)) == 1
    assert answers(closed, *HISTORY) == []
    closed.enters("carol").sends("JOIN #tea")
    alice = closed.enters("alice", *HISTORY, password="pass word")
    shown = [each for each in alice.raw.decode().split("\r\n") if " NOTICE #tea " in each]
    assert "carol asks to join. Answer" in shown[0]
    assert shown[1].endswith(":1 more: /msg PyconChat requests #tea")
    assert answers(closed, *HISTORY) == []


def test_not_again_if_it_was_shown_live(closed: IrcServer) -> None:
    """The client's next line confirms that it has received it; otherwise it may be dead."""
    first = closed.enters("alice", *HISTORY, password="pass word")
    closed.enters("carol").sends("JOIN #tea")
    assert any("carol asks to join" in each for each in first.sees())
    assert len(answers(closed, *HISTORY)) == 1
    first.waits(1)
    closed.enters("dave").sends("JOIN #tea")
    first.sends("PING :still here")
    assert answers(closed, *HISTORY) == []


def test_what_a_newcomer_is_shown_of_the_past(closed: IrcServer) -> None:
    """With the time of each event, and not what had happened to the newcomer."""
    closed.at_nc("bert", "pass word").wire.loseConnection()
    admin = closed.enters("alice", password="pass word")
    admin.sends("MODE #tea +b bert", "MODE #tea -b bert", "MODE #tea +b zed", "MODE #tea -b zed")
    for caps in ((), HISTORY[1:]):
        bert = closed.enters("bert", *caps, password="pass word")
        bert.sends("JOIN #tea")
        bert.receives()
        admin.sends("PRIVMSG PyconChat :approve #tea bert")
        notices = [each for each in bert.receives() if each.command == "NOTICE"]
        assert [each.params[1].rpartition("] ")[2] for each in notices] == [
            "zed was banned by alice.",
            "zed may join again: alice lifted the ban.",
        ]
        if caps:
            assert all(each.tags and "time" in each.tags for each in notices)
        else:
            assert all(each.params[1].startswith("[") for each in notices)
        admin.sends("KICK #tea bert")
        bert.leaves()
