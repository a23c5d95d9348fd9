"""Read markers: up to when an account has read each of its conversations."""

from __future__ import annotations

from pyconchat.render.irc_lines import server_time
from tests.support.connections import TestConnection
from tests.support.irc import IrcServer, IrcUser
from tests.support.programs import WiredProgram, line_of

CAP = "draft/read-marker"
EARLY, LATER = "timestamp=2019-01-04T14:33:26.123Z", "timestamp=2019-06-01T12:00:00.000Z"


def registered(irc: IrcServer, name: str, *caps: str) -> IrcUser:
    """Return a client of the account *name*, which is registered first."""
    if irc.services.accounts.get(name) is None:
        irc.at_nc(name, "pass word").wire.loseConnection()
    return irc.enters(name, CAP, *caps, password="pass word")


def markers(lines: list[str]) -> list[str]:
    """Return the parameters of each MARKREAD among *lines*."""
    return [each.partition(" MARKREAD ")[2] for each in lines if " MARKREAD " in each]


def test_a_marker_only_moves_forward(irc: IrcServer) -> None:
    """It is told at a JOIN, before the end of the names, and kept until the next one."""
    alice = irc.enters("alice", CAP)
    commands = [each.split()[1] for each in alice.gets("JOIN #tea")]
    assert commands == ["JOIN", "MARKREAD", "353", "366"]
    assert markers(alice.gets("MARKREAD #tea")) == ["#tea *"]
    assert markers(alice.gets(f"MARKREAD #tea {LATER}")) == [f"#tea {LATER}"]
    assert markers(alice.gets(f"MARKREAD #tea {EARLY}")) == [f"#tea {LATER}"]
    assert markers(alice.gets("PART #tea", "JOIN #tea")) == [f"#tea {LATER}"]
    irc.enters("bob")
    assert markers(alice.gets(f"MARKREAD Bob {EARLY}", "MARKREAD bob")) == [f"bob {EARLY}"] * 2
    (future,) = markers(alice.gets("MARKREAD #tea timestamp=2999-01-01T00:00:00.000Z"))
    assert future == f"#tea timestamp={server_time(irc.chat.now())}"


def test_requests_that_fail(irc: IrcServer) -> None:
    """FAIL says what is wrong; a marker that nobody has set is ``*``."""
    alice = irc.enters("alice", CAP)
    alice.gets("JOIN #tea")
    assert alice.gets("MARKREAD")[0].startswith("irc.test FAIL MARKREAD NEED_MORE_PARAMS")
    for line in (
        "MARKREAD #tea timestamp=never",
        "MARKREAD #tea *",
        f"MARKREAD #none {EARLY}",
        f"MARKREAD zoe {EARLY}",
    ):
        target = line.split()[1]
        assert alice.gets(line)[0].startswith(f"irc.test FAIL MARKREAD INVALID_PARAMS {target}")
    assert markers(alice.gets("MARKREAD #none", "MARKREAD zoe")) == ["#none *", "zoe *"]


def test_devices_of_one_account(irc: IrcServer) -> None:
    """The other clients are told; it is kept for the next login, and for other doors."""
    one, two = registered(irc, "rita"), registered(irc, "rita")
    plain = irc.enters("rita", password="pass word")
    one.gets("JOIN #tea", "PRIVMSG #tea :first")
    sent = server_time(irc.chat.now())
    one.gets("PRIVMSG #tea :second")
    two.receives()
    plain.receives()
    assert markers(one.gets(f"MARKREAD #tea timestamp={sent}"))
    assert two.sees() == [f"irc.test MARKREAD #tea timestamp={sent}"]
    assert plain.sees() == []
    group = irc.services.groups.get("tea")
    assert group is not None
    account = irc.services.accounts.get("rita")
    assert account is not None
    assert account.shown[group.id] == group.published
    for user in (one, two, plain):
        user.leaves()
    again = registered(irc, "rita")
    assert markers(again.gets("MARKREAD #tea")) == [f"#tea timestamp={sent}"]
    stored = irc.chat.memory.accounts.get("rita")
    assert stored is not None
    assert list(stored.read_markers) == ["#tea"]


def test_what_is_shown_at_another_door(irc: IrcServer) -> None:
    """A message that was on the screen of nc is read; only received by IRC it is not."""
    rita, bob = registered(irc, "rita"), irc.enters("bob")
    for user in (rita, bob):
        user.gets("JOIN #tea")
    bob.sends("PRIVMSG #tea :hello")
    at = server_time(irc.chat.now())
    rita.waits(2)
    assert markers(rita.gets("MARKREAD #tea")) == ["#tea *"]
    nc = TestConnection(irc.lines, irc.clock)
    nc.types("rita", "pass word", "/join tea")
    rita.waits(2)
    assert markers(rita.sees()) == [f"#tea timestamp={at}"]
    rita.leaves()
    nc.wire.loseConnection()
    later = registered(irc, "rita")
    assert markers(later.gets("MARKREAD #tea")) == [f"#tea timestamp={at}"]


def test_a_program_is_told(irc: IrcServer) -> None:
    """A JSON client learns what was read at IRC, and IRC what it has read."""
    rita, bob = registered(irc, "rita"), irc.enters("bob")
    for user in (rita, bob):
        user.gets("JOIN #tea")
    bob.sends("PRIVMSG #tea :one")
    first = server_time(irc.chat.now())
    program = WiredProgram(TestConnection(irc.lines, irc.clock))
    program.sends(line_of(hello=1, name="rita", password="pass word", reads=True))
    rita.gets(f"MARKREAD #tea timestamp={first}")
    program.receives()
    read = [each for each in program.events if each["type"] == "read"]
    assert read[-1]["group"] == "tea"
    rita.waits(3)
    bob.sends("PRIVMSG #tea :two")
    second = server_time(irc.chat.now())
    program.sends(line_of(id=1, group="tea", read=read[-1]["seq"] + 1))
    assert markers(rita.sees()) == [f"#tea timestamp={second}"]
