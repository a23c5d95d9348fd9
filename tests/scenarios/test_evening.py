"""One evening with everything that people expect of a chat, with every kind of program."""

from __future__ import annotations

import pytest

from tests.support.users import ALL_KINDS, LINE_KINDS, UserOf

pytestmark = pytest.mark.server(scope="module", tls=True)

BY_LINES = {*LINE_KINDS, "tls"}
"""Kinds to which the server does not send what is muted; a program hides that itself."""


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_an_evening(user: UserOf, kind: str) -> None:
    """What three people do in a group and in private reads right, to a newcomer too."""
    spend_evening(user, kind, kind, kind, kind)


def spend_evening(user: UserOf, at_alice: str, at_bob: str, at_carol: str, at_dave: str) -> None:
    """Let alice, bob, carol and dave spend the evening, each with a kind of program."""
    a, b, c, d = (f"{name}-{at_alice}" for name in ("alice", "bob", "carol", "dave"))
    tea = f"tea-{at_alice}"
    alice, bob, carol = (
        user(kind, name, f"secret of {name}")
        for kind, name in ((at_alice, a), (at_bob, b), (at_carol, c))
    )
    alice.types(f"/create {tea} open")
    alice.sees(f"You are in {tea} (number ")
    for each in (bob, carol):
        each.types(f"/join {tea}")
        each.sees(f"You are in {tea} (number ")

    # A moderator, settings, a mention in a muted group.
    alice.types(f"/moderator {b}")
    bob.sees(f"* You are a moderator of {tea} now, appointed by {a}.\n")
    carol.types("/set joins off", f"/mute {tea}", "/desk")
    carol.sees("* Your settings: times off, bell off, joins off.\n")
    carol.sees(f"* {tea} is muted: while you are elsewhere, only what mentions you is shown.\n")
    carol.sees("* You are at the front desk")
    alice.types("nothing for you")  # entry 5
    bob.sees(f"{a}: nothing for you\n")
    alice.types(f"tea, {c}?")
    before = carol.sees(f"{a} (in {tea}): tea, {c}?\n")
    assert at_carol not in BY_LINES or "nothing for you" not in before
    carol.types("/mentions")
    carol.sees(f"{a} (in {tea}): tea, {c}?\n")
    carol.types(f"/join {tea}", f"/mute {tea} off")
    if at_carol in BY_LINES:
        carol.sees(f"2 new in {tea}, 1 for you")
        carol.sees(f"{a}: nothing for you\n")
    carol.sees(f"* {tea} is no longer muted.\n")

    # Quiet and slow.
    bob.types(f"/quiet {c} 1h")
    carol.sees(f"* {b} made you quiet in {tea}")
    carol.types("let me speak")
    carol.sees(f"* You may read and not speak in {tea} ")
    bob.types(f"/quiet {c} off", "/slow 30")
    carol.sees(f"* You may speak in {tea} again: {b} ended your quiet.\n")
    carol.sees(f"* {b} made the group slow: one message every 30 seconds.\n")
    carol.types("one", "two")
    carol.sees(f"* {tea} is slow, one message every 30 seconds")
    alice.sees(f"{c}: one\n")
    bob.types("/slow 0")
    carol.sees(f"* {b} made the group as fast as people type.\n")

    # Corrected, removed, answered, reacted to, pinned.
    carol.types("the kettel is broken")  # entry 12
    alice.sees(f"{c}: the kettel is broken\n")
    carol.types("/edit the kettle is broken")
    alice.sees(f"* {c} corrected: the kettle is broken\n")
    carol.types("my secret")  # entry 14
    bob.sees(f"{c}: my secret\n")
    bob.types("/unsay 14")
    carol.sees(f"* {b} removed a message of {c}.\n")
    bob.types("/reply 12 it is fixed")  # entry 16
    carol.sees(f'{b} ↪ {c} "the kettle is broken": it is fixed\n')
    carol.types("/react 16 👍")
    alice.sees(f'* {c} reacted 👍 to {b} "it is fixed"\n')
    bob.types("/pin 16")
    alice.sees(f'* {b} pinned #16: {b} "it is fixed"\n')

    # In private, and away.
    alice.types(f"/query {b}")
    alice.sees(f"* You are talking to {b} in private (online)")
    alice.types("just us")
    bob.sees(f"{a} (private): just us\n")
    bob.types("/r only us")
    alice.sees(f"{b} (private): only us\n")
    bob.types("/away cooking")
    bob.sees("* You are away")
    alice.types("still there?")
    alice.sees(f"* {b} is away: cooking\n")
    bob.sees(f"{a} (private): still there?\n")
    alice.types("/desk", f"/whois {b}")
    alice.sees(f"* {b} is online, registered since ")
    alice.sees("away since ")
    alice.sees(": cooking\n")

    # A newcomer, and a second device of two people.
    dave = user(at_dave, d, f"secret of {d}")
    dave.types(f"/join {tea}")
    dave.sees(f"* You are in {tea} (number ")
    dave.sees(f'Pinned #16: {b} "it is fixed"\n')
    told = "\n".join(dave.answer_to("/history 30"))
    assert f"{c}: the kettle is broken" in told
    assert f'{b} ↪ {c} "the kettle is broken": it is fixed' in told
    assert "kettel" not in told
    assert "my secret" not in told
    phone = user(at_bob, b, f"secret of {b}")
    phone.types(f"/history @{a}")
    phone.sees(f"{a} (private): just us\n")
    phone.sees(f"{b} (private to {a}): only us\n")
    tablet = user(at_carol, c, f"secret of {c}")
    tablet.types("/set", "/mentions")
    tablet.sees("* Your settings: times off, bell off, joins off.\n")
    tablet.sees(f"{a} (in {tea}): tea, {c}?\n")
