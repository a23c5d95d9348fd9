"""Private conversations as places: /query, /r, and the commands that work in them."""

from __future__ import annotations

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.errors import NotSaved
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit

BOB = "* You are talking to bob in private (online); /desk leaves."
DESK = "* You are at the front desk."


def said(lines: list[str]) -> list[str]:
    """Return the entries of the log among *lines*, without their time."""
    return [line.partition("] ")[2] for line in lines if line.startswith("[")]


def test_lines_go_to_the_partner(tea: Tea) -> None:
    """To the partner alone, also lines such as //who, without an answer; commands are executed."""
    assert tea.alice.types("/query BOB") == [BOB]
    assert tea.alice.types("hello", "//who", "join us", "/me waves") == ["* Sent to bob."]
    assert tea.bob.sees() == [
        "alice (private): hello",
        "alice (private): /who",
        "alice (private): join us",
        "~ alice (private) waves",
    ]
    assert tea.carol.sees() == []
    assert "* Online: 3" in tea.alice.types("/who")
    tea.bob.types("/query alice hi there", "and again")
    assert tea.alice.sees() == ["bob (private): hi there", "bob (private): and again"]


@pytest.mark.parametrize("line", ["leave", "qqq", "/leave", "/desk", "/query", "/qqq"])
def test_leaving(tea: Tea, line: str) -> None:
    """To the front desk; no membership or conversation ends."""
    tea.alice.types("/query bob", "hello")
    assert tea.alice.types(line)[0] == DESK
    assert tea.alice.session.current is None
    assert "alice" in str(tea.bob.types("/members"))
    tea.alice.types("/query bob")
    assert said(tea.alice.types("/history")) == ["alice (private to bob): hello"]


def test_history_and_search(tea: Tea, visit: Visit) -> None:
    """Of this conversation alone, on every device, and again; with @NAME from anywhere."""
    tea.alice.types(
        "in the group", "/query bob", "the kettle", "a pot", "/me waves", "/query carol"
    )
    tea.alice.types("a kettle for carol")
    both = ["alice (private): the kettle", "alice (private): a pot", "~ alice (private) waves"]
    phone = visit("bob", "password b")
    for device in (tea.bob, phone):
        device.sees()
        for _ in range(2):
            assert said(device.types("/history @ALICE")) == both
        assert said(device.types("/history 1 before 3 @alice")) == both[1:2]
        device.types("/query alice")
        assert said(device.types("/history")) == both
        assert said(device.types("/history 1")) == both[2:]
        assert said(device.types("/search kettle")) == both[:1]
        assert said(device.types("/search group")) == []


def test_it_survives_a_restart(tea: Tea, chat: Chat) -> None:
    """And is then read from the store."""
    tea.alice.types("/query bob", "hello")
    again = make_chat(chat.store)
    bob = TestUser(again, "bob", "password b")
    bob.types("/query alice")
    assert said(bob.types("/history")) == ["alice (private): hello"]
    assert said(bob.types("/search hello")) == ["alice (private): hello"]


def test_nothing_was_said_yet(tea: Tea) -> None:
    """Then the history and search results are empty."""
    for lines in (["/history @bob"], ["/query bob", "/history"]):
        assert tea.alice.types(*lines)[-1] == "* Nothing has been said in private with bob yet."
    assert tea.alice.types("/search tea") == ["* Nothing found for: tea"]


GROUP_COMMANDS = [
    "/members",
    "/approve carol",
    "/topic new",
    "/policy open",
    "/kick carol",
    "/ban carol",
    "/unban carol",
    "/bans",
    "/invite carol",
    "/invite code",
    "/pin 1",
]


@pytest.mark.parametrize("line", GROUP_COMMANDS)
def test_commands_of_groups_are_refused(tea: Tea, olga: TestUser, line: str) -> None:
    """To operators, too: there, none of them means the server."""
    olga.types("/query bob")
    assert olga.types(line) == [
        "* That works in groups; you are talking to bob in private, which /desk leaves."
    ]
    assert not tea.carol.peer.closed


def test_with_whom(tea: Tea) -> None:
    """Not with oneself, nor with somebody unknown; the place stays."""
    tea.alice.types("/query bob")
    for line, refusal in {
        "/query alice": "* That is you. To whom do you want to talk?",
        "/query nobody": "* nobody is neither online nor registered here.",
    }.items():
        assert tea.alice.types(line) == [refusal]
    tea.alice.types("for bob")
    assert tea.bob.sees() == ["alice (private): for bob"]
    assert "With whom?" in tea.carol.types("/query")[0]


def test_the_next_guest_of_that_name_is_another(tea: Tea, visit: Visit) -> None:
    """They get no message and no history of the first guest; /r does not answer them either."""
    gus = visit("gus")
    gus.types("/query alice", "hello")
    tea.alice.types("/query gus", "hi")
    gus.leaves()
    gone = "* gus has just left."
    lines = ["secret", "/me waves", "/history", "/search hi"]
    assert tea.alice.types(*lines) == [gone] * 4
    other = visit("gus")
    assert tea.alice.types(*lines) == [gone] * 4
    assert tea.alice.types("/r secret")[0].startswith("* ")
    assert tea.alice.types("/history @gus")[0].startswith(
        "* Nothing has been said in private with gus"
    )
    assert other.sees() == []
    assert other.types("/history @alice")[0].startswith("* Nothing has been said in private with a")


def test_the_partner_leaves_or_is_away(tea: Tea, visit: Visit) -> None:
    """That is shown once, in place of an answer to each line."""
    tea.alice.types("/query bob")
    tea.bob.types("/away lunch")
    away = ["* Sent to bob.", "* bob is away: lunch"]
    assert tea.alice.types("one", "two") == away
    assert tea.carol.types("/query bob", "one") == [
        "* You are talking to bob in private (online, away: lunch); /desk leaves."
    ]
    tea.bob.leaves()
    shown = tea.alice.types("three", "four")
    assert shown == ["* bob is offline and will read it at the next login."]
    again = visit("bob", "password b")
    assert said(again.sees())[-2:] == ["alice (private): three", "alice (private): four"]


def test_ignored_people(tea: Tea) -> None:
    """Their lines are stored and not shown, nor does /r answer them."""
    tea.bob.types("/ignore alice", "/msg carol hi")
    tea.alice.types("/query bob", "hello")
    assert tea.bob.sees() == []
    assert said(tea.bob.types("/history @alice")) == []
    assert tea.bob.types("/r still you?") == ["* Sent to carol."]


def test_banned_people(tea: Tea, olga: TestUser) -> None:
    """They write nowhere."""
    tea.alice.types("/query bob")
    olga.types("/desk", "/ban alice")
    tea.bob.sees()
    tea.alice.session.line("hello")
    assert "alice (private): hello" not in tea.bob.sees()


def test_answering(tea: Tea, visit: Visit) -> None:
    """The sender or receiver of the last private message; on every device of the account."""
    assert tea.bob.types("/r hello") == [
        "* Nobody is there to answer; /msg NAME TEXT writes to somebody."
    ]
    tea.alice.types("/msg bob one")
    tea.carol.types("/msg bob two")
    phone = visit("bob", "password b")
    assert phone.types("/r  for carol") == ["* Sent to carol."]
    assert tea.carol.sees() == ["bob (private): for carol"]
    tea.bob.types("/msg alice hi")
    assert phone.types("/R again") == ["* Sent to alice."]
    assert tea.alice.types("/r me too") == ["* Sent to bob."]


def test_a_line_that_was_not_stored(tea: Tea, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender gets the error, and the next message arrives."""
    tea.alice.types("/query bob", "before")
    tea.bob.sees()
    with monkeypatch.context() as patch:
        patch.setattr(type(tea.alice.chat.store), "commit", _fails)
        assert "not saved" in tea.alice.types("lost")[0].lower()
    assert tea.bob.sees() == []
    for _ in range(3):
        tea.alice.tick()
    tea.alice.types("after")
    assert tea.bob.sees() == ["alice (private): after"]


def _fails(*_: object) -> None:
    raise NotSaved("full")
