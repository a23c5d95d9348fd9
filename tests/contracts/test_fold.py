"""Applying a log gives the state that the store has beside it.

`Group.apply` and `pyconchat.store.effects` implement the same changes twice. These tests run
random stories of a group through both and compare the results.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple, TypeAlias, get_args

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pyconchat.domain import amending
from pyconchat.domain.amending import Target
from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import (
    Entry,
    GroupClosed,
    GroupCreated,
    GroupEvent,
    Message,
    Policy,
    Why,
)
from pyconchat.domain.group import Actor, Group
from pyconchat.domain.hooks import Hook
from pyconchat.domain.names import Name, fold
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from tests.contracts.building import ALICE, AT, BOB, CAROL, GUS, NO_LIMIT, commit, decide, register
from tests.support.examples import examples

GINA = Actor(Name("Gina"), guest=True)
OLGA = Actor(Name("olga"), operator=True)
REGISTERED = (ALICE.name, BOB.name, CAROL.name)
GUESTS = (GUS.name, GINA.name)
NAMES = (*REGISTERED, *GUESTS, Name("ALICE"), Name("BOB"), Name("GINA"))
ACTORS = (OLGA.name, *REGISTERED, *GUESTS)
TEXTS = st.sampled_from(["", "why not", "näh"]).map(SafeText)
POLICIES = st.sampled_from(Policy)


class Step(NamedTuple):
    """One step of a story: *by* calls the rule *what*, about *name*, or with *text*."""

    what: str
    by: Name = ALICE.name
    name: Name = BOB.name
    text: SafeText = SafeText("")
    policy: Policy = Policy.OPEN
    until: int | None = None


class People:
    """The people of one story. A guest who registers is a guest no longer."""

    def __init__(self) -> None:
        self._guests = {fold(name) for name in GUESTS}

    def actor(self, name: Name) -> Actor:
        """Return the actor *name*."""
        return OLGA if name == OLGA.name else Actor(name, guest=fold(name) in self._guests)

    def note(self, step: Step) -> None:
        """Note the registration, if *step* is one."""
        if step.what == "register":
            self._guests.discard(fold(step.name))


# The entries 2 to 6, of any kind in the log, used as messages of the person who decides.
def said(group: Group, by: Actor, step: Step) -> Target:
    """Return a message that *step* is about."""
    return Target(2 + len(step.name) % 5, AT, Message(by.name, SafeText("said")), own=True)


EMOJI = SafeText("👍")

Rule: TypeAlias = Callable[[Group, Actor, Actor, Step, int], list[GroupEvent]]

# All methods of `Group` that decide. *name* may be in another case, *at* is the time.
RULES: dict[str, Rule] = {
    "post": lambda group, by, other, step, at: [group.post(by, step.text, at)],
    "act": lambda group, by, other, step, at: [group.act(by, step.text, at)],
    "tags": lambda group, by, other, step, at: [group.send_tags(by, (("+x", step.text),), at)],
    "join": lambda group, by, other, step, at: group.join(by, at, step.text, proof="hash"),
    "leave": lambda group, by, other, step, at: group.leave(by),
    "approve": lambda group, by, other, step, at: group.approve(by, [step.name]),
    "approve all": lambda group, by, other, step, at: group.approve(
        by, [request.name for request in group.requests.values()]
    ),
    "reject": lambda group, by, other, step, at: group.reject(by, step.name, step.text),
    "invite": lambda group, by, other, step, at: group.invite(by, other, at),
    "code": lambda group, by, other, step, at: group.make_code(
        by, "5a", 1 + len(step.text) % 2, at, step.until or NO_LIMIT
    ),
    "end code": lambda group, by, other, step, at: group.end_code(by, "5a", at),
    "hook": lambda group, by, other, step, at: group.add_hook(
        by, Name("deploy" if step.text else "ci"), "5a"
    ),
    "hook post": lambda group, by, other, step, at: [
        group.post_by_hook(Hook(Name("ci"), "5a", by.name, at - 1), step.text, at)
    ],
    "end hook": lambda group, by, other, step, at: group.remove_hook(
        by, Name("Deploy" if step.text else "CI")
    ),
    "quiet hook": lambda group, by, other, step, at: group.quiet(by, Name("ci"), at, step.until),
    "join by code": lambda group, by, other, step, at: group.join(by, at, code="5a"),
    "transfer": lambda group, by, other, step, at: group.transfer(by, step.name),
    "kick": lambda group, by, other, step, at: group.kick(by, step.name, step.text),
    "ban": lambda group, by, other, step, at: group.ban(by, step.name, at, step.text),
    "unban": lambda group, by, other, step, at: group.unban(by, step.name, at),
    "ban for a time": lambda group, by, other, step, at: group.ban(
        by, step.name, at, step.text, step.until
    ),
    "quiet": lambda group, by, other, step, at: group.quiet(by, step.name, at, step.until),
    "end quiet": lambda group, by, other, step, at: group.end_quiet(by, step.name, at),
    "slow": lambda group, by, other, step, at: group.change_slow(by, len(step.text)),
    "moderator": lambda group, by, other, step, at: group.make_moderator(by, step.name),
    "end moderator": lambda group, by, other, step, at: group.end_moderator(by, step.name),
    "policy": lambda group, by, other, step, at: group.change_policy(
        by, step.policy, "hash" if step.policy is Policy.PASSWORD else ""
    ),
    "topic": lambda group, by, other, step, at: group.change_topic(by, step.text),
    "edit": lambda group, by, other, step, at: amending.edit(
        group, by, said(group, by, step), step.text, at
    ),
    "unsay": lambda group, by, other, step, at: amending.unsay(
        group, by, said(group, by, step), at
    ),
    "react": lambda group, by, other, step, at: amending.react(
        group, by, said(group, by, step), EMOJI, at
    ),
    "pin": lambda group, by, other, step, at: amending.pin(group, by, said(group, by, step)),
    "unpin": lambda group, by, other, step, at: amending.unpin(
        group, by, said(group, by, step).seq
    ),
    "share": lambda group, by, other, step, at: group.share(by, step.text, 7, "5a", "1d", at),
    "remove": lambda group, by, other, step, at: group.remove(by, group.last_file),
    "disconnect": lambda group, by, other, step, at: group.forget(step.name, Why.GUEST_GONE),
    "server-ban": lambda group, by, other, step, at: group.forget(step.name, Why.SERVER_BAN),
    "register": lambda group, by, other, step, at: group.register(step.name),
    "lobby": lambda group, by, other, step, at: group.become_lobby(),
    "delete": lambda group, by, other, step, at: group.close(by),
    "reopen": lambda group, by, other, step, at: group.reopen(
        by.name, Name("tea2"), 2**40 + group.id
    ),
}
# `GroupClosed` ends a story, unless the story is written here.
# More people must join than leave, or the groups of the stories stay small.
DRAWN = [
    *(each for each in RULES if each != "delete"),
    "join",
    "join",
    "join",
    "approve",
    "approve",
    "reject",
    "register",
]

Story: TypeAlias = list[list[Step]]

# One code is used by two people, the next ends in time, and the last is ended by the admin.
CODES = [
    Step("code", text=SafeText("näh")),
    *(Step(what, name) for name in (CAROL.name, GINA.name) for what in ("join by code", "leave")),
    *(Step("code", until=AT + 6), Step("code"), Step("end code"), Step("end code")),
    Step("code", until=AT + 8),
]

# A story with every kind of event.
WHOLE_STORY: Story = [
    [Step("post"), Step("act"), Step("topic", text=SafeText("tea"))],
    [Step("post"), Step("pin", name=BOB.name), Step("unpin", name=BOB.name)],
    [Step("pin", name=CAROL.name), Step("pin", name=BOB.name), Step("pin", name=Name("Gina"))],
    [Step("edit"), Step("react"), Step("unsay", name=BOB.name), Step("unsay", name=CAROL.name)],
    [
        Step("share"),
        Step("share", text=SafeText("näh")),
        Step("remove"),
        Step("post"),
        Step("tags"),
    ],
    [Step("join", BOB.name), Step("join", GUS.name), *CODES],
    [Step("approve", name=Name("BOB")), Step("reject", name=GUS.name), Step("join", GUS.name)],
    [Step("leave", GUS.name), Step("invite", name=GUS.name), Step("invite", name=GINA.name)],
    [Step("disconnect", name=GINA.name), Step("join", GUS.name), Step("register", name=GUS.name)],
    [Step("moderator", name=GUS.name), Step("quiet", GUS.name, until=AT + 13)],
    [Step("hook"), Step("hook", text=SafeText("näh")), Step("quiet hook"), Step("end hook")],
    [Step("end quiet", GUS.name), Step("slow", GUS.name, text=SafeText("näh"))],
    [Step("end moderator", name=GUS.name), Step("moderator"), Step("code", until=AT + 90)],
    [
        Step("transfer", name=BOB.name),
        Step("kick", BOB.name, ALICE.name),
        Step("ban", BOB.name, ALICE.name),
    ],
    [
        Step("unban", BOB.name, ALICE.name),
        Step("ban for a time", OLGA.name, GUS.name, until=AT + 21),
        Step("join", CAROL.name),
    ],
    [Step("invite", BOB.name, GINA.name), Step("share", BOB.name), Step("delete", OLGA.name)],
    [Step("reopen", OLGA.name), Step("join", CAROL.name)],
    [Step("approve all", BOB.name), Step("policy", BOB.name, policy=Policy.PASSWORD)],
    [Step("join", ALICE.name), Step("server-ban", name=BOB.name), Step("leave", CAROL.name)],
    [Step("server-ban", name=ALICE.name), Step("policy", OLGA.name, policy=Policy.OPEN)],
    [Step("join", CAROL.name), Step("transfer", OLGA.name, CAROL.name)],
    [Step("ban for a time", CAROL.name, BOB.name, until=AT + 22)],
    [Step("lobby"), Step("share", CAROL.name), Step("ban", OLGA.name, GINA.name)],
    [Step("join", BOB.name), Step("ban for a time", OLGA.name, GUS.name, until=AT + 23)],
    [Step("quiet", OLGA.name, BOB.name, until=AT + 24)],
    [Step("ban", OLGA.name, ALICE.name), Step("quiet", OLGA.name, CAROL.name)],
    [Step("delete", OLGA.name)],
]

_ids = count(2)


def run(store: SqlStore, story: Story, founder: Actor = ALICE) -> list[Entry]:
    """Run *story* on a new group and in *store*, and compare the states; return the log."""
    people, id = People(), next(_ids)
    event = GroupCreated(id, Name(f"tea{id}"), founder.name, Policy.APPROVAL, "", founder.guest)
    group = Group.created(id, event)
    commit(store, Decision(AT, [NewEntry(id, event, 0)]))
    for at, steps in enumerate(story, AT):
        batch: list[Decision] = []
        for step in steps:
            batch.append(decide(group, decided(group, people, step, at), at))
            people.note(step)
        commit(store, *batch)
    log = store.entries(id, 0, NO_LIMIT, 1000)
    folded = fold_log(log)
    stored = store.state([id])[0][id]
    assert folded.state == stored.state == group.state
    assert folded.version == stored.version == group.version
    assert [entry.seq for entry in log] == list(range(1, stored.head + 1))
    assert store.load().groups.get(id) == (None if group.closed else stored)
    return log


def decided(group: Group, people: People, step: Step, at: int) -> list[GroupEvent]:
    """Return the decision of *group* about *step* at *at* (milliseconds). Raises `Refused`."""
    return RULES[step.what](group, people.actor(step.by), people.actor(step.name), step, at)


def fold_log(log: list[Entry]) -> Group:
    """Return the group that results from *log*."""
    first, *rest = log
    assert isinstance(first.event, GroupCreated)
    group = Group.created(first.conversation, first.event)
    for entry in rest:
        group.apply(entry.event, entry.at)  # type: ignore[arg-type]
    return group


@st.composite
def stories(draw: st.DrawFn) -> tuple[Story, Actor]:
    """Draw a story of steps that are not refused, and the creator of the group.

    Each list of steps is stored in one batch.
    """
    people, founder = People(), draw(st.sampled_from([ALICE, ALICE, GINA]))
    created = GroupCreated(2, Name("tea"), founder.name, Policy.APPROVAL, "", founder.guest)
    group = Group.created(2, created)
    may_close = draw(st.booleans())
    story: Story = [[]]
    for _ in range(draw(st.integers(1, 40))):
        what, text, policy = draw(st.sampled_from(DRAWN)), draw(TEXTS), draw(POLICIES)
        at = AT + len(story) - 1
        until = draw(st.sampled_from([None, at + 1, at + 3]))
        candidates = [Step(what, by, name, text, policy, until) for by in ACTORS for name in NAMES]
        possible: dict[Step, list[GroupEvent]] = {}
        for step in candidates:
            try:
                events = decided(group, people, step, at)
            except Refused:
                continue
            closes = any(isinstance(event, GroupClosed) for event in events)
            if events and (may_close or not closes):
                possible[step] = events
        if possible:
            step = draw(st.sampled_from(list(possible)))
            decide(group, possible[step], at)
            people.note(step)
            story[-1].append(step)
        if group.closed:
            break
        if draw(st.booleans()):
            story.append([])
    return story, founder


def check(store: SqlStore, number: int) -> None:
    """Run random stories in *store*."""
    register(store, ALICE, BOB, CAROL)

    # No deadline: the time depends on how busy the machine is.
    @settings(
        max_examples=examples(number),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @example((WHOLE_STORY, ALICE))
    @given(stories())
    def folding_the_log_gives_the_state(drawn: tuple[Story, Actor]) -> None:
        run(store, *drawn)

    folding_the_log_gives_the_state()


def test_logs_and_states_in_sqlite(sqlite_url: str) -> None:
    """In every story, the log leads to exactly the state that the store loads."""
    store = SqlStore(sqlite_url)
    store.open()
    check(store, 100)
    store.close()


def test_logs_and_states_in_postgresql(postgresql_url: str) -> None:
    """As with SQLite."""
    store = SqlStore(postgresql_url)
    store.open()
    check(store, 30)
    store.close()


def test_the_whole_story_has_every_kind_of_event(store: SqlStore) -> None:
    """No kind of event is missing in the comparison."""
    kinds = {type(entry.event) for entry in run(store, WHOLE_STORY)}
    assert kinds == set(get_args(GroupEvent))
