"""Rates, silence, and the lobby."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.irc import IrcServer, shown
from tests.support.turns import reactor_turn


@pytest.fixture
def limited(store: SqlStore, clock: Clock) -> Iterator[IrcServer]:
    """A server with the default message rate, and a lobby."""
    limits = {"messages_per_second": 5, "message_burst": 10}
    server = IrcServer(store, clock, limits, new_groups="open", lobby="hall")
    yield server
    server.stop()


def test_messages_wait_and_queries_do_not(limited: IrcServer) -> None:
    """Messages cost the account's rate; queries have one of their own; PING is free."""
    alice = limited.enters("alice")
    alice.waits(10)
    alice.receives()
    alice.sends(*(f"PRIVMSG alice :{number}" for number in range(15)))
    assert len(alice.receives()) == 10
    alice.waits(1)
    assert len(alice.receives()) == 5
    alice.waits(60)
    alice.sends(*["ISON alice"] * 150)
    assert len(alice.receives()) == 150
    alice.sends(*["PING x"] * 100)
    assert len(alice.receives()) == 100
    alice.waits(60)
    alice.sends(*["ISON alice"] * 230)
    assert len(alice.receives()) == 200
    alice.waits(1)
    assert len(alice.receives()) == 30


def test_a_message_of_several_lines_counts_once(limited: IrcServer) -> None:
    """Its lines are free until it is refused."""
    alice = limited.enters("alice", "draft/multiline", "batch")
    alice.waits(10)
    alice.receives()
    for number in range(2):
        lines = (f"@batch={number} PRIVMSG alice :{line}" for line in range(60))
        alice.sends(f"BATCH +{number} draft/multiline alice", *lines, f"BATCH -{number}")
        assert len(alice.receives()) == 62
    alice.waits(10)
    alice.sends("BATCH +2 draft/multiline alice", "CAP REQ -draft/multiline")
    alice.receives()
    alice.sends(*["PRIVMSG alice :x"] * 20)
    assert len(alice.receives()) == 9
    for _ in range(20):
        alice.waits(1)
    alice.sends("CAP REQ draft/multiline")
    alice.receives()
    alice.sends("BATCH +x draft/multiline alice", "BATCH -y", *["@batch=x PRIVMSG a :x"] * 20)
    alice.sends("PRIVMSG alice :after")
    assert len(alice.receives()) == 1
    for _ in range(5):
        alice.waits(1)
    assert alice.sees() == ["alice PRIVMSG alice after"]


def test_each_target_counts(limited: IrcServer) -> None:
    """A line for several groups costs as many."""
    alice = limited.enters("alice")
    alice.waits(10)
    alice.sends("JOIN " + ",".join(f"#g{number}" for number in range(20)))
    alice.receives()
    alice.sends("PRIVMSG alice :x")
    assert alice.receives() == []
    alice.waits(3)
    assert len(alice.receives()) == 1


def test_the_lobby_is_entered(limited: IrcServer) -> None:
    """At each first login; who has left it by PART is not put back."""
    rita = limited.enters("rita")
    assert ":rita!rita@pyconchat JOIN #hall\r\n" in rita.raw.decode()
    rita.sends("PRIVMSG NickServ :register pass-word")
    rita.sends("PART #hall")
    rita.leaves()
    again = limited.enters("rita", password="pass-word")
    assert "JOIN #hall" not in again.raw.decode()
    guest = limited.enters("gus")
    assert ":gus!gus@pyconchat JOIN #hall\r\n" in guest.raw.decode()


def test_a_silent_client(limited: IrcServer) -> None:
    """It is asked by PING, and disconnected if it says nothing."""
    alice, bob = limited.enters("alice"), limited.enters("bob")
    for user in (alice, bob):
        user.receives()
    for _ in range(92):
        alice.waits(1)
    assert alice.sees()[-1] == "PING irc.test"
    alice.sends("PONG irc.test")
    for _ in range(62):
        alice.waits(1)
    assert alice.wire.connected
    assert not bob.wire.connected


def test_free_commands_have_a_limit_of_work(limited: IrcServer) -> None:
    """A flood of PING is answered in pieces, so that others have their turns."""
    alice = limited.enters("alice")
    alice.receives()
    alice.sends(*["PING x"] * 3000)
    assert len(alice.receives()) < 1000
    alice.waits(10)
    assert alice.receives(), "the others follow"


def test_long_answers_cost_more(limited: IrcServer) -> None:
    """So many cannot be asked for at once."""
    alice = limited.enters("alice")
    for number in range(50):
        limited.enters(f"guest{number}")
    alice.receives()
    alice.sends(*["WHO *"] * 100)
    assert len(alice.receives()) < 40 * 51


def test_names_to_monitor_cost(limited: IrcServer) -> None:
    """Each is checked: so many cannot be sent at once."""
    alice = limited.enters("alice")
    alice.receives()
    names = ",".join(f"n{number}" for number in range(80))
    alice.sends(*[f"MONITOR + {names}", "MONITOR C"] * 90)
    assert len(alice.receives()) < 45


@pytest.mark.parametrize("line", ["WHO nobody*", "LIST " + ",".join(["nothing*"] * 10)])
def test_comparisons_cost_without_an_answer(
    line: str, limited: IrcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mask is compared with all names, of which there may be many thousands."""
    monkeypatch.setattr("pyconchat.doors.irc.masks.COMPARE_COST", 1e-3)  # as many of them
    alice = limited.enters("alice")
    alice.sends("JOIN #tea")
    alice.waits(60)
    alice.receives()
    alice.sends(*[line] * 150)
    assert len(alice.receives()) < 150


def test_groups_are_compared_in_pages(limited: IrcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of groups, too, whether they are in the answer or not; others have turns."""
    monkeypatch.setattr("pyconchat.doors.irc.paging.PAGE_BYTES", 50)
    alice = limited.enters("alice")
    for number in range(20):
        alice.sends(f"JOIN #tea{number}")
        alice.waits(1)
    for line, found in (("LIST #nothing*", 0), ("LIST #tea1*", 11)):
        alice.receives()
        alice.door.dataReceived(f"{line}\r\n".encode())
        assert b" 323 " not in alice.wire.value()
        assert sum(" 322 " in each for each in alice.sees()) == found


def test_others_have_their_turn_after_a_long_answer(limited: IrcServer) -> None:
    """Each client has one in a turn of the reactor, however many come together."""
    users = [limited.enters(f"guest{number}") for number in range(60)]
    asking = users[-5:]
    users[-1].waits(1)
    for user in asking:
        user.receives()
    for user in asking:
        user.door.dataReceived(b"WHO *\r\n" * 10)

    def answers() -> int:
        return sum(user.wire.value().count(b" 315 ") for user in asking)

    assert answers() == len(asking), "each begins at once"
    for _ in range(20):
        before = answers()
        reactor_turn(limited.clock)
        assert answers() - before <= 1


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("PRIVMSG #tea hi\udcaa", "irc.test FAIL PRIVMSG INVALID_UTF8"),
        (f"PRIVMSG #tea {'x' * 600}", "irc.test 417 bob"),
        ("PRIVMSG #tea :\x02\x02", "irc.test 412 bob"),
        ("PRIVMSG $* :x", "irc.test 401 bob $*"),
        ("MODE #tea +o nobody", "irc.test 401 bob nobody"),
        ("MODE #tea +o gus", "irc.test 441 bob gus #tea"),
        ("MODE #tea +k :two words", "irc.test 696 bob #tea k *"),
        ("MODE #tea +k one,two", "irc.test 696 bob #tea k *"),
        ("MODE #tea +k :", "irc.test 696 bob #tea k *"),
    ],
)
def test_refusals_have_the_label(irc: IrcServer, line: str, answer: str) -> None:
    """Those of lines that cannot be read, too; each has the numeric that clients know."""
    irc.enters("gus")
    bob = irc.enters("bob", "labeled-response", "batch")
    bob.gets("JOIN #tea")
    bob.sends(f"@label=7 {line}")
    (one,) = bob.receives()
    assert shown(one).startswith(answer)
    assert one.tags == {"label": "7"}


def test_history_of_all_groups_after_a_reconnect(limited: IrcServer) -> None:
    """A client gets that of fifty at once, and then as much as its share of the work allows."""
    alice = limited.enters("alice", "draft/chathistory", "batch", "message-tags", "server-time")
    alice.sends("JOIN #tea")
    for number in range(100):
        alice.waits(1)
        alice.sends(f"PRIVMSG #tea :{number} {'some words ' * 8}")
    alice.waits(60)
    alice.receives()

    def answers(count: int) -> int:
        alice.sends(*["CHATHISTORY LATEST #tea * 100"] * count)
        return sum(line.command == "PRIVMSG" for line in alice.receives()) // 100

    assert answers(50) == 50
    assert 10 < answers(150) < 100
    alice.waits(1)
    assert alice.receives(), "the others follow"
