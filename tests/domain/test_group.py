"""The rules of a group: who may do what, which requests are refused, who becomes the admin."""

from __future__ import annotations

import unicodedata
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
    FileShared,
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
"""The time of every event here, in milliseconds since the epoch."""


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


def full_group(policy: Policy = Policy.APPROVAL, password_hash: str = "") -> Group:
    """Return a group with a person for each case that the rules distinguish."""
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
    """Return a group of *members*; the first is the admin."""
    state = GroupState(
        1,
        Name("tea"),
        Policy.APPROVAL,
        members[0].name,
        members=[Member(each.name, each.guest) for each in members],
    )
    return Group(1, state)


def apply_all(group: Group, events: Iterable[GroupEvent]) -> list[GroupEvent]:
    """Apply *events* and return them."""
    done = list(events)
    for event in done:
        group.apply(event, NOON)
    return done


def refused(group: Group, decide: Callable[[], Any], code: Code) -> str:
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


Request = Callable[[Group, Actor], Any]

# Requests for the admin only, for the admin and operators, and for all members.
ADMINS_ONLY: dict[str, Request] = {
    "invite": lambda group, by: group.invite(by, STRANGER, NOON),
    "change_policy": lambda group, by: group.change_policy(by, Policy.OPEN),
    "change_topic": lambda group, by: group.change_topic(by, text("tea")),
}
WITH_OPERATORS: dict[str, Request] = {
    "approve": lambda group, by: group.approve(by, ["rita"]),
    "reject": lambda group, by: group.reject(by, "rita", text("no")),
    "transfer": lambda group, by: group.transfer(by, "bob"),
    "pending": lambda group, by: group.pending(by),
    "close": lambda group, by: group.close(by),
    "kick": lambda group, by: group.kick(by, "gus"),
    "ban": lambda group, by: group.ban(by, Name("gus"), NOON),
    "ban of somebody outside": lambda group, by: group.ban(by, Name("Zoe"), NOON),
    "unban": lambda group, by: group.unban(by, "bert", NOON),
    "banned": lambda group, by: group.banned(by, NOON),
}
ALL_MEMBERS: dict[str, Request] = {
    "post": lambda group, by: group.post(by, text("hello"), NOON),
    "act": lambda group, by: group.act(by, text("waves"), NOON),
    "require_member": lambda group, by: group.require_member(by),
}


def allowed(action: str, by: Actor) -> Code | None:
    """Return the code with which *action* is refused to *by*; None if it is allowed."""
    if action in WITH_OPERATORS and by.operator:
        return None
    if by not in MEMBERS:
        return Code.NOT_MEMBER
    if action in ALL_MEMBERS or by is ADMIN:
        return None
    return Code.NOT_ADMIN


@pytest.mark.parametrize("by", [*MEMBERS, *OUTSIDERS], ids=lambda by: by.name)
@pytest.mark.parametrize("action", [*ADMINS_ONLY, *WITH_OPERATORS, *ALL_MEMBERS])
def test_who_may_do_what(action: str, by: Actor) -> None:
    """Members talk, the admin administers, operators kick and ban; all else is refused."""
    group = full_group()
    ask = {**ADMINS_ONLY, **WITH_OPERATORS, **ALL_MEMBERS}[action]
    code = allowed(action, by)
    if code is None:
        ask(group, by)
    else:
        sentence = refused(group, lambda: ask(group, by), code)
        assert ("Alice" if code is Code.NOT_ADMIN else "Tea") in sentence


@pytest.mark.parametrize("by", [*MEMBERS, *OUTSIDERS], ids=lambda by: by.name)
@pytest.mark.parametrize("action", [*ADMINS_ONLY, *WITH_OPERATORS])
def test_operators_look_after_a_group_without_an_admin(action: str, by: Actor) -> None:
    """They have the admin's rights; others are refused with the reason."""
    group = full_group()
    apply_all(group, group.become_lobby())
    ask = {**ADMINS_ONLY, **WITH_OPERATORS}[action]
    if by.operator:
        ask(group, by)
    else:
        code = Code.NOT_ADMIN if by in MEMBERS else Code.NOT_MEMBER
        assert "Tea" in refused(group, lambda: ask(group, by), code)


@pytest.mark.parametrize("action", [*ADMINS_ONLY, *WITH_OPERATORS, *ALL_MEMBERS])
def test_deciding_changes_nothing(action: str) -> None:
    """A decision changes the group only when its events are applied."""
    group = full_group()
    before, version = group.state, group.version
    {**ADMINS_ONLY, **WITH_OPERATORS, **ALL_MEMBERS}[action](group, ADMIN)
    assert (group.state, group.version) == (before, version)


# Joining.


def test_a_join_request_with_a_note() -> None:
    """In a group with approval, joining creates a request with the note and the time."""
    group = full_group()
    asked = apply_all(group, group.join(STRANGER, NOON, text("let me in")))
    assert asked == [JoinRequested(STRANGER.name, text("let me in"))]
    assert group.requests[fold("sven")] == JoinRequest(STRANGER.name, NOON, text("let me in"))
    assert fold("sven") not in group.members


def test_a_second_join_request() -> None:
    """An applicant who asks again is refused, also with another case of the name."""
    group = full_group()
    sentence = refused(group, lambda: group.join(actor("RITA"), NOON), Code.PENDING)
    assert "Alice" in sentence


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_a_member_who_joins_again(policy: Policy) -> None:
    """Nothing changes, under every policy."""
    group = full_group(policy, "hash" if policy is Policy.PASSWORD else "")
    assert group.join(actor("BOB"), NOON) == []


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_a_banned_person_cannot_join(policy: Policy) -> None:
    """A ban applies under every policy. The refusal says who banned them and why."""
    group = full_group(policy, "hash" if policy is Policy.PASSWORD else "")
    sentence = refused(group, lambda: group.join(BANNED, NOON, proof="hash"), Code.BANNED)
    assert "Alice" in sentence
    assert "spam" in sentence


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_an_invited_person_joins(policy: Policy) -> None:
    """An invitation applies under every policy, and is used up."""
    group = full_group(policy, "hash" if policy is Policy.PASSWORD else "")
    assert apply_all(group, group.join(INVITED, NOON)) == [
        MemberJoined(INVITED.name, Via.INVITATION)
    ]
    assert group.invitations == {}
    assert fold("ivy") in group.members


def test_everybody_can_join_an_open_group() -> None:
    """Joining needs no approval. A guest becomes a member who is a guest."""
    group = full_group(Policy.OPEN)
    guest = actor("Greta", guest=True)
    assert apply_all(group, group.join(guest, NOON)) == [
        MemberJoined(guest.name, Via.OPEN, guest=True)
    ]
    assert group.members[fold("greta")].guest


def test_a_group_with_a_password() -> None:
    """Only proof of the current password is accepted."""
    group = full_group(Policy.PASSWORD, "new hash")
    for proof in ("", "old hash"):
        refused(group, lambda: group.join(STRANGER, NOON, proof=proof), Code.WRONG_PASSWORD)  # noqa: B023
    assert group.join(STRANGER, NOON, proof="new hash") == [
        MemberJoined(STRANGER.name, Via.PASSWORD)
    ]


def test_an_empty_proof_never_matches() -> None:
    """Nobody can join a password group without a hash."""
    group = full_group(Policy.PASSWORD, "")
    refused(group, lambda: group.join(STRANGER, NOON, proof=""), Code.WRONG_PASSWORD)


def test_a_group_by_invitation() -> None:
    """Without an invitation joining is refused, with the name of the admin."""
    group = full_group(Policy.INVITE)
    assert "Alice" in refused(group, lambda: group.join(STRANGER, NOON), Code.INVITE_ONLY)


def test_an_applicant_joins_after_the_policy_changes_to_open() -> None:
    """They are a member, and the request ends."""
    group = full_group()
    apply_all(group, group.change_policy(ADMIN, Policy.OPEN))
    assert apply_all(group, group.join(APPLICANT, NOON)) == [MemberJoined(APPLICANT.name, Via.OPEN)]
    assert group.requests == {}


# Approving, rejecting, inviting.


def test_approving_several_applicants() -> None:
    """Each becomes a member once, in the applicant's spelling of the name."""
    group = full_group()
    apply_all(group, group.join(actor("Sven", guest=True), NOON))
    approved = apply_all(group, group.approve(ADMIN, ["SVEN", "rita", "sven"]))
    assert approved == [
        MemberJoined(Name("Sven"), Via.APPROVAL, ADMIN.name, guest=True),
        MemberJoined(APPLICANT.name, Via.APPROVAL, ADMIN.name),
    ]
    assert group.requests == {}
    assert [member.name for member in group.members.values()][-2:] == ["Sven", "Rita"]


def test_approving_is_for_all_or_none() -> None:
    """If one of the names is no applicant, none is approved."""
    group = full_group()
    refused(group, lambda: group.approve(ADMIN, ["rita", "sven"]), Code.NO_REQUEST)


@pytest.mark.parametrize("name", ["bob", "ivy", "bert", "sven", "nobody"])
def test_only_applicants_are_approved_or_rejected(name: str) -> None:
    """Members, invited people, banned people and strangers have no request."""
    group = full_group()
    refused(group, lambda: group.approve(ADMIN, [name]), Code.NO_REQUEST)
    refused(group, lambda: group.reject(ADMIN, name), Code.NO_REQUEST)


def test_a_request_that_was_withdrawn_or_ended_by_a_ban() -> None:
    """It cannot be approved afterwards."""
    withdrawn, banned = full_group(), full_group()
    assert apply_all(withdrawn, withdrawn.leave(APPLICANT)) == [RequestWithdrawn(APPLICANT.name)]
    apply_all(banned, banned.ban(ADMIN, APPLICANT.name, NOON))
    for group in (withdrawn, banned):
        refused(group, lambda: group.approve(ADMIN, ["rita"]), Code.NO_REQUEST)  # noqa: B023


def test_rejecting_a_request() -> None:
    """The request ends, with a reason. The applicant may ask again."""
    group = full_group()
    assert apply_all(group, group.reject(ADMIN, "RITA", text("full"))) == [
        JoinRejected(APPLICANT.name, ADMIN.name, text("full"))
    ]
    assert group.requests == {}
    assert group.join(APPLICANT, NOON) == [JoinRequested(APPLICANT.name)]


def test_whom_the_admin_can_invite() -> None:
    """Inviting members, invited people and banned people is refused."""
    group = full_group()
    assert apply_all(group, group.invite(ADMIN, STRANGER, NOON)) == [
        MemberInvited(STRANGER.name, ADMIN.name)
    ]
    refused(group, lambda: group.invite(ADMIN, STRANGER, NOON), Code.EXISTS)
    refused(group, lambda: group.invite(ADMIN, MEMBER, NOON), Code.EXISTS)
    refused(group, lambda: group.invite(ADMIN, ADMIN, NOON), Code.EXISTS)
    assert "/unban Bert" in refused(group, lambda: group.invite(ADMIN, BANNED, NOON), Code.BANNED)


def test_inviting_an_applicant() -> None:
    """The applicant becomes a member at once."""
    group = full_group()
    assert apply_all(group, group.invite(ADMIN, APPLICANT, NOON)) == [
        MemberJoined(APPLICANT.name, Via.APPROVAL, ADMIN.name)
    ]
    assert group.requests == {}


# Leaving, kicking, banning, and the succession of the admin.


def test_leaving_ends_the_membership() -> None:
    """A member who has left cannot leave again."""
    group = full_group()
    assert apply_all(group, group.leave(MEMBER)) == [MemberLeft(MEMBER.name)]
    assert fold("bob") not in group.members
    refused(group, lambda: group.leave(MEMBER), Code.NOT_MEMBER)


@pytest.mark.parametrize(
    "by", [OPERATOR_OUTSIDE, INVITED, BANNED, STRANGER], ids=lambda by: by.name
)
def test_only_members_and_applicants_can_leave(by: Actor) -> None:
    """Everybody else is refused."""
    group = full_group()
    refused(group, lambda: group.leave(by), Code.NOT_MEMBER)


def test_kick_ban_and_unban() -> None:
    """A kicked member may join again, a banned one only after the ban is lifted."""
    group = full_group(Policy.OPEN)
    assert apply_all(group, group.kick(ADMIN, "BOB", text("loud"))) == [
        MemberKicked(MEMBER.name, ADMIN.name, text("loud"))
    ]
    apply_all(group, group.join(MEMBER, NOON))
    assert apply_all(group, group.ban(ADMIN, Name("BOB"), NOON, text("loud"))) == [
        MemberBanned(MEMBER.name, ADMIN.name, text("loud"), was_member=True)
    ]
    assert group.bans[fold("bob")] == Ban(MEMBER.name, ADMIN.name, NOON, text("loud"))
    refused(group, lambda: group.join(MEMBER, NOON), Code.BANNED)
    assert apply_all(group, group.unban(ADMIN, "BOB", NOON)) == [
        MemberUnbanned(MEMBER.name, ADMIN.name)
    ]
    assert group.join(MEMBER, NOON) == [MemberJoined(MEMBER.name, Via.OPEN)]


def test_a_ban_ends_requests_and_invitations() -> None:
    """A banned applicant has no request, and a banned invited person no invitation."""
    group = full_group()
    apply_all(group, group.ban(ADMIN, APPLICANT.name, NOON))
    apply_all(group, group.ban(ADMIN, INVITED.name, NOON))
    assert (group.requests, group.invitations) == ({}, {})
    assert list(group.bans) == ["bert", "rita", "ivy"]


def test_a_second_ban_and_an_unban_without_a_ban() -> None:
    """Both are refused."""
    group = full_group()
    refused(group, lambda: group.ban(ADMIN, Name("BERT"), NOON), Code.EXISTS)
    refused(group, lambda: group.unban(ADMIN, "bob", NOON), Code.NOT_BANNED)
    refused(group, lambda: group.unban(OPERATOR_OUTSIDE, "sven", NOON), Code.NOT_BANNED)


@pytest.mark.parametrize("by", [ADMIN, OPERATOR_INSIDE], ids=lambda by: by.name)
def test_nobody_kicks_or_bans_themselves(by: Actor) -> None:
    """The refusal mentions /leave."""
    group = full_group()
    assert "/leave" in refused(group, lambda: group.kick(by, by.name.upper()), Code.SELF)
    assert "/leave" in refused(group, lambda: group.ban(by, by.name, NOON), Code.SELF)


@pytest.mark.parametrize("name", ["rita", "ivy", "bert", "sven", "otto", "nobody"])
def test_only_members_are_kicked_or_made_admin(name: str) -> None:
    """Kicking somebody outside, or transferring adminship to them, is refused."""
    group = full_group()
    refused(group, lambda: group.kick(ADMIN, name), Code.NOT_MEMBER)
    refused(group, lambda: group.transfer(ADMIN, name), Code.NOT_MEMBER)


def test_transferring_adminship() -> None:
    """The new admin has all rights; the old one is an ordinary member."""
    group = full_group()
    assert apply_all(group, group.transfer(ADMIN, "bob")) == [
        AdminChanged(MEMBER.name, Why.TRANSFERRED, ADMIN.name, ADMIN.name)
    ]
    assert group.is_admin("BOB")
    assert group.kick(MEMBER, "gus")
    refused(group, lambda: group.kick(ADMIN, "gus"), Code.NOT_ADMIN)
    refused(group, lambda: group.transfer(OPERATOR_OUTSIDE, "bob"), Code.SELF)
    refused(group, lambda: group.transfer(MEMBER, "Bob"), Code.SELF)


def by_leaving(group: Group) -> list[GroupEvent]:
    return group.leave(ADMIN)


def by_kick(group: Group) -> list[GroupEvent]:
    return group.kick(OPERATOR_OUTSIDE, "alice")


def by_ban(group: Group) -> list[GroupEvent]:
    return group.ban(OPERATOR_OUTSIDE, Name("alice"), NOON)


def by_disconnecting(group: Group) -> list[GroupEvent]:
    return group.forget("ALICE", Why.GUEST_GONE)


def by_server_ban(group: Group) -> list[GroupEvent]:
    return group.forget("alice", Why.SERVER_BAN)


WAYS_TO_LEAVE = [by_leaving, by_kick, by_ban, by_disconnecting, by_server_ban]


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_the_oldest_member_succeeds_the_admin(leave: Callable[[Group], list[GroupEvent]]) -> None:
    """In whatever way the admin leaves, the oldest member becomes the admin."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    left, changed = apply_all(group, leave(group))
    assert isinstance(left, MemberLeft | MemberKicked | MemberBanned)
    assert isinstance(changed, AdminChanged)
    assert (changed.name, changed.by) == (MEMBER.name, None)
    assert group.is_admin("bob")
    assert [*group.members] == ["bob", "sven"]


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_a_group_outlives_its_members(leave: Callable[[Group], list[GroupEvent]]) -> None:
    """After the last registered member left, it remains with its requests, for the operators."""
    group = group_of(ADMIN)
    apply_all(group, group.join(STRANGER, NOON))
    _, changed = apply_all(group, leave(group))
    assert isinstance(changed, AdminChanged)
    assert (changed.name, group.admin, group.closed) == (None, None, False)
    assert [*group.requests] == ["sven"]
    apply_all(group, group.approve(OPERATOR_OUTSIDE, ["sven"]))
    assert group.admin is None, "nobody becomes the admin by joining"
    apply_all(group, group.transfer(OPERATOR_OUTSIDE, "sven"))
    assert group.is_admin("sven")


@pytest.mark.parametrize("leave", WAYS_TO_LEAVE)
def test_a_guest_does_not_inherit(leave: Callable[[Group], list[GroupEvent]]) -> None:
    """A group that had a registered member passes to one, or to the operators."""
    group = group_of(ADMIN, GUEST)
    _, changed = apply_all(group, leave(group))
    assert isinstance(changed, AdminChanged)
    assert changed.name is None
    apply_all(group, group.forget("gus", Why.GUEST_GONE))
    assert not group.closed
    heirs = group_of(ADMIN, GUEST, MEMBER)
    apply_all(heirs, leave(heirs))
    assert heirs.is_admin("bob")


def temporary_group(*others: Actor) -> Group:
    """Return a group that the guest Gus created, and *others* have joined."""
    created = GroupCreated(1, Name("tea"), GUEST.name, Policy.OPEN, guest=True)
    group = Group.created(1, created)
    for other in others:
        apply_all(group, group.join(other, NOON))
    return group


def test_a_temporary_group() -> None:
    """A group that only guests have been in passes to a guest, and ends with the last."""
    group = temporary_group(actor("Greta", guest=True))
    assert group.temporary
    assert group.leave(GUEST)[1] == AdminChanged(Name("Greta"), Why.LEFT)
    apply_all(group, group.leave(GUEST))
    assert group.forget("greta", Why.GUEST_GONE)[1:] == [GroupClosed()]


def by_joining(group: Group) -> list[GroupEvent]:
    return group.join(MEMBER, NOON)


def by_registering(group: Group) -> list[GroupEvent]:
    return group.register("gus")


@pytest.mark.parametrize("become", [by_joining, by_registering])
def test_a_temporary_group_becomes_permanent(become: Callable[[Group], list[GroupEvent]]) -> None:
    """With the first registered member, for good."""
    group = temporary_group()
    apply_all(group, become(group))
    assert not group.temporary
    for key in list(group.members):
        apply_all(group, group.forget(key, Why.GUEST_GONE))
    assert not group.closed


def test_a_guest_is_made_admin_of_a_temporary_group_only() -> None:
    """Elsewhere it is refused, by the admin and by operators."""
    group = full_group()
    for by in (ADMIN, OPERATOR_OUTSIDE):
        assert "guest" in refused(group, lambda: group.transfer(by, "gus"), Code.GUEST)  # noqa: B023
    temporary = temporary_group(actor("Greta", guest=True))
    apply_all(temporary, temporary.transfer(GUEST, "greta"))
    assert temporary.is_admin("greta")


def test_the_lobby_has_no_admin() -> None:
    """Neither its first member nor a later one, and a guest does not make it temporary."""
    created = GroupCreated(1, Name("lobby"), GUEST.name, Policy.OPEN, guest=True, lobby=True)
    lobby = Group.created(1, created)
    assert (lobby.admin, lobby.temporary) == (None, False)
    apply_all(lobby, lobby.join(MEMBER, NOON))
    apply_all(lobby, lobby.forget("gus", Why.GUEST_GONE))
    assert (lobby.admin, lobby.become_lobby()) == (None, [])
    old = group_of(ADMIN)
    assert apply_all(old, old.become_lobby()) == [AdminChanged(None, Why.LOBBY)]
    assert old.admin is None


def test_deleting_a_group() -> None:
    """Its requests are rejected, and joins refused; its members and files are kept."""
    group = full_group()
    reason = text("the group was deleted")
    assert apply_all(group, group.close(ADMIN)) == [
        JoinRejected(APPLICANT.name, ADMIN.name, reason),
        GroupClosed(ADMIN.name),
    ]
    assert (group.closed, group.requests, group.invitations) == (True, {}, {})
    assert len(group.members) == len(MEMBERS)
    with pytest.raises(Refused):
        group.join(STRANGER, NOON)


def test_who_could_come_back() -> None:
    """Members of open groups and of groups with a password, except their admin."""
    free = {Policy.OPEN, Policy.PASSWORD}
    for policy in Policy:
        group = full_group(policy, "hash" if policy is Policy.PASSWORD else "")
        assert group.comes_back(MEMBER) is (policy in free)
        assert group.step_out(MEMBER) == ([MemberLeft(MEMBER.name)] if policy in free else [])
        assert not group.comes_back(ADMIN)
        assert group.step_out(ADMIN) == []


def test_a_member_who_left_and_joined_again() -> None:
    """They are the newest member."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    apply_all(group, group.change_policy(ADMIN, Policy.OPEN))
    apply_all(group, group.leave(MEMBER))
    apply_all(group, group.join(MEMBER, NOON))
    apply_all(group, group.leave(ADMIN))
    assert group.is_admin("sven")


def test_an_admin_who_is_the_newest_member() -> None:
    """The oldest member succeeds, not the next newer one."""
    group = group_of(ADMIN, MEMBER, STRANGER)
    apply_all(group, group.transfer(ADMIN, "sven"))
    apply_all(group, group.leave(STRANGER))
    assert group.is_admin("alice")


def test_an_ordinary_member_who_leaves() -> None:
    """The admin does not change."""
    group = group_of(ADMIN, MEMBER)
    assert group.kick(ADMIN, "bob") == [MemberKicked(MEMBER.name, ADMIN.name)]
    assert group.forget("bob", Why.GUEST_GONE) == [MemberLeft(MEMBER.name, Why.GUEST_GONE)]


@pytest.mark.parametrize("policy", list(Policy), ids=lambda policy: policy.value)
def test_nobody_can_join_a_closed_group(policy: Policy) -> None:
    """Joining is refused under every policy."""
    group = full_group(policy, "hash" if policy is Policy.PASSWORD else "")
    apply_all(group, group.close(ADMIN))
    refused(
        group, lambda: group.join(STRANGER, NOON, proof=group.password_hash), Code.NO_SUCH_GROUP
    )


# Consequences of events outside the group.


def test_forgetting_somebody() -> None:
    """Their request, invitation or membership ends, with the reason. Others keep theirs."""
    group = full_group()
    why = Why.GUEST_GONE
    assert apply_all(group, group.forget("RITA", why)) == [RequestWithdrawn(APPLICANT.name, why)]
    assert apply_all(group, group.forget("ivy", why)) == [InvitationEnded(INVITED.name)]
    assert apply_all(group, group.forget("gus", why)) == [MemberLeft(GUEST.name, why)]
    assert group.forget("sven", why) == []
    assert group.forget("bert", why) == []
    assert fold("bert") in group.bans, "a ban outlives its subject"


def test_forgetting_an_applicant_who_is_invited() -> None:
    """The request and the invitation end."""
    group = group_of(ADMIN)
    apply_all(group, group.invite(ADMIN, STRANGER, NOON))
    group.apply(JoinRequested(STRANGER.name), NOON)
    assert apply_all(group, group.forget("sven", Why.SERVER_BAN)) == [
        RequestWithdrawn(STRANGER.name, Why.SERVER_BAN),
        InvitationEnded(STRANGER.name),
    ]


def guests_of(group: Group) -> set[Name]:
    """Return the guests who are members, applicants, or invited."""
    held = (group.members, group.requests, group.invitations)
    return {each.name for people in held for each in people.values() if each.guest}


def test_a_guest_who_registers() -> None:
    """Their membership, request or invitation is no longer a guest's. Others' do not change."""
    group = full_group()
    apply_all(group, group.join(actor("Greta", guest=True), NOON))
    apply_all(group, group.invite(ADMIN, actor("Greg", guest=True), NOON))
    assert guests_of(group) == {"Gus", "Greta", "Greg"}
    assert apply_all(group, group.register("GUS")) == [MemberRegistered(GUEST.name)]
    assert apply_all(group, group.register("greta")) == [MemberRegistered(Name("Greta"))]
    assert apply_all(group, group.register("greg")) == [MemberRegistered(Name("Greg"))]
    assert guests_of(group) == set()
    assert [*group.members] == ["alice", "bob", "gus", "olga"], "the order stays the same"
    assert group.register("bob") == group.register("sven") == []


# Policy, topic, what members may read.


def test_changing_the_policy() -> None:
    """The current policy is refused, except with a new password."""
    group = full_group()
    sentence = refused(group, lambda: group.change_policy(ADMIN, Policy.APPROVAL), Code.UNCHANGED)
    assert "approval" in sentence
    assert apply_all(group, group.change_policy(ADMIN, Policy.PASSWORD, "hash 1")) == [
        PolicyChanged(Policy.PASSWORD, ADMIN.name, "hash 1", Policy.APPROVAL)
    ]
    apply_all(group, group.change_policy(ADMIN, Policy.PASSWORD, "hash 2"))
    assert group.password_hash == "hash 2"
    apply_all(group, group.change_policy(ADMIN, Policy.OPEN))
    assert (group.policy, group.password_hash) == (Policy.OPEN, "")


def test_changing_the_topic() -> None:
    """The admin sets the topic. An empty one removes it."""
    group = full_group()
    assert apply_all(group, group.change_topic(ADMIN, text("Green tea"))) == [
        TopicChanged(text("Green tea"), ADMIN.name)
    ]
    assert group.topic == "Green tea"
    sentence = refused(group, lambda: group.change_topic(ADMIN, group.topic), Code.UNCHANGED)
    assert sentence == "Tea has that topic already."
    apply_all(group, group.change_topic(ADMIN, text("")))
    assert group.topic == ""
    sentence = refused(group, lambda: group.change_topic(ADMIN, text("")), Code.UNCHANGED)
    assert sentence == "Tea has no topic."


def test_messages_and_actions_change_no_state() -> None:
    """They have the sender's name, and the group keeps its state and version."""
    group = full_group()
    before, version = group.state, group.version
    said, done = group.post(actor("Bob"), text("hi"), NOON), group.act(MEMBER, text("waves"), NOON)
    assert (said, done) == (Message(MEMBER.name, text("hi")), Action(MEMBER.name, text("waves")))
    apply_all(group, [said, done])
    assert (group.state, group.version) == (before, version)


def test_lists_are_ordered_by_time() -> None:
    """Requests and bans are listed oldest first."""
    group = full_group()
    apply_all(group, group.join(STRANGER, NOON))
    apply_all(group, group.ban(OPERATOR_INSIDE, Name("Zoe"), NOON))
    assert [request.name for request in group.pending(ADMIN)] == ["Rita", "Sven"]
    assert [(ban.name, ban.by) for ban in group.banned(OPERATOR_OUTSIDE, NOON)] == [
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
def test_requests_are_visible_to_the_admin_and_the_applicant(event: GroupEvent) -> None:
    """Other members may not read requests, invitations and their outcomes."""
    group = full_group()
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
def test_all_other_events_are_visible_to_all_members(event: GroupEvent) -> None:
    """Every member may read them."""
    group = full_group()
    for member in MEMBERS:
        assert group.may_read(event, fold(member.name))


def test_a_group_from_its_state_and_from_its_first_entry() -> None:
    """A group has the state that it was made from, or that its first entry leads to."""
    group = full_group()
    assert Group(group.id, group.state).state == group.state
    event = GroupCreated(3, Name("Tea"), Name("Gus"), Policy.PASSWORD, "hash", guest=True)
    made = Group.created(5, event)
    assert (made.id, made.number, made.admin, guests_of(made)) == (5, 3, "Gus", {"Gus"})
    folded = full_group()
    folded.apply(event, NOON)
    assert folded.state == made.state


# Random requests in random order.

NAMES = ("Ann", "Ben", "Cem", "Dot", "Eve")
names = st.sampled_from(NAMES)
people = st.builds(actor, names, guest=st.booleans(), operator=st.booleans())
policies = st.sampled_from(list(Policy))


class GroupMachine(RuleBasedStateMachine):
    """A few people who make all kinds of requests to a group, allowed or not."""

    @initialize(by=people, policy=policies, lobby=st.booleans())
    def create(self, by: Actor, policy: Policy, lobby: bool) -> None:
        hash = "hash" if policy is Policy.PASSWORD else ""
        created = GroupCreated(1, Name("tea"), by.name, policy, hash, by.guest, lobby)
        self.group = Group.created(1, created)
        self.only_guests = by.guest and not lobby  # have been members so far
        self.now = NOON
        self.deleted = False

    def ask(self, decide: Callable[[Group], Any]) -> None:
        """Apply what is decided; check that neither a refusal nor deciding changes the group."""
        group = self.group
        if group.closed:
            return  # the server finds only open groups
        before, version = group.state, group.version
        try:
            events = decide(group)
        except Refused:
            events = []
        assert (group.state, group.version) == (before, version)
        for event in events:
            if isinstance(event, AdminChanged) and event.name is not None:
                heir = group.members[fold(event.name)]
                assert self.only_guests or not heir.guest, "guests never inherit"
            group.apply(event, self.now)
            if isinstance(event, MemberJoined):
                self.only_guests = self.only_guests and event.guest
            if isinstance(event, MemberRegistered) and fold(event.name) in group.members:
                self.only_guests = False
        assert group.version == version + len(events)

    @rule(by=people, proof=st.sampled_from(["", "hash"]))
    def join(self, by: Actor, proof: str) -> None:
        self.ask(lambda group: group.join(by, self.now, proof=proof))

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
        self.ask(lambda group: group.invite(by, whom, self.now))

    @rule(by=people, whom=names)
    def transfer(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.transfer(by, whom))

    @rule(by=people, whom=names)
    def kick(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.kick(by, whom))

    @rule(by=people, whom=names, until=st.sampled_from([None, 1, 2]))
    def ban(self, by: Actor, whom: Name, until: int | None) -> None:
        end = None if until is None else self.now + until
        self.ask(lambda group: group.ban(by, whom, self.now, until=end))

    @rule(by=people, whom=names, until=st.sampled_from([None, 1, 2]))
    def quiet(self, by: Actor, whom: Name, until: int | None) -> None:
        end = None if until is None else self.now + until
        self.ask(lambda group: group.quiet(by, whom, self.now, end))

    @rule(by=people, whom=names)
    def end_quiet(self, by: Actor, whom: Name) -> None:
        self.ask(lambda group: group.end_quiet(by, whom, self.now))

    @rule(by=people, whom=names, on=st.booleans())
    def moderator(self, by: Actor, whom: Name, on: bool) -> None:
        self.ask(
            lambda group: group.make_moderator(by, whom) if on else group.end_moderator(by, whom)
        )

    @rule()
    def wait(self) -> None:
        self.now += 1

    @rule(by=people)
    def speak(self, by: Actor) -> None:
        key = fold(by.name)
        try:
            self.group.post(by, text("hi"), self.now)
        except Refused:
            return
        quiet = self.group.quieted.get(key)
        assert quiet is None or not quiet.lasts(self.now)
        assert key in self.group.members

    @rule(by=people, whom=names)
    def unban(self, by: Actor, whom: str) -> None:
        self.ask(lambda group: group.unban(by, whom, self.now))

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

    @rule(by=people, rarely=st.integers(0, 19))
    def close(self, by: Actor, rarely: int) -> None:
        if rarely == 0 and not self.group.closed:
            self.ask(lambda group: group.close(by))
            self.deleted = self.group.closed

    @invariant()
    def has_at_most_one_admin_who_is_a_member(self) -> None:
        group = self.group
        if group.admin is not None and not group.closed:
            assert [key for key in group.members if group.is_admin(key)] == [fold(group.admin)]

    @invariant()
    def moderators_are_members_who_may_speak(self) -> None:
        group = self.group
        assert group.moderators.keys() <= group.members.keys()
        assert not any(group.is_admin(key) for key in group.moderators)
        assert not any(group.moderates(key) for key in group.quieted)

    @invariant()
    def only_a_temporary_group_ends_by_itself(self) -> None:
        assert self.group.temporary == self.only_guests
        if not self.deleted:
            assert self.group.closed == (self.only_guests and not self.group.members)

    @invariant()
    def relations_exclude_each_other(self) -> None:
        group = self.group
        members, applicants = group.members.keys(), group.requests.keys()
        assert not members & applicants
        assert not members & group.invitations.keys()
        assert not members & group.bans.keys()
        assert not applicants & group.bans.keys()
        assert not group.invitations.keys() & group.bans.keys()

    @invariant()
    def state_is_complete(self) -> None:
        assert Group(1, self.group.state).state == self.group.state


TestRandomRequests = GroupMachine.TestCase
TestRandomRequests.settings = settings(
    max_examples=examples(75),
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_a_file_is_found_however_its_name_is_composed() -> None:
    """Names from a Mac's disk are NFD; typed names may be either."""
    created = GroupCreated(1, Name("tea"), Name("alice"), Policy.OPEN)
    group = Group.created(2, created)
    name = unicodedata.normalize("NFC", "résumé.pdf")
    group.apply(FileShared(1, SafeText(name), Name("alice"), 1, "0" * 64, "id"), 1)
    for form in ("NFC", "NFD"):
        assert group.file(unicodedata.normalize(form, name)).number == 1
