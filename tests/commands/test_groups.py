"""Commands about groups: who may, and what each person sees."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.domain.events import Policy
from pyconchat.domain.group import Group
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit


def group_named(chat: Chat, name: str) -> Group:
    group = chat.groups.find(name).group
    assert group is not None
    return group


def has(lines: list[str], *texts: str) -> bool:
    """Return whether each of *texts* is in exactly one of *lines*."""
    return all(sum(text in line for line in lines) == 1 for text in texts)


# Getting in.


def test_a_group_that_does_not_exist_is_created(visit: Visit, chat: Chat) -> None:
    """Joining it makes it, with its creator as the admin, who approves newcomers."""
    (shown,) = visit("alice").types("/join Tea")
    assert shown == (
        "* You are in Tea (number 1), which is new:"
        " you are its admin, and newcomers need your approval."
    )
    assert group_named(chat, "tea").admin == "alice"


def test_joining_what_is_new_with_a_word_makes_a_password_group(visit: Visit, chat: Chat) -> None:
    """``/join GROUP PASSWORD`` creates a group with that password; a sentence is no password."""
    alice, bob = visit("alice"), visit("bob", "", "wrong")
    (shown,) = alice.types("/join nest may I come in")
    assert "no group nest" in shown
    assert chat.groups.get("nest") is None
    alice.types("/join nest secret")
    assert group_named(chat, "nest").policy is Policy.PASSWORD
    assert has(bob.types("/join nest"), "That is not the password of nest.")
    assert has(bob.types("/join nest secret"), "You are in nest")


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
    """``/create`` takes a policy; without one newcomers are approved."""
    alice = visit("alice")
    (shown,) = alice.types(f"/create tea{words}")
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
        "/create " + "x" * 33,
        "/join not/a/name",
    ],
)
def test_what_cannot_be_created(line: str, tea: Tea, chat: Chat) -> None:
    """A name or number that is taken, no name, no policy: refused in one line, nothing made."""
    (shown,) = tea.bob.types(line)
    assert shown.startswith("* ")
    assert [conversation.group.name for conversation in chat.groups] == ["tea"]  # type: ignore[union-attr]
    assert tea.bob.session.current is not None


def test_a_password_is_asked_for_where_it_is_needed(visit: Visit, chat: Chat) -> None:
    """``/create GROUP password`` without one asks, and so does joining; Enter cancels."""
    alice = visit("alice", "", "open sesame")
    alice.types("/create nest password")
    assert alice.peer.asked == ["Password for the group: "]
    bob = visit("bob", "", "", "wrong", "open sesame")
    assert bob.types("/join nest") == ["* Cancelled."]
    assert has(bob.types("/join nest"), "not the password of nest")
    assert has(bob.types("/join 1"), "You are in nest")
    assert bob.peer.asked == ["Password of nest: "] * 3
    assert alice.sees() == ["* bob has joined the chat!"]


def test_guessing_group_passwords_is_limited(visit: Visit) -> None:
    """After three wrong ones in a minute nobody from that address is heard; a member is."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create nest password secret")
    bob.types("/join nest a", "/join nest b", "/join nest c")
    (shown,) = bob.types("/join nest secret")
    assert "too many wrong passwords" in shown
    assert has(alice.types("/desk", "/join nest"), "You are in nest")


def test_numbers_find_groups(visit: Visit, chat: Chat) -> None:
    """Groups are numbered as they are made; one that is named by a number has that one."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create one open", "/create 3 open", "/create two open", "/create four open")
    assert [group_named(chat, name).number for name in ("one", "3", "two", "four")] == [1, 3, 2, 4]
    for number, name in (("1", "one"), ("2", "two"), ("3", "3"), ("4", "four")):
        assert has(bob.types(f"/join {number}"), f"You are in {name} (number {number})")


def test_joining_a_group_that_one_is_in_makes_it_current(tea: Tea) -> None:
    """Nobody else notices."""
    tea.bob.types("/create coffee")
    assert has(tea.bob.types("/join TEA"), "You are in tea (number 1): 3 members, 3 online")
    assert tea.alice.sees() == []
    tea.bob.types("back")
    assert tea.alice.sees() == ["bob: back"]


def test_joining_shows_the_topic(tea: Tea, visit: Visit) -> None:
    """Whoever comes in reads what the group is about."""
    tea.alice.types("/topic Green tea", "/policy open")
    assert visit("dave").types("/join tea")[-1] == "* Topic: Green tea"


def test_history_at_join_is_the_last_twenty(visit: Visit) -> None:
    """A newcomer reads the last twenty entries, in order, and then what comes."""
    alice = visit("alice")
    alice.types("/create tea open", *(f"message {number}" for number in range(1, 31)))
    bob = visit("bob")
    shown = bob.types("/join tea")
    said = [line.split("] ")[1] for line in shown if "message" in line]
    assert said == [f"alice (in tea): message {number}" for number in range(11, 31)]
    assert shown[0] == "* Earlier, in tea:"
    alice.types("message 31")
    assert bob.sees() == ["alice: message 31"]


# Requests.


def test_a_request_and_its_approval(tea: Tea, visit: Visit) -> None:
    """The admin alone sees the request; everybody sees who has joined."""
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


def test_only_the_one_request_is_the_default(tea: Tea, visit: Visit) -> None:
    """With two requests the admin is asked whom to approve; with none there is nothing to ask."""
    dave, erin = visit("dave"), visit("erin")
    dave.types("/join tea")
    erin.types("/join tea")
    tea.alice.peer.answers = [""]
    tea.alice.types("/approve")
    assert tea.alice.peer.asked == ["Approve whom? "]
    tea.alice.types("/approveRequest Dave, ERIN")
    assert has(tea.bob.sees(), "dave has joined the chat!", "erin has joined the chat!")
    assert tea.alice.types("/2") == ["* Nobody asks to join tea."]
    assert tea.alice.peer.asked == ["Approve whom? "]


def test_the_default_is_no_way_to_spy(tea: Tea, visit: Visit) -> None:
    """A member who is not the admin does not learn by a default who asks."""
    visit("dave").types("/join tea")
    for line in ("/approve", "/reject"):
        (shown,) = tea.bob.types(line)
        assert shown.startswith("* Only the admin, alice, can ")
    assert "dave" in tea.alice.types("/approve")[-1]


@pytest.mark.parametrize("line", ["/requests", "/viewRequests", "/VIEWREQUESTS", "/1"])
def test_requests_show_notes_and_age(line: str, tea: Tea, visit: Visit, clock: Clock) -> None:
    """The oldest first, each with its note and for how long it has waited."""
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
    """The admin is told that nobody asks."""
    assert tea.alice.types("/requests") == ["* Nobody asks to join tea."]


def test_rejecting(tea: Tea, visit: Visit) -> None:
    """The applicant is told why; other members never knew."""
    dave = visit("dave")
    dave.types("/join tea")
    tea.alice.types("/rejectRequest dave we are full")
    assert dave.sees() == ["* Your request to join tea was rejected by alice: we are full"]
    assert tea.bob.sees() == []
    dave.types("/join tea")
    tea.alice.types("/reject")
    assert dave.sees() == ["* Your request to join tea was rejected by alice."]


def test_asking_twice_and_withdrawing(tea: Tea, visit: Visit) -> None:
    """A second request is refused; ``/leave GROUP`` takes the first one back."""
    dave = visit("dave")
    dave.types("/join tea")
    assert has(dave.types("/join tea"), "You have asked already")
    assert dave.types("/leave tea") == ["* Your request to join tea was withdrawn."]
    tea.alice.sees()
    assert has(tea.alice.types("/approve dave"), "/requests")


def test_approval_moves_nobody_who_has_gone_on(tea: Tea, visit: Visit) -> None:
    """An applicant who waits at the desk enters; one who is elsewhere by now stays there."""
    waiting, elsewhere = visit("dave"), visit("erin")
    waiting.types("/join tea")
    elsewhere.types("/join tea", "/create coffee")
    tea.alice.types("/approve dave erin")
    waiting.types("hello")
    elsewhere.types("hello")
    assert [line for line in tea.alice.sees() if "hello" in line] == ["dave: hello"]


def test_approving_and_rejecting_while_the_applicant_is_offline(tea: Tea, visit: Visit) -> None:
    """What became of a request is told at the next login, once."""
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
def test_approving_who_is_gone_in_between(ending: str, tea: Tea, visit: Visit) -> None:
    """A request that ended before the approval is no request."""
    dave = visit("dave")
    dave.types("/join tea")
    if ending == "leaves":
        dave.leaves()
    else:
        tea.alice.types("/ban dave")
    assert has(tea.alice.types("/approve dave"), "/requests")
    assert has(tea.bob.types("/members"), "3 members of tea")


def test_inviting(tea: Tea, visit: Visit) -> None:
    """Who is invited is told how to come in, does not ask, and the members learn it then."""
    dave = visit("dave")
    assert has(tea.alice.types("/invite DAVE"), "alice invited dave")
    assert has(dave.sees(), "alice invites you to tea: /join tea")
    assert tea.bob.sees() == []
    assert has(dave.types("/join tea"), "You are in tea")
    assert tea.bob.sees() == ["* dave has joined the chat!"]
    assert has(tea.alice.types("/invite nobody"), "* nobody is neither")


def test_an_invitation_waits(tea: Tea, visit: Visit) -> None:
    """Who is invited while offline reads it at the next login."""
    visit("dave", "password d").leaves()
    tea.alice.types("/policy invite", "/invite dave")
    dave = visit("dave", "password d")
    assert has(dave.sees(), "alice invites you to tea: /join tea")
    assert has(dave.types("/join tea"), "You are in tea")


# Lists.


@pytest.mark.parametrize("line", ["/members", "/allMembers", "/ALLMEMBERS", "/4"])
def test_all_members(line: str, tea: Tea) -> None:
    """Everybody, the longest-standing first, with role and whether online."""
    tea.bob.leaves()
    assert tea.carol.types(line) == [
        "* 3 members of tea:",
        "*   alice (admin, online)",
        "*   bob (offline)",
        "*   carol (online)",
    ]


@pytest.mark.parametrize("line", ["/online", "/onlineMembers", "/oNLINEmembers", "/5"])
def test_online_members(line: str, tea: Tea) -> None:
    """Those who are there now."""
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
    """All groups, by number, with what a newcomer wants to know."""
    tea.bob.types("/create coffee open", "/topic Beans")
    tea.carol.leaves()
    assert tea.alice.types("/groups") == [
        "* No.  Name    Policy    Members  Online  Unread  Topic",
        "*   1  tea     approval        3       2       0",
        "*   2  coffee  open            1       1       -  Beans",
    ]
    for each in (tea.alice, tea.bob):
        each.types("/leave tea", "/leave coffee")
    assert visit("dave").types("groups")[1].endswith("1       0       -")


def test_no_groups(visit: Visit) -> None:
    """An empty server says how to begin."""
    (shown,) = visit("alice").types("groups")
    assert "/join NAME" in shown


# What the admin does.


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
def test_members_are_refused_what_is_the_admins(line: str, tea: Tea, visit: Visit) -> None:
    """In one line, which names the admin; nothing changes and nobody else sees anything."""
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
def test_at_the_front_desk_there_is_no_group(line: str, tea: Tea, visit: Visit) -> None:
    """What is about a group is refused where none is current, with what to do."""
    visit("dave")
    tea.alice.types("/desk")
    (shown,) = tea.alice.types(line)
    assert "/join GROUP" in shown or "/leave GROUP" in shown
    assert tea.bob.sees() == []


@pytest.mark.parametrize("line", ["/transfer BOB", "/changeAdmin bob", "/6 bob"])
def test_handing_over(line: str, tea: Tea) -> None:
    """Everybody is told; the old admin has no power left."""
    assert tea.alice.types(line) == ["* bob is the admin now, appointed by alice."]
    assert tea.bob.sees() == ["* You are the admin of tea now, appointed by alice."]
    assert tea.carol.sees() == ["* bob is the admin now, appointed by alice."]
    assert has(tea.alice.types("/topic mine"), "Only the admin, bob")


def test_handing_over_to_nobody(tea: Tea, visit: Visit) -> None:
    """To a stranger, or to oneself, it is refused."""
    visit("dave")
    assert has(tea.alice.types("/transfer dave"), "/members")
    assert has(tea.alice.types("/transfer alice"), "You are the admin already.")
    assert tea.bob.sees() == []


@pytest.mark.parametrize(
    "line", ["/kick BOB too loud", "/kickMember bob too loud", "/8 bob too loud"]
)
def test_kicking(line: str, tea: Tea) -> None:
    """The one who is kicked is told why and is at the desk; they may come back."""
    assert tea.alice.types(line) == ["* bob was kicked by alice: too loud"]
    assert tea.carol.sees() == ["* bob was kicked by alice: too loud"]
    assert tea.bob.sees() == ["* You were kicked from tea by alice: too loud"]
    tea.carol.types("Is he gone?")
    assert tea.bob.sees() == []
    assert has(tea.bob.types("hello"), "front desk")
    tea.alice.types("/policy open")
    assert has(tea.bob.types("/join tea"), "You are in tea")


def test_kicking_reaches_every_device(tea: Tea, visit: Visit) -> None:
    """Who is kicked is out on all devices, wherever they are."""
    other = visit("bob", "password b")
    tea.alice.types("/kick bob", "secret")
    for device in (tea.bob, other):
        assert has(device.sees(), "kicked from tea by alice.")
    assert tea.bob.session.current is None


def test_self_kick_and_self_ban(tea: Tea) -> None:
    """Refused, with the word for leaving."""
    for line in ("/kick alice", "/kick ALICE", "/ban alice"):
        assert has(tea.alice.types(line), "/leave")
    assert tea.bob.sees() == []


def test_banning_and_unbanning(tea: Tea) -> None:
    """Who is banned is told, and told again at the group's door; an unban is told too."""
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


def test_what_happened_to_somebody_offline_is_told_later(tea: Tea, visit: Visit) -> None:
    """Who is kicked while offline reads what was said until then, and why it ended there."""
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
    """Everybody is told."""
    tea.alice.types(line)
    assert tea.bob.sees() == [f"* alice changed the policy to {policy.value}."]
    assert group_named(chat, "tea").policy is policy


@pytest.mark.parametrize("line", ["/policy closed", "/policy open sesame", "/policy approval"])
def test_policies_that_are_none(line: str, tea: Tea) -> None:
    """An unknown policy, one too much, and the one that holds are refused."""
    (shown,) = tea.alice.types(line)
    assert "policy" in shown.lower()
    assert tea.bob.sees() == []


def test_a_new_password_replaces_the_old(tea: Tea, visit: Visit) -> None:
    """And is shown to nobody."""
    tea.alice.types("/policy password first secret", "/policy password second secret")
    shown = "\n".join(tea.bob.sees() + tea.alice.types("/history", "/groups"))
    assert "secret" not in shown
    dave = visit("dave")
    assert has(dave.types("/join tea first secret"), "not the password")
    assert has(dave.types("/join tea second secret"), "You are in tea")


# Who inherits, and what ends.


def test_the_admin_leaves(tea: Tea) -> None:
    """The longest-standing member is the admin, and everybody is told."""
    tea.alice.types("/leave")
    assert tea.bob.sees() == [
        "* alice has left the chat.",
        "* You are the admin of tea now.",
    ]
    assert tea.carol.sees() == ["* alice has left the chat.", "* bob is the admin now."]


def test_a_guests_membership_ends_with_the_connection(visit: Visit, chat: Chat) -> None:
    """A guest who was the admin leaves an heir; a guest's name, requests and groups are free."""
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


def test_the_last_one_out_closes_the_group(visit: Visit, chat: Chat) -> None:
    """Its name and password are free; the next group of that name has another number."""
    alice = visit("alice")
    alice.types("/create tea password secret", "leave")
    assert chat.groups.get("tea") is None
    (shown,) = visit("bob").types("/join tea")
    assert "You are in tea (number 2), which is new" in shown


def test_a_registered_member_stays_while_offline(tea: Tea) -> None:
    """Members who are offline are members."""
    tea.bob.leaves()
    assert has(tea.alice.types("/members"), "bob (offline)")


def test_a_restart_keeps_everything_but_guests(tea: Tea, visit: Visit, clock: Clock) -> None:
    """Members, admin, policy, topic, bans, requests and numbers are as they were."""
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


# Answers that come late.


def slow(visitor: TestUser) -> Deferred[str]:
    """Have *visitor* think about the next question; return what takes the answer."""
    question: Deferred[str] = Deferred()
    visitor.peer.ask = lambda prompt, secret=False: question  # type: ignore[method-assign]
    return question


@pytest.mark.parametrize("policy", ["password secret", "open"])
def test_a_group_that_closes_while_its_password_is_typed(
    policy: str, visit: Visit, chat: Chat
) -> None:
    """Whoever comes too late is told so; nobody becomes the member of a closed group."""
    alice, bob = visit("alice"), visit("bob")
    alice.types("/create tea password secret")
    answer = slow(bob)
    bob.types("/join tea")
    if policy == "open":
        alice.types("/policy open")
    alice.types("/leave")
    bob.sees()
    answer.callback("secret")
    (shown,) = bob.sees()
    assert "tea" in shown or "group" in shown
    assert "You are in" not in shown
    assert bob.session.current is None
    assert has(bob.types("/join tea"), "You are in tea", "which is new")


def test_a_question_belongs_to_the_group_where_it_was_asked(tea: Tea, olga: TestUser) -> None:
    """A kick that was begun in a group does not turn into one off the server."""
    tea.alice.types("/policy open")
    olga.types("/join tea")
    answer = slow(olga)
    olga.types("/kick")
    tea.alice.types("/kick olga")
    tea.bob.sees()
    answer.callback("bob")
    olga.tick()
    assert not tea.bob.peer.closed
    assert tea.bob.sees() == []


def test_lists_of_those_with_a_part_in_the_name(tea: Tea) -> None:
    """The heading says what was asked for, so that nobody takes a part for the whole."""
    assert tea.alice.types("/members LI") == [
        "* 1 member of tea, with LI in the name:",
        "*   alice (admin, online)",
    ]
    assert tea.alice.types("/who zed") == ["* Online, with zed in the name: 0"]
    assert tea.alice.types("/groups zed") == [
        "* No group has zed in its name; /join NAME creates one."
    ]
