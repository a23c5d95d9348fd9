"""Hooks: added, listed, removed, and their messages, which `Posting.post_by_hook` posts."""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config, DoorsConfig
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.events import HookAdded, Message
from pyconchat.domain.hooks import MAX_HOOKS, digest_of
from pyconchat.domain.names import fold
from pyconchat.domain.text import SafeText
from pyconchat.render.json import event_object
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat
from tests.support.groups import Tea, Visit, find_group

ADDRESS = "https://chat.example.org"
WITH_WEB = Config(
    public_url=f"{ADDRESS}/", doors=DoorsConfig(web=("tcp:8080:interface=127.0.0.1",))
)


@pytest.fixture
def chat(store: SqlStore, clock: Clock) -> Chat:
    return make_chat(store, clock, WITH_WEB)


def token_of(lines: list[str]) -> str:
    """Return the token in the answer to ``/hook add``."""
    (line,) = (line for line in lines if "shown only now" in line)
    address, _, token = line.split()[-1].rpartition("/hook/")
    assert address == ADDRESS
    assert len(token) == 22
    return token


def post(user: TestUser, token: str, text: str, key: str = "") -> int | Refused | NotSaved:
    """Post *text*; return the number of the message, or why there is none."""
    results: list[int | Refused | NotSaved] = []
    try:
        posted: Deferred[int] = user.chat.posting.post_by_hook(
            digest_of(token), SafeText(text), key
        )
    except Refused as refused:
        return refused
    posted.addCallbacks(results.append, lambda failure: results.append(failure.value))
    user.tick()
    return results[0]


def refused(result: object) -> Code:
    """Return why a post was refused."""
    assert isinstance(result, Refused), result
    return result.code


def test_a_hook_posts_to_its_group(tea: Tea) -> None:
    """Everybody sees its messages, with a mark that no name can have; they are counted as new."""
    shown = tea.alice.types("/hook add ci")
    token = token_of(shown)
    assert "* alice added the hook ci: programs can post here." in shown
    tea.bob.types("/desk")
    tea.carol.leaves()
    tea.alice.types()
    assert isinstance(post(tea.alice, token, "build 7 failed"), int)
    post(tea.alice, token, "one\n* two")
    assert tea.alice.sees() == [
        "ci (hook): build 7 failed",
        "ci (hook): one",
        "    * two",
    ]
    assert "ci (hook) (in tea): build 7 failed" in tea.bob.sees()
    carol = TestUser(tea.alice.chat, "carol", "password c")
    assert any("ci (hook) (in tea): build 7 failed" in line for line in carol.sees())


def test_a_token_is_stored_as_its_hash(tea: Tea, tmp_path: Path) -> None:
    """Neither the log, nor an export, nor the database has it, and programs do not see the hash."""
    token = token_of(tea.alice.types("/hook add ci"))
    (added,) = (each for each in tea.alice.log() if isinstance(each, HookAdded))
    conversation = find_group(tea.alice.chat, "tea")
    (entry,) = (
        each
        for each in tea.alice.chat.store.entries(conversation.id, 0, 2**62, 100)
        if each.event == added
    )
    assert {"name", "by"} == set(event_object(entry, conversation.here)) - {
        *("type", "group", "seq", "at")
    }
    files = [path.read_bytes() for path in tmp_path.glob("pyconchat.db*")]
    assert any(digest_of(token).encode() in content for content in files)
    assert not any(token.encode() in content for content in files)


def test_hooks_are_listed_and_removed(tea: Tea) -> None:
    """All members see the list; a removed hook posts no more, and frees its name."""
    token = token_of(tea.alice.types("/hook add CI"))
    token_of(tea.alice.types("/hook add deploy"))
    listed = tea.bob.types("/hook")
    assert listed[0] == "* 2 hooks of tea (/hook remove NAME):"
    assert [line.partition(" on ")[0] for line in listed[1:]] == [
        "*   CI, added by alice",
        "*   deploy, added by alice",
    ]
    assert tea.alice.types("/hook remove ci") == ["* alice removed the hook CI."]
    assert refused(post(tea.alice, token, "hello")) is Code.NO_SUCH_HOOK
    assert "no hook ci" in str(tea.alice.types("/hook remove ci"))
    assert len(tea.bob.types("/hook")) == 2
    TestUser(tea.alice.chat, "ci", "password")
    assert "ci is in use" in str(tea.alice.types("/hook add ci"))


def test_the_name_is_reserved(tea: Tea, visit: Visit) -> None:
    """Nobody may register it, or one that looks like it, until its last hook is removed."""
    tea.alice.types("/hook add alert", "/desk", "/create pot open", "/hook add alert", "/desk")
    accounts = tea.alice.chat.accounts
    for name in ("alert", "ALERT", "a1ert"):
        with pytest.raises(Refused):
            visit(name)
        with pytest.raises(Refused):
            accounts.require_free(name, 0)  # type: ignore[arg-type]
    tea.alice.types("/hook remove alert tea")
    with pytest.raises(Refused):
        visit("alert")
    tea.alice.types("/hook remove alert pot")
    visit("alert")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bob", "bob is in use"),
        ("b0b", "looks like bob"),
        ("gus", "gus is in use"),
        ("pyconchat", "reserved for the server"),
        ("c1", "looks like ci"),
        ("CI", "has a hook CI already"),
        ("help", "is a command"),
        ("a b", "Use /hook, /hook add NAME"),
        ("x\u202ey", "A name has"),
    ],
)
def test_names_that_a_hook_cannot_have(tea: Tea, visit: Visit, name: str, expected: str) -> None:
    """Those of accounts, of guests, of the server, and what looks like one of them."""
    visit("gus")
    tea.alice.types("/hook add ci")
    assert expected in str(tea.alice.types(f"/hook add {name}"))
    assert len(tea.alice.types("/hook")) == 2


def test_only_the_admin_adds_hooks(tea: Tea) -> None:
    """Neither a moderator nor a member; others do not learn which names exist."""
    tea.alice.types("/moderator bob", "/hook add ci")
    for user in (tea.bob, tea.carol):
        for line in ("/hook add build", "/hook add alice", "/hook remove ci"):
            assert user.types(line) == ["* Only the admin, alice, can manage hooks."]


def test_guests_have_no_hooks(visit: Visit) -> None:
    """Also where a guest is the admin."""
    gus = visit("gus")
    gus.types("/create pot open")
    assert "Hooks are for registered people" in str(gus.types("/hook add ci"))


def test_a_hook_in_a_named_group(tea: Tea) -> None:
    """The group is the last word, unless that is the name of the hook."""
    tea.alice.types("/create pot open", "/desk")
    token_of(tea.alice.types("/hook add tea tea"))
    assert "name the group last" in str(tea.alice.types("/hook add pot"))
    assert "tea, added by alice" in str(tea.alice.types("/hook tea"))
    assert "no hooks" in str(tea.alice.types("/hook pot"))


def test_a_group_has_so_many_hooks_at_most(tea: Tea) -> None:
    """The refusal says how one is removed."""
    tea.alice.types(*(f"/hook add hook.{n}x" for n in range(2, 2 + MAX_HOOKS)))
    assert len(find_group(tea.alice.chat, "tea").group.hooks) == MAX_HOOKS
    assert f"{MAX_HOOKS} hooks, the maximum" in str(tea.alice.types("/hook add more"))


def test_a_delivery_is_posted_once(tea: Tea) -> None:
    """However often it comes with the same key; two hooks may use the same keys."""
    one, other = (token_of(tea.alice.types(f"/hook add {name}")) for name in ("ci", "deploy"))
    first = post(tea.alice, one, "failed", "k" * 64)
    assert post(tea.alice, one, "failed", "k" * 64) == first
    assert post(tea.alice, other, "failed", "k" * 64) != first
    posted = [each for each in tea.alice.log() if isinstance(each, Message)]
    assert [each.sender for each in posted] == ["ci", "deploy"]


def test_hooks_survive_a_restart(tea: Tea, store: SqlStore, clock: Clock) -> None:
    """With their names reserved, and the keys of their deliveries."""
    token = token_of(tea.alice.types("/hook add ci"))
    first = post(tea.alice, token, "failed", "7")
    again = make_chat(store, clock, WITH_WEB)
    alice = TestUser(again, "alice", "password a")
    alice.types("/join tea")
    assert post(alice, token, "failed", "7") == first
    assert post(alice, token, "fixed", "8") != first
    assert "ci (hook): fixed" in alice.sees()
    with pytest.raises(Refused):
        TestUser(again, "ci")


def test_a_transfer_keeps_hooks(tea: Tea) -> None:
    """They are the group's: the new admin can remove them."""
    token = token_of(tea.alice.types("/hook add ci"))
    tea.alice.types("/transfer bob", "/leave")
    tea.bob.sees()
    post(tea.bob, token, "failed")
    assert "ci (hook): failed" in tea.bob.sees()
    tea.bob.types("/hook remove ci")
    assert refused(post(tea.bob, token, "failed")) is Code.NO_SUCH_HOOK


def test_hooks_end_with_the_group(tea: Tea, visit: Visit) -> None:
    """When it is deleted; the name is free."""
    token = token_of(tea.alice.types("/hook add ci"))
    tea.alice.peer.answers.append("tea")
    tea.alice.types("/delete tea")
    assert refused(post(tea.alice, token, "failed")) is Code.NO_SUCH_HOOK
    visit("ci")


def test_what_is_not_stored_is_no_hook(
    tea: Tea, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the address is not shown, the name stays free."""

    def fail(_batch: object) -> None:
        raise NotSaved("disk full")

    with monkeypatch.context() as failing:
        failing.setattr(tea.alice.chat.store, "commit", fail)
        shown = str(tea.alice.types("/hook add ci"))
    assert "Not saved" in shown
    assert "shown only now" not in shown
    tea.alice.chat.reactor.advance(5)  # type: ignore[attr-defined]
    tea.alice.tick()
    assert find_group(tea.alice.chat, "tea").group.hooks == {}
    visit("ci")


def test_a_quiet_hook(tea: Tea) -> None:
    """It posts nothing until a moderator lets it; a slow group does not slow it down."""
    token = token_of(tea.alice.types("/hook add ci"))
    tea.alice.types("/slow 60", "/moderator bob")
    assert [isinstance(post(tea.alice, token, text), int) for text in "ab"] == [True, True]
    assert "bob made ci quiet" in str(tea.bob.types("/quiet ci 1h"))
    assert refused(post(tea.alice, token, "c")) is Code.QUIET
    tea.bob.types("/quiet ci off")
    assert isinstance(post(tea.alice, token, "d"), int)


def test_messages_of_hooks_are_messages(tea: Tea) -> None:
    """They mention members, can be found, answered, pinned, ignored and removed."""
    token = token_of(tea.alice.types("/hook add ci"))
    tea.carol.types("/ignore ci")
    seq = post(tea.alice, token, "@bob broke the build")
    assert "» ci (hook): @bob broke the build" in tea.bob.sees()
    assert not any("build" in line for line in tea.carol.sees())
    assert f"#{seq}] ci (hook): @bob broke" in str(tea.bob.types("/search broke"))
    assert "broke the build" in str(tea.bob.types("/mentions"))
    tea.bob.types(f"/reply {seq} sorry")
    assert 'bob ↪ ci "@bob broke the build": sorry' in tea.alice.sees()
    assert "you can edit only your own" in str(tea.alice.types(f"/edit {seq} x"))
    tea.alice.types(f"/pin {seq}", f"/unsay {seq}")
    assert "broke" not in str(tea.bob.types("/history"))
    assert fold("ci") not in find_group(tea.alice.chat, "tea").group.members


def test_without_a_web_door(store: SqlStore, clock: Clock) -> None:
    """Adding is refused, and the list says so. A hook of an earlier run can be removed."""
    chat = make_chat(store, clock, WITH_WEB)
    alice = TestUser(chat, "alice", "password a")
    alice.types("/create tea open", "/hook add ci")
    alice = TestUser(make_chat(store, clock), "alice", "password a")
    alice.types("/join tea")
    needs = "* Hooks need the web door, which this server does not have (--web)."
    assert alice.types("/hook add build") == [needs]
    assert alice.types("/hook")[2:] == [needs]
    assert alice.types("/hook remove ci") == ["* alice removed the hook ci."]
