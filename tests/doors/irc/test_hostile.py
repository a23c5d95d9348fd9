"""Other people's bytes never make a second line, a tag or a prefix.

Events of every kind, with hostile fields, are rendered for every set of capabilities, and read by
another implementation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irctokens import tokenise
from twisted.internet.task import Clock

from pyconchat.domain.events import (
    AnyEvent,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    Policy,
    Quote,
    Reaction,
    Tags,
    TagsSent,
    Unsay,
    Via,
    Why,
)
from pyconchat.domain.names import Name
from pyconchat.domain.replies import Where
from pyconchat.domain.text import Emoji, SafeText, safe_line, safe_text
from pyconchat.doors.irc.capabilities import CAPABILITIES
from pyconchat.doors.irc.events import event_lines, past_lines, tagged_lines
from pyconchat.render.irc import IrcRenderer, IrcStyle
from pyconchat.render.irc_lines import MAX_LINE
from pyconchat.store import SqlStore
from pyconchat.testing import make_store
from tests.support.examples import examples
from tests.support.irc import IrcServer, IrcUser, shown

PIECES = (
    *(
        "\r\n",
        "\n",
        "\r",
        "\0",
        ":",
        " :",
        " ",
        "@",
        "!",
        ";",
        "=",
        "\\",
        "\x01",
        "\x02",
        "\x1b[31m",
    ),
    *(
        "QUIT",
        "PRIVMSG #tea :x",
        "@time=1 :evil!e@e",
        "\u2028",
        "\x85",
        "\x1c",
        "é",
        "中",
        "a",
        "\ud800",
    ),
)
RAW = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=30)
TEXT = RAW.map(safe_text).filter(bool)
LINE = RAW.map(safe_line)
NAME = st.sampled_from([Name("alice"), Name("bob"), Name("中文"), Name("a-b_c.d")])
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    Name: NAME,
    SafeText: LINE,
    Name | None: st.none() | NAME,
    bool: st.booleans(),
    int: st.integers(0, 9),
    int | None: st.none(),
    tuple[int, ...]: st.lists(st.integers(-2, 40), max_size=3).map(sorted).map(tuple),
    str: st.just(""),
    Policy: st.sampled_from(Policy),
    Policy | None: st.none() | st.sampled_from(Policy),
    Via: st.sampled_from(Via),
    Why: st.sampled_from(Why),
    Emoji: st.just(Emoji("👍")),
    tuple[Name, ...]: st.lists(NAME, max_size=2).map(tuple),
    tuple[str, ...]: st.just(()),
    Tags: st.lists(st.tuples(st.sampled_from(["+a", "+b/c"]), LINE), max_size=2).map(tuple),
}
IN_PRIVATE = (Edit, Unsay, Reaction, TagsSent, FileShared, FileRemoved)
"""Events of private conversations, other than messages."""

STYLES = [IrcStyle(*each) for each in product((False, True), repeat=len(IrcStyle._fields))]


@st.composite
def events(draw: st.DrawFn, kind: Any) -> AnyEvent:
    """An event of this *kind*, with hostile fields."""
    fields = {name: draw(VALUES[hint]) for name, hint in get_type_hints(kind).items()}
    if "text" in fields:
        fields["text"] = draw(TEXT)
    return kind(**fields)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IrcUser]:
    """A client that has logged in as bob."""
    store: SqlStore = make_store(tmp_path_factory.mktemp("hostile"))
    server = IrcServer(store, Clock())
    yield server.enters("bob")
    server.stop()
    store.close()


def check(data: str, nicks: set[str], commands: set[str], keys: set[str]) -> None:
    """Check that *data* has whole lines with known commands, by known people, with known tags."""
    assert data.endswith("\r\n")
    for each in data.removesuffix("\r\n").split("\r\n"):
        assert not re.search(r"[\r\n\0]", each), repr(each)
        line = tokenise(each)
        assert line.command in commands, each
        assert (line.source or "").partition("!")[0] in nicks, each
        assert set(line.tags or {}) <= keys, each
        if line.command in ("PRIVMSG", "NOTICE"):
            assert len(line.params) == 2, each
            assert line.params[0] in ("#tea", "bob", "alice", "中文", "a-b_c.d"), each
        assert len(f"{each}\r\n".encode()) - _tag_bytes(each) <= 2 * MAX_LINE


def _tag_bytes(line: str) -> int:
    return len(line.partition(" ")[0].encode()) + 1 if line.startswith("@") else 0


NICKS = {"alice", "bob", "中文", "a-b_c.d", "PyconChat", "irc.test"}
COMMANDS = {
    "PRIVMSG",
    "NOTICE",
    "JOIN",
    "PART",
    "QUIT",
    "KICK",
    "MODE",
    "TOPIC",
    "710",
    "INVITE",
    "ACCOUNT",
    "BATCH",
    "REDACT",
    "TAGMSG",
}
KEYS = {"time", "msgid", "account", "+a", "+b/c", "+draft/reply", "+draft/react", "batch"}
KEYS |= {"draft/multiline-concat"}


@pytest.mark.parametrize("kind", get_args(AnyEvent), ids=lambda kind: kind.__struct_config__.tag)
@settings(max_examples=examples(25))  # for each kind
@given(data=st.data())
def test_events_with_hostile_fields(client: IrcUser, kind: Any, data: st.DataObject) -> None:
    """Each is whole lines of the kinds that there are, in every style, live and from the log."""
    event = data.draw(events(kind))
    entry = Entry(
        2, 7, 1_700_000_000_123, event, data.draw(st.none() | st.builds(Quote, NAME, LINE))
    )
    place = Where(group=Name("tea"))
    private = Where(other=Name("alice"), own=Name("bob"), guests=())
    irc = client.door.door.client  # type: ignore[union-attr]
    for style in STYLES:
        renderer = IrcRenderer.of(style)
        for where in (place, private):
            if kind.__struct_config__.tag in ("message", "action"):
                piece = "".join(renderer.talk([entry, entry], where))
                check(piece, NICKS, COMMANDS, KEYS)
                stamped = renderer.message(entry, where, "[Nov 1] ")
                check(stamped, NICKS, COMMANDS, KEYS)
                batch = irc.output.batch("chathistory", (), [stamped])
                check(batch, {*NICKS, "irc.test"}, COMMANDS, KEYS)
    if kind.__struct_config__.tag not in ("message", "action"):
        places = (place, private) if kind in IN_PRIVATE else (place,)
        for caps, where in product((CAPABILITIES, ()), places):
            irc.caps = set(caps)
            for own in (False, True):
                lines = event_lines(irc, entry, where, own)
                check_all(lines)
                check_all(tagged_lines(irc, entry, where, lines))
            check_all(past_lines(irc, entry, where, irc.account.key, ""))


def check_all(lines: list[str]) -> None:
    """Check each of *lines*."""
    for each in lines:
        check(each, NICKS, COMMANDS, KEYS)


@settings(max_examples=examples(50))
@given(raw=st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_input_with_hostile_text(client: IrcUser, raw: str) -> None:
    """Whatever one client sends, it gets whole lines of the server, or of itself."""
    typed = re.sub(r"[\r\n]", " ", raw).replace("\ud800", "\udcff")
    for command in ("PRIVMSG bob :", "TOPIC #tea :", "WHOIS ", "JOIN ", "MODE ", "MONITOR + ", "X"):
        client.sends(f"{command}{typed}")
        client.clock.advance(1)
        for line in client.receives():
            assert line.source is None or line.source.partition("!")[0] in (
                "irc.test",
                "bob",
                "PyconChat",
            ), shown(line)
