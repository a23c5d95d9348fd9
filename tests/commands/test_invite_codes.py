"""Invite codes: made, listed, ended, and used instead of a password or a note."""

from __future__ import annotations

import re

import pytest

from pyconchat.chat.chat import Chat
from pyconchat.domain.accounts import deleted_party
from pyconchat.domain.decisions import Decision, DeleteAccount
from pyconchat.domain.events import InviteCodeMade, MemberJoined, Via
from pyconchat.domain.invite_codes import MAX_CODES, MAX_DAYS, MAX_USES, is_code, new_code
from pyconchat.domain.names import fold
from pyconchat.render.json import event_object
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit, find_group

DAY = 24 * 3600
JOIN = "* You are in tea (number 1)"


def code_of(lines: list[str]) -> str:
    """Return the code in the answer to ``/invite code``."""
    (line,) = (line for line in lines if "shown only now" in line)
    code = line.split()[-1]
    assert is_code(code)
    return code


def is_in(user: TestUser) -> bool:
    return fold(user.account.name) in find_group(user.chat, "tea").group.members


def advance(user: TestUser, seconds: float) -> None:
    user.chat.reactor.advance(seconds)  # type: ignore[attr-defined]


def test_codes_have_a_shape_of_their_own() -> None:
    """In any case, with spaces around; nothing else has it."""
    made = {new_code() for _ in range(100)}
    assert len(made) == 100
    assert all(map(is_code, [*made, *(f" {code.upper()} " for code in made)]))
    for other in ("", "inv", "secret", "inv-aaaa-bbbb-cccc", "inv-aaaa-bbbb-cccc-ddd1", "x" * 23):
        assert not is_code(other)
        assert not is_code(f"{min(made)} {other}x")


@pytest.mark.parametrize("policy", ["approval", "invite", "password secret"])
@pytest.mark.parametrize("guest", [False, True])
def test_a_code_lets_people_in(tea: Tea, visit: Visit, policy: str, guest: bool) -> None:
    """Whatever the policy, in any case, as many as it has uses; also guests."""
    tea.alice.types(f"/policy {policy}")
    code = code_of(tea.alice.types("/invite code 2"))
    people = [visit(name, "" if guest else f"password {name}") for name in ("dave", "erin", "fay")]
    assert JOIN in str(people[0].types(f"/join tea {code.upper()}"))
    assert JOIN in str(people[1].types(f"/join tea {code}"))
    assert "* dave has joined the chat! (with an invite code)" in tea.alice.sees()
    assert people[2].types(f"/join tea {code}") == [
        "* That is not an invite code of tea, or it is used up or has ended."
    ]
    assert [*map(is_in, people)] == [True, True, False]
    assert tea.alice.types("/invite codes") == [
        "* tea has no invite codes; /invite code USES DAYS makes one."
    ]


def test_two_people_with_the_last_use(tea: Tea, visit: Visit) -> None:
    """In the same tick: one of them gets in, and one entry says so."""
    code = code_of(tea.alice.types("/invite code"))
    dave, erin = visit("dave", "password d"), visit("erin", "password e")
    for each in (dave, erin):
        each.session.line(f"/join tea {code}")
    assert sorted(["wrong" if "not an invite code" in str(each.sees()) else "in"
                   for each in (dave, erin)]) == ["in", "wrong"]  # fmt: skip
    joined = [each for each in tea.alice.log() if isinstance(each, MemberJoined) and each.code]
    assert [(each.via, each.code) for each in joined] == [(Via.CODE, 1)]
    assert is_in(dave) is not is_in(erin)


def test_only_moderators_see_codes(tea: Tea) -> None:
    """Neither members, nor the log, nor an export has more than the number."""
    tea.alice.types("/moderator bob")
    tea.carol.sees()
    shown = tea.bob.types("/invite code 3 1")
    code = code_of(shown)
    assert any("bob made the invite code 1, for 3 uses until" in line for line in shown)
    assert any("bob made the invite code 1" in line for line in tea.alice.sees())
    assert tea.carol.sees() == []
    assert "invite code" not in str(tea.carol.types("/history"))
    assert "Only the admin" in str(tea.carol.types("/invite codes"))
    conversation = find_group(tea.alice.chat, "tea")
    entries = tea.alice.chat.store.entries(conversation.id, 0, 2**62, 1000)
    assert code not in str(entries)
    (made,) = [each for each in entries if isinstance(each.event, InviteCodeMade)]
    fields = event_object(made, conversation.here)
    assert {"number", "by", "uses", "until"} == set(fields) - {"type", "group", "seq", "at"}


def test_codes_are_listed_and_ended(tea: Tea, visit: Visit) -> None:
    """By number or by the code itself; an ended one lets nobody in. Numbers are not used again."""
    codes = [code_of(tea.alice.types(line)) for line in ("/invite code 3 1", "/invite code 1 365")]
    dave = visit("dave", "password d")
    dave.types(f"/join tea {codes[0]}")
    lines = tea.alice.types("/invite codes")
    assert lines[0] == "* 2 invite codes of tea (/invite code N off):"
    assert [re.sub(" until .*", "", line) for line in lines[1:]] == [
        "*   1, by alice: 2 of 3 uses left",
        "*   2, by alice: 1 of 1 use left",
    ]
    assert tea.alice.types("/invite code #1 off") == ["* alice ended the invite code 1."]
    assert tea.alice.types(f"/invite code {codes[1]} off") == ["* alice ended the invite code 2."]
    assert "no such invite code" in str(tea.alice.types("/invite code 2 off"))
    for code, name in zip(codes, ("erin", "fay"), strict=True):
        assert "not an invite code" in str(
            visit(name, f"password {name}").types(f"/join tea {code}")
        )
    tea.alice.types("/invite code")
    assert "3, by alice" in str(tea.alice.types("/invite codes"))


def test_a_code_ends_in_time(tea: Tea, visit: Visit) -> None:
    """It is not listed, and lets nobody in."""
    code = code_of(tea.alice.types("/invite code 5 2"))
    dave = visit("dave", "password d")
    advance(dave, 2 * DAY - 1)
    assert "1, by alice" in str(tea.alice.types("/invite codes"))
    advance(dave, 1)
    assert "no invite codes" in str(tea.alice.types("/invite codes"))
    assert "not an invite code" in str(dave.types(f"/join tea {code}"))
    assert not is_in(dave)


def test_codes_survive_a_restart(tea: Tea, chat: Chat) -> None:
    """With the uses that are left."""
    code = code_of(tea.alice.types("/invite code 2"))
    TestUser(chat, "dave", "password d").types(f"/join tea {code}")
    again = make_chat(chat.store)
    erin, fay = TestUser(again, "erin", "password e"), TestUser(again, "fay", "password f")
    assert JOIN in str(erin.types(f"/join tea {code}"))
    assert "not an invite code" in str(fay.types(f"/join tea {code}"))


def test_a_code_is_kept_where_it_is_not_needed(tea: Tea, visit: Visit) -> None:
    """By members, by the invited, and in open groups."""
    code = code_of(tea.alice.types("/invite code"))
    dave, erin, fay = (visit(name, f"password {name}") for name in ("dave", "erin", "fay"))
    tea.bob.types(f"/join tea {code}")
    tea.alice.types("/invite dave")
    dave.types(f"/join tea {code}")
    tea.alice.types("/policy open")
    erin.types(f"/join tea {code}")
    tea.alice.types("/policy invite")
    assert "1 of 1 use left" in str(tea.alice.types("/invite codes"))
    fay.types(f"/join tea {code}")
    assert all(map(is_in, (dave, erin, fay)))


def test_an_applicant_with_a_code(tea: Tea, visit: Visit) -> None:
    """Is a member at once; the request has ended."""
    code = code_of(tea.alice.types("/invite code"))
    dave = visit("dave", "password d")
    dave.types("/join tea please")
    assert JOIN in str(dave.types(f"/join tea {code}"))
    assert "Nobody asks" in str(tea.alice.types("/requests"))


def test_the_banned_are_refused(tea: Tea, visit: Visit) -> None:
    """From the group, also with a good code, which stays as it was."""
    code = code_of(tea.alice.types("/invite code"))
    dave = visit("dave", "password d")
    tea.alice.types("/ban dave")
    assert "You are banned from tea" in str(dave.types(f"/join tea {code}"))
    assert not is_in(dave)
    assert "1 of 1 use left" in str(tea.alice.types("/invite codes"))


def test_a_code_as_the_answer_to_the_question_for_a_password(tea: Tea, visit: Visit) -> None:
    """It is a code there, too. No password has its shape."""
    code = code_of(tea.alice.types("/policy password secret", "/invite code"))
    assert JOIN in str(visit("dave", "password d", code).types("/join tea"))
    assert "choose another password" in str(tea.alice.types(f"/policy password {new_code()}"))


def test_a_wrong_code_is_no_note(tea: Tea, visit: Visit) -> None:
    """It makes no join request."""
    dave = visit("dave", "password d")
    assert "not an invite code" in str(dave.types(f"/join tea {new_code()}"))
    assert "Nobody asks" in str(tea.alice.types("/requests"))
    assert f"There is no group {'cafe'}" in str(dave.types(f"/join cafe {new_code()}"))


@pytest.mark.parametrize("policy", ["approval", "password secret"])
def test_guessing_codes_is_limited(tea: Tea, visit: Visit, policy: str) -> None:
    """As guessing passwords; a right code is refused then, too."""
    code = code_of(tea.alice.types(f"/policy {policy}", "/invite code"))
    dave = visit("dave", "password d")
    for _ in range(3):
        assert "not an invite code" in str(dave.types(f"/join tea {new_code()}"))
    assert "too many wrong passwords" in str(dave.types(f"/join tea {code}"))
    advance(dave, 61)
    assert JOIN in str(dave.types(f"/join tea {code}"))


def test_rights_are_checked_after_the_delay(tea: Tea, visit: Visit) -> None:
    """A code that is ended, or a person who is banned, while others' guesses delay the attempt."""
    codes = [code_of(tea.alice.types("/invite code")) for _ in range(2)]
    guesser = visit("gil", "password g")
    guesser.peer.network = "198.51.100.1"
    for _ in range(3):
        guesser.types(f"/join tea {new_code()}")
    dave, erin = visit("dave", "password d"), visit("erin", "password e")
    assert dave.types(f"/join tea {codes[0]}") == []
    assert erin.types(f"/join tea {codes[1]}") == []
    tea.alice.types("/invite code 1 off", "/ban erin")
    advance(dave, 5)
    assert "not an invite code" in str(dave.sees())
    assert "You are banned" in str(erin.sees())
    assert not is_in(dave)
    assert not is_in(erin)


@pytest.mark.parametrize(
    "typed",
    [
        "0",
        "1 0",
        f"{MAX_USES + 1}",
        f"1 {MAX_DAYS + 1}",
        "1 2 3",
        "x",
        "off",
        "1 2 off",
        "-1",
        "1.5",
    ],
)
def test_what_is_no_code(tea: Tea, typed: str) -> None:
    """The refusal says what can be typed; nothing is made."""
    assert "/invite code USES DAYS" in str(tea.alice.types(f"/invite code {typed}"))
    assert "no invite codes" in str(tea.alice.types("/invite codes"))


def test_a_group_has_so_many_codes_at_most(tea: Tea) -> None:
    """Those that have ended do not count."""
    tea.alice.types("/invite code 1 1", *["/invite code 1 2"] * (MAX_CODES - 1))
    assert f"{MAX_CODES} invite codes, the maximum" in str(tea.alice.types("/invite code"))
    advance(tea.alice, DAY)
    code_of(tea.alice.types("/invite code"))
    assert "the maximum" in str(tea.alice.types("/invite code"))


def test_a_number_after_code_is_no_group(tea: Tea) -> None:
    """It is a number of uses or days, although the group has that number; a name is a group."""
    tea.bob.types("/create pot", "/desk")
    code_of(tea.alice.types("/invite code 2 2"))
    assert "2 of 2 uses left" in str(tea.alice.types("/invite codes"))
    code_of(tea.bob.types("/invite code 2 2 pot"))
    assert "* 1 invite code of pot" in str(tea.bob.types("/invite codes 2"))
    tea.bob.types("/invite code 1 off pot")
    assert "pot has no invite codes" in str(tea.bob.types("/invite codes pot"))


def test_people_called_code(tea: Tea, visit: Visit) -> None:
    """Are invited as @code."""
    visit("code", "password c")
    assert tea.alice.types("/invite @code") == [
        "* alice invited code, who may join without asking."
    ]


def test_codes_end_with_the_group(tea: Tea, chat: Chat) -> None:
    """When it is deleted."""
    tea.alice.types("/invite code")
    group = find_group(chat, "tea").group
    tea.alice.peer.answers.append("tea")
    tea.alice.types("/delete tea")
    assert group.closed
    assert group.codes == {}


ENDED = "* The invite code 1 has ended: who made it can no longer invite."


def operate(user: TestUser) -> TestUser:
    """Make *user* an operator."""
    user.chat.accounts.claim_code = "claim-code"
    user.types("/claim claim-code")
    return user


@pytest.mark.parametrize(
    ("who", "lines"),
    [
        ("alice", ["/kick bob"]),
        ("alice", ["/ban bob"]),
        ("alice", ["/moderator bob off"]),
        ("bob", ["/leave tea"]),
        ("carol", ["/desk", "/ban bob 1h"]),
    ],
)
def test_codes_end_with_the_right_to_make_them(
    tea: Tea, visit: Visit, who: str, lines: list[str]
) -> None:
    """Those of a moderator who leaves, is removed, banned, or no longer one; others' stay."""
    operate(tea.carol)
    tea.alice.types("/policy invite", "/moderator bob")
    code = code_of(tea.bob.types("/invite code 5"))
    others = code_of(tea.alice.types("/invite code 5"))
    tea.alice.sees()
    user: TestUser = getattr(tea, who)
    user.peer.answers.append("yes")
    shown = user.types(*lines)
    assert (shown + tea.alice.sees()).count(ENDED) == 1
    dave = visit("dave", "password dave")
    assert "That is not an invite code of tea" in str(dave.types(f"/join tea {code}"))
    assert JOIN in str(dave.types(f"/join tea {others}"))


YOURS = "* Your invite code 1 of tea has ended: you can no longer invite."


def test_the_maker_is_told_that_a_code_has_ended(tea: Tea, visit: Visit) -> None:
    """A member who can no longer invite, at once or at the next login; nobody who is no member."""
    tea.alice.types("/moderator bob")
    tea.bob.types("/invite code")
    tea.alice.types("/moderator bob off")
    assert tea.bob.sees().count(YOURS) == 1
    tea.alice.types("/invite code")
    shown = tea.alice.types("/transfer bob")
    assert shown[-1] == YOURS.replace("code 1", "code 2")
    tea.bob.types("/moderator carol")
    tea.carol.types("/invite code")
    tea.bob.types("/kick carol")
    assert "invite code 3" not in str(tea.carol.sees())
    tea.bob.types("/invite code")
    tea.alice.types("/history 1")
    tea.bob.leaves()
    operate(tea.alice)
    tea.alice.types("/transfer alice")
    assert YOURS.replace("code 1", "code 4")[2:] in str(visit("bob", "password b").sees())


@pytest.mark.parametrize("line", ["/transfer bob", "/leave tea"])
def test_codes_of_a_former_admin_end(tea: Tea, line: str) -> None:
    """After a transfer, and when the admin leaves; those of the new one stay."""
    tea.alice.types("/moderator bob")
    code_of(tea.alice.types("/invite code"))
    code_of(tea.bob.types("/invite code"))
    tea.bob.sees()
    tea.alice.peer.answers.append("yes")
    tea.alice.types(line)
    assert tea.bob.sees().count(ENDED) == 1
    assert [each.by for each in find_group(tea.bob.chat, "tea").group.codes.values()] == ["bob"]


def test_codes_of_a_former_operator_end(tea: Tea, visit: Visit) -> None:
    """In a group without an admin: when it gets one, and when they are no longer operators."""
    for user in (operate(tea.bob), operate(tea.carol), tea.alice):
        user.peer.answers.append("yes")
        user.types("/leave tea")
    group = find_group(tea.bob.chat, "tea").group
    assert group.admin is None
    for user in (tea.bob, tea.carol):
        code_of(user.types("/invite code 1 tea"))
    tea.carol.types("/operator bob off")
    assert [each.by for each in group.codes.values()] == ["carol"]
    code = code_of(tea.carol.types("/invite code 1 tea"))
    dave = visit("dave", "password dave")
    dave.types(f"/join tea {code}")
    assert [each.by for each in group.codes.values()] == ["carol"]
    tea.carol.types("/transfer dave tea")
    assert group.codes == {}


def test_codes_that_were_lost_elsewhere_end_at_the_start(tea: Tea, chat: Chat) -> None:
    """Also those of an account that was deleted while the server did not run."""
    tea.alice.types("/moderator bob")
    code_of(tea.bob.types("/invite code"))
    code_of(tea.alice.types("/invite code"))
    key = fold("bob")
    chat.store.commit([Decision(chat.now(), writes=[DeleteAccount(key, deleted_party(key))])])
    again = make_chat(chat.store)
    assert [each.by for each in find_group(again, "tea").group.codes.values()] == ["alice"]
