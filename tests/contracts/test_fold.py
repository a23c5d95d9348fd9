"""The log is the truth: folding it gives the state that the store keeps beside it.

`Group.apply` and `pyconchat.store.effects` say the same in two places. Random stories of a
group are told to both here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple, TypeAlias, get_args

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import Refused
from pyconchat.domain.events import Entry, GroupClosed, GroupCreated, GroupEvent, Policy, Why
from pyconchat.domain.group import Actor, Group
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


class Did(NamedTuple):
    """Somebody (*by*) does something to somebody (*name*), or says or sets *text*."""

    what: str
    by: Name = ALICE.name
    name: Name = BOB.name
    text: SafeText = SafeText("")
    policy: Policy = Policy.OPEN


class People:
    """Those who do things in one story; guests who register are guests no more."""

    def __init__(self) -> None:
        self._guests = {fold(name) for name in GUESTS}

    def actor(self, name: Name) -> Actor:
        """Return *name* as a group knows them."""
        return OLGA if name == OLGA.name else Actor(name, guest=fold(name) in self._guests)

    def saw(self, did: Did) -> None:
        """Note who has registered by what was done."""
        if did.what == "register":
            self._guests.discard(fold(did.name))


Rule: TypeAlias = Callable[[Group, Actor, Actor, Did], list[GroupEvent]]

# What can be done in a group: each of its methods that decide. *name* may be in other letters.
RULES: dict[str, Rule] = {
    "post": lambda group, by, other, did: [group.post(by, did.text)],
    "act": lambda group, by, other, did: [group.act(by, did.text)],
    "join": lambda group, by, other, did: group.join(by, did.text, proof="hash"),
    "leave": lambda group, by, other, did: group.leave(by),
    "approve": lambda group, by, other, did: group.approve(by, [did.name]),
    "approve all": lambda group, by, other, did: group.approve(
        by, [request.name for request in group.requests.values()]
    ),
    "reject": lambda group, by, other, did: group.reject(by, did.name, did.text),
    "invite": lambda group, by, other, did: group.invite(by, other),
    "transfer": lambda group, by, other, did: group.transfer(by, did.name),
    "kick": lambda group, by, other, did: group.kick(by, did.name, did.text),
    "ban": lambda group, by, other, did: group.ban(by, did.name, did.text),
    "unban": lambda group, by, other, did: group.unban(by, did.name),
    "policy": lambda group, by, other, did: group.change_policy(
        by, did.policy, "hash" if did.policy is Policy.PASSWORD else ""
    ),
    "topic": lambda group, by, other, did: group.change_topic(by, did.text),
    "share": lambda group, by, other, did: group.share(by, did.text, 7, "5a", "1d"),
    "remove": lambda group, by, other, did: group.remove(by, group.last_file),
    "disconnect": lambda group, by, other, did: group.forget(did.name, Why.GUEST_GONE),
    "server-ban": lambda group, by, other, did: group.forget(did.name, Why.SERVER_BAN),
    "register": lambda group, by, other, did: group.register(did.name),
}
# More people should come than go, or the groups of the stories stay small.
WHATS = [*RULES, "join", "join", "join", "approve", "approve", "reject", "register"]

Story: TypeAlias = list[list[Did]]

# Everything that can store_events in a group happens in this one.
WHOLE_STORY: Story = [
    [Did("post"), Did("act"), Did("topic", text=SafeText("tea"))],
    [Did("share"), Did("share", text=SafeText("näh")), Did("remove")],
    [Did("join", BOB.name), Did("join", GUS.name)],
    [Did("approve", name=Name("BOB")), Did("reject", name=GUS.name), Did("join", GUS.name)],
    [Did("leave", GUS.name), Did("invite", name=GUS.name), Did("invite", name=GINA.name)],
    [Did("disconnect", name=GINA.name), Did("join", GUS.name), Did("register", name=GUS.name)],
    [
        Did("transfer", name=BOB.name),
        Did("kick", BOB.name, ALICE.name),
        Did("ban", BOB.name, ALICE.name),
    ],
    [Did("unban", BOB.name, ALICE.name), Did("ban", OLGA.name, GUS.name), Did("join", CAROL.name)],
    [Did("approve all", BOB.name), Did("policy", BOB.name, policy=Policy.PASSWORD)],
    [Did("join", ALICE.name), Did("server-ban", name=BOB.name), Did("leave", CAROL.name)],
    [Did("server-ban", name=ALICE.name)],
]

_ids = count(2)


def tell(store: SqlStore, story: Story) -> list[Entry]:
    """Tell *story* to a new group and to *store*, and compare; return the log."""
    people, id = People(), next(_ids)
    event = GroupCreated(id, Name(f"tea{id}"), Name("alice"), Policy.APPROVAL)
    group = Group.created(id, event)
    commit(store, Decision(AT, [NewEntry(id, event, 0)]))
    for at, deeds in enumerate(story, AT):
        batch: list[Decision] = []
        for did in deeds:
            batch.append(decide(group, decided(group, people, did), at))
            people.saw(did)
        commit(store, *batch)
    log = store.entries(id, 0, NO_LIMIT, 1000)
    folded = fold_log(log)
    stored = store.state([id])[0][id]
    assert folded.state == stored.state == group.state
    assert folded.version == stored.version == group.version
    assert [entry.seq for entry in log] == list(range(1, stored.head + 1))
    assert store.load().groups.get(id) == (None if group.closed else stored)
    return log


def decided(group: Group, people: People, did: Did) -> list[GroupEvent]:
    """Return what *group* decides. Raises `Refused`."""
    return RULES[did.what](group, people.actor(did.by), people.actor(did.name), did)


def fold_log(log: list[Entry]) -> Group:
    """Return the group to which *log* leads."""
    first, *rest = log
    assert isinstance(first.event, GroupCreated)
    group = Group.created(first.conversation, first.event)
    for entry in rest:
        group.apply(entry.event, entry.at)  # type: ignore[arg-type]
    return group


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw what happens, of that which can store_events: a refusal would teach nothing here.

    What is done before the next commit is stored in one batch.
    """
    people = People()
    group = Group.created(2, GroupCreated(2, Name("tea"), Name("alice"), Policy.APPROVAL))
    may_close = draw(st.booleans())
    story: Story = [[]]
    for _ in range(draw(st.integers(1, 40))):
        what, text, policy = draw(st.sampled_from(WHATS)), draw(TEXTS), draw(POLICIES)
        candidates = [Did(what, by, name, text, policy) for by in ACTORS for name in NAMES]
        possible: dict[Did, list[GroupEvent]] = {}
        for did in candidates:
            try:
                events = decided(group, people, did)
            except Refused:
                continue
            if events and (may_close or GroupClosed() not in events):
                possible[did] = events
        if possible:
            did = draw(st.sampled_from(list(possible)))
            decide(group, possible[did])
            people.saw(did)
            story[-1].append(did)
        if group.closed:
            break
        if draw(st.booleans()):
            story.append([])
    return story


def check(store: SqlStore, number: int) -> None:
    """Tell random stories to *store*."""
    register(store, ALICE, BOB, CAROL)

    # How long it takes says how busy the machine is, nothing else.
    @settings(
        max_examples=examples(number),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @example(WHOLE_STORY)
    @given(stories())
    def folding_the_log_gives_the_state(story: Story) -> None:
        tell(store, story)

    folding_the_log_gives_the_state()


def test_the_log_folds_to_what_sqlite_has(sqlite_url: str) -> None:
    """Whatever happens in a group, its log leads to exactly the state that is loaded."""
    store = SqlStore(sqlite_url)
    store.open()
    check(store, 100)
    store.close()


def test_the_log_folds_to_what_postgresql_has(postgresql_url: str) -> None:
    """As with SQLite."""
    store = SqlStore(postgresql_url)
    store.open()
    check(store, 30)
    store.close()


def test_the_whole_story_has_everything_that_can_happen(store: SqlStore) -> None:
    """No kind of event is left out of the comparison."""
    kinds = {type(entry.event) for entry in tell(store, WHOLE_STORY)}
    assert kinds == set(get_args(GroupEvent))
