"""The service: the commands of the other doors."""

from __future__ import annotations

from twisted.internet.task import Clock

from pyconchat.store import SqlStore
from tests.support.irc import IrcServer


def test_help_is_written_for_irc(irc: IrcServer) -> None:
    """Without a menu and slashes, which a client would take for its own commands."""
    alice = irc.enters("alice")
    first, second, *lines = alice.gets("PRIVMSG PyconChat :help")
    assert first == (
        "PyconChat NOTICE alice Commands: /msg PyconChat COMMAND. The group comes first, as in"
    )
    assert second.endswith("approve #tea bob. /msg PyconChat help COMMAND explains one.")
    assert lines[0].startswith("PyconChat NOTICE alice Talk:       msg NAME TEXT")
    assert not any("/" in each for each in lines)
    assert any("approve NAME" in each for each in lines)
    (usage, *_) = alice.gets("PRIVMSG PyconChat :help approve")
    assert usage == "PyconChat NOTICE alice /msg PyconChat approve #GROUP NAME…"


def test_messages_that_the_service_sends_are_shown(irc: IrcServer) -> None:
    """A client without echo-message shows what is typed in it, but not what the service sends."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    for user in (alice, bob):
        user.sends("JOIN #tea")
    bob.sends("PRIVMSG #tea :how are you?")
    assert alice.gets("PRIVMSG #tea :well") == []
    assert alice.gets("PRIVMSG PyconChat :reply #tea 3 very well") == [
        "alice PRIVMSG #tea very well"
    ]
    assert alice.gets("PRIVMSG PyconChat :me #tea waves") == [
        "alice PRIVMSG #tea \x01ACTION waves\x01"
    ]
    shown = alice.gets("PRIVMSG PyconChat :msg bob psst")
    assert "alice PRIVMSG bob psst" in shown
    assert alice.gets("PRIVMSG bob :again") == []


def test_the_history_does_not_repeat_the_group(irc: IrcServer) -> None:
    """The command has named it."""
    alice = irc.enters("alice")
    alice.sends("JOIN #tea", "PRIVMSG #tea :hello")
    *_, last = alice.gets("PRIVMSG PyconChat :history #tea")
    assert last.endswith("#2] alice: hello")
    *_, last = alice.gets("PRIVMSG PyconChat :search #tea hello")
    assert last.endswith("#2] alice: hello")


def test_no_ctcp_reaches_the_service(irc: IrcServer) -> None:
    """Clients ask everybody for their version; that is no command."""
    alice = irc.enters("alice")
    assert alice.gets("PRIVMSG PyconChat :\x01VERSION\x01") == []


def test_where_older_missed_messages_are(store: SqlStore, clock: Clock) -> None:
    """The command that is named for them works."""
    irc = IrcServer(store, clock, limits={"missed_entries": 2}, new_groups="open")
    for name in ("alice", "bob"):
        irc.at_nc(name, "pass word").wire.loseConnection()
    alice, bob = (irc.enters(name, password="pass word") for name in ("alice", "bob"))
    alice.sends("JOIN #tea")
    alice.leaves()
    bob.sends("JOIN #tea")
    for number in range(4):
        bob.sends(f"PRIVMSG #tea :line {number}", f"PRIVMSG alice :private {number}")
    alice = irc.connects()
    alice.sends("PASS :alice:pass word", "NICK alice", "USER alice 0 * :Alice")
    alice.waits(1)
    text = "\n".join(alice.sees())
    assert "older: /msg PyconChat history #tea" in text
    assert "older: /msg PyconChat history @bob" in text
    assert "line 0" in "".join(alice.gets("PRIVMSG PyconChat :history #tea"))
    assert "private 0" in "".join(alice.gets("PRIVMSG PyconChat :history @bob"))
    irc.stop()
