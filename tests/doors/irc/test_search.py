"""SEARCH of soju.im/search: its attributes, its batch, and what it refuses."""

from __future__ import annotations

import pytest
from irctokens import Line

from tests.support.irc import IrcServer, IrcUser

CAPS = ("soju.im/search", "batch", "message-tags", "server-time", "labeled-response")


def talk(irc: IrcServer) -> tuple[IrcUser, list[Line]]:
    """Return a reader in #tea and #own, and what was said in #tea, a second apart."""
    reader, writer = irc.enters("reader", *CAPS), irc.enters("writer", "echo-message")
    reader.sends("JOIN #own", "JOIN #tea")
    writer.sends("JOIN #tea")
    reader.receives()
    for user, text in (
        (writer, "the kettle is hot"),
        (writer, "\x01ACTION fills the kettle\x01"),
        (reader, "which kettle"),
        (writer, "a pot"),
    ):
        user.sends(f"PRIVMSG #tea :{text}")
        user.waits(1)
    reader.sends("PRIVMSG #own :my kettle", "CAP REQ echo-message")
    live = [each for each in writer.receives() if each.command == "PRIVMSG"]
    reader.receives()
    return reader, live


def found(user: IrcUser, attributes: str) -> list[Line]:
    """Return the lines of the batch that answers SEARCH."""
    user.receives()
    user.sends(f"SEARCH {attributes}")
    first, *lines, last = user.receives()
    assert first.params[1:] == ["soju.im/search"]
    assert last.params == [f"-{first.params[0][1:]}"]
    assert {(each.tags or {})["batch"] for each in lines} <= {first.params[0][1:]}
    return lines


def texts(lines: list[Line]) -> list[str]:
    """Return the first word of each text."""
    return [each.params[1].removeprefix("\x01ACTION ").split()[0] for each in lines]


def test_attributes(irc: IrcServer) -> None:
    """Words, sender, target, and times, which are included; all of them must fit."""
    reader, _ = talk(irc)
    lines = found(reader, "in=#tea;limit=4")
    assert texts(lines) == ["the", "fills", "which", "a"]
    times = [(each.tags or {})["time"] for each in lines]
    for attributes, expected in {
        "text=kettle;in=#tea": ["the", "fills", "which"],
        "text=KETTLE;in=#tea;limit=2": ["fills", "which"],
        "in=#tea;text=hot\\skettle": ["the"],
        ":in=#tea;text=hot kettle": ["the"],
        'in=#tea;text="hot\\skettle"': [],
        "from=writer;in=#tea": ["the", "fills", "a"],
        "from=writer;in=#tea;text=kettle": ["the", "fills"],
        "from=nobody;in=#tea": [],
        f"in=#tea;after={times[1]};before={times[2]}": ["fills", "which"],
        f"in=#tea;text=kettle;after={times[1]};before={times[1]}": ["fills"],
        "before=2010-01-01T00:00:00.000Z;in=#tea": [],
        "text=kettle": ["the", "fills", "which", "my"],
        "text=kettle;limit=2": ["which", "my"],
    }.items():
        assert texts(found(reader, attributes)) == expected, attributes


def test_what_is_found(irc: IrcServer) -> None:
    """The messages as they were sent, with id and time; one answer with the label."""
    reader, live = talk(irc)
    reader.sends("PRIVMSG writer :kettle", "@label=1 SEARCH in=writer;text=kettle")
    echo, first, line, _ = reader.receives()
    assert (first.tags, first.command) == ({"label": "1"}, "BATCH")
    assert line.params == echo.params
    assert {**(echo.tags or {}), "batch": "b1"} == line.tags
    assert found(reader, "in=#tea;text=hot")[0].params == live[0].params
    reader.sends("CAP REQ -batch")
    assert [each.split()[1] for each in reader.gets("SEARCH in=#tea;text=hot")] == ["PRIVMSG"]


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ("in=#nothing;text=x", "in"),
        ("in=#secret;text=x", "in"),
        ("in=nobody;text=x", "in"),
        ("from=no\\sname", "from"),
        ("text=!?", "text"),
        (f"text={'a-' * 30}", "text"),
        ("after=yesterday", "after"),
        ("before=2026-99-99T00:00:00.000Z", "before"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
    ],
)
def test_refusals(irc: IrcServer, attributes: str, name: str) -> None:
    """A standard reply names the attribute; a group of others is as one that does not exist."""
    irc.enters("other").sends("JOIN #secret")
    reader = irc.enters("reader", *CAPS)
    (line,) = reader.gets(f"SEARCH {attributes}")
    assert line.startswith(f"irc.test FAIL SEARCH INVALID_PARAMS {name} ")
    assert reader.gets("SEARCH")[0].split()[1] == "461"


def test_rights(irc: IrcServer) -> None:
    """Nothing of groups that one has left, and nothing of ignored people."""
    reader, _ = talk(irc)
    reader.sends("PRIVMSG PyconChat :ignore writer")
    assert texts(found(reader, "text=kettle")) == ["which", "my"]
    reader.sends("PART #tea")
    assert texts(found(reader, "text=kettle")) == ["my"]


def test_the_command_of_the_other_doors(irc: IrcServer) -> None:
    """Without the capability, the service searches."""
    alice = irc.enters("alice")
    alice.sends("JOIN #tea", "PRIVMSG #tea :a kettle")
    lines = alice.gets("SEARCH #tea kettle")
    assert lines[-1].endswith("#2] alice: a kettle")
    assert lines[-1].startswith("PyconChat NOTICE alice ")
