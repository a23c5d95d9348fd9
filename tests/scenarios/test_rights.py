"""Rights in a group, with every kind of program: what only the admin may do.

All roles, commands and targets are in `tests/contracts/test_rights.py`.
"""

from __future__ import annotations

import re

import pytest

from tests.support.users import PAIRS, User, UserOf

pytestmark = pytest.mark.parametrize(("one", "other"), PAIRS)

DESK = "* You are at the front desk"

ADMINS_ONLY = {
    "/approve ann": "approve requests",
    "/reject ann too late": "reject requests",
    "/invite dora": "invite",
    "/kick bob": "kick",
    "/kick alice": "kick",
    "/ban alice": "ban",
    "/ban dora": "ban",
    "/unban ben": "lift bans",
    "/bans": "see the bans",
    "/requests": "see the requests",
    "/transfer bob": "transfer adminship",
    "/topic mine": "change the topic",
    "/policy open": "change the policy",
}


def state_for(admin: User) -> list[str]:
    """Return what *admin* is told of the group, without how long applicants have waited."""
    shown = admin.answer_to("/members", "/requests", "/bans", "/admin", "/history 20")
    return [re.sub(r", for \d+ \w+", "", line) for line in shown]


def test_what_the_admin_may_do(user: UserOf, one: str, other: str) -> None:
    """Each command of the admin takes effect, and the users concerned are told."""
    alice, bob = user(one, "alice", "secret of alice"), user(other, "bob", "secret of bob")
    ann, dora = (user(other, name) for name in ("ann", "dora"))
    alice.types("/create tea approval")
    alice.sees("You are in tea")
    for applicant in (bob, ann, dora):
        applicant.types("/join tea")
        applicant.sees("its admin, alice, has to approve.")

    alice.types("/approve bob ann")
    for newcomer in (bob, ann):
        newcomer.sees("* You are in tea: alice approved your request.\n")
    bob.sees("* ann has joined the chat! (approved by alice)\n")
    alice.types("/reject dora no room")
    dora.sees("* Your request to join tea was rejected by alice: no room\n")
    alice.types("/topic Green tea")
    bob.sees("* alice changed the topic: Green tea\n")
    alice.types("/policy open")
    bob.sees("* alice changed the policy to open.\n")
    alice.types("/kick ann too loud")
    ann.sees("* You were kicked from tea by alice: too loud\n")
    bob.sees("* ann was kicked by alice: too loud\n")
    ann.types("/join tea")
    ann.sees("* You are in tea (number 1): 3 members, 3 online; the admin is alice.\n")
    alice.types("/ban ann again")
    ann.sees("* You were banned from tea by alice: again\n")
    bob.sees("* ann was banned by alice: again\n")
    assert ann.answer_to("/join tea") == ["* You are banned from tea by alice: again."]
    alice.types("/unban ann", "/policy invite")
    ann.sees("* You may join tea again: alice lifted your ban.\n")
    bob.sees("* alice changed the policy to invite.\n")
    alice.types("/invite dora")
    dora.sees("* alice invites you to tea: /join tea\n")
    dora.types("/join tea")
    dora.sees("* You are in tea (number 1): 3 members, 3 online; the admin is alice.\n")

    guest = "* dora is a guest: the admin of tea has to be registered, by /password."
    assert alice.answer_to("/transfer dora") == [guest]
    alice.types("/transfer bob")
    bob.sees("* You are the admin of tea now, appointed by alice.\n")
    assert alice.answer_to("/kick dora") == ["* Only the admin, bob, can kick."]
    bob.types("/kick alice thank you")
    alice.sees("* You were kicked from tea by bob: thank you\n")


def test_what_others_may_not_do(user: UserOf, one: str, other: str) -> None:
    """Members, applicants and outsiders are refused, nothing changes, and nobody is told."""
    alice = user(one, "alice")
    bob, ann, ben, dora = (user(other, name) for name in ("bob", "ann", "ben", "dora"))
    alice.types("/create tea open")
    alice.sees("You are in tea")
    bob.types("/join tea")
    bob.sees("You are in tea")
    alice.types("/policy approval", "/ban ben")
    ben.sees("You were banned from tea by alice.")
    ann.types("/join tea")
    ann.sees("its admin, alice, has to approve.")
    before = state_for(alice)
    bob.sees_all()

    for line, action in ADMINS_ONLY.items():
        assert bob.answer_to(line) == [f"* Only the admin, alice, can {action}."], line
        if not line.startswith(("/kick", "/ban", "/unban")):  # at the desk, those are operators'
            assert ann.answer_to(line)[0].startswith(DESK), line
            assert dora.answer_to(line)[0].startswith(DESK), line
    assert ben.answer_to("/join tea") == ["* You are banned from tea by alice."]
    for person in (ann, dora):
        assert person.answer_to("/kick bob")[0].startswith("* Only operators can kick people")

    for person in (alice, bob, ann, ben, dora):
        assert person.sees_all() == ""
    assert state_for(alice) == before
