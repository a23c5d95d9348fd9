"""Lines at the front desk and in a group: the menu, words without a slash, messages."""

from __future__ import annotations

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.events import Policy
from tests.support.groups import Tea, Visit, find_group

DESK = [
    "* You are at the front desk.",
    "* 1 join a group   2 create a group   3 exit   (help lists the commands)",
]


def test_menu_one_joins(tea: Tea, visit: Visit) -> None:
    """1 asks for the group, by name or number, and for its password if it has one."""
    tea.alice.types("/policy password open sesame")
    dave = visit("dave", "", "1", "open sesame")
    shown = dave.types("1")
    assert dave.peer.asked == ["Group: ", "Password of tea: "]
    assert "* You are in tea (number 1): 4 members, 4 online; the admin is alice." in shown
    assert tea.bob.sees()[-1] == "* dave has joined the chat!"


@pytest.mark.parametrize(
    ("password", "policy"), [("open sesame", Policy.PASSWORD), ("", Policy.APPROVAL)]
)
def test_menu_two_creates(password: str, policy: Policy, visit: Visit, chat: Chat) -> None:
    """2 asks for a name and a password; without one new members are approved."""
    alice = visit("alice", "", "tea", password)
    shown = alice.types("2")[0]
    assert alice.peer.asked[0] == "Group: "
    assert "assword" in alice.peer.asked[1]
    assert "You are in tea (number 1), which is new: you are its admin" in shown
    group = find_group(chat, "tea").group
    assert group is not None
    assert group.policy is policy


@pytest.mark.parametrize("line", ["3", "exit", "EXIT", "/quit", "/3", "/disConnect", "quit"])
def test_menu_three_disconnects(line: str, visit: Visit) -> None:
    """3, exit and the old command end the connection with a goodbye."""
    alice = visit("alice")
    assert alice.types(line) == ["* Bye."]
    assert alice.peer.closed


@pytest.mark.parametrize("line", ["", "   "])
def test_an_empty_line_does_nothing(line: str, visit: Visit) -> None:
    """At the front desk."""
    assert visit("alice").types(line) == []


@pytest.mark.parametrize("word", ["who", "WHO", "Who", "/who"])
def test_the_word_who(word: str, visit: Visit) -> None:
    """``who`` lists who is online."""
    assert visit("alice").types(word) == ["* Online: 1", "*   alice (guest)"]


@pytest.mark.parametrize("word", ["join tea", "JOIN TEA", "Join 1", "/join 1"])
def test_the_word_join(word: str, visit: Visit) -> None:
    """``join GROUP`` enters a group by its name, in any case, or its number."""
    visit("alice").types("/create Tea open")
    bob = visit("bob")
    assert bob.types(word)[-1].startswith("* You are in Tea (number 1): 2 members")


def test_the_word_message(visit: Visit) -> None:
    """``message`` asks for the recipient and the text."""
    alice = visit("alice", "", "bob", "psst, hi")
    bob = visit("bob")
    assert alice.types("message") == ["* Sent to bob."]
    assert alice.peer.asked == ["Recipient: ", "Message: "]
    assert bob.sees() == ["alice (guest, private): psst, hi"]


def test_the_words_leave_and_qqq_at_the_desk(tea: Tea) -> None:
    """They need the name of a group there."""
    tea.bob.types("/desk")
    for word in ("leave", "qqq", "/LEAVE", "/qqq"):
        assert tea.bob.types(word) == ["* You are in no group now; /leave GROUP leaves one."]
    tea.bob.peer.answers = ["yes"]
    assert tea.bob.types("leave tea") == ["* You have left tea."]


def test_messages_at_the_desk_are_refused(tea: Tea) -> None:
    """There is nobody to receive them."""
    tea.bob.types("/desk")
    for line in ("Hello team!", "//text", "4"):
        (shown,) = tea.bob.types(line)
        assert shown.startswith("* ")
    assert tea.alice.sees() == []


def test_going_to_the_desk_keeps_the_membership(tea: Tea) -> None:
    """A member at the desk receives the messages with the group's name, and can enter it again."""
    first, menu = tea.bob.types("/desk")
    still = "you are still a member of tea (/leave tea gives it up)"
    assert first == f"* You are at the front desk; {still}."
    assert menu == DESK[1]
    tea.alice.types("Hello team!")
    assert tea.bob.sees() == ["alice (in tea): Hello team!"]
    assert tea.bob.types("/desk") == DESK
    assert tea.bob.types("join tea") == [
        "* You are in tea (number 1): 3 members, 3 online; the admin is alice."
    ]
    tea.alice.types("Hello again")
    assert tea.bob.sees() == ["alice: Hello again"]


@pytest.mark.parametrize(
    "line",
    [
        "who",
        "help",
        "exit",
        "quit",
        "1",
        "3",
        "message",
        "join other",
        "kick dave",
        "Leave",
        "QQQ",
        " leave",
        "leave ",
        "qqq!",
        "leave tea",
        "disconnect",
        "text with /slash",
    ],
)
def test_in_a_group_lines_without_a_slash_are_messages(line: str, tea: Tea) -> None:
    """They are posted unchanged, with all spaces."""
    assert tea.alice.types(line) == []
    assert tea.bob.sees() == [f"alice: {line}"]


@pytest.mark.parametrize("word", ["leave", "qqq", "/leave", "/QQQ", "/Leave"])
def test_exactly_two_words_leave(word: str, tea: Tea) -> None:
    """In an open group ``leave`` and ``qqq`` end the membership, and the members are informed."""
    tea.alice.types("/policy open")
    tea.bob.sees()
    assert tea.bob.types(word) == ["* You have left tea."]
    assert tea.alice.sees() == ["* bob has left the chat."]
    assert tea.bob.session.current is None
    tea.alice.types("Are you there?")
    assert tea.bob.sees() == []
    (shown,) = tea.bob.types("/members")
    assert "front desk" in shown


@pytest.mark.parametrize("word", ["leave", "qqq", "/QQQ"])
@pytest.mark.parametrize("who", ["alice", "bob"])
def test_stepping_out_keeps_what_cannot_be_regained(word: str, who: str, tea: Tea) -> None:
    """The admin, and members who were approved, go to the front desk and stay members."""
    user = getattr(tea, who)
    assert "still a member of tea (/leave tea gives it up)" in user.types(word)[0]
    assert user.session.current is None
    assert len(tea.carol.types("/members")) == 4


@pytest.mark.parametrize(
    ("answer", "left"), [("yes", True), ("Y", True), ("no", False), ("", False), ("bob", False)]
)
def test_leaving_for_good_is_asked(answer: str, left: bool, tea: Tea) -> None:
    """Asks if joining again would need others; every answer but yes cancels."""
    tea.bob.peer.answers = [answer]
    shown = tea.bob.types("/leave")
    assert tea.bob.peer.asked == ["Leave tea for good? Coming back takes an approval. yes or no: "]
    assert shown == (["* You have left tea."] if left else ["* Cancelled."])
    assert (tea.bob.session.current is None) is left


@pytest.mark.parametrize("typed", ["tea", "TEA", "tea ", "4"])
def test_the_name_of_a_group_is_no_command(typed: str, tea: Tea, visit: Visit) -> None:
    """The refusal names the command that enters it; a group by invitation is not disclosed."""
    for name in ("two", "three", "four", "vault"):
        tea.alice.types(f"/create {name} {'invite' if name == 'vault' else 'open'}")
    dave = visit("dave", "password d")
    name = "four" if typed == "4" else "tea"
    assert dave.types(typed) == [f"* {name} is a group, not a command: join {name} enters it."]
    assert dave.types("vault")[0].startswith("* vault is not a command")
    dave.types(f"join {name}")


@pytest.mark.parametrize("mistake", ["", "/nonsense", "/join", "hello everybody", "9"])
def test_a_new_name_at_the_desk(mistake: str, visit: Visit) -> None:
    """The refusal has the command that creates the group, also after another mistake."""
    dave = visit("dave", "password d")
    dave.types(*([mistake] if mistake else []))
    assert "/create kitchen creates one" in dave.types("kitchen")[0]
    assert "You are in kitchen" in dave.types("/create kitchen")[0]


@pytest.mark.parametrize("typed", ["tea for two", "7", "x" * 40, "no/name"])
def test_what_can_be_no_group_at_the_desk(typed: str, visit: Visit) -> None:
    """The refusal has the form of the command."""
    assert "/create GROUP creates one" in visit("dave", "password d").types(typed)[0]


@pytest.mark.parametrize("key", ["\x0c", "\x1b[A", "\x01"])
def test_a_key_without_a_character_before_a_command(key: str, visit: Visit) -> None:
    """It does not make another word of it."""
    assert visit("dave", "password d").types(f"{key}who")[0] == "* Online: 1"
