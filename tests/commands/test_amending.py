"""Correcting, removing, answering, pinning, and reacting to messages."""

from __future__ import annotations

import re

import pytest

from pyconchat.domain.amending import AMENDABLE, MAX_PINS, MAX_REACTIONS
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit

KETTLE = "the kettle is broken again, and nobody knows why"


def numbers(user: TestUser) -> dict[str, int]:
    """Return the numbers of messages, as in `/history`."""
    found = (re.fullmatch(r"\[.* #(\d+)\] (.+)", line) for line in user.types("/history 500"))
    return {each[2]: int(each[1]) for each in found if each}


def number(user: TestUser, line: str) -> int:
    """Return the number of *line* in the history."""
    return numbers(user)[line]


# Editing.


def test_an_edit_corrects_the_last_message(tea: Tea) -> None:
    """All members are notified; history and search have only the new text."""
    tea.alice.types("green tee")
    tea.bob.types("/join tea", "black tea")
    tea.carol.types("/desk")
    assert tea.alice.types("/edit green tea") == ["* alice corrected: green tea"]
    assert "* [tea] alice corrected: green tea" in tea.carol.sees()
    assert "alice: green tea" in numbers(tea.bob)
    assert "tee" not in str(tea.bob.types("/history"))
    assert tea.bob.types("/search tee") == ["* Nothing found for: tee"]
    assert len(tea.bob.types("/search green")) == 2


def test_an_edit_by_number(tea: Tea) -> None:
    """One's own message, before the last one; with or without the sign that history shows."""
    tea.alice.types("one", "two")
    seq = number(tea.alice, "alice: one")
    assert tea.alice.types(f"/edit #{seq} 1 cup") == ["* alice corrected: 1 cup"]
    assert tea.alice.types(f"/edit {seq} 2 cups") == ["* alice corrected: 2 cups"]
    assert [*numbers(tea.alice)] == ["alice: 2 cups", "alice: two"]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("/edit", "Correct it to: "),
        ("/edit {seq}", "Correct #{seq} to: "),
        ("/edit  #{seq}  ", "Correct #{seq} to: "),
    ],
)
@pytest.mark.parametrize("answer", ["3", "3 cups", ""])
def test_a_number_alone_is_no_text(tea: Tea, typed: str, asked: str, answer: str) -> None:
    """The text is asked for; the answer is the whole text, whatever it begins with."""
    tea.alice.types("one", "two")
    seq = number(tea.alice, "alice: one")
    tea.alice.peer.answers = [answer]
    shown = tea.alice.types(typed.format(seq=seq))
    assert tea.alice.peer.asked == [asked.format(seq=seq)]
    corrected = "alice: one" if "{seq}" in typed else "alice: two"
    kept = {"alice: one", "alice: two"} - ({corrected} if answer else set())
    assert {*numbers(tea.alice)} == kept | ({f"alice: {answer}"} if answer else set())
    assert shown == ([f"* alice corrected: {answer}"] if answer else ["* Cancelled."])


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        ("/edit", "You have sent no message here"),
        ("/edit {bobs}", "is from bob"),
        ("/edit 999", "no message #999"),
        ("/reply 999", "no message #999"),
        ("/reply 2", "#2 is not a message"),
        ("/react 2", "#2 is not a message"),
    ],
)
@pytest.mark.parametrize("in_private", [False, True])
def test_nothing_is_asked_in_vain(tea: Tea, typed: str, refused: str, in_private: bool) -> None:
    """What would be refused in any case is refused before the question for the text."""
    tea.bob.types("/join tea", "hello", "/msg carol hello", "/query carol", "/react 1 👍")
    tea.carol.types("/query bob" if in_private else "/join tea")
    seq = 1 if in_private else numbers(tea.carol)["bob: hello"]
    assert refused in str(tea.carol.types(typed.format(bobs=seq)))
    assert tea.carol.peer.asked == []


def test_a_number_in_an_answer_is_checked_before_the_next_question(tea: Tea) -> None:
    """The text of an answer to a message that does not exist is not asked for."""
    tea.alice.peer.answers = ["999"]
    assert tea.alice.types("/reply") == ["* There is no message #999; /history has the numbers."]
    assert tea.alice.peer.asked == ["Which message? Its number: "]


@pytest.mark.parametrize("line", ["/msg bob a secret", "/r a secret"])
@pytest.mark.parametrize("typed", ["/edit the secret", "/edit", "/unsay"])
def test_an_edit_after_a_private_message(tea: Tea, line: str, typed: str) -> None:
    """The private message is meant, probably: that of the group is changed only if sent again."""
    tea.bob.types("/msg alice hi")
    tea.alice.types("for all")
    tea.alice.chat.reactor.advance(1)  # type: ignore[attr-defined]
    tea.alice.types(line)
    tea.alice.peer.answers = ["the secret"]
    assert tea.alice.types(typed) == [
        "* Your last message went to bob, in private: /query bob first. To change your last one"
        " here, send that again."
    ]
    assert tea.alice.peer.asked == []
    assert "alice: for all" in numbers(tea.bob)
    tea.alice.types(typed)
    assert "alice: for all" not in numbers(tea.bob)


def test_an_edit_after_a_later_message(tea: Tea) -> None:
    """The last message is that of the group again; a number says which is meant."""
    clock = tea.alice.chat.reactor
    for lines in (["one"], ["/msg bob a secret"]):
        tea.alice.types(*lines)
        clock.advance(1)  # type: ignore[attr-defined]
    seq = number(tea.alice, "alice: one")
    assert tea.alice.types(f"/edit {seq} two") == ["* alice corrected: two"]
    tea.alice.types("three")
    assert tea.alice.types("/edit four") == ["* alice corrected: four"]
    tea.alice.types("/query bob")
    assert tea.alice.types("/edit the secret") == ["* alice corrected: the secret"]


@pytest.mark.parametrize("typed", ["9" * 19, "#" + "9" * 400, "0" * 30 + "1"])
def test_a_number_that_no_message_can_have(tea: Tea, typed: str) -> None:
    """It is no text either: nothing is changed."""
    tea.alice.types("one")
    for line in (f"/edit {typed} x", f"/edit {typed}", f"/unsay {typed}", f"/pin {typed}"):
        assert tea.alice.types(line) == ["* Which message? Its number; /history shows it."]
    assert [*numbers(tea.alice)] == ["alice: one"]


def test_edits_of_several_lines_are_indented(tea: Tea) -> None:
    """No later line of a correction can pass for the server's, or for another person's."""
    tea.alice.types("one", "/edit two\n* carol removed a message.\nbob: hi")
    shown = [line for line in tea.alice.types("/history") if "corrected" in line or "bob" in line]
    assert [line[:4] == "    " for line in shown if "bob: hi" in line] == [True, True]


def test_only_the_text_of_the_latest_edit_is_kept(tea: Tea) -> None:
    """Neither the first text nor those of earlier edits are in the log or shown."""
    tea.alice.types("first secret", "/edit second secret", "/edit third")
    assert "secret" not in str(tea.alice.log())
    shown = [line for line in tea.alice.types("/history") if "corrected" in line]
    assert len(shown) == 1
    assert shown[0].endswith("* alice corrected: third")


@pytest.mark.parametrize(
    ("typed", "refused"),
    [
        ("/edit {bobs} mine", "from bob"),
        ("/edit {joined} mine", "is not a message"),
        ("/edit 999 mine", "no message #999"),
        ("/edit {own} mine", "says already"),
        ("/edit {old} mine", "a day old"),
        ("/unsay {old}", "a day old"),
        ("/unsay {bobs}", "Only the admin"),
        ("/unsay x", "Its number"),
        ("/reply 999 hi", "no message #999"),
        ("/reply {joined} hi", "is not a message"),
        ("/react {bobs} good", "one emoji"),
        ("/react {joined} 👍", "is not a message"),
        ("/pin {bobs}", "Only the admin"),
    ],
)
def test_refusals(tea: Tea, typed: str, refused: str) -> None:
    """Each is refused with the reason, and stores nothing."""
    tea.carol.types("/join tea", "too old")
    tea.carol.chat.reactor.advance(AMENDABLE / 1000)  # type: ignore[attr-defined]
    tea.bob.types("/join tea", "hello")
    tea.carol.types("mine")
    seqs = numbers(tea.carol)
    line = typed.format(
        bobs=seqs["bob: hello"], joined=2, own=seqs["carol: mine"], old=seqs["carol: too old"]
    )
    before = tea.carol.log()
    assert refused in str(tea.carol.types(line))
    assert tea.carol.log() == before


# Removing.


def test_unsay_removes_the_last_message(tea: Tea) -> None:
    """All members are notified; the text is deleted from the log."""
    tea.bob.types("/join tea")
    tea.alice.types("one", "/me reveals the secret")
    assert tea.bob.sees()[-1] == "~ alice reveals the secret"
    assert tea.alice.types("/unsay") == ["* alice removed a message."]
    assert tea.bob.sees() == ["* alice removed a message."]
    assert "secret" not in str(tea.alice.log())
    assert [*numbers(tea.bob)] == ["alice: one"]
    tea.alice.types("/unsay")
    assert [*numbers(tea.bob)] == []
    assert "sent no message here" in str(tea.alice.types("/unsay"))


def test_an_edited_message_is_removed_with_its_edits(tea: Tea) -> None:
    """The entries of its edits lose their text too."""
    tea.alice.types("secret one", "/edit secret two", "/edit secret three", "/unsay")
    assert "secret" not in str(tea.alice.log())
    assert tea.alice.types("/search secret") == ["* Nothing found for: secret"]


def test_the_admin_and_operators_remove_messages_of_others(tea: Tea, olga: TestUser) -> None:
    """The line names the remover and the author; an operator need not be a member."""
    tea.bob.types("/join tea", "one", "two")
    seqs = numbers(tea.bob)
    tea.bob.sees()
    tea.alice.types(f"/unsay {seqs['bob: one']}")
    assert tea.bob.sees() == ["* alice removed a message of bob."]
    with_operator = tea.alice.types("/transfer bob")
    assert with_operator
    here = tea.alice.session.current
    asked = olga.session.command(f"/unsay {seqs['bob: two']}", here, lambda _: None)
    olga.tick()
    assert asked.called
    assert "* olga removed a message of bob." in tea.bob.sees()


def test_a_missed_message_that_was_removed_is_not_shown(tea: Tea, visit: Visit) -> None:
    """A member who was offline gets the removal, without the text."""
    tea.bob.leaves()
    tea.alice.types("one", "a secret", "/unsay")
    shown = visit("bob", "password b").sees()
    assert "secret" not in str(shown)
    assert shown[-1].endswith("* [tea] alice removed a message.")


def test_guests_own_only_what_they_said_themselves(visit: Visit) -> None:
    """Messages of an earlier guest with the same name cannot be edited."""
    alice = visit("alice", "password a")
    alice.types("/create tea open")
    gus = visit("gus")
    gus.types("/join tea", "mine")
    seq = number(alice, "gus: mine")
    gus.leaves()
    gus = visit("gus")
    gus.types("/join tea")
    assert "you can edit only" in str(gus.types(f"/edit {seq} yours"))
    assert "Only the admin" in str(gus.types(f"/unsay {seq}"))
    assert "sent no message" in str(gus.types("/unsay"))
    assert gus.types("hi", "/edit ho")[-1] == "* gus corrected: ho"


# Answers.


def test_a_quote_of_an_indented_message(tea: Tea) -> None:
    """It is without the spaces, and without an ellipsis: no word was left out."""
    tea.alice.types("   indented")
    seq = number(tea.alice, "alice:    indented")
    assert tea.alice.types(f"/react {seq} 👍") == ['* alice reacted 👍 to alice "indented"']


def test_an_answer_quotes_the_start_of_the_message(tea: Tea) -> None:
    """Live, elsewhere, and in the history."""
    tea.alice.types(KETTLE)
    tea.bob.types("/join tea")
    tea.carol.types("/desk")
    seq = number(tea.bob, f"alice: {KETTLE}")
    assert tea.bob.types(f"/reply {seq} it is fixed") == []
    quote = 'alice "the kettle is broken again, and nobody…"'
    assert tea.alice.sees()[-1] == f"bob ↪ {quote}: it is fixed"
    assert tea.carol.sees()[-1] == f"bob (in tea) ↪ {quote}: it is fixed"
    assert f"bob ↪ {quote}: it is fixed" in numbers(tea.bob)
    tea.alice.types("/unsay")
    assert "bob ↪ alice: it is fixed" in numbers(tea.bob)


def test_an_answer_shows_the_corrected_message(tea: Tea) -> None:
    """The quote is read with the entry, so it has the current text of the message."""
    tea.alice.types("tee", "/edit tea")
    seq = number(tea.alice, "alice: tea")
    tea.bob.types("/join tea", f"/reply {seq} yes")
    assert 'bob ↪ alice "tea": yes' in numbers(tea.alice)


# Reactions.


def test_a_reaction(tea: Tea) -> None:
    """One line for everybody; twice the same is refused, another is not."""
    tea.alice.types(KETTLE)
    tea.bob.types("/join tea")
    seq = number(tea.bob, f"alice: {KETTLE}")
    assert tea.bob.types(f"/react {seq} 👍") == [
        '* bob reacted 👍 to alice "the kettle is broken again, and nobody…"'
    ]
    assert "already" in str(tea.bob.types(f"/react {seq} 👍"))
    assert "reacted ❤️" in str(tea.bob.types(f"/react #{seq} ❤️"))
    tea.alice.types("/unsay")
    assert "bob reacted 👍 to alice" in str(tea.bob.types("/history"))
    assert "kettle" not in str(tea.bob.types("/history"))


def test_a_message_has_a_maximum_of_reactions(tea: Tea) -> None:
    """A crowd of emoji would hide the messages."""
    tea.alice.types("hi")
    seq = number(tea.alice, "alice: hi")
    for nth in range(MAX_REACTIONS):
        tea.alice.types(f"/react {seq} {chr(0x1F400 + nth)}")
    assert "all that it can have" in str(tea.alice.types(f"/react {seq} 👍"))


# Pins.


def test_pins_are_shown_at_entry(tea: Tea, visit: Visit) -> None:
    """In the order in which they were pinned, until they are unpinned or removed."""
    tea.alice.types("be kind", "bring cups", "bring tea")
    kind, cups, leaves = numbers(tea.alice).values()
    assert tea.alice.types(f"/pin {cups}") == [f'* alice pinned #{cups}: alice "bring cups"']
    tea.alice.types(f"/pin {kind}", f"/pin {leaves}")
    shown = [f'* Pinned #{n}: alice "{t}"' for n, t in ((cups, "bring cups"), (kind, "be kind"))]
    last = f'* Pinned #{leaves}: alice "bring tea"'
    assert [each for each in tea.bob.types("/join tea") if "Pinned" in each] == [*shown, last]
    assert tea.bob.types("/pin") == [*shown, last]
    assert tea.alice.types(f"/pin {kind} off") == [f'* alice unpinned #{kind}: alice "be kind"']
    tea.alice.types(f"/unsay {leaves}")
    assert tea.bob.types("/pin") == [shown[0]]
    assert "not pinned" in str(tea.alice.types(f"/pin {kind} off"))
    tea.bob.types("/ignore alice")
    assert tea.bob.types("/pin") == [f"* Pinned #{cups}: alice"]


def test_a_group_has_a_maximum_of_pins(tea: Tea) -> None:
    """They are shown to each member at entry."""
    tea.alice.types(*[f"text {nth}" for nth in range(MAX_PINS + 1)])
    *most, last = numbers(tea.alice).values()
    for seq in most:
        tea.alice.types(f"/pin {seq}")
    assert "unpins one" in str(tea.alice.types(f"/pin {last}"))
    assert "pinned already" in str(tea.alice.types(f"/pin {most[0]}"))


# Ignored people.


def test_nothing_of_an_ignored_person_is_shown(tea: Tea) -> None:
    """Not their edits, answers or reactions, and not their words in a quote."""
    tea.carol.types("/join tea", "/ignore bob")
    tea.bob.types("/join tea", "nasty words", "/edit nasty old words")
    seq = number(tea.bob, "bob: nasty old words")
    tea.bob.types(f"/react {seq} 👍", f"/reply {seq} nasty answer", "/unsay")
    assert tea.carol.sees() == []
    tea.alice.types(f"/reply {seq} please", f"/react {seq} 👎")
    assert tea.carol.sees() == [
        "alice ↪ bob: please",
        "* alice reacted 👎 to bob",
    ]
    assert "nasty" not in str(tea.carol.types("/history 100"))
