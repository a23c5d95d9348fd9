"""The rules of a group: who may what, what is refused and how, who inherits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    Action,
    AdminChanged,
    GroupClosed,
    GroupCreated,
    GroupEvent,
    InvitationEnded,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberRegistered,
    MemberUnbanned,
    Message,
    Policy,
    PolicyChanged,
    RequestWithdrawn,
    TopicChanged,
    Via,
    Why,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.group_state import Ban, GroupState, JoinRequest, Member
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from tests.support.examples import examples

NOON = 1_700_000_000_000
"""When everything here happens, in milliseconds since the epoch."""


def actor(name: str, guest: bool = False, operator: bool = False) -> Actor:
    return Actor(Name(name), guest, operator)


def text(said: str) -> SafeText:
    return SafeText(said)


ADMIN = actor("Alice")
MEMBER = actor("Bob")
GUEST = actor("Gus", guest=True)
OPERATOR_INSIDE = actor("Olga", operator=True)
OPERATOR_OUTSIDE = actor("Otto", operator=True)
APPLICANT = actor("Rita")
INVITED = actor("Ivy")
BANNED = actor("Bert")
STRANGER = actor("Sven")

MEMBERS = (ADMIN, MEMBER, GUEST, OPERATOR_INSIDE)
OUTSIDERS = (OPERATOR_OUTSIDE, APPLICANT, INVITED, BANNED, STRANGER)


def house(policy: Policy = Policy.APPROVAL, password_hash: str = "") -> Group:
    """Return a group that has everybody whom the rules tell apart."""
    state = GroupState(
        number=7,
        name=Name("Tea"),
        policy=policy,
        admin=ADMIN.name,
        password_hash=password_hash,
        members=[Member(each.name, each.guest) for each in MEMBERS],
        requests=[JoinRequest(APPLICANT.name, NOON, text("please"))],
        invitations=[Member(INVITED.name)],
        bans=[Ban(BANNED.name, ADMIN.name, NOON, text("spam"))],
    )
    return Group(42, state, version=9)


def group_of(*members: Actor) -> Group:
    """Return a group of *members*, of whom the first is the admin."""
    state = GroupState(
        1,
        Name("tea"),
        Policy.APPROVAL,
        members[0].name,
        members=[Member(each.name, each.guest) for each in members],
    )
    return Group(1, state)


def follow(group: Group, events: Iterable[GroupEvent]) -> list[GroupEvent]:
    """Apply *events* and return them."""
    done = list(events)
    for event in done:
        group.apply(event, NOON)
    return done


def is_refused(group: Group, decide: Callable[[], Any], code: Code) -> str:
    """Check that *decide* is refused with *code* and changes nothing; return the sentence."""
    before, version = group.state, group.version
    with pytest.raises(Refused) as caught:
        decide()
    assert caught.value.code is code, caught.value
    assert (group.state, group.version) == (before, version)
    sentence = caught.value.sentence
    assert sentence
    assert "\n" not in sentence
    assert sentence.endswith((".", "?")), "a refusal is a sentence"
    return sentence


Asking = Callable[[Group, Actor], Any]

# What only the admin may ask, what operators may too, and what is for all members.
ADMINS_ONLY: dict[str, Asking] = {
    "approve": lambda group, by: group.approve(by, ["rita"]),
    "reject": lambda group, by: group.reject(by, "rita", text("no")),
    "invite": lambda group, by: group.invite(by, STRANGER),
    "transfer": lambda group, by: group.transfer(by, "gus"),
    "change_policy": lambda group, by: group.change_policy(by, Policy.OPEN),
    "change_topic": lambda group, by: group.change_topic(by, text("tea")),
    "pending": lambda group, by: group.pending(by),
}
WITH_OPERATORS: dict[str, Asking] = {
    "kick": lambda group, by: group.kick(by, "gus"),
    "ban": lambda group, by: group.ban(by, Name("gus")),
    "ban of somebody outside": lambda group, by: group.ban(by, Name("Zoe")),
    "unban": lambda group, by: group.unban(by, "bert"),
    "banned": lambda group, by: group.banned(by),
}
ALL_MEMBERS: dict[str, Asking] = {
    "post": lambda group, by: group.post(by, text("hello")),
    "act": lambda group, by: group.act(by, text("waves")),
    "require_member": lambda group, by: group.require_member(by),
}


def allowed(action: str, by: Actor) -> Code | None:
    """Return with which code *by* is refused *action*; None where they may."""
    if action in WITH_OPERATORS and by.operator:
        return None
    if by not in MEMBERS:
        return Code.NOT_MEMBER
    if action in ALL_MEMBERS or by is ADMIN:
        return None
    return Code.NOT_ADMIN


@pytest.mark.parametrize("by", [*MEMBERS, *OUTSIDERS], ids=lambda by: by.name)
@pytest.mark.parametrize("action", [*ADMINS_ONLY, *WITH_OPERATORS, *ALL_MEMBERS])
def test_who_may_what(action: str, by: Actor) -> None:
    """Members talk, the admin rules, operators kick and ban; everybody else is refused."""
    group = house()
    ask = {**ADMINS_ONLY, **WITH_OPERATORS, **ALL_MEMBERS}[action]
    code = allowed(action, by)
    if code is None:
        ask(group, by)
    else:
        sentence = is_refused(group, lambda: ask(group, by), code)
        assert ("Alice" if code is Code.NOT_ADMIN else "Tea") in sentence


@pytest.mark.parametrize("action", [*ADMINS_ONLY, *WITH_OPERATORS, *ALL_MEMBERS])
def test_deciding_changes_nothing(action: str) -> None:
    """What was decided changes the group only when it is applied."""
    group = house()
    before, version = group.state, group.version
    {**ADMINS_ONLY, **WITH_OPERATORS, **ALL_MEMBERS}[action](group, ADMIN)
    assert (group.state, group.version) == (before, version)


# Getting in.


def test_a_newcomer_asks_and_the_note_goes_along() -> None:
    """Where newcomers are approved, joining leaves a request with a note, and when it was made."""
    group = house()
    asked = follow(group, group.join(STRANGER, text("let me in")))
    assert asked == [JoinRequested(STRANGER.name, text("let me in"))]
    assert group.requests[fold("sven")] == JoinRequest(STRANGER.name, NOON, text("let me in"))
    assert fold("sven") not in group.members


def test_who_has_asked_is_told_to_wait() -> None:
    """Asking twice is refused, whatever the case of the letters."""
    group = house()
    sentence = is_refused(group, lambda: group.join(actor("RITA")), Code.PENDING)
    assert "Alice" in sentence


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_joining_where_one_is_a_member_is_nothing(policy: Policy) -> None:
    """A member who joins again changes nothing, under every policy."""
    group = house(policy, "hash" if policy is Policy.PASSWORD else "")
    assert group.join(actor("BOB")) == []


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_who_is_banned_does_not_get_in(policy: Policy) -> None:
    """A ban is stronger than every policy, and says who banned and why."""
    group = house(policy, "hash" if policy is Policy.PASSWORD else "")
    sentence = is_refused(group, lambda: group.join(BANNED, proof="hash"), Code.BANNED)
    assert "Alice" in sentence
    assert "spam" in sentence


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_who_is_invited_gets_in(policy: Policy) -> None:
    """An invitation opens every group, once."""
    group = house(policy, "hash" if policy is Policy.PASSWORD else "")
    assert follow(group, group.join(INVITED)) == [MemberJoined(INVITED.name, Via.INVITATION)]
    assert group.invitations == {}
    assert fold("ivy") in group.members


def test_an_open_group_takes_everybody() -> None:
    """Into an open group newcomers come without asking; a guest's membership is a guest's."""
    group = house(Policy.OPEN)
    guest = actor("Greta", guest=True)
    assert follow(group, group.join(guest)) == [MemberJoined(guest.name, Via.OPEN, guest=True)]
    assert group.members[fold("greta")].guest


def test_the_password_lets_in() -> None:
    """Proof of the password lets in; none, or that of an old one, does not."""
    group = house(Policy.PASSWORD, "new hash")
    for proof in ("", "old hash"):
        is_refused(group, lambda: group.join(STRANGER, proof=proof), Code.WRONG_PASSWORD)  # noqa: B023
    assert group.join(STRANGER, proof="new hash") == [MemberJoined(STRANGER.name, Via.PASSWORD)]


def test_no_proof_matches_no_password() -> None:
    """A password group without a hash takes nobody: the empty proof does not match."""
    group = house(Policy.PASSWORD, "")
    is_refused(group, lambda: group.join(STRANGER, proof=""), Code.WRONG_PASSWORD)


def test_an_invitation_group_takes_only_those() -> None:
    """Where invitations are needed, the refusal says from whom they come."""
    group = house(Policy.INVITE)
    assert "Alice" in is_refused(group, lambda: group.join(STRANGER), Code.INVITE_ONLY)


def test_who_asked_gets_in_when_the_policy_opens() -> None:
    """An applicant who joins again under an open policy is in, and no longer asks."""
    group = house()
    follow(group, group.change_policy(ADMIN, Policy.OPEN))
    assert follow(group, group.join(APPLICANT)) == [MemberJoined(APPLICANT.name, Via.OPEN)]
    assert group.requests == {}


# Approving, rejecting, inviting.


def test_approving_lets_in_all_of_the_names() -> None:
    """Several who ask are approved at once, as they wrote their names, each once."""
    group = house()
    follow(group, group.join(actor("Sven", guest=True)))
    approved = follow(group, group.approve(ADMIN, ["SVEN", "rita", "sven"]))
    assert approved == [
        MemberJoined(Name("Sven"), Via.APPROVAL, ADMIN.name, guest=True),
        MemberJoined(APPLICANT.name, Via.APPROVAL, ADMIN.name),
    ]
    assert group.requests == {}
    assert [member.name for member in group.members.values()][-2:] == ["Sven", "Rita"]


def test_approving_is_for_all_or_none() -> None:
    """If one of the names did not ask, none is approved."""
    group = house()
    is_refused(group, lambda: group.approve(ADMIN, ["rita", "sven"]), Code.NO_REQUEST)


@pytest.mark.parametrize("name", ["bob", "ivy", "bert", "sven", "nobody"])
def test_who_did_not_ask_is_neither_approved_nor_rejected(name: str) -> None:
    """Members, the invited, the banned and strangers have no request."""
    group = house()
    is_refused(group, lambda: group.approve(ADMIN, [name]), Code.NO_REQUEST)
    is_refused(group, lambda: group.reject(ADMIN, name), Code.NO_REQUEST)


def test_a_request_that_was_withdrawn_or_ended_by_a_ban_is_gone() -> None:
    """Approving somebody who left, or was banned, in between is refused."""
    withdrawn, banned = house(), house()
    assert follow(withdrawn, withdrawn.leave(APPLICANT)) == [RequestWithdrawn(APPLICANT.name)]
    follow(banned, banned.ban(ADMIN, APPLICANT.name))
    for group in (withdrawn, banned):
        is_refused(group, lambda: group.approve(ADMIN, ["rita"]), Code.NO_REQUEST)  # noqa: B023


def test_rejecting_ends_the_request_and_says_why() -> None:
    """Who is rejected no longer asks, and may ask again."""
    group = house()
    assert follow(group, group.reject(ADMIN, "RITA", text("full"))) == [
        JoinRejected(APPLICANT.name, ADMIN.name, text("full"))
    ]
    assert group.requests == {}
    assert group.join(APPLICANT) == [JoinRequested(APPLICANT.name)]


def test_an_invitation_is_given_once() -> None:
    """Members and the invited are not invited again, the banned not before they are unbanned."""
    group = house()
    assert follow(group, group.invite(ADMIN, STRANGER)) == [
        MemberInvited(STRANGER.name, ADMIN.name)
    ]
    is_refused(group, lambda: group.invite(ADMIN, STRANGER), Code.EXISTS)
    is_refused(group, lambda: group.invite(ADMIN, MEMBER), Code.EXISTS)
    is_refused(group, lambda: group.invite(ADMIN, ADMIN), Code.EXISTS)
    assert "/unban Bert" in is_refused(group, lambda: group.invite(ADMIN, BANNED), Code.BANNED)


def test_inviting_an_applicant_approves() -> None:
    """Who is invited after having asked is in at once."""
    group = house()
    assert follow(group, group.invite(ADMIN, APPLICANT)) == [
        MemberJoined(APPLICANT.name, Via.APPROVAL, ADMIN.name)
    ]
    assert group.requests == {}


# Leaving, kicking, banning, and who inherits.


def test_leaving_gives_up_membership() -> None:
    """A member who leaves is gone; the group goes on."""
    group = house()
    assert follow(group, group.leave(MEMBER)) == [MemberLeft(MEMBER.name)]
    assert fold("bob") not in group.members
    is_refused(group, lambda: group.leave(MEMBER), Code.NOT_MEMBER)


@pytest.mark.parametrize(
    "by", [OPERATOR_OUTSIDE, INVITED, BANNED, STRANGER], ids=lambda by: by.name
)
def test_who_is_not_in_cannot_leave(by: Actor) -> None:
    """Leaving is for members, and for those who ask to be."""
    group = house()
    is_refused(group, lambda: group.leave(by), Code.NOT_MEMBER)


def test_kicked_may_come_back_and_banned_may_not() -> None:
    """A kick ends the membership, a ban also the way back; an unban opens it."""
    group = house(Policy.OPEN)
    assert follow(group, group.kick(ADMIN, "BOB", text("loud"))) == [
        MemberKicked(MEMBER.name, ADMIN.name, text("loud"))
    ]
    follow(group, group.join(MEMBER))
    assert follow(group, group.ban(ADMIN, Name("BOB"), text("loud"))) == [
        MemberBanned(MEMBER.name, ADMIN.name, text("loud"))
    ]
    assert group.bans[fold("bob")] == Ban(MEMBER.name, ADMIN.name, NOON, text("loud"))
    is_refused(group, lambda: group.join(MEMBER), Code.BANNED)
    assert follow(group, group.unban(ADMIN, "BOB")) == [MemberUnbanned(MEMBER.name, ADMIN.name)]
    assert group.join(MEMBER) == [MemberJoined(MEMBER.name, Via.OPEN)]


def test_a_ban_ends_requests_and_invitations() -> None:
    """Who is banned neither asks nor is invited any more."""
    group = house()
    follow(group, group.ban(ADMIN, APPLICANT.name))
    follow(group, group.ban(ADMIN, INVITED.name))
    assert (group.requests, group.invitations) == ({}, {})
    assert list(group.bans) == ["bert", "rita", "ivy"]


def test_what_cannot_be_banned_or_unbanned() -> None:
    """Nobody is banned twice, or unbanned without a ban."""
    group = house()
    is_refused(group, lambda: group.ban(ADMIN, Name("BERT")), Code.EXISTS)
    is_refused(group, lambda: group.unban(ADMIN, "bob"), Code.NOT_BANNED)
    is_refused(group, lambda: group.unban(OPERATOR_OUTSIDE, "sven"), Code.NOT_BANNED)


@pytest.mark.parametrize("by", [ADMIN, OPERATOR_INSIDE], ids=lambda by: by.name)
def test_nobody_kicks_or_bans_themselves(by: Actor) -> None:
    """Who wants to go is told of /leave."""
    group = house()
    assert "/leave" in is_refused(group, lambda: group.kick(by, by.name.upper()), Code.SELF)
    assert "/leave" in is_refused(group, lambda: group.ban(by, by.name), Code.SELF)


@pytest.mark.parametrize("name", ["rita", "ivy", "bert", "sven", "otto", "nobody"])
def test_only_members_are_kicked_or_made_admin(name: str) -> None:
    """Kicking, or handing adminship to, somebody outside is refused."""
    group = house()
    is_refused(group, lambda: group.kick(ADMIN, name), Code.NOT_MEMBER)
    is_refused(group, lambda: group.transfer(ADMIN, name), Code.NOT_MEMBER)


def test_handing_adminship_over() -> None:
    """Afterwards the new admin rules and the old one is a member like others."""
    group = house()
    assert follow(group, group.transfer(ADMIN, "bob")) == [
        AdminChanged(MEMBER.name, Why.TRANSFERRED, ADMIN.name)
    ]
    assert group.is_admin("BOB")
    assert group.kick(MEMBER, "gus")
    is_refused(group, lambda: group.kick(ADMIN, "gus"), Code.NOT_ADMIN)
    is_refused(group, lambda: group.transfer(MEMBER, "Bob"), Code.SELF)


def by_leaving(group: Group) -> list[GroupEvent]:
    return group.leave(ADMIN)


def by_kick(group: Group) -> list[GroupEvent]:
    return group.kick(OPERATOR_OUTSIDE, "alice")


def by_ban(group: Group) -> list[GroupEvent]:
    return group.ban(OPERATOR_OUTSIDE, Name("alice"))


def by_disconnecting(group: Group) -> list[GroupEvent]:
    return group.forget("ALICE", Why.GUEST_GONE)


def by_server_ban(group: Group) -> list[GroupEvent]:
    return group.forget("alice", Why.SERVER_BAN)


GOING = [by_leaving, by_kick, by_ban, by_disconnecting, by_server_ban]


@pytest.mark.parametrize("go", GOING)
def test_the_longest_standing_member_inherits(go: Callable[[Group], list[GroupEvent]]) -> None:
    """However the admin goes, who has been a member longest is the admin."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    gone, changed = follow(group, go(group))
    assert isinstance(gone, MemberLeft | MemberKicked | MemberBanned)
    assert isinstance(changed, AdminChanged)
    assert (changed.name, changed.by) == (MEMBER.name, None)
    assert group.is_admin("bob")
    assert [*group.members] == ["bob", "sven"]


@pytest.mark.parametrize("go", GOING)
def test_the_last_one_out_closes_the_group(go: Callable[[Group], list[GroupEvent]]) -> None:
    """With its last member the group ends, and with it what others asked of it."""
    group = group_of(ADMIN)
    follow(group, group.join(STRANGER))
    follow(group, group.invite(ADMIN, INVITED))
    assert follow(group, go(group))[1:] == [GroupClosed()]
    assert group.closed
    assert (group.members, group.requests, group.invitations) == ({}, {}, {})


def test_seniority_is_counted_from_the_last_coming() -> None:
    """Who left and came back stands behind those who stayed."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    follow(group, group.change_policy(ADMIN, Policy.OPEN))
    follow(group, group.leave(MEMBER))
    follow(group, group.join(MEMBER))
    follow(group, group.leave(ADMIN))
    assert group.is_admin("sven")


def test_the_admins_seniority_does_not_count_twice() -> None:
    """An admin who came late is followed by the eldest, not by the next in line."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    follow(group, group.transfer(ADMIN, "sven"))
    follow(group, group.leave(STRANGER))
    assert group.is_admin("alice")


def test_who_is_not_the_admin_leaves_no_heir() -> None:
    """Members who go do not move adminship."""
    group = group_of(ADMIN, MEMBER)
    assert group.kick(ADMIN, "bob") == [MemberKicked(MEMBER.name, ADMIN.name)]
    assert group.forget("bob", Why.GUEST_GONE) == [MemberLeft(MEMBER.name, Why.GUEST_GONE)]


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_a_closed_group_takes_nobody(policy: Policy) -> None:
    """Nobody comes into a group that has ended in the meantime, however they asked."""
    group = group_of(ADMIN)
    hash = "hash" if policy is Policy.PASSWORD else ""
    if policy is not Policy.APPROVAL:
        follow(group, group.change_policy(ADMIN, policy, hash))
    follow(group, group.leave(ADMIN))
    before = group.state
    with pytest.raises(Refused):
        group.join(STRANGER, proof=hash)
    assert group.state == before


# What follows from outside.


def test_forgetting_ends_all_that_somebody_had() -> None:
    """Request, invitation and membership end, each with its reason; others keep theirs."""
    group = house()
    why = Why.GUEST_GONE
    assert follow(group, group.forget("RITA", why)) == [RequestWithdrawn(APPLICANT.name, why)]
    assert follow(group, group.forget("ivy", why)) == [InvitationEnded(INVITED.name)]
    assert follow(group, group.forget("gus", why)) == [MemberLeft(GUEST.name, why)]
    assert group.forget("sven", why) == []
    assert group.forget("bert", why) == []
    assert fold("bert") in group.bans, "a ban outlives its subject"


def test_forgetting_somebody_who_asks_and_is_invited() -> None:
    """Both end at once."""
    group = group_of(ADMIN)
    follow(group, group.invite(ADMIN, STRANGER))
    group.apply(JoinRequested(STRANGER.name), NOON)
    assert follow(group, group.forget("sven", Why.SERVER_BAN)) == [
        RequestWithdrawn(STRANGER.name, Why.SERVER_BAN),
        InvitationEnded(STRANGER.name),
    ]


def test_a_guest_who_registers_stays() -> None:
    """What a guest has in the group is theirs from the registration on; others change nothing."""
    group = house()
    follow(group, group.join(actor("Greta", guest=True)))
    follow(group, group.invite(ADMIN, actor("Greg", guest=True)))
    assert group.guests() == {"Gus", "Greta", "Greg"}
    assert follow(group, group.register("GUS")) == [MemberRegistered(GUEST.name)]
    assert follow(group, group.register("greta")) == [MemberRegistered(Name("Greta"))]
    assert follow(group, group.register("greg")) == [MemberRegistered(Name("Greg"))]
    assert group.guests() == set()
    assert [*group.members] == ["alice", "bob", "gus", "olga"], "and keeps the seniority"
    assert group.register("bob") == group.register("sven") == []


# Policy, topic, knowledge.


def test_changing_the_policy() -> None:
    """The policy changes to another; the same one is refused, but for a new password."""
    group = house()
    sentence = is_refused(
        group, lambda: group.change_policy(ADMIN, Policy.APPROVAL), Code.UNCHANGED
    )
    assert "approval" in sentence
    assert follow(group, group.change_policy(ADMIN, Policy.PASSWORD, "hash 1")) == [
        PolicyChanged(Policy.PASSWORD, ADMIN.name, "hash 1")
    ]
    follow(group, group.change_policy(ADMIN, Policy.PASSWORD, "hash 2"))
    assert group.password_hash == "hash 2"
    follow(group, group.change_policy(ADMIN, Policy.OPEN))
    assert (group.policy, group.password_hash) == (Policy.OPEN, "")


def test_changing_the_topic() -> None:
    """The admin says what the group is about; an empty topic takes it away."""
    group = house()
    assert follow(group, group.change_topic(ADMIN, text("Green tea"))) == [
        TopicChanged(text("Green tea"), ADMIN.name)
    ]
    assert group.topic == "Green tea"
    follow(group, group.change_topic(ADMIN, text("")))
    assert group.topic == ""


def test_talk_is_what_was_said_and_changes_no_state() -> None:
    """Messages and actions carry their author, and no version of the group passes."""
    group = house()
    before, version = group.state, group.version
    said, done = group.post(actor("Bob"), text("hi")), group.act(MEMBER, text("waves"))
    assert (said, done) == (Message(MEMBER.name, text("hi")), Action(MEMBER.name, text("waves")))
    follow(group, [said, done])
    assert (group.state, group.version) == (before, version)


def test_lists_are_in_order_of_time() -> None:
    """Requests and bans are listed oldest first."""
    group = house()
    follow(group, group.join(STRANGER))
    follow(group, group.ban(OPERATOR_INSIDE, Name("Zoe")))
    assert [request.name for request in group.pending(ADMIN)] == ["Rita", "Sven"]
    assert [(ban.name, ban.by) for ban in group.banned(OPERATOR_OUTSIDE)] == [
        ("Bert", "Alice"),
        ("Zoe", "Olga"),
    ]


@pytest.mark.parametrize(
    "event",
    [
        JoinRequested(APPLICANT.name, text("please")),
        RequestWithdrawn(APPLICANT.name),
        JoinRejected(APPLICANT.name, ADMIN.name),
        MemberInvited(APPLICANT.name, ADMIN.name),
        InvitationEnded(APPLICANT.name),
    ],
    ids=lambda event: type(event).__name__,
)
def test_requests_are_between_the_admin_and_who_asks(event: GroupEvent) -> None:
    """Other members read nothing of requests, invitations and what becomes of them."""
    group = house()
    assert group.may_read(event, fold("alice"))
    assert group.may_read(event, fold("rita"))
    for other in ("bob", "gus", "olga", "sven"):
        assert not group.may_read(event, fold(other))


@pytest.mark.parametrize(
    "event",
    [
        Message(MEMBER.name, text("hi")),
        MemberJoined(APPLICANT.name, Via.APPROVAL, ADMIN.name),
        MemberKicked(GUEST.name, ADMIN.name),
        MemberBanned(GUEST.name, ADMIN.name),
        AdminChanged(MEMBER.name, Why.LEFT),
        TopicChanged(text("tea"), ADMIN.name),
    ],
    ids=lambda event: type(event).__name__,
)
def test_everything_else_is_for_all_members(event: GroupEvent) -> None:
    """Members read what happens in their group."""
    group = house()
    for member in MEMBERS:
        assert group.may_read(event, fold(member.name))


def test_a_group_is_what_its_state_says() -> None:
    """A group made of another's state is the same, and a new one is what its first entry says."""
    group = house()
    assert Group(group.id, group.state).state == group.state
    event = GroupCreated(3, Name("Tea"), Name("Gus"), Policy.PASSWORD, "hash", guest=True)
    made = Group.created(5, event)
    assert (made.id, made.number, made.admin, made.guests()) == (5, 3, "Gus", {"Gus"})
    folded = house()
    folded.apply(event, NOON)
    assert folded.state == made.state


# Whatever is asked, in whatever order.

NAMES = ("Ann", "Ben", "Cem", "Dot", "Eve")
names = st.sampled_from(NAMES)
people = st.builds(actor, names, guest=st.booleans(), operator=st.booleans())
policies = st.sampled_from(list(Policy))


class GroupMachine(RuleBasedStateMachine):
    """A few people who ask a group for everything, allowed or not."""

    @initialize(by=people, policy=policies)
    def create(self, by: Actor, policy: Policy) -> None:
        hash = "hash" if policy is Policy.PASSWORD else ""
        self.group = Group.created(1, GroupCreated(1, Name("tea"), by.name, policy, hash, by.guest))

    def ask(self, decide: Callable[[Group], Any]) -> None:
        """Ask; apply what is decided; check that a refusal, and deciding alone, change nothing."""
        group = self.group
        if group.closed:
            return  # nobody finds it any more
        before, version = group.state, group.version
        try:
            events = decide(group)
        except Refused:
            events = []
        assert (group.state, group.version) == (before, version)
        follow(group, events)
        assert group.version == version + len(events)

    @rule(by=people, proof=st.sampled_from(["", "hash"]))
    def join(self, by: Actor, proof: str) -> None:
        self.ask(lambda group: group.join(by, proof=proof))

    @rule(by=people)
    def leave(self, by: Actor) -> None:
        self.ask(lambda group: group.leave(by))

    @rule(by=people, whom=st.lists(names, max_size=3))
    def approve(self, by: Actor, whom: list[str]) -> None:
        self.ask(lambda group: group.approve(by, whom))

    @rule(by=people, whom=names)
    def reject(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.reject(by, whom))

    @rule(by=people, whom=people)
    def invite(self, by: Actor, whom: Actor) -> None:
        self.ask(lambda group: group.invite(by, whom))

    @rule(by=people, whom=names)
    def transfer(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.transfer(by, whom))

    @rule(by=people, whom=names)
    def kick(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.kick(by, whom))

    @rule(by=people, whom=names)
    def ban(self, by: Actor, whom: Name) -> None:
        self.ask(lambda group: group.ban(by, whom))

    @rule(by=people, whom=names)
    def unban(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.unban(by, whom))

    @rule(whom=names, why=st.sampled_from([Why.GUEST_GONE, Why.SERVER_BAN]))
    def forget(self, whom: str, why: Why) -> None:
        self.ask(lambda group: group.forget(whom, why))

    @rule(whom=names)
    def register(self, whom: str) -> None:
        self.ask(lambda group: group.register(whom))

    @rule(by=people, policy=policies)
    def change_policy(self, by: Actor, policy: Policy) -> None:
        hash = "hash" if policy is Policy.PASSWORD else ""
        self.ask(lambda group: group.change_policy(by, policy, hash))

    @invariant()
    def has_one_admin_who_is_a_member(self) -> None:
        group = self.group
        if not group.closed:
            assert [key for key in group.members if group.is_admin(key)] == [fold(group.admin)]

    @invariant()
    def is_closed_when_empty(self) -> None:
        assert self.group.closed == (not self.group.members)

    @invariant()
    def nobody_is_two_things_at_once(self) -> None:
        group = self.group
        members, applicants = group.members.keys(), group.requests.keys()
        assert not members & applicants
        assert not members & group.invitations.keys()
        assert not members & group.bans.keys()
        assert not applicants & group.bans.keys()
        assert not group.invitations.keys() & group.bans.keys()

    @invariant()
    def is_what_its_state_says(self) -> None:
        assert Group(1, self.group.state).state == self.group.state


TestWhateverIsAsked = GroupMachine.TestCase
TestWhateverIsAsked.settings = settings(
    max_examples=examples(75),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
