"""JSON mode: edits, removals, answers and reactions, live and among missed entries."""

from __future__ import annotations

import pytest

from tests.support.programs import MemoryServer, Object, WiredProgram


def entry(program: WiredProgram, seq: int) -> Object:
    """Return the last entry *seq* that *program* received, without the common fields."""
    found = [each for each in program.entries if each["seq"] == seq][-1]
    return {name: value for name, value in found.items() if name not in ("group", "seq", "at")}


@pytest.fixture
def bob(server: MemoryServer, alice: WiredProgram) -> WiredProgram:
    """A member of tea."""
    bob = server.program("bob", "password b")
    bob.does("/join tea")
    return bob


def test_a_message_answers_another(alice: WiredProgram, bob: WiredProgram) -> None:
    """The event has the number, and the start of the answered message."""
    seq = alice.does(text="the kettle is broken", group="tea")["seq"]
    answer = bob.does(text="it is fixed", group="tea", reply_to=seq)["seq"]
    alice.receives()
    assert entry(alice, answer) == {
        "type": "message",
        "from": "bob",
        "text": "it is fixed",
        "reply_to": seq,
        "quote": {"from": "alice", "text": "the kettle is broken"},
    }


@pytest.mark.parametrize(
    ("reply_to", "code"), [(99, "no-such-message"), (-1, "bad-field"), ("x", "bad-field")]
)
def test_a_number_that_no_entry_has(bob: WiredProgram, reply_to: object, code: str) -> None:
    """It is refused, and nothing is posted."""
    assert bob.asks(text="hi", group="tea", reply_to=reply_to)["code"] == code
    assert bob.does(text="hi", group="tea")["seq"] == 3


def test_an_answer_to_what_is_no_message(bob: WiredProgram) -> None:
    """It is a message without a quote."""
    seq = bob.does(text="hi", group="tea", reply_to=1)["seq"]
    assert entry(bob, seq) == {"type": "message", "from": "bob", "text": "hi", "reply_to": 1}


def test_messages_and_answers_keep_their_order(bob: WiredProgram) -> None:
    """Answers do not wait for the store to be read."""
    ids = [bob.requests(text=f"{n}", group="tea", reply_to=n % 2) for n in range(6)]
    for id in ids:
        bob.answer(id)
    texts = [each["text"] for each in bob.entries if each["type"] == "message"]
    assert texts == [str(n) for n in range(6)]


def test_the_events(alice: WiredProgram, bob: WiredProgram) -> None:
    """Each is an entry of its own; its number is in the answer."""
    seq = alice.does(text="the kettel", group="tea")["seq"]
    quote = {"from": "alice", "text": "the kettle"}
    edit = alice.does("/edit the kettle", "tea")["seq"]
    react = bob.does(f"/react {seq} 👍", "tea")["seq"]
    pin = alice.does(f"/pin {seq}", "tea")["seq"]
    bob.receives()
    about = {"about": seq, "by": "alice"}
    assert entry(bob, edit) == {"type": "edit", **about, "text": "the kettle", "quote": quote}
    assert entry(bob, react) == {
        "type": "react", "about": seq, "by": "bob", "emoji": "👍", "quote": quote,
    }  # fmt: skip
    assert entry(bob, pin) == {"type": "pin", **about, "quote": quote}
    assert bob.does("/join tea")["pins"] == [{"seq": seq, **quote}]
    unsay = alice.does(f"/unsay {seq}", "tea")["seq"]
    bob.receives()
    gone = {"from": "alice", "text": ""}
    assert entry(bob, unsay) == {"type": "unsay", **about, "from": "alice", "quote": gone}
    assert bob.does("/join tea")["pins"] == []


def test_a_repeated_request_is_carried_out_once(alice: WiredProgram) -> None:
    """With its key: the answer has the number of the first time."""
    alice.does(text="one", group="tea")
    alice.does(text="two", group="tea")
    first = alice.does("/unsay", "tea", key="k1")
    again = alice.does("/unsay", "tea", key="k1")
    assert first["seq"] == again["seq"]
    texts = [each.get("text") for each in alice.does("/history", "tea")["entries"]]
    assert texts == [None, "one", None, None]


@pytest.mark.parametrize("read", range(2, 8))
def test_each_page_leads_to_the_same_messages(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram, read: int
) -> None:
    """Whenever a program has read the beginning, before or after it was amended, the rest fits."""
    done = [
        lambda: alice.does(text="tee", group="tea"),
        lambda: alice.does(text="a secret", group="tea"),
        lambda: alice.does("/edit 3 tea", "tea"),
        lambda: alice.does("/edit 4 another secret", "tea"),
        lambda: alice.does("/unsay 4", "tea"),
    ]
    for act in done[: read - 2]:
        act()
    bob.receives()
    texts = texts_of(bob.entries)
    bob.cut()
    for act in done[read - 2 :]:
        act()
    bob = server.program("bob", "password b", since={"tea": read})
    assert "secret" not in str(bob.entries)
    assert texts_of(bob.entries, texts) == {3: "tea"}


def texts_of(entries: list[Object], texts: dict[int, str] | None = None) -> dict[int, str]:
    """Return a program's messages after *entries*, by the rules of docs/line-protocol.rst."""
    found = dict(texts or {})
    for each in entries:
        match each["type"]:
            case "message":
                found[each["seq"]] = each["text"]
            case "edit" if each["text"] and each["about"] in found:
                found[each["about"]] = each["text"]
            case "unsay":
                found.pop(each["about"], None)
    return found


def test_private_conversations(
    server: MemoryServer, alice: WiredProgram, bob: WiredProgram
) -> None:
    """The events have ``with``; a text can have ``reply_to``. Missed ones are as in groups."""
    seq = alice.does(text="the kettle", **{"with": "bob"})["seq"]
    answer = bob.does(text="yes?", reply_to=seq, **{"with": "alice"})
    assert answer["type"] == "sent"
    assert alice.asks(text="hi", reply_to=9, **{"with": "bob"})["code"] == "no-such-message"
    bob.cut()
    for line in ("/edit 1 the pot", "/react 2 👍", "/unsay 1"):
        alice.does(line, **{"with": "bob"})
    again = server.program("bob", "password b", since={"@alice": 0})
    quote = {"from": "alice", "text": ""}
    missed = [each for each in again.entries if "with" in each]
    assert [each["with"] for each in missed] == ["alice"] * 5
    kept = [{k: v for k, v in e.items() if k not in ("with", "at", "seq")} for e in missed]
    assert kept == [
        {"type": "unsaid", "from": "alice", "by": "alice"},
        {"type": "message", "from": "bob", "text": "yes?", "reply_to": 1, "quote": quote},
        {"type": "edit", "about": 1, "by": "alice", "text": "", "quote": quote},
        {"type": "react", "about": 2, "by": "alice", "emoji": "👍",
         "quote": {"from": "bob", "text": "yes?"}},
        {"type": "unsay", "about": 1, "from": "alice", "by": "alice", "quote": quote},
    ]  # fmt: skip
