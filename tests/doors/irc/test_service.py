"""The service: the commands of the other doors."""

from __future__ import annotations

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
