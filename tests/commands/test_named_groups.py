"""A group that is named last, as in ``/approve bob tea``, from the front desk and other groups."""

from __future__ import annotations

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.names import Name
from pyconchat.testing import TestUser
from tests.support.groups import Tea, Visit, find_group


@pytest.fixture
def dave(tea: Tea, visit: Visit) -> TestUser:
    """Somebody who has asked to join tea."""
    dave = visit("dave", "password d")
    dave.types("/join tea")
    for each in (*tea, dave):
        each.sees()
    return dave


@pytest.mark.parametrize("place", ["desk", "create other"])
@pytest.mark.parametrize("group", ["tea", "TEA", "1"])
def test_an_approval_from_elsewhere(place: str, group: str, tea: Tea, dave: TestUser) -> None:
    """By the group's name or number; one without rights there is refused."""
    tea.alice.types(f"/{place}")
    assert tea.bob.types(f"/approve dave {group}") == [
        "* Only the admin, alice, can approve requests."
    ]
    assert tea.alice.types(f"/approve dave {group}") == [
        "* [tea] dave has joined the chat! (approved by alice)"
    ]
    assert dave.sees()[0] == "* You are in tea: alice approved your request."


def test_what_a_request_says_elsewhere_works_there(tea: Tea, visit: Visit) -> None:
    """The commands that a request names are carried out where they are shown."""
    tea.alice.types("/desk")
    visit("dave", "password d").types("/join tea")
    (shown,) = tea.alice.sees()
    assert shown == "* [tea] dave asks to join tea (/approve dave tea, /reject dave tea)"
    (heading, _) = tea.alice.types("/requests tea")
    assert heading == "* 1 asking to join tea (/approve NAME tea, /reject NAME tea):"
    assert tea.alice.types("/reject dave tea") == ["* [tea] alice rejected the request of dave."]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/approve dave tea", "* Approved in tea: dave."),
        ("/reject dave not now tea", "* The request of dave to join tea is rejected."),
        ("/transfer bob tea", "* bob is the admin of tea now."),
        ("/unban eve tea", "* eve may join tea again."),
    ],
)
def test_an_operator_outside_gets_an_answer(
    line: str, answer: str, tea: Tea, dave: TestUser, olga: TestUser
) -> None:
    """They receive no events of the group."""
    tea.alice.types("/ban eve")
    olga.sees()
    assert olga.types(line) == [answer]


def test_an_operator_outside_removes_a_message(tea: Tea, olga: TestUser, chat: Chat) -> None:
    """The command is answered: events of the group are not delivered to them."""
    tea.bob.types("spam")
    seq = find_group(chat, "tea").published
    tea.bob.sees()
    assert olga.types(f"/unsay {seq} tea") == [f"* The message #{seq} of tea is removed."]
    assert tea.bob.sees() == ["* olga removed a message of bob."]


def test_an_operator_outside_deletes_a_group(tea: Tea, olga: TestUser) -> None:
    """The command is answered: events of the group are not delivered to them."""
    olga.sees()
    tea.bob.sees()
    olga.peer.answers = ["tea"]
    assert olga.types("/delete tea") == ["* tea is deleted."]
    assert tea.bob.sees() == ["* olga deleted tea."]


def test_a_group_that_does_not_exist_is_named(tea: Tea) -> None:
    """The refusal contains the unknown name."""
    at_desk = "* You are at the front desk, and there is no group %s: name the group last, or"
    assert tea.alice.types("/admin te") == ["* There is no group te: the command takes [GROUP]."]
    (answer,) = tea.alice.types("/transfer bob te")
    assert answer == "* There is no group te: the command takes NAME [GROUP]."
    (answer,) = tea.alice.types("/transfer bob te tea")
    assert answer == "* Too many arguments: the command takes NAME [GROUP]."
    tea.alice.types("/desk")
    for line, word in (("/members te", "te"), ("/approve bob te", "te"), ("/quiet bob te", "te")):
        (answer,) = tea.alice.types(line)
        assert answer.startswith(at_desk % word), line
    for line in ("/approve bob", "/approve all", "/reject bob"):  # people, not a group
        (answer,) = tea.alice.types(line)
        assert answer.startswith("* You are at the front desk: name the group last, or"), line
    (answer,) = tea.alice.types("/policy password secret")
    assert "secret" not in answer


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("place", ["desk", "create other open"])
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/moderator bob tea", "* [tea] bob is a moderator now, appointed by alice."),
        ("/kick bob tea", "* [tea] bob was kicked by alice."),
        ("/ban bob tea", "* [tea] bob was banned by alice."),
        ("/ban bob 1h tea", "* [tea] bob was banned by alice until Nov 14 23:13."),
        ("/quiet bob TEA", "* [tea] alice made bob quiet."),
        ("/quiet bob 1h 1", "* [tea] alice made bob quiet until Nov 14 23:13."),
        ("/slow 30 tea", "* [tea] alice made the group slow: one message every 30 seconds."),
        ("/slow tea", "* tea is not slow."),
        ("/policy tea", "* The policy of tea is approval."),
        ("/policy invite tea", "* [tea] alice changed the policy to invite."),
        ("/pin 5 tea", '* [tea] alice pinned #5: alice "hello"'),
        ("/pin tea", "* Nothing is pinned in tea."),
        ("/react 5 👍 tea", '* [tea] alice reacted 👍 to alice "hello"'),
        ("/unsay tea", "* [tea] alice removed a message."),
        ("/unsay 5 tea", "* [tea] alice removed a message."),
        ("/remove 7 tea", "* There is no such file in tea; see /files."),
    ],
)
def test_commands_from_elsewhere(place: str, line: str, answer: str, tea: Tea) -> None:
    """As in the group; what was said in another one is not concerned."""
    tea.alice.types("hello", f"/{place}")
    if place != "desk":
        tea.alice.types("not this")
    tea.alice.sees()
    assert tea.alice.types(line) == [answer]


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/moderator bob", "* bob is a moderator now, appointed by alice."),
        ("/slow 3", "* alice made the group slow: one message every 3 seconds."),
        ("/policy open", "* alice changed the policy to open."),
        ("/kick bob bob spam", "* bob was kicked by alice: bob spam"),
        (
            "/ban bob 1h too much spam",
            "* bob was banned by alice until Nov 14 23:13: too much spam",
        ),
        ("/topic a talk on spam", "* alice changed the topic: a talk on spam"),
        ("/edit no spam", "* alice corrected: no spam"),
    ],
)
def test_a_word_that_can_be_another_argument_is_no_group(line: str, answer: str, tea: Tea) -> None:
    """Even if groups have the name of a person, of a policy, the number, or a word of the text."""
    tea.alice.types("/create bob open", "/create spam open", "/create open open", "/join tea")
    tea.alice.types("/policy approval", "hello")
    tea.alice.sees()
    assert tea.alice.types(line) == [answer]


def test_a_group_password_may_have_two_words(tea: Tea) -> None:
    """In a group; at the front desk the last word is the group."""
    tea.alice.types("/create other open")
    (shown,) = tea.alice.types("/policy password tea")
    assert shown == "* alice changed the policy to password."
    tea.alice.types("/desk")
    (shown,) = tea.alice.types("/policy password secret tea")
    assert shown == "* [tea] alice changed the policy to password."


def test_an_operator_names_a_group_at_the_front_desk(tea: Tea, olga: TestUser) -> None:
    """Without a group, or with a longer reason, the command concerns the server."""
    assert olga.types("/kick bob tea") == ["* bob is kicked from tea."]
    assert olga.types("/ban carol tea") == ["* carol is banned from tea."]
    olga.types("/kick bob he knows why: tea")
    assert "* You were kicked off this server by olga: he knows why: tea" in tea.bob.sees()


@pytest.mark.usefixtures("dave")
def test_a_reason_in_a_group_keeps_its_last_word(tea: Tea) -> None:
    """Unless that is all of it; at the front desk there is always a group."""
    tea.alice.types("/create other")
    tea.alice.types("/join tea")
    assert tea.alice.types("/reject dave there is other") == [
        "* alice rejected the request of dave: there is other"
    ]
    (shown,) = tea.alice.types("/reject dave other")
    assert shown == "* dave has not asked to join other; see /requests."


def test_the_next_page_is_of_the_same_group(tea: Tea, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command for it names the group, too; a name after ``after`` is no group."""
    monkeypatch.setattr("pyconchat.commands.listing.MAX_LISTED", 1)
    tea.alice.types("/create bob")
    assert tea.alice.types("/members tea")[-1] == "* … and 2 more: /members after alice tea"
    assert tea.alice.types("/members after alice tea")[1:] == [
        "*   bob (online)",
        "* … and 1 more: /members after bob tea",
    ]
    assert tea.bob.types("/members after bob")[1:] == ["*   carol (online)"]


@pytest.mark.parametrize(
    "line",
    [
        "/members {}",
        "/requests {}",
        "/bans {}",
        "/leave {}",
        "/delete {}",
        "/mute {}",
        "/mute {} off",
        "/mentions 5 before {} 1",
        "{}",
    ],
)
def test_a_secret_group_is_not_betrayed(line: str, tea: Tea, visit: Visit) -> None:
    """Naming a group that takes only invited people is as naming none, by name and number."""
    tea.alice.types("/create one", "/create two", "/create vault invite")  # 1 to 3 are the menu
    stranger = visit("dave", "password d")
    number = str(find_group(stranger.chat, "vault").group.number)
    for group, none in (("vault", "vaxxx"), (number, "99")):
        answer = [each.replace(group, none) for each in stranger.types(line.format(group))]
        assert answer == stranger.types(line.format(none))
        assert len(answer) == 1
        assert "alice" not in answer[0]


def test_a_number_does_not_tell_the_name_of_a_secret_group(tea: Tea, visit: Visit) -> None:
    """Those who know the name learn whom to ask; the name cannot be used for another group."""
    tea.alice.types("/create vault invite")
    stranger = visit("dave", "password d")
    number = find_group(stranger.chat, "vault").group.number
    assert stranger.types(f"/join {number}") == [
        f"* There is no group {number}; /groups lists them."
    ]
    (refused,) = stranger.types(f"/create {number}")
    assert "vault" not in refused
    assert stranger.types("/join vault") == ["* vault is by invitation only; ask its admin alice."]


def test_an_applicant_still_knows_a_group_that_became_secret(tea: Tea, visit: Visit) -> None:
    """They can withdraw the request that they made before."""
    dave = visit("dave", "password d")
    dave.types("/join tea", "/desk")
    tea.alice.types("/policy invite")
    dave.types("/leave tea")
    assert find_group(dave.chat, "tea").group.requests == {}
    assert dave.types("/leave tea") == ["* There is no group of that name; /groups lists them."]


def test_a_single_name_is_no_group(tea: Tea, visit: Visit) -> None:
    """A person may have the name of a group."""
    visit("other", "password o").types("/join tea")
    tea.alice.types("/create other")
    tea.alice.types("/join tea")
    tea.alice.types("/approve other")
    assert Name("other") in {each.name for each in tea.alice.session.current.group.members.values()}


@pytest.mark.usefixtures("utc")
def test_the_history_of_a_named_group(tea: Tea) -> None:
    """Its entries are shown as from elsewhere; the older ones by a command that names it, too."""
    tea.alice.types("one", "two", "three", "/create cup open", "/create pot open", "four")
    heading, last = tea.alice.types("/history 1 TEA")
    next = heading.split(": ")[1]
    assert next.startswith("/history 1 before ")
    assert next.endswith(" tea")
    assert last.endswith("] alice (in tea): three")
    assert tea.alice.types(next)[1].endswith("] alice (in tea): two")
    assert tea.alice.types("/history 3")[-1].endswith("] alice: four")  # a count, not the group 3
    assert tea.bob.types("/history 3 3") == ["* You are not a member of pot: /join pot first."]
    assert tea.bob.types("/desk", "/history 1 tea")[-1].endswith("] alice (in tea): three")
    assert tea.bob.types("/history nowhere") == ["* How many? A number from 1 to 500."]
