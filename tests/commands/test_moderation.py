"""Moderation: the commands, their effects on others, and their duration."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.domain.times import date_and_time
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit, find_group


@pytest.fixture
def moderated(tea: Tea) -> Tea:
    """The group tea, with bob as its moderator."""
    tea.alice.types("/moderator bob")
    for each in tea:
        each.sees()
    return tea


def in_words(chat: Chat, seconds: int) -> str:
    """Return the time in *seconds* as the server writes it."""
    return date_and_time(chat.now() + seconds * 1000, chat.now())


def test_making_a_moderator(tea: Tea) -> None:
    """All members are notified, and ``/admin``, ``/moderators`` and ``/members`` show it."""
    assert tea.alice.types("/moderator BOB") == ["* bob is a moderator now, appointed by alice."]
    assert tea.bob.sees() == ["* You are a moderator of tea now, appointed by alice."]
    tea.bob.leaves()
    for line in ("/admin", "/moderators", "/moderator"):
        tea.carol.sees()
        assert tea.carol.types(line)[-2:] == [
            "* The admin of tea is alice, who is online.",
            "* Moderators: bob (offline).",
        ]
    assert "*   bob (moderator, offline)" in tea.carol.types("/members")
    assert tea.alice.types("/moderator bob off")[-1] == (
        "* bob is no longer a moderator: alice ended that."
    )
    tea.carol.sees()
    refused = "* Only the admin, alice, can make moderators."
    assert tea.carol.types("/moderator carol") == [refused]


def test_only_off_can_follow(tea: Tea) -> None:
    """An unknown word after the name is refused."""
    assert tea.alice.types("/moderator bob no") == ["* Only the word off can follow."]
    assert "moderator" not in "".join(tea.carol.types("/members"))


def test_moderators_answer_requests(moderated: Tea, visit: Visit) -> None:
    """They see them live, also if the admin is away, and missed; members see neither."""
    moderated.alice.leaves()
    moderated.bob.leaves()
    moderated.carol.sees()
    dave = visit("dave")
    assert "* The admin of tea, alice, is not online; you will be notified." in (
        dave.types("/join tea")
    )
    bob = visit("bob", "password b")
    assert any("dave asks to join tea" in line for line in bob.sees())
    erin = visit("erin")
    assert erin.types("/join tea") == ["* You asked to join tea; its admin, alice, has to approve."]
    assert any("erin asks to join tea" in line for line in bob.sees())
    bob.types("/join tea", "/approve dave", "/reject erin no")
    assert any("You are in tea" in line for line in dave.sees())
    assert any("rejected by bob: no" in line for line in erin.sees())
    assert not any("asks" in line for line in moderated.carol.sees())


def test_a_refusal_names_the_moderators(moderated: Tea) -> None:
    """Where there are any, and where they have the right."""
    assert moderated.carol.types("/kick bob") == [
        "* Only the admin, alice, and the moderators can kick; see /moderators."
    ]
    assert moderated.bob.types("/policy open") == [
        "* Only the admin, alice, can change the policy."
    ]
    assert moderated.bob.types("/kick alice") == [
        "* alice is the admin of tea: a moderator cannot kick them."
    ]


def test_quiet_for_a_time(moderated: Tea, chat: Chat, clock: Clock) -> None:
    """All members are notified; the quiet member can read, and can speak when the time is over."""
    until = in_words(chat, 600)
    assert moderated.bob.types("/quiet carol 10m") == [f"* bob made carol quiet until {until}."]
    assert moderated.carol.sees() == [
        f"* bob made you quiet in tea until {until}: read, do not speak."
    ]
    refusal = [f"* You may read and not speak in tea until {until}."]
    for line in ("hello", "/me waves"):
        assert moderated.carol.types(line) == refusal
    assert "*   carol (quiet, online)" in moderated.alice.types("/members")
    moderated.alice.types("hello")
    assert moderated.carol.sees() == ["alice: hello"]
    clock.advance(600)
    moderated.alice.sees()
    moderated.carol.types("hello again")
    assert moderated.alice.sees()[-1] == "carol: hello again"


def test_quiet_until_off(moderated: Tea) -> None:
    """An invalid time is refused without an effect."""
    assert moderated.bob.types("/quiet carol soon") == [
        "* For how long? A time such as 30m, 1h, 7d or 2w."
    ]
    moderated.bob.types("/quiet carol")
    assert moderated.carol.types("hi")[-1] == (
        "* You may read and not speak in tea until a moderator ends that."
    )
    assert moderated.bob.types("/quiet carol off") == [
        "* carol may speak again: bob ended the quiet."
    ]
    moderated.carol.types("hi")
    assert moderated.bob.sees() == ["carol: hi"]
    assert moderated.bob.types("/quiet carol off") == ["* carol is not quiet in tea."]


@pytest.mark.parametrize(
    "typed", ["/me", "/edit", "/edit {seq}", "/reply", "/reply {seq}", "/react {seq}", "/send"]
)
def test_quiet_members_are_not_asked(moderated: Tea, typed: str) -> None:
    """Their messages are refused before the question for the text."""
    moderated.carol.types("hi")
    seq = len(moderated.carol.log())
    moderated.bob.types("/quiet carol")
    assert moderated.carol.types(typed.format(seq=seq))[-1] == (
        "* You may read and not speak in tea until a moderator ends that."
    )
    assert moderated.carol.peer.asked == []


def test_slow(moderated: Tea, clock: Clock) -> None:
    """All members get the pace; a message too soon is refused with the time to wait."""
    assert moderated.carol.types("/slow") == ["* tea is not slow."]
    assert moderated.bob.types("/slow 30") == [
        "* bob made the group slow: one message every 30 seconds."
    ]
    moderated.carol.sees()
    moderated.carol.types("one")
    clock.advance(20)
    assert moderated.carol.types("two") == [
        "* tea is slow, one message every 30 seconds: yours can follow in 10 seconds."
    ]
    assert moderated.carol.types("/slow") == ["* tea is slow: one message every 30 seconds."]
    clock.advance(10)
    assert moderated.carol.types("three") == []
    for line in ("/slow -1", "/slow 999999", "/slow fast"):
        assert moderated.bob.types(line)[-1].startswith("* How many seconds? A number up to ")
    assert moderated.bob.types("/slow 0") == ["* bob made the group as fast as people type."]


def test_an_answer_is_one_turn(moderated: Tea, chat: Chat, clock: Clock) -> None:
    """In a slow group it waits as other messages do, and its own check takes no turn."""
    said = find_group(chat, "tea").published + 2
    moderated.bob.types("/slow 30")
    moderated.carol.types("one")
    refused = "* tea is slow, one message every 30 seconds: yours can follow in 30 seconds."
    assert moderated.carol.types(f"/reply {said} two") == [refused]
    clock.advance(30)
    assert moderated.carol.types(f"/reply {said} two") == []
    assert "two" in moderated.bob.sees()[-1]


def test_a_ban_for_a_time(moderated: Tea, chat: Chat, clock: Clock) -> None:
    """It ends by itself."""
    until = in_words(chat, 3600)
    moderated.bob.types("/ban carol 1h too loud")
    assert moderated.carol.sees() == [f"* You were banned from tea by bob until {until}: too loud"]
    assert moderated.bob.types("/bans")[-1] == f"*   carol, by bob until {until}: too loud"
    assert moderated.carol.types("/join tea") == [
        f"* You are banned from tea by bob until {until}: too loud."
    ]
    clock.advance(3600)
    assert moderated.bob.types("/bans") == ["* Nobody is banned from tea."]
    assert "You asked to join tea" in moderated.carol.types("/join tea")[0]


@pytest.mark.parametrize("reason", ["noise for hours", "3rd time: noise", "h"])
def test_a_reason_after_the_name(reason: str, moderated: Tea) -> None:
    """A word that is no time is a part of the reason."""
    moderated.bob.types(f"/ban carol {reason}")
    assert moderated.carol.sees()[-1] == f"* You were banned from tea by bob: {reason}"


@pytest.mark.parametrize(
    "time",
    [
        *("1x", "2hours", "10min too loud", "1 hour", "30", "0d", "99999d", "-1h", "+2h"),
        *("1.5h", "1,5 hours", ".5h", "0:30", "½h", "1½ hours", "\uff11h", "\u0663d"),
    ],
)
def test_a_mistyped_time_is_no_reason(time: str, moderated: Tea) -> None:
    """Otherwise a ban for an hour would be one for good."""
    assert moderated.bob.types(f"/ban carol {time}") == [
        "* For how long? A time such as 30m, 1h, 7d or 2w."
    ]
    assert moderated.carol.sees() == []


def test_a_server_ban_for_a_time(tea: Tea, olga: TestUser, clock: Clock, visit: Visit) -> None:
    """The name is turned away until then."""
    olga.types("/desk", "/ban bob 7d")
    assert tea.bob.peer.closed
    clock.advance(7 * 24 * 3600)
    assert olga.types("/bans") == ["* Nobody is banned from this server."]
    bob = visit("bob", "password b")
    bob.types("/join tea", "I am back")
    assert tea.alice.sees()[-1] == "bob: I am back"
