"""WHO and WHOX."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from tests.support.irc import IrcServer


def test_who_and_whox(irc: IrcServer) -> None:
    """The members of a group, with the fields that were asked for."""
    irc.at_nc("rita", "pass word").wire.loseConnection()
    rita, gus = irc.enters("rita", password="pass word"), irc.enters("gus")
    for user in (rita, gus):
        user.sends("JOIN #tea")
    assert gus.gets("WHO #tea") == [
        "irc.test 352 gus #tea rita pyconchat irc.test rita H~ 0 Real rita",
        "irc.test 352 gus #tea gus pyconchat irc.test gus H 0 Real gus",
        "irc.test 315 gus #tea End of WHO.",
    ]
    assert gus.gets("WHO rita %tna,7") == [
        "irc.test 354 gus 7 rita rita",
        "irc.test 315 gus rita End of WHO.",
    ]
    assert gus.gets("WHO g*")[0].split()[7] == "gus"
    assert gus.gets("WHO #nothing") == ["irc.test 315 gus #nothing End of WHO."]


def fill(irc: IrcServer, members: int) -> None:
    """Let *members* guests join tea."""
    for number in range(members):
        irc.enters(f"guest{number}").sends("JOIN #tea")


def test_who_of_a_large_group(irc: IrcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its members, in pages; with a label, in one batch. With a mask, some are enough."""
    monkeypatch.setattr("pyconchat.doors.irc.people.MAX_WHO", 3)
    monkeypatch.setattr("pyconchat.doors.irc.paging.PAGE_BYTES", 150)
    alice = irc.enters("alice", "labeled-response", "batch")
    alice.sends("JOIN #tea")
    fill(irc, 40)
    alice.receives()
    alice.door.dataReceived(b"WHO #tea\r\n")
    assert 0 < alice.wire.value().count(b" 352 ") < 41
    lines = alice.sees()
    assert sum(" 352 " in each for each in lines) == 41
    assert lines[-1] == "irc.test 315 alice #tea End of WHO."
    alice.sends("@label=1 WHO #tea %n")
    first, *inner, last = alice.receives()
    assert (first.tags, first.params[1]) == ({"label": "1"}, "labeled-response")
    assert len(inner) == 42
    assert all(each.tags == {"batch": first.params[0][1:]} for each in inner)
    assert last.command == "BATCH"
    assert len(alice.gets("WHO guest*")) == 4


def test_a_mask_is_compared_in_pages(irc: IrcServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of names, too, whether they are in the answer or not; others have turns."""
    monkeypatch.setattr("pyconchat.doors.irc.paging.PAGE_BYTES", 150)
    irc.at_nc("rita", "pass word").wire.loseConnection()
    alice = irc.enters("alice")
    alice.sends("JOIN #tea")
    fill(irc, 60)
    for line, found in (("WHO guest*", 60), ("WHO nobody*", 0), ("WHO guest7*", 1)):
        alice.receives()
        alice.door.dataReceived(f"{line}\r\n".encode())
        assert b" 315 " not in alice.wire.value()
        lines = alice.sees()
        assert sum(" 352 " in each for each in lines) == found
        assert lines[-1].endswith("End of WHO.")
    assert len(alice.gets("WHO rita")) == 2, "who is offline is found by the whole name"


def test_a_client_that_does_not_read_is_sent_no_more_of_a_long_answer(
    irc: IrcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest waits for it; after a disconnect, nothing more is done."""
    monkeypatch.setattr("pyconchat.doors.irc.paging.PAGE_BYTES", 150)
    alice = irc.enters("alice")
    alice.sends("JOIN #tea")
    fill(irc, 40)
    alice.receives()
    waiting: Deferred[None] = Deferred()
    monkeypatch.setattr("pyconchat.doors.door.Door.when_writable", lambda _: waiting)
    alice.sends("WHO #tea")
    assert sum(each.command == "352" for each in alice.receives()) < 5
    monkeypatch.undo()
    waiting.callback(None)
    assert alice.sees()[-1] == "irc.test 315 alice #tea End of WHO."
    alice.door.dataReceived(b"WHO #tea\r\nLIST\r\n")
    alice.leaves()
