"""Moderators, quiet people, slow groups, and bans that end: all by the time that is given."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pyconchat.domain import amending
from pyconchat.domain.accounts import Account, Accounts
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    AdminChanged,
    GroupEvent,
    JoinRequested,
    MemberBanned,
    MemberJoined,
    Message,
    Policy,
    Why,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.group_state import GroupState, Member
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText

NOON = 1_700_000_000_000
SECOND, HOUR = 1000, 3_600_000

ALICE, BOB, CAROL, DORA = (Actor(Name(name)) for name in ("Alice", "Bob", "Carol", "Dora"))
GUS = Actor(Name("Gus"), guest=True)
OLGA = Actor(Name("Olga"), operator=True)
HI = SafeText("hi")


def tea(*members: Actor, moderators: Iterable[Actor] = (), temporary: bool = False) -> Group:
    """Return an open group of *members*; the first is the admin."""
    state = GroupState(
        1,
        Name("tea"),
        Policy.OPEN,
        members[0].name,
        temporary=temporary,
        members=[Member(each.name, each.guest) for each in members],
        moderators=[each.name for each in moderators],
    )
    return Group(1, state)


def apply(group: Group, events: Iterable[GroupEvent], at: int = NOON) -> list[GroupEvent]:
    """Apply *events* and return them."""
    done = list(events)
    for event in done:
        group.apply(event, at)
    return done


def code_of(refused: pytest.ExceptionInfo[Refused]) -> Code:
    return refused.value.code


def test_the_longest_standing_moderator_inherits() -> None:
    """Before members of longer standing; and then is a moderator no longer."""
    group = tea(ALICE, BOB, CAROL, DORA)
    for each in (DORA, CAROL):
        apply(group, group.make_moderator(ALICE, each.name))
    events = apply(group, group.leave(ALICE))
    assert events[1] == AdminChanged(DORA.name, Why.LEFT)
    assert list(group.moderators.values()) == [CAROL.name]
    assert group.role("dora") == "admin"


def test_a_guest_who_moderates_inherits_only_a_temporary_group() -> None:
    """Guests moderate where only guests have been; a group that lasts goes to a member."""
    with pytest.raises(Refused) as refused:
        tea(ALICE, GUS).make_moderator(ALICE, GUS.name)
    assert code_of(refused) is Code.GUEST
    group = tea(Actor(Name("Gil"), guest=True), GUS, temporary=True)
    apply(group, group.make_moderator(Actor(Name("Gil"), guest=True), GUS.name))
    apply(group, group.join(BOB, NOON))
    assert group.is_moderator("gus")
    assert apply(group, group.forget("gil", Why.GUEST_GONE))[1] == AdminChanged(
        BOB.name, Why.GUEST_GONE
    )


@pytest.mark.parametrize("name", ["Alice", "Carol"])
def test_a_moderator_cannot_act_against_those_who_moderate(name: Name) -> None:
    """Neither the admin nor another moderator; the admin and operators can, members they can."""
    group = tea(ALICE, BOB, CAROL, DORA, moderators=[BOB, CAROL])
    for decide in (
        lambda: group.kick(BOB, name),
        lambda: group.ban(BOB, name, NOON),
        lambda: group.quiet(BOB, name, NOON),
    ):
        with pytest.raises(Refused) as refused:
            decide()
        assert code_of(refused) is Code.NOT_ADMIN
        assert "a moderator cannot" in refused.value.sentence
    assert group.kick(OLGA, name)
    assert group.kick(BOB, DORA.name)
    assert group.ban(ALICE, CAROL.name, NOON)


def test_who_leaves_is_no_moderator_any_more() -> None:
    """Coming back does not bring the role back."""
    group = tea(ALICE, BOB, moderators=[BOB])
    apply(group, group.leave(BOB))
    apply(group, group.join(BOB, NOON))
    assert group.role("bob") == "member"


def test_moderators_see_requests() -> None:
    """As the admin does; members do not."""
    group = tea(ALICE, BOB, CAROL, moderators=[BOB])
    asked = JoinRequested(DORA.name)
    assert [group.may_read(asked, fold(each.name)) for each in (ALICE, BOB, CAROL, DORA)] == [
        *(True, True, False, True)
    ]


def test_a_quiet_member_is_told_until_when() -> None:
    """Messages, actions and files are refused until then, and not a millisecond longer."""
    group = tea(ALICE, BOB)
    until = NOON + HOUR
    apply(group, group.quiet(ALICE, Name("BOB"), NOON, until))
    for speak in (
        lambda now: group.post(BOB, HI, now),
        lambda now: group.act(BOB, HI, now),
        lambda now: group.share(BOB, HI, 7, "5a", "1d", now),
    ):
        with pytest.raises(Refused) as refused:
            speak(until - 1)
        assert code_of(refused) is Code.QUIET
        assert refused.value.sentence.startswith("You may read and not speak in tea until Nov 1")
        assert speak(until)
    assert group.post(ALICE, HI, NOON)


def test_quiet_people_amend_nothing_but_may_remove_what_they_said() -> None:
    """An edit or a reaction would be a way to speak."""
    group = tea(ALICE, BOB)
    apply(group, group.quiet(ALICE, BOB.name, NOON, NOON + HOUR))
    said = amending.Target(2, NOON, Message(BOB.name, HI), own=True)
    for rule, text in ((amending.edit, SafeText("no")), (amending.react, SafeText("👍"))):
        with pytest.raises(Refused) as refused:
            rule(group, BOB, said, text, NOON)
        assert code_of(refused) is Code.QUIET
        assert rule(group, BOB, said, text, NOON + HOUR)
    assert amending.unsay(group, BOB, said, NOON)


def test_moderators_remove_messages_of_others_and_pin_them() -> None:
    """Members do neither."""
    group = tea(ALICE, BOB, CAROL, moderators=[CAROL])
    said = amending.Target(2, NOON, Message(ALICE.name, HI))
    assert amending.unsay(group, CAROL, said, NOON)
    assert apply(group, amending.pin(group, CAROL, said))
    assert amending.unpin(group, CAROL, 2)
    for rule in (
        lambda: amending.unsay(group, BOB, said, NOON),
        lambda: amending.unpin(group, BOB, 2),
    ):
        with pytest.raises(Refused) as refused:
            rule()
        assert code_of(refused) is Code.NOT_ADMIN


def test_quiet_outlasts_leaving() -> None:
    """Or leaving and coming back would end it."""
    group = tea(ALICE, BOB)
    apply(group, group.quiet(ALICE, BOB.name, NOON))
    apply(group, group.leave(BOB))
    apply(group, group.join(BOB, NOON))
    with pytest.raises(Refused, match="until a moderator ends that"):
        group.post(BOB, HI, NOON + 1000 * HOUR)
    apply(group, group.end_quiet(ALICE, BOB.name, NOON))
    assert group.post(BOB, HI, NOON)


def test_who_becomes_moderator_or_admin_may_speak() -> None:
    """The role ends the quiet."""
    group = tea(ALICE, BOB, CAROL)
    for each in (BOB, CAROL):
        apply(group, group.quiet(ALICE, each.name, NOON))
    apply(group, group.make_moderator(ALICE, BOB.name))
    apply(group, group.transfer(ALICE, CAROL.name))
    assert group.quieted == {}


def test_a_slow_group() -> None:
    """One message or action a member in so many seconds; admin and moderators are exempt."""
    group = tea(ALICE, BOB, CAROL, DORA, moderators=[CAROL])
    apply(group, group.change_slow(CAROL, 30))
    group.post(BOB, HI, NOON)
    with pytest.raises(Refused) as refused:
        group.act(BOB, HI, NOON + 18 * SECOND + 1)
    assert code_of(refused) is Code.SLOW
    assert refused.value.sentence == (
        "tea is slow, one message every 30 seconds: yours can follow in 12 seconds."
    )
    group.post(BOB, HI, NOON + 30 * SECOND)
    with pytest.raises(Refused, match="in 1 second"):
        group.post(BOB, HI, NOON + 60 * SECOND - 1)
    for each in (ALICE, CAROL, DORA):
        group.post(each, HI, NOON)
    for each in (ALICE, CAROL):
        group.post(each, HI, NOON)
    with pytest.raises(Refused, match="tea is slow already: one message every 30 seconds"):
        group.change_slow(ALICE, 30)
    apply(group, group.change_slow(ALICE, 0))
    with pytest.raises(Refused, match="tea is not slow"):
        group.change_slow(ALICE, 0)
    assert group.post(DORA, HI, NOON)


def test_a_clock_that_is_set_back_makes_nobody_wait() -> None:
    """A turn in the future is none."""
    group = tea(ALICE, BOB)
    apply(group, group.change_slow(ALICE, 30))
    group.post(BOB, HI, NOON)
    assert group.post(BOB, HI, NOON - HOUR)


def test_a_refused_message_takes_no_turn() -> None:
    """Neither one of too many lines, nor one that comes too soon."""
    group = tea(ALICE, BOB)
    apply(group, group.change_slow(ALICE, 30))
    with pytest.raises(Refused):
        group.post(BOB, SafeText("\n" * 100), NOON)
    group.post(BOB, HI, NOON)
    with pytest.raises(Refused):
        group.post(BOB, HI, NOON + 29 * SECOND)
    assert group.post(BOB, HI, NOON + 30 * SECOND)


def test_turns_of_the_past_are_forgotten() -> None:
    """Turns in memory are those of waiting members, and few others."""
    group = tea(ALICE, *(Actor(Name(f"m{n}")) for n in range(1000)))
    apply(group, group.change_slow(ALICE, 1))
    for n in range(1000):
        group.post(Actor(Name(f"m{n}")), HI, NOON + 100 * n)
    assert len(group.turns) <= 11


def test_a_ban_that_ends() -> None:
    """Until then refusals have the time; then the name may join, and the ban is not listed."""
    group = tea(ALICE, BOB)
    until = NOON + HOUR
    events = apply(group, group.ban(ALICE, BOB.name, NOON, SafeText("loud"), until))
    assert events == [MemberBanned(BOB.name, ALICE.name, SafeText("loud"), until, True)]
    with pytest.raises(Refused, match=r"banned from tea by Alice until .*: loud"):
        group.join(BOB, until - 1)
    assert len(group.banned(ALICE, until - 1)) == 1
    assert group.banned(ALICE, until) == []
    with pytest.raises(Refused) as refused:
        group.unban(ALICE, BOB.name, until)
    assert code_of(refused) is Code.NOT_BANNED
    assert isinstance(apply(group, group.join(BOB, until), until)[0], MemberJoined)
    assert group.bans == {}


def test_ended_bans_go_with_the_next() -> None:
    """So they do not pile up."""
    group = tea(ALICE)
    for n in range(5):
        apply(group, group.ban(ALICE, Name(f"m{n}"), NOON + n, until=NOON + n + 2), NOON + n)
    assert list(group.bans) == ["m3", "m4"]


def test_a_server_ban_that_ends() -> None:
    """For the name and the networks; a second ban is possible then."""
    accounts = Accounts()
    accounts.add(Account(Name("gus")))
    until = NOON + HOUR
    for event in accounts.ban(OLGA, Name("gus"), NOON, networks=["192.0.2.0/24"], until=until):
        accounts.apply(event, NOON)
    for admit in (
        lambda now: accounts.admit("gus", now),
        lambda now: accounts.admit_network("192.0.2.0/24", now),
    ):
        with pytest.raises(Refused, match="banned from this server by Olga until"):
            admit(until - 1)
        admit(until)
    assert accounts.banned(OLGA, until) == []
    with pytest.raises(Refused):
        accounts.ban(OLGA, Name("gus"), until - 1)
    for event in accounts.ban(OLGA, Name("gus"), until):
        accounts.apply(event, until)
    with pytest.raises(Refused, match="banned from this server by Olga\\."):
        accounts.admit("gus", until + 1000 * HOUR)
