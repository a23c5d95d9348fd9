"""The end of a connection: nothing of it is left, wherever it is cut."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pyconchat.domain.names import Key
from pyconchat.domain.replies import EndWhy
from tests.support.irc import IrcServer
from tests.support.stepwise import MAX_STEPS, StepByStep
from tests.support.stores import quick_store

LOGIN = "CAP REQ :labeled-response batch echo-message {caps}\r\n{pass_}NICK {nick}\r\n"
LOGIN += "USER u 0 * :U\r\nCAP END\r\n"


@pytest.fixture
def _no_gc() -> Iterator[None]:
    """Disable the cyclic GC."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_gc")
def test_a_connection_is_freed(irc: IrcServer) -> None:
    """No part of it waits for the cyclic GC."""
    user = irc.enters("bob", "echo-message", "labeled-response", "batch", "message-tags")
    user.sends("JOIN #tea", "@label=1 PRIVMSG #tea :x", "MONITOR + zoe", "WHO #tea", "PRIVMSG bob")
    door = user.door.door
    kept = [ref(user.door), ref(door), ref(door.client)]  # type: ignore[union-attr]
    user.door.connectionLost(Failure(ConnectionLost()))
    user.wire.protocol = None
    user.waits(10)
    del door, user
    assert [each() for each in kept if each() is not None] == []


def test_a_quit_is_published_before_the_connection_ends(irc: IrcServer) -> None:
    """Who looks after the end finds the guest gone."""
    alice, gus = irc.enters("alice"), irc.enters("gus")
    for user in (alice, gus):
        user.gets("JOIN #tea")
    alice.receives()
    gus.door.dataReceived(b"QUIT :so long\r\n")
    assert gus.wire.value() == b""
    assert alice.sees() == ["gus QUIT so long"]
    assert gus.sees() == ["ERROR Bye."]
    gus.waits(5)
    assert not gus.wire.connected


FLOWS = {
    "guest": LOGIN.format(caps="", pass_="", nick="gus"),
    "named": LOGIN.format(caps="draft/chathistory", pass_="PASS :pass word\r\n", nick="rita"),
    "missed": LOGIN.format(caps="", pass_="PASS :pass word\r\n", nick="rita"),
    "sasl": "CAP REQ sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE AHJpdGEAcGFzcyB3b3Jk\r\n"
    "NICK rita\r\nUSER u 0 * :U\r\nCAP END\r\n",
}
COMMANDS = {
    "join": "JOIN #tea,#new\r\n",
    "messages": "JOIN #tea\r\n@label=1 PRIVMSG #tea :a\r\nPRIVMSG sam :b\r\nPING x\r\n",
    "history": "JOIN #tea\r\nCHATHISTORY LATEST #tea * 9\r\nCHATHISTORY TARGETS timestamp="
    "2000-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 9\r\n",
    "identify": "PRIVMSG NickServ :identify sam pass word\r\n",
    "key": "JOIN #vault secret\r\nMODE #new +k secret\r\n",
    "quit": "JOIN #tea\r\nPART #tea\r\nJOIN #tea\r\nQUIT :bye\r\n",
}


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_connection_that_is_cut(
    tmp_path: Path, failures: list[object], flow: str, command: str
) -> None:
    """After a cut at any await nobody is online, and no guest and no membership is left."""
    work, store, clock = StepByStep(), quick_store(tmp_path), Clock()
    limits = {"ping_seconds": 0, "silence_seconds": 0}
    server = IrcServer(store, clock, limits, work, work, new_groups="open")
    for name in ("rita", "sam"):
        server.at_nc(name, "pass word").wire.loseConnection()
    keeper = server.enters("sam", password="pass word")
    keeper.sends("JOIN #tea", "JOIN #vault", "MODE #vault +k secret", "PRIVMSG #tea :x")
    keeper.sends("PRIVMSG rita :missed")
    keeper.waits(5)
    data = (FLOWS[flow] + COMMANDS[command]).encode()
    for steps in range(MAX_STEPS):
        work.stepwise = True
        user = server.connects()
        user.door.dataReceived(data)
        user.tick()
        done = 0
        while done < steps and work.step():
            user.tick()
            done += 1
        user.door.connectionLost(Failure(ConnectionLost()))
        while work.step():
            user.tick()
        work.stepwise = False
        user.waits(30)
        online = {each.account.name for each in server.chat.presence.everybody()}
        assert online == {"sam"}, steps
        assert server.chat.accounts.get("gus") is None
        assert failures == []
        assert not server.chat.groups.connected_with("gus")  # type: ignore[arg-type]
        if done < steps:
            break
    else:
        raise AssertionError("the flow needs more steps")
    server.stop()
    store.close()


def test_an_earlier_guest_of_the_same_name_was_somebody_else(irc: IrcServer) -> None:
    """What happened to that one is told to the next one as to everybody, at every door."""
    rita, gus = irc.enters("rita"), irc.enters("gus")
    for user in (rita, gus):
        user.sends("JOIN #tea")
    rita.sends("MODE #tea +b m:gus", "MODE #tea -b m:gus", "KICK #tea gus", "INVITE gus #tea")
    gus.sends("JOIN #tea", "PRIVMSG #tea :hello")
    gus.leaves()
    gus = irc.enters("gus")
    gus.sends("JOIN #tea")
    past = "\n".join(gus.sees())
    assert "hello" in past
    assert "gus was kicked by rita." in past
    assert "NOTICE gus" not in past
    gus.leaves()
    nc = irc.at_nc("gus")
    nc.types("/join tea")
    past = nc.receives().decode()
    assert "* [tea] gus was kicked by rita." in past
    assert "* You were" not in past
    assert "* You are no longer" not in past


def test_a_name_is_taken_before_its_guest_s_leaving_is_stored(irc: IrcServer) -> None:
    """The next guest of the name is not told: they have left nothing."""
    rita, gus = irc.enters("rita"), irc.enters("gus")
    for user in (rita, gus):
        user.sends("JOIN #tea")
    rita.sends("JOIN #tea2", "MODE #tea2 +A", "JOIN #tea3", "MODE #tea3 +i", "INVITE gus #tea3")
    gus.sends("JOIN #tea2")
    following = irc.connects("batch")
    following.sends("NICK gus", "USER gus 0 * :gus")
    following.waits(1)  # its next line is handled at once
    gus.door.connectionLost(Failure(ConnectionLost()))
    following.door.dataReceived(b"CAP END\r\n")
    assert irc.services.presence.online(Key("gus")), "logged in before anything was stored"
    assert [each for each in following.sees() if each.startswith(("gus", "PyconChat"))] == []


def test_a_node_that_stops(irc: IrcServer) -> None:
    """What was sent is posted and echoed before the last line."""
    alice = irc.enters("alice", "echo-message")
    alice.gets("JOIN #tea")
    alice.receives()
    [session] = irc.chat.presence.sessions(Key("alice"))
    alice.door.dataReceived(b"PRIVMSG #tea :still there\r\n")
    session.end_when_idle(EndWhy.STOPPING, "Connect again.")
    for _ in range(10):
        alice.waits(0.02)
    assert alice.sees() == ["alice PRIVMSG #tea still there", "ERROR Connect again."]
    assert not alice.wire.connected
