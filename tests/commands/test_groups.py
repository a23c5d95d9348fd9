"""Commands about groups: who may use them, and what each person sees."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Group
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit, find_group


def group_named(chat: Chat, name: str) -> Group:
    group = find_group(chat, name).group
    assert group is not None
    return group


def has(lines: list[str], *texts: str) -> bool:
    """Return whether each of *texts* is in exactly one of *lines*."""
    return all(sum(text in line for line in lines) == 1 for text in texts)


# Joining and creating.


def test_joining_an_unknown_group_creates_it(visit: Visit, chat: Chat) -> None:
    """Its creator is the admin, who approves new members."""
    (shown,) = visit("alice", "password a").types("/join Tea")
    assert shown == (
        "* You are in Tea (number 1), which is new:"
        " you are its admin, and newcomers need your approval."
    )
    assert group_named(chat, "tea").admin == "alice"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("lobyb", "There is no lobyb. lobby? Or: /create lobyb"),
        ("loby let me in", "There is no loby. lobby? Or: /create loby"),
        ("LOBBYS", "There is no LOBBYS. lobby? Or: /create LOBBYS"),
        ("99", "There is no group 99; /groups lists them."),
        ("99 secret", "There is no group 99; /groups lists them."),
        (
            "ops a-note",
            "There is no group ops. Names have no spaces: what follows one is",
        ),
        ("ops may I come in", "/create ops creates it."),
    ],
)
def test_joining_what_may_be_meant_otherwise(
    typed: str, shown: str, visit: Visit, chat: Chat
) -> None:
    """A similar name, a number, or a word after it creates no group; the refusal names /create."""
    alice = visit("alice")
    alice.types("/create lobby open", "/desk")
    (line,) = alice.types(f"/join {typed}")
    assert shown in line
    assert len(chat.groups) == 1
    alice.types("/create lobyb", "/join green")
    assert len(chat.groups) == 3


def test_near_names_that_one_may_not_know_are_not_named(visit: Visit, chat: Chat) -> None:
    """A group by invitation is no suggestion, except to its members and to those it invited."""
    alice, bob, carol = visit("alice"), visit("bob"), visit("carol")
    alice.types("/create secrets invite", "/invite carol", "/desk")
    for knowing in (alice, carol):
        assert knowing.types("/join secret")[-1].startswith("* There is no secret. secrets? Or: ")
    shown = bob.types("/join secret")[0]
    assert shown.startswith("* You are in secret (number 2), which is new")


def test_suggestions_are_few(visit: Visit) -> None:
    """At most three names."""
    alice = visit("alice")
    alice.types(*(f"/create tea{number}" for number in range(5)))
    (shown,) = alice.types("/join tea")
    assert shown.startswith("* There is no tea. tea0, tea1, tea2? Or: /create tea")


@pytest.mark.parametrize("online", [True, False])
def test_an_applicant_learns_whether_the_admin_is_online(
    online: bool, tea: Tea, visit: Visit
) -> None:
    """The answer to a request says that the admin is offline."""
    dave = visit("dave", "password d")
    if not online:
        tea.alice.leaves()
    shown = dave.types("/join tea")
    assert shown[0] == "* You asked to join tea; its admin, alice, has to approve."
    offline = "* The admin of tea, alice, is not online; you will be notified."
    assert shown[1:] == ([] if online else [offline])


@pytest.mark.parametrize(
    ("line", "shown"),
    [("/topic", "* tea has no topic."), ("/policy", "* The policy of tea is approval.")],
)
def test_alone_a_command_shows_what_is_so(line: str, shown: str, tea: Tea) -> None:
    """Every member can see it, without a question or a change."""
    log = tea.alice.log()
    for member in (tea.alice, tea.bob):
        assert member.types(line) == [shown]
        assert member.peer.asked == []
    assert tea.alice.log() == log
    tea.alice.types("/topic tea and cake", "/policy open")
    tea.bob.sees()
    assert tea.bob.types("/topic", "/policy") == [
        "* Topic of tea: tea and cake",
        "* The policy of tea is open.",
    ]


@pytest.mark.parametrize(
    ("words", "policy", "newcomers"),
    [
        ("", Policy.APPROVAL, "newcomers need your approval"),
        (" approval", Policy.APPROVAL, "newcomers need your approval"),
        (" OPEN", Policy.OPEN, "everybody can join"),
        (" invite", Policy.INVITE, "only people whom you invite can join"),
        (" password open sesame", Policy.PASSWORD, "newcomers need the password"),
    ],
)
def test_creating(words: str, policy: Policy, newcomers: str, visit: Visit, chat: Chat) -> None:
    """``/create`` takes a policy; the default is approval."""
    alice = visit("alice")
    shown, temporary = alice.types(f"/create tea{words}")
    assert "/password keeps it" in temporary
    assert newcomers in shown
    assert group_named(chat, "tea").policy is policy
    assert alice.peer.asked == []


@pytest.mark.parametrize(
    "line",
    [
        "/create TEA",
        "/create 1",
        "/create two words",
        "/create coffee closed",
        "/create coffee open extra",
        "/create -x",
        "/create who",
        "/create 007",
        "/create 5",
        "/create 5 open",
        "/create 12345678901234567890123",
        "/create \uff15",
        "/create \u0665",
        "/join 5",
        "/join \uff15",
        "/create " + "x" * 33,
        "/join not/a/name",
    ],
)
def test_refused_creations(line: str, tea: Tea, chat: Chat) -> None:
    """A name or number in use, an invalid name or policy: one line, and no group."""
    (shown,) = tea.bob.types(line)
    assert shown.startswith("* ")
    assert [conversation.group.name for conversation in chat.groups] == ["tea"]  # type: ignore[union-attr]
    assert tea.bob.session.current is not None


def test_missing_group_passwords_are_asked(visit: Visit, chat: Chat) -> None:
    """By ``/create GROUP password`` and by joining; an empty answer cancels."""
    alice = visit("alice", "", "open sesame")
    alice.types("/create nest password")
    assert alice.peer.asked == ["Password for the group: "]
    bob = visit("bob", "", "", "wrong", "open sesame")
    assert bob.types("/join nest") == ["* Cancelled."]
    assert has(bob.types("/join nest"), "You are in nest")
    first, second, third = bob.peer.asked
    assert first == second == "Password of nest: "
    assert third == "That is not the password of nest. Once more: "
    assert alice.sees() == ["* bob has joined the chat!"]


def test_guessing_group_passwords_is_limited(visit: Visit) -> None:
    """After three wrong ones in a minute all attempts from that address are refused."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create nest password secret")
    bob.types("/join nest a", "/join nest b", "/join nest c")
    (shown,) = bob.types("/join nest secret")
    assert "too many wrong passwords" in shown
    assert has(alice.types("/desk", "/join nest"), "You are in nest")


def test_numbers_find_groups(visit: Visit, chat: Chat) -> None:
    """Groups are numbered in the order of their creation."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create one open", "/create two open")
    assert [group_named(chat, name).number for name in ("one", "two")] == [1, 2]
    for number, name in (("1", "one"), ("2", "two")):
        assert has(bob.types(f"/join {number}"), f"You are in {name} (number {number})")


def test_joining_again_makes_the_group_current(tea: Tea) -> None:
    """Nobody else is informed."""
    tea.bob.types("/create coffee")
    assert has(tea.bob.types("/join TEA"), "You are in tea (number 1): 3 members, 3 online")
    assert tea.alice.sees() == []
    tea.bob.types("back")
    assert tea.alice.sees() == ["bob: back"]


def test_joining_shows_the_topic(tea: Tea, visit: Visit) -> None:
    """A new member sees it after the description of the group."""
    tea.alice.types("/topic Green tea", "/policy open")
    assert visit("dave").types("/join tea")[-1] == "* Topic: Green tea"


def test_a_new_member_receives_the_last_twenty_entries(visit: Visit) -> None:
    """In order, before new ones."""
    alice = visit("alice")
    alice.types("/create tea open", *(f"message {number}" for number in range(1, 31)))
    bob = visit("bob")
    shown = bob.types("/join tea")
    messages = [line.split("] ")[1] for line in shown if "message" in line]
    assert messages == [f"alice (in tea): message {number}" for number in range(11, 31)]
    assert shown[0] == "* Earlier, in tea:"
    alice.types("message 31")
    assert bob.sees() == ["alice: message 31"]


# Requests.


def test_a_request_and_its_approval(tea: Tea, visit: Visit) -> None:
    """Only the admin sees the request; all members see who has joined."""
    dave = visit("dave")
    assert dave.types("/join tea let me in") == [
        "* You asked to join tea; its admin, alice, has to approve."
    ]
    assert has(tea.alice.sees(), 'dave asks to join tea: "let me in"')
    assert tea.bob.sees() == []
    assert has(tea.alice.types("/approve"), "dave has joined the chat!")
    assert has(tea.bob.sees(), "dave has joined the chat!")
    assert has(dave.sees(), "You are in tea")
    dave.types("thanks")
    assert tea.bob.sees() == ["dave: thanks"]
    for reader in (tea.alice, dave):
        (asked,) = (line for line in reader.types("/history") if "asks to join" in line)
        assert asked.endswith('* dave asks to join tea: "let me in"'), "nothing is left to answer"


def test_the_default_of_approve_is_the_only_request(tea: Tea, visit: Visit) -> None:
    """With two requests the admin is asked; with none the command is refused."""
    dave, erin = visit("dave"), visit("erin")
    dave.types("/join tea")
    erin.types("/join tea")
    tea.alice.peer.answers = [""]
    tea.alice.types("/approve")
    assert tea.alice.peer.asked == ["Approve whom? (names, or all) "]
    tea.alice.types("/approveRequest Dave, ERIN")
    assert has(tea.bob.sees(), "dave has joined the chat!", "erin has joined the chat!")
    assert tea.alice.types("/2") == ["* Nobody asks to join tea."]
    assert tea.alice.peer.asked == ["Approve whom? (names, or all) "]


def test_approving_all(tea: Tea, visit: Visit) -> None:
    """Each request is approved; somebody with the name all does not let the others in."""
    dave, erin = visit("dave"), visit("erin")
    dave.types("/join tea")
    assert "all" not in tea.alice.types("/requests")[0]
    erin.types("/join tea")
    assert "/approve all" in tea.alice.types("/requests")[0]
    visit("all").types("/join tea")
    tea.alice.types("/approve all")
    assert has(tea.bob.sees(), "all has joined the chat!")
    assert tea.bob.types("/approve all")[0].startswith("* Only the admin, alice, can ")
    tea.alice.types("/approve ALL")
    assert has(tea.bob.sees(), "dave has joined the chat!", "erin has joined the chat!")
    assert tea.alice.types("/approve all") == ["* Nobody asks to join tea."]


def test_the_default_reveals_no_request(tea: Tea, visit: Visit) -> None:
    """A member who is not the admin does not learn who has applied."""
    visit("dave").types("/join tea")
    for line in ("/approve", "/reject"):
        (shown,) = tea.bob.types(line)
        assert shown.startswith("* Only the admin, alice, can ")
    assert "dave" in tea.alice.types("/approve")[-1]


@pytest.mark.parametrize("line", ["/requests", "/viewRequests", "/VIEWREQUESTS", "/1"])
def test_requests_show_notes_and_age(line: str, tea: Tea, visit: Visit, clock: Clock) -> None:
    """The oldest first, each with its note and its age."""
    visit("dave").types("/join tea let me in")
    clock.advance(2 * 86_400 - 3_600)
    visit("erin").types("/join tea")
    clock.advance(3_600)
    visit("frank").types("/join tea")
    clock.advance(65)
    shown = tea.alice.types(line)
    assert shown[0].startswith("* 3 asking to join tea")
    assert shown[1:] == [
        '*   dave, for 2 days: "let me in"',
        "*   erin, for 1 hour",
        "*   frank, for 1 minute",
    ]


def test_no_requests(tea: Tea) -> None:
    """The list says that there are none."""
    assert tea.alice.types("/requests") == ["* Nobody asks to join tea."]


def test_rejecting(tea: Tea, visit: Visit) -> None:
    """The applicant sees the reason; the other members see nothing."""
    dave = visit("dave")
    dave.types("/join tea")
    tea.alice.types("/rejectRequest dave we are full")
    assert dave.sees() == ["* Your request to join tea was rejected by alice: we are full"]
    assert tea.bob.sees() == []
    dave.types("/join tea")
    tea.alice.types("/reject")
    assert dave.sees() == ["* Your request to join tea was rejected by alice."]


def test_repeating_and_withdrawing_a_request(tea: Tea, visit: Visit) -> None:
    """A second request is refused; ``/leave GROUP`` withdraws the first one."""
    dave = visit("dave")
    dave.types("/join tea")
    assert has(dave.types("/join tea"), "You have asked to join tea already")
    assert dave.types("/leave tea") == ["* Your request to join tea was withdrawn."]
    tea.alice.sees()
    assert has(tea.alice.types("/approve dave"), "/requests")


def test_an_approved_applicant_in_another_group_stays_there(tea: Tea, visit: Visit) -> None:
    """An applicant at the front desk enters the group."""
    waiting, elsewhere = visit("dave"), visit("erin")
    waiting.types("/join tea")
    elsewhere.types("/join tea", "/create coffee")
    tea.alice.types("/approve dave erin")
    waiting.types("hello")
    elsewhere.types("hello")
    assert [line for line in tea.alice.sees() if "hello" in line] == ["dave: hello"]


def test_approving_and_rejecting_while_the_applicant_is_offline(tea: Tea, visit: Visit) -> None:
    """The result is delivered at the next login, once."""
    for name in ("dave", "erin"):
        applicant = visit(name, f"password {name}")
        applicant.types("/join tea")
        applicant.leaves()
    tea.alice.types("/approve dave", "/reject erin not yet")
    dave, erin = visit("dave", "password dave"), visit("erin", "password erin")
    assert has(dave.sees(), "You are in tea: alice approved your request.")
    assert has(erin.sees(), "Your request to join tea was rejected by alice: not yet")
    dave.types("/join tea", "hello")
    assert has(tea.bob.sees(), "dave: hello")
    for each in (dave, erin):
        each.leaves()
    for name in ("dave", "erin"):
        assert visit(name, f"password {name}").sees() == []


@pytest.mark.parametrize("ending", ["leaves", "is banned"])
def test_approving_a_request_that_has_ended(ending: str, tea: Tea, visit: Visit) -> None:
    """The applicant has left or was banned."""
    dave = visit("dave")
    dave.types("/join tea")
    if ending == "leaves":
        dave.leaves()
    else:
        tea.alice.types("/ban dave")
    assert has(tea.alice.types("/approve dave"), "/requests")
    assert has(tea.bob.types("/members"), "3 members of tea")


def test_inviting(tea: Tea, visit: Visit) -> None:
    """The invited person is informed, and joins without a request.

    Members are informed of the join.
    """
    dave = visit("dave")
    assert has(tea.alice.types("/invite DAVE"), "alice invited dave")
    assert has(dave.sees(), "alice invites you to tea: /join tea")
    assert tea.bob.sees() == []
    assert has(dave.types("/join tea"), "You are in tea")
    assert tea.bob.sees() == ["* dave has joined the chat!"]
    assert has(tea.alice.types("/invite nobody"), "* nobody is neither")


def test_an_invitation_is_delivered_at_the_next_login(tea: Tea, visit: Visit) -> None:
    """Of a person who was offline."""
    visit("dave", "password d").leaves()
    tea.alice.types("/policy invite", "/invite dave")
    dave = visit("dave", "password d")
    assert has(dave.sees(), "alice invites you to tea: /join tea")
    assert has(dave.types("/join tea"), "You are in tea")


# Lists.


@pytest.mark.parametrize("line", ["/members", "/allMembers", "/ALLMEMBERS", "/4"])
def test_all_members(line: str, tea: Tea) -> None:
    """In the order in which they joined, with role and presence."""
    tea.bob.leaves()
    assert tea.carol.types(line) == [
        "* 3 members of tea:",
        "*   alice (admin, online)",
        "*   bob (offline)",
        "*   carol (online)",
    ]


@pytest.mark.parametrize("line", ["/online", "/onlineMembers", "/oNLINEmembers", "/5"])
def test_online_members(line: str, tea: Tea) -> None:
    """Only the members who are online."""
    tea.bob.leaves()
    tea.carol.sees()
    assert tea.carol.types(line) == [
        "* 2 members of tea online:",
        "*   alice (admin)",
        "*   carol",
    ]


@pytest.mark.parametrize("line", ["/admin", "/whoAdmin", "/WhoAdmin", "/7"])
def test_who_the_admin_is(line: str, tea: Tea) -> None:
    """By name, and whether they are online."""
    assert tea.carol.types(line) == ["* The admin of tea is alice, who is online."]
    tea.alice.leaves()
    tea.carol.sees()
    assert tea.carol.types(line) == ["* The admin of tea is alice, who is offline."]


def test_groups(tea: Tea, visit: Visit) -> None:
    """All groups by number, with policy, members, unread entries and topic."""
    tea.bob.types("/create coffee open", "/topic Beans")
    tea.carol.leaves()
    assert tea.alice.types("/groups") == [
        "* No.  Name    Policy    Members  Online  Unread  Topic",
        "*   1  tea     approval        3       2       0",
        "*   2  coffee  open            1       1       -  Beans",
    ]
    tea.bob.types("/desk")
    dave = visit("dave", "password d")
    dave.types("/create attic invite")
    assert len(tea.alice.types("/groups")) == 3, "an invited group is listed to those it invited"
    dave.types("/invite alice")
    assert has(tea.alice.types("/groups"), "attic")


def test_no_groups(visit: Visit) -> None:
    """The answer says how to create one."""
    (shown,) = visit("alice").types("groups")
    assert "/join NAME" in shown


# Commands of the admin.


ADMIN_COMMANDS = [
    "/requests",
    "/approve dave",
    "/reject dave",
    "/invite dave",
    "/transfer carol",
    "/changeAdmin carol",
    "/6 carol",
    "/kick carol",
    "/kickMember carol",
    "/8 carol",
    "/ban carol",
    "/unban carol",
    "/bans",
    "/policy open",
    "/policy password secret",
    "/topic mine now",
]


@pytest.mark.parametrize("line", ADMIN_COMMANDS)
def test_members_cannot_use_admin_commands(line: str, tea: Tea, visit: Visit) -> None:
    """The refusal names the admin; nothing changes, and nobody else is informed."""
    visit("dave")
    before = tea.alice.log()
    (shown,) = tea.bob.types(line)
    assert shown.startswith("* Only the admin, alice, can ")
    assert tea.alice.sees() == tea.carol.sees() == []
    assert tea.alice.log() == before


@pytest.mark.parametrize(
    "line",
    [
        *(
            line
            for line in ADMIN_COMMANDS
            if not line.startswith(("/kick", "/8", "/ban", "/unban"))
        ),
        "/members",
        "/4",
        "/online",
        "/5",
        "/admin",
        "/7",
        "/me waves",
        "/history",
        "/search tea",
        "/leave",
    ],
)
def test_group_commands_at_the_front_desk_are_refused(line: str, tea: Tea, visit: Visit) -> None:
    """The refusal says how to enter a group."""
    visit("dave")
    tea.alice.types("/desk")
    (shown,) = tea.alice.types(line)
    assert "/join GROUP" in shown or "/leave GROUP" in shown
    assert tea.bob.sees() == []


@pytest.mark.parametrize("line", ["/transfer BOB", "/changeAdmin bob", "/6 bob"])
def test_transferring_adminship(line: str, tea: Tea) -> None:
    """Everybody is informed; the former admin has no rights left."""
    assert tea.alice.types(line) == ["* bob is the admin now, appointed by alice."]
    assert tea.bob.sees() == ["* You are the admin of tea now, appointed by alice."]
    assert tea.carol.sees() == ["* bob is the admin now, appointed by alice."]
    assert has(tea.alice.types("/topic mine"), "Only the admin, bob")


def test_refused_transfers(tea: Tea, visit: Visit) -> None:
    """To a person who is not a member, and to oneself."""
    visit("dave")
    assert has(tea.alice.types("/transfer dave"), "/members")
    assert has(tea.alice.types("/transfer alice"), "You are the admin already.")
    assert tea.bob.sees() == []


@pytest.mark.parametrize(
    "line", ["/kick BOB too loud", "/kickMember bob too loud", "/8 bob too loud"]
)
def test_kicking(line: str, tea: Tea) -> None:
    """The kicked person sees the reason, is at the front desk, and may join again."""
    assert tea.alice.types(line) == ["* bob was kicked by alice: too loud"]
    assert tea.carol.sees() == ["* bob was kicked by alice: too loud"]
    assert tea.bob.sees() == ["* You were kicked from tea by alice: too loud"]
    tea.carol.types("Is bob here?")
    assert tea.bob.sees() == []
    assert has(tea.bob.types("hello"), "front desk")
    tea.alice.types("/policy open")
    assert has(tea.bob.types("/join tea"), "You are in tea")


def test_a_kick_reaches_every_session(tea: Tea, visit: Visit) -> None:
    """In whatever group the sessions are."""
    other = visit("bob", "password b")
    tea.alice.types("/kick bob", "secret")
    for device in (tea.bob, other):
        assert has(device.sees(), "kicked from tea by alice.")
    assert tea.bob.session.current is None


def test_self_kick_and_self_ban(tea: Tea) -> None:
    """They are refused; the refusal names /leave."""
    for line in ("/kick alice", "/kick ALICE", "/ban alice"):
        assert has(tea.alice.types(line), "/leave")
    assert tea.bob.sees() == []


def test_banning_and_unbanning(tea: Tea) -> None:
    """The banned person is informed, and cannot join until the ban is lifted."""
    tea.alice.types("/policy open")
    tea.carol.sees()
    tea.bob.sees()
    assert tea.alice.types("/ban Bob too loud") == ["* bob was banned by alice: too loud"]
    assert tea.carol.sees() == ["* bob was banned by alice: too loud"]
    assert tea.bob.sees() == ["* You were banned from tea by alice: too loud"]
    assert tea.bob.types("/join tea") == ["* You are banned from tea by alice: too loud."]
    assert tea.alice.types("/bans") == ["* 1 banned from tea:", "*   bob, by alice: too loud"]
    tea.alice.types("/unban BOB")
    assert has(tea.bob.sees(), "You may join tea again: alice lifted your ban.")
    assert tea.alice.types("/bans") == ["* Nobody is banned from tea."]
    assert has(tea.bob.types("/join tea"), "You are in tea")


def test_a_member_kicked_while_offline(tea: Tea, visit: Visit) -> None:
    """The next login delivers the messages up to the kick, and the kick, once."""
    tea.bob.leaves()
    tea.alice.types("before", "/kick bob too loud", "after")
    bob = visit("bob", "password b")
    shown = bob.sees()
    bob.leaves()
    assert has(shown, "alice (in tea): before", "You were kicked from tea by alice: too loud")
    assert not has(shown, "after")
    assert visit("bob", "password b").sees() == []


@pytest.mark.parametrize(
    ("line", "policy"),
    [("/policy open", Policy.OPEN), ("/policy INVITE", Policy.INVITE)],
)
def test_changing_the_policy(line: str, policy: Policy, tea: Tea, chat: Chat) -> None:
    """All members are informed."""
    tea.alice.types(line)
    assert tea.bob.sees() == [f"* alice changed the policy to {policy.value}."]
    assert group_named(chat, "tea").policy is policy


@pytest.mark.parametrize("line", ["/policy closed", "/policy open sesame", "/policy approval"])
def test_refused_policies(line: str, tea: Tea) -> None:
    """An unknown policy, too many words, and the current policy."""
    (shown,) = tea.alice.types(line)
    assert "policy" in shown.lower()
    assert tea.bob.sees() == []


def test_a_new_password_replaces_the_old(tea: Tea, visit: Visit) -> None:
    """Neither of them is shown to anybody."""
    tea.alice.types("/policy password first secret", "/policy password second secret")
    shown = "\n".join(tea.bob.sees() + tea.alice.types("/history", "/groups"))
    assert "secret" not in shown
    dave = visit("dave")
    assert has(dave.types("/join tea first secret"), "not the password")
    assert has(dave.types("/join tea second secret"), "You are in tea")


# The next admin, and the end of groups.


def test_the_admin_leaves(tea: Tea) -> None:
    """The member of longest standing becomes the admin, and all members are informed."""
    tea.alice.peer.answers = ["yes"]
    tea.alice.types("/leave")
    assert tea.bob.sees() == [
        "* alice has left the chat.",
        "* You are the admin of tea now.",
    ]
    assert tea.carol.sees() == ["* alice has left the chat.", "* bob is the admin now."]


def test_a_guests_membership_ends_with_the_connection(visit: Visit, chat: Chat) -> None:
    """Their name is free, their request withdrawn, and another member becomes the admin."""
    gus, bob, greta = visit("gus"), visit("bob", "password b"), visit("greta")
    gus.types("/create tea open")
    bob.types("/join tea")
    gus.types("/policy approval")
    greta.types("/join tea")
    bob.sees()
    gus.leaves()
    assert has(bob.sees(), "gus has left the chat (disconnected).", "You are the admin of tea now.")
    greta.leaves()
    assert has(bob.sees(), "The request of greta to join tea was withdrawn.")
    assert bob.types("/members") == ["* 1 member of tea:", "*   bob (admin, online)"]
    assert chat.accounts.get("gus") is None


def test_a_group_outlives_its_last_member(visit: Visit, chat: Chat) -> None:
    """The operators manage it: they see the requests, approve, and make an admin."""
    alice, bob = visit("alice", "password a", "yes"), visit("bob", "password b")
    alice.types("/create tea", "/leave")
    assert has(bob.types("/join tea"), "an operator of this server has to approve")
    olga = visit("olga", "password o")
    olga.types(f"/claim {chat.accounts.claim_code}", "/join tea")
    assert group_named(chat, "tea").admin is None
    assert has(bob.types("/groups"), "tea")


def test_a_temporary_group_ends_with_its_last_guest(visit: Visit, chat: Chat) -> None:
    """The name is free; a later group of that name has another number."""
    gus, greta = visit("gus"), visit("greta")
    gus.types("/create tea open")
    greta.types("/join tea")
    gus.leaves()
    assert has(greta.sees(), "You are the admin of tea now")
    greta.leaves()
    assert chat.groups.get("tea") is None
    shown, _ = visit("bob").types("/join tea")
    assert "You are in tea (number 2), which is new" in shown


def test_a_guest_does_not_inherit_the_group_of_a_registered_admin(visit: Visit, chat: Chat) -> None:
    """The group, its log and a pending request outlive both."""
    alice, gus, dave = (
        visit("alice", "password a", "yes"),
        visit("gus"),
        visit("dave", "password d"),
    )
    alice.types("/create tea open")
    gus.types("/join tea")
    alice.types("/policy approval", "keep this")
    dave.types("/join tea please")
    alice.types("/leave")
    assert has(gus.sees(), "tea has no admin now; the operators manage it.")
    gus.leaves()
    tea = group_named(chat, "tea")
    assert (tea.closed, tea.admin, [*tea.requests]) == (False, None, ["dave"])


def test_deleting_a_group(tea: Tea, visit: Visit, chat: Chat) -> None:
    """Its name is typed again. The members go to the front desk; applicants are notified."""
    dave = visit("dave", "password d")
    dave.types("/join tea")
    tea.alice.sees()
    tea.alice.peer.answers = ["coffee"]
    assert tea.alice.types("/delete tea") == ["* That is not its name; nothing was deleted."]
    tea.carol.leaves()
    tea.bob.sees()
    tea.alice.peer.answers = ["TEA"]
    tea.alice.types("/delete 1")
    assert tea.alice.peer.asked[-1] == "This ends tea for everybody. Type its name to delete it: "
    assert tea.bob.sees() == ["* alice deleted tea."]
    assert tea.bob.session.current is None
    assert has(dave.sees(), "rejected by alice: the group was deleted")
    assert chat.groups.get("tea") is None
    assert has(visit("carol", "password c").sees(), "alice deleted tea.")
    assert has(tea.bob.types("/create tea"), "number 2")


def test_only_who_may_delete_is_asked(tea: Tea, chat: Chat) -> None:
    """All others are refused before the question."""
    assert has(tea.bob.types("/delete tea"), "Only the admin, alice, can delete the group")
    assert tea.bob.peer.asked == []


def test_a_registered_member_stays_while_offline(tea: Tea) -> None:
    """Members who are offline are members."""
    tea.bob.leaves()
    assert has(tea.alice.types("/members"), "bob (offline)")


def test_a_restart_keeps_everything_but_guests(tea: Tea, visit: Visit, clock: Clock) -> None:
    """Members, admin, policy, topic, bans, requests and numbers are stored."""
    visit("gus").types("/join tea", "/create guests open")
    visit("dave", "password d").types("/join tea please")
    tea.alice.types("/approve gus", "/topic Green tea", "/ban carol loud", "/transfer bob")
    again = make_chat(tea.alice.chat.store, clock)
    bob = TestUser(again, "bob", "password b")
    bob.types("/join 1")
    assert bob.types("/members") == [
        "* 2 members of tea:",
        "*   alice (offline)",
        "*   bob (admin, online)",
    ]
    assert has(bob.types("/requests"), 'dave, for 0 seconds: "please"')
    assert has(bob.types("/bans"), "carol, by alice: loud")
    assert bob.types("/groups")[1:] == ["*   1  tea   approval        2       1       0  Green tea"]
    assert has(bob.types("/create coffee"), "number 3")


# Changes while a question is open.


def ask_later(user: TestUser) -> Deferred[str]:
    """Make the next question of *user* wait; return the Deferred that takes the answer."""
    question: Deferred[str] = Deferred()
    user.peer.ask = lambda prompt, secret=False: question  # type: ignore[method-assign]
    return question


@pytest.mark.parametrize("policy", ["password secret", "open"])
def test_a_group_closes_while_its_password_is_typed(policy: str, visit: Visit, chat: Chat) -> None:
    """The join is refused."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create tea password secret")
    answer = ask_later(bob)
    bob.types("/join tea")
    if policy == "open":
        alice.types("/policy open")
    alice.peer.answers = ["tea"]
    alice.types("/delete tea")
    bob.sees()
    answer.callback("secret")
    (shown,) = bob.sees()
    assert "tea" in shown or "group" in shown
    assert "You are in" not in shown
    assert bob.session.current is None
    assert has(bob.types("/join tea"), "You are in tea", "which is new")


def test_a_command_applies_to_the_group_where_it_was_typed(tea: Tea, olga: TestUser) -> None:
    """A kick that was typed in a group never becomes a kick off the server."""
    tea.alice.types("/policy open")
    olga.types("/join tea")
    answer = ask_later(olga)
    olga.types("/kick")
    tea.alice.types("/kick olga")
    tea.bob.sees()
    answer.callback("bob")
    olga.tick()
    assert not tea.bob.peer.closed
    assert tea.bob.sees() == []


def test_filtered_lists(tea: Tea) -> None:
    """The answer shows the filter: with it, an empty list does not mean that there is nothing."""
    assert tea.alice.types("/members LI") == [
        "* 1 member of tea with LI in the name:",
        "*   alice (admin, online)",
    ]
    assert tea.alice.types("/who zed") == ["* Online with zed in the name: 0"]
    assert tea.alice.types("/groups zed") == [
        "* No group has zed in its name; /join NAME creates one."
    ]
    assert tea.alice.types("/members zed") == ["* 0 members of tea with zed in the name."]
    assert tea.alice.types("/requests zed") == ["* Nobody with zed in the name asks to join tea."]
    assert tea.alice.types("/bans zed") == ["* Nobody with zed in the name is banned from tea."]
    assert tea.alice.types("/files zed") == [
        "* No file with zed in the name was shared with tea; see /files."
    ]
