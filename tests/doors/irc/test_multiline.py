"""Messages of several lines (draft/multiline): one entry, whoever sends and reads them."""

from __future__ import annotations

import pytest
from irctokens import Line

from pyconchat.domain.text import MAX_LINES
from pyconchat.doors.irc.open_batch import MAX_BYTES
from tests.support.irc import IrcServer, IrcUser, shown

BASE = ("message-tags", "batch", "echo-message", "server-time", "labeled-response")
CAPS = (*BASE, "draft/multiline")
CONCAT = "draft/multiline-concat"


def three(irc: IrcServer, *more: str) -> tuple[IrcUser, IrcUser, IrcUser]:
    """Return alice and bob, who know batches of lines, and carol, who does not, in #tea."""
    users = (
        irc.enters("alice", *CAPS, *more),
        irc.enters("bob", *CAPS, *more),
        irc.enters("carol", *BASE),
    )
    for user in users:
        user.sends("JOIN #tea")
    for user in users:
        user.receives()
    return users


def says(user: IrcUser, *lines: str, target: str = "#tea", tags: str = "") -> None:
    """Send *lines* as one message; one that begins with + continues the line before it."""
    user.sends(f"{tags}BATCH +12 draft/multiline {target}")
    for each in lines:
        concat = f";{CONCAT}" if each.startswith("+") else ""
        user.sends(f"@batch=12{concat} PRIVMSG {target} :{each.removeprefix('+')}")
    user.sends("BATCH -12")


def whole(lines: list[Line]) -> str:
    """Return the text of the batch *lines*, whose lines have no tags but those of the draft."""
    first, *inner, last = lines
    reference = first.params[0][1:]
    assert first.params == [f"+{reference}", "draft/multiline", "#tea"], first
    assert last.params == [f"-{reference}"]
    text = ""
    for number, each in enumerate(inner):
        tags = dict(each.tags or {})
        assert tags.pop("batch") == reference
        joined = tags.pop(CONCAT, None) is not None
        assert tags == {}
        text += each.params[1] if joined or not number else f"\n{each.params[1]}"
    return text


def test_one_message(irc: IrcServer) -> None:
    """A batch as it was sent; to others a line each, without the empty ones, with one id."""
    alice, bob, carol = three(irc, "account-tag")
    says(alice, "", "#how is ", "+everyone?", tags="@label=xyz;+client-only ")
    own, other, plain = alice.receives(), bob.receives(), carol.receives()
    assert whole(own) == whole(other) == "\n#how is everyone?"
    assert [each.params[1] for each in other[1:-1]] == ["", "#how is ", "everyone?"]
    tags = dict(own[0].tags or {})
    assert tags.pop("label") == "xyz"
    assert tags == other[0].tags
    assert set(tags) == {"time", "msgid", "+client-only"}
    assert [each.params for each in plain] == [["#tea", "#how is "], ["#tea", "everyone?"]]
    assert plain[0].tags == tags
    assert {**(plain[1].tags or {}), "msgid": tags["msgid"]} == tags
    assert "msgid" not in (plain[1].tags or {})


def test_it_is_one_entry(irc: IrcServer) -> None:
    """At other doors it has line feeds; what comes from there with line feeds is a batch."""
    alice, bob, _ = three(irc)
    nc = irc.at_nc("dave")
    nc.types("/join tea")
    nc.sees()
    says(alice, "one", "two ", "+and a half", "  three")
    assert nc.sees() == "alice: one\n    two and a half\n      three\n"
    bob.receives()
    text = " ".join("中文" * (number % 9 + 1) for number in range(120))
    nc.types(text)
    lines = bob.receives()
    assert whole(lines) == text
    assert len(lines) > 5
    assert max(len(each.split(b" ", 1)[1]) for each in bob.raw.split(b"\r\n")[:-1]) <= 510
    nc.types("/edit short")
    bob.receives()
    nc.types("one line")
    assert bob.sees() == ["dave PRIVMSG #tea one line"]


def test_answers_to_a_label(irc: IrcServer) -> None:
    """ACK without echo-message; a refusal has the label, too."""
    alice, bob, _ = three(irc)
    alice.sends("CAP REQ -echo-message")
    alice.receives()
    says(alice, "a", "b", tags="@label=1 ")
    assert [(each.command, each.tags) for each in alice.receives()] == [("ACK", {"label": "1"})]
    says(alice, "a", "b", target="#nothing", tags="@label=2 ")
    (line,) = alice.receives()
    assert (line.command, line.tags) == ("403", {"label": "2"})
    says(bob, "", "", tags="@label=3 ")
    line = bob.receives()[-1]
    assert shown(line).startswith("irc.test FAIL BATCH MULTILINE_INVALID ")
    assert line.tags == {"label": "3"}
    says(alice, "psst", "hm", target="bob")
    assert [each.command for each in bob.receives()] == ["BATCH", "PRIVMSG", "PRIVMSG", "BATCH"]


def test_history(irc: IrcServer) -> None:
    """A batch in the batch."""
    alice, bob, _ = three(irc, "draft/chathistory")
    says(alice, "one", "two", "+three")
    live = bob.receives()
    bob.sends("@label=1 CHATHISTORY LATEST #tea * 5")
    first, *inner, last = bob.receives()
    outer = first.params[0][1:]
    assert (first.tags, last.params) == ({"label": "1"}, [f"-{outer}"])
    assert [(each.tags or {}).get("batch") for each in (inner[0], inner[-1])] == [outer] * 2
    assert whole(inner) == whole(live)
    assert {**(live[0].tags or {}), "batch": outer} == inner[0].tags
    assert [each.params for each in inner] == [each.params for each in live]


LONG = "x" * 400


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (["@batch=9 PRIVMSG #tea :x"], "MULTILINE_INVALID"),
        (["PRIVMSG #tea :x"], "MULTILINE_INVALID"),
        (["@batch=12 TOPIC #tea :x"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #tea :x", "@batch=12 NOTICE #tea :x"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #tea :x", f"@batch=12;{CONCAT} PRIVMSG #tea :"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #tea"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #tea :\x01ACTION x\x01"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #own :x"], "MULTILINE_INVALID_TARGET #tea #own"),
        (["BATCH +13 draft/multiline #tea"], "MULTILINE_INVALID"),
        (["BATCH -13"], "MULTILINE_INVALID"),
        (["BATCH -12"], "MULTILINE_INVALID"),
        (["@batch=12 PRIVMSG #tea :", "@batch=12 PRIVMSG #tea :  ", "BATCH -12"], "MULTILINE_INVA"),
        (["@batch=12 PRIVMSG #tea x"] * (MAX_LINES + 1), f"MULTILINE_MAX_LINES {MAX_LINES}"),
        ([f"@batch=12 PRIVMSG #tea {LONG}"] * 11, f"MULTILINE_MAX_BYTES {MAX_BYTES}"),
    ],
)
def test_refusals(irc: IrcServer, lines: list[str], code: str) -> None:
    """One standard reply; nothing of the batch is sent, and what comes after it is."""
    alice, bob, _ = three(irc)
    answers = alice.gets("BATCH +12 draft/multiline #tea", *lines)
    assert len(answers) == 1
    assert answers[0].startswith(f"irc.test FAIL BATCH {code}")
    if "BATCH -12" not in lines:
        assert alice.gets("@batch=12 PRIVMSG #tea :late", "PING x", "BATCH -12") == [
            "irc.test PONG irc.test x"
        ]
    says(alice, "next", "one")
    assert whole(bob.receives()) == "next\none"
    alice.receives()
    assert alice.gets("PRIVMSG #tea :after") == ["alice PRIVMSG #tea after"]


def test_a_batch_that_is_not_finished(irc: IrcServer) -> None:
    """After a refusal, a line of no batch is carried out."""
    alice, _, _ = three(irc)
    alice.sends("BATCH +12 draft/multiline #tea", "BATCH -13")
    alice.receives()
    assert alice.gets("PRIVMSG #tea :after") == ["alice PRIVMSG #tea after"]
    assert alice.gets("@batch=12 PRIVMSG #tea :x")[0].startswith(
        "irc.test FAIL BATCH MULTILINE_INVALID"
    )


@pytest.mark.parametrize(
    "begin", ["+1 draft/multiline #tea,PyconChat", "+1 other #tea", "+1 draft/multiline", "x", "+1"]
)
def test_other_batches(irc: IrcServer, begin: str) -> None:
    """There are none; and the service takes no batches."""
    alice, _, carol = three(irc)
    assert "FAIL BATCH MULTILINE_INVALID" in alice.gets(f"BATCH {begin}")[0]
    assert "FAIL BATCH MULTILINE_INVALID" in alice.gets("BATCH +1 draft/multiline PyconChat")[0]
    assert carol.gets("BATCH +1 draft/multiline #tea")[0].split()[1] == "421"


def test_as_much_as_fits(irc: IrcServer) -> None:
    """64 lines, and 4,096 bytes, with the line feeds."""
    alice, bob, _ = three(irc)
    says(alice, *["y"] * MAX_LINES)
    assert whole(bob.receives()) == "\n".join("y" * MAX_LINES)
    says(alice, *["x" * 409] * 9, "x" * 406)
    assert len(whole(bob.receives())) == MAX_BYTES
    says(alice, "é" * 200, "+" + "e" * 200, "+\u0301")  # joined, they are composed
    assert whole(bob.receives()) == "é" * 200 + "e" * 199 + "é"


def test_the_value_of_the_capability(irc: IrcServer) -> None:
    """Clients are told the limits."""
    client = irc.connects()
    client.sends("CAP LS 302")
    assert f" draft/multiline=max-bytes={MAX_BYTES},max-lines={MAX_LINES} " in str(
        client.receives()
    )
