"""From a client's first line to what others see of its messages."""

from __future__ import annotations

from tests.support.irc import IrcServer


def test_a_message_reaches_irc_and_nc(irc: IrcServer) -> None:
    """Two clients and a person at nc share a group; each sees what the others say, once."""
    alice, bob = irc.enters("alice"), irc.enters("bob")
    carol = irc.at_nc("carol")
    assert alice.gets("JOIN #tea")[0] == "alice JOIN #tea"
    assert "bob JOIN #tea" in bob.gets("JOIN #tea")
    carol.types("/join tea")
    assert "carol JOIN #tea" in alice.sees()
    bob.sees()
    carol.sees()
    assert alice.gets("PRIVMSG #tea :hello all") == []
    assert bob.sees() == ["alice PRIVMSG #tea hello all"]
    assert carol.sees() == "alice: hello all\n"
    carol.types("hello alice")
    assert alice.sees() == ["carol PRIVMSG #tea hello alice"]
    assert bob.sees() == ["carol PRIVMSG #tea hello alice"]
