"""Messages to groups and to one person: delivery, history, search, and ignoring."""

from __future__ import annotations

import time

import pytest
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.commands.log import MAX_PAGES
from pyconchat.testing import EPOCH, TestUser, make_chat
from tests.support.groups import Tea, Visit


def messages(lines: list[str]) -> list[str]:
    """Return those of *lines* that are messages of the past, without their time."""
    return [line.split("] ", 1)[1] for line in lines if line.startswith("[") and "* " not in line]


# Groups.


def test_missed_messages_are_delivered_at_the_next_login(tea: Tea, visit: Visit) -> None:
    """Once, in order, under a heading."""
    tea.bob.leaves()
    tea.alice.types("one", "/me two", "three")
    tea.carol.types("four")
    bob = visit("bob", "password b")
    shown = bob.sees()
    assert shown[0].startswith("* — 4 new in tea since ")
    assert messages(shown) == [
        "alice (in tea): one",
        "~ alice (in tea) two",
        "alice (in tea): three",
        "carol (in tea): four",
    ]
    bob.leaves()
    assert visit("bob", "password b").sees() == []


def test_cursors_survive_restarts(tea: Tea, clock: Clock) -> None:
    """Received entries are not repeated, and missed ones are not lost."""
    store = tea.alice.chat.store
    tea.bob.leaves()
    tea.alice.types("one", "two")
    make_chat(store, clock)
    again = make_chat(store, clock)
    bob = TestUser(again, "bob", "password b")
    assert messages(bob.sees()) == ["alice (in tea): one", "alice (in tea): two"]
    bob.leaves()
    once_more = make_chat(store, clock)
    assert TestUser(once_more, "bob", "password b").sees() == []


def test_entries_without_acknowledgement_are_delivered_again(tea: Tea, visit: Visit) -> None:
    """A cursor moves only past acknowledged entries."""
    tea.bob.leaves()
    tea.alice.types("one")
    bob = visit("bob", "password b")
    bob.peer.receives = False
    tea.alice.types("two")
    assert messages(bob.sees()) == ["alice (in tea): one"]
    bob.leaves()
    assert messages(visit("bob", "password b").sees()) == [
        "alice (in tea): one",
        "alice (in tea): two",
    ]


def test_a_long_absence(tea: Tea, visit: Visit) -> None:
    """The newest missed messages are delivered, under how many there are, and not later either."""
    tea.bob.leaves()
    tea.alice.types(*(f"message {number}" for number in range(450)))
    bob = visit("bob", "password b")
    shown = bob.sees()
    assert shown[0].startswith("* — 200 new in tea since ")
    assert shown[1] == "* 250 older: /history"
    assert messages(shown) == [f"alice (in tea): message {number}" for number in range(250, 450)]
    bob.leaves()
    assert visit("bob", "password b").sees() == []


def test_coming_and_going_is_not_missed(tea: Tea, visit: Visit) -> None:
    """Neither counted nor shown, unless live or about the reader."""
    tea.alice.types("/policy open", "before")
    tea.bob.leaves()
    for number in range(150):
        guest = visit(f"guest{number}")
        guest.types("/join tea")
        guest.leaves()
    tea.alice.types("after")
    shown = visit("bob", "password b").sees()
    assert shown[0].startswith("* — 1 new in tea since ")
    assert [line for line in shown if "guest" in line] == []
    assert messages(shown) == ["alice (in tea): after"]
    newcomer = visit("newcomer")
    earlier = newcomer.types("/join tea")
    assert [line for line in earlier if "guest" in line] == []
    assert messages(earlier)[-2:] == ["alice (in tea): before", "alice (in tea): after"]
    assert any("newcomer has joined" in line for line in tea.alice.sees())


@pytest.mark.parametrize("password", ["", "password d"])
def test_a_newcomer_is_not_shown_requests(password: str, tea: Tea, visit: Visit) -> None:
    """Not even their own, which was approved."""
    tea.alice.types("before")
    dave = visit("dave", password)
    dave.types("/join tea hello")
    tea.alice.types("/approve dave")
    shown = dave.sees()
    assert messages(shown) == ["alice: before"]
    assert not [line for line in shown if "asks" in line]


def test_two_sessions_of_one_account(tea: Tea, visit: Visit) -> None:
    """Both receive each message, and none is repeated at a later login."""
    phone = visit("bob", "password b")
    phone.sees()
    tea.alice.types("hello")
    assert tea.bob.sees() == ["alice: hello"]
    assert phone.sees() == ["alice (in tea): hello"]
    tea.bob.leaves()
    tea.alice.types("still there?")
    assert phone.sees() == ["alice (in tea): still there?"]
    phone.leaves()
    assert visit("bob", "password b").sees() == []


def test_actions(tea: Tea) -> None:
    """An action is marked by a tilde."""
    tea.alice.types("/me waves", "/ME bows")
    assert tea.bob.sees() == ["~ alice waves", "~ alice bows"]


def test_outsiders_receive_nothing(tea: Tea, visit: Visit) -> None:
    """Neither live, nor by /history or /search."""
    dave = visit("dave")
    dave.types("/join tea")
    tea.alice.types("secret", "/me hides")
    assert dave.sees() == []
    for line in ("/history", "/search secret", "/members"):
        (shown,) = dave.types(line)
        assert "secret" not in shown


def test_members_are_informed_of_logins_and_disconnects(tea: Tea, visit: Visit) -> None:
    """Once for all sessions of an account, with the reason."""
    other = visit("bob", "password b")
    assert tea.alice.sees() == []
    other.leaves()
    assert tea.alice.sees() == []
    tea.bob.types("/quit dinner")
    tea.bob.leaves()
    assert tea.alice.sees() == ["* bob has gone offline: dinner"]
    visit("bob", "password b")
    assert tea.alice.sees() == ["* bob is online."]


# Private messages.


def test_private_messages(visit: Visit) -> None:
    """Only the recipient receives the message, and the sender gets a confirmation."""
    alice, bob, carol = visit("alice"), visit("Bob"), visit("carol")
    assert alice.types("/msg BOB Hello  there") == ["* Sent to Bob."]
    assert bob.sees() == ["alice (guest, private): Hello  there"]
    assert carol.sees() == []


def test_private_messages_to_an_offline_account(visit: Visit) -> None:
    """The sender is informed; the recipient receives them at the next login, once, in order."""
    visit("bob", "password b").leaves()
    alice = visit("alice", "password a")
    (shown,) = alice.types("/msg bob one")
    assert "offline" in shown
    alice.types("/msg bob two")
    bob = visit("bob", "password b")
    shown_later = bob.sees()
    assert shown_later[0].startswith("* — 2 new with alice since ")
    assert messages(shown_later) == ["alice (private): one", "alice (private): two"]
    bob.types("/msg alice three")
    assert alice.sees() == ["bob (private): three"]
    bob.leaves()
    assert visit("bob", "password b").sees() == []


def test_private_messages_survive_a_restart(visit: Visit, chat: Chat, clock: Clock) -> None:
    """They are stored, and the conversation continues."""
    visit("bob", "password b").leaves()
    visit("alice", "password a").types("/msg bob one")
    again = make_chat(chat.store, clock)
    TestUser(again, "alice", "password a").types("/msg bob two")
    bob = TestUser(again, "bob", "password b")
    assert messages(bob.sees()) == ["alice (private): one", "alice (private): two"]


def test_a_guest_can_write_to_an_offline_account(visit: Visit) -> None:
    """Two guests of one name have separate conversations."""
    visit("bob", "password b").leaves()
    gus = visit("gus")
    gus.types("/msg bob from the first")
    gus.leaves()
    visit("gus").types("/msg bob from the second")
    shown = visit("bob", "password b").sees()
    assert messages(shown) == [
        "gus (guest, private): from the first",
        "gus (guest, private): from the second",
    ]


def test_private_messages_to_guests(visit: Visit) -> None:
    """A guest who is offline gets none, and a later guest of that name sees none of theirs."""
    alice, gus = visit("alice", "password a"), visit("gus")
    alice.types("/msg gus for the first")
    gus.leaves()
    (shown,) = alice.types("/msg gus too late")
    assert shown == "* gus is neither online nor registered here."
    gus = visit("gus")
    assert gus.sees() == []
    alice.types("/msg gus for the second")
    assert gus.sees() == ["alice (private): for the second"]


def test_refused_private_messages(visit: Visit) -> None:
    """To an unknown name, and to oneself."""
    alice = visit("alice")
    assert "neither online nor registered" in alice.types("/msg nobody hi")[0]
    assert "That is you" in alice.types("/msg ALICE hi")[0]


def test_private_messages_reach_the_senders_other_sessions(visit: Visit) -> None:
    """They show the recipient there."""
    desk, phone = visit("alice", "password a"), visit("alice", "password a")
    visit("bob")
    desk.types("/msg bob hi")
    assert phone.sees() == ["alice (private to bob): hi"]


# History and search.


def test_history(tea: Tea) -> None:
    """The last twenty entries, or as many as requested, with their time."""
    tea.alice.types(*(f"message {number}" for number in range(30)))
    assert messages(tea.bob.types("/history")) == [f"alice: message {n}" for n in range(10, 30)]
    assert messages(tea.bob.types("/HISTORY 2")) == ["alice: message 28", "alice: message 29"]
    assert len(messages(tea.bob.types("/history 500"))) == 30
    assert tea.bob.types("/history 5 before #15") == tea.bob.types("/history 5 before 15")
    heading, *shown = tea.bob.types("/history 5 before 15")
    assert heading == "* … 9 older: /history 5 before 10"
    assert [line.split("#")[1].split("]")[0] for line in shown] == ["10", "11", "12", "13", "14"]
    at = time.localtime(EPOCH)  # not this year
    zone = "" if at.tm_gmtoff == time.localtime().tm_gmtoff else f" {at.tm_zone}"
    begins = f"[Nov {at.tm_mday} {at.tm_year} {at.tm_hour:02}:{at.tm_min:02}{zone} #"
    assert tea.bob.types("/history 1")[-1].startswith(begins)


def test_history_before_a_time(tea: Tea, clock: Clock) -> None:
    """Before an age, or a day of the server's zone, or a time with its own zone."""
    for number in range(4):
        tea.alice.types(f"message {number}")
        clock.advance(24 * 3600)
    at = [EPOCH + days * 24 * 3600 for days in range(4)]
    day = time.strftime("%Y-%m-%d", time.localtime(at[2]))
    exact = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at[2]))
    for point, last in (
        ("36h", 2),
        ("1w", -1),
        ("2d", 1),  # two days ago, just before message 2
        (day, 1),
        (exact, 1),
        (exact.lower().replace("z", "+00:00"), 1),
        ("2100-01-01", 3),
    ):
        shown = messages(tea.bob.types(f"/history before {point}"))
        assert shown == [f"alice: message {n}" for n in range(last + 1)], point
    assert tea.bob.types("/history before 1999-01-01") == ["* Nothing was said before 1999-01-01."]
    for wrong in ("lunch", "2026-02-30", "20261120T10", "-5", "1y", "9" * 30):
        (refused,) = tea.bob.types(f"/history before {wrong}")
        assert refused.startswith("* Before what?"), wrong


@pytest.mark.parametrize("when", ["2026-11-20", "2h"])
def test_history_of_a_time(when: str, tea: Tea) -> None:
    """A time where the number belongs: the refusal has the command for what was said before."""
    (refused,) = tea.bob.types(f"/history {when}")
    assert refused.endswith(f": /history before {when}")
    assert tea.bob.types(refused.partition(": ")[2])


@pytest.mark.parametrize("number", ["0", "501", "-1", "1.5", "ten", "99999999999999999999", "²"])
def test_the_number_of_history_entries(number: str, tea: Tea) -> None:
    """A number from 1 to 500."""
    assert tea.bob.types(f"/history {number}") == ["* How many? A number from 1 to 500."]


def test_history_keeps_requests_private(tea: Tea, visit: Visit) -> None:
    """Other members do not see who applied or was rejected."""
    visit("dave").types("/join tea let me in")
    tea.alice.types("/reject dave no")
    assert not any("dave" in line for line in tea.bob.types("/history 500"))
    assert any("dave" in line for line in tea.alice.types("/history 500"))


def test_search(tea: Tea) -> None:
    """Messages that have all of the words, in any case and order, oldest first."""
    tea.alice.types("Green tea is good", "Black TEA", "coffee", "/me drinks green tea")
    tea.bob.types("good, green!")
    assert tea.bob.types("/search Green GOOD")[0] == "* Found for: Green GOOD"
    assert messages(tea.bob.types("/search good green")) == [
        "alice: Green tea is good",
        "bob: good, green!",
    ]
    assert messages(tea.bob.types("/search black")) == ["alice: Black TEA"]
    assert messages(tea.bob.types("/search drinks")) == ["~ alice drinks green tea"]
    assert tea.bob.types("/search milk") == ["* Nothing found for: milk"]


@pytest.mark.parametrize("separator", [" ", "-", "/", "_"])
def test_a_search_has_at_most_20_words(tea: Tea, separator: str) -> None:
    """Each counts once, however it is separated; more are refused."""
    words = [f"word{n}" for n in range(21)]
    tea.alice.types(separator.join(words[:20]))
    query = separator.join(words[:20])
    assert len(tea.bob.types(f"/search {query} {query.upper()}")) == 2
    refused = ["* Search for at most 20 words."]
    assert tea.bob.types(f"/search {separator.join(words)}") == refused


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("چای سبز خوب است", "سبز"),
        ("Зелёный чай", "чай"),
        ('say "NOT" and OR*', 'NOT "OR'),
        ("a NEAR(b) c", "NEAR(b"),
        ("x:y -z", "x:y"),
        ("it's 50% off_", "50%"),
    ],
)
def test_search_has_no_operators(message: str, words: str, tea: Tea) -> None:
    """Words in all scripts are taken literally."""
    tea.alice.types("something else", message)
    assert messages(tea.bob.types(f"/search {words}")) == [f"alice: {message}"]


def test_search_needs_a_word(tea: Tea) -> None:
    """Punctuation alone is refused."""
    assert tea.bob.types('/search "* -') == ["* Search for at least one word."]


def test_search_shows_the_newest(tea: Tea) -> None:
    """At most twenty, and the command that finds older ones, down to the oldest."""
    tea.alice.types(*(f"tea {number}" for number in range(45)))
    line, pages = "/search tea*", []
    while line:
        heading, *shown = tea.bob.types(line)
        assert heading == "* Found for: tea*"
        line = shown[0].removeprefix("* … older: ") if shown[0].startswith("*") else ""
        pages.append(messages(shown))
    assert pages == [
        [f"alice: tea {n}" for n in range(first, last)]
        for first, last in ((25, 45), (5, 25), (0, 5))
    ]


def test_search_in_another_place(tea: Tea) -> None:
    """A group of the searcher's, or a private conversation; from the front desk too."""
    tea.alice.types("green tea", "/msg bob green leaves", "/create coffee", "green beans")
    tea.carol.types("/desk")
    assert messages(tea.alice.types("/search green in:tea")) == ["alice (in tea): green tea"]
    assert messages(tea.alice.types("/search in:@BOB green")) == [
        "alice (private to bob): green leaves"
    ]
    assert messages(tea.carol.types("/search in:tea green")) == ["alice (in tea): green tea"]
    for line in ("/search green", "/search", "/search green in:coffee", "/search x in:nowhere"):
        (refused,) = tea.carol.types(line)
        assert refused.startswith("* "), line
        assert "green" not in refused
    assert tea.carol.peer.asked == []
    assert tea.carol.types("/search green in:@bob") == ["* Nothing found for: green in:@bob"]


def test_search_by_sender_and_time(tea: Tea, clock: Clock) -> None:
    """Both in any place of the line; a word in quotes is no option."""
    tea.alice.types("green tea", "from:bob to alice")
    clock.advance(3 * 3600)
    tea.bob.types("green leaves")
    tea.alice.types("green again")
    assert messages(tea.carol.types("/search from:Alice green")) == [
        "alice: green tea",
        "alice: green again",
    ]
    assert messages(tea.carol.types("/search green before:2h")) == ["alice: green tea"]
    assert messages(tea.carol.types("/search from:bob")) == ["bob: green leaves"]
    for typed in ('"from:bob"', "“from:bob to”", '"from:bob to" from:alice'):
        assert messages(tea.carol.types(f"/search {typed}")) == ["alice: from:bob to alice"]
    (refused,) = tea.carol.types("/search green before:lunch")
    assert refused.startswith("* Before what? The number of an entry, a date such as")
    assert tea.carol.types("/search green from:a from:b") == ["* from: only once."]


def test_search_hides_those_who_are_ignored(tea: Tea) -> None:
    """Also if nothing of a page remains: the next page is offered."""
    tea.carol.types("green once")
    tea.alice.types(*["green tea"] * 30)
    tea.bob.types("/ignore alice")
    shown = tea.bob.types("/search green")
    assert shown[0] == "* Nothing found so far for: green"
    (again,) = shown[1:]
    assert messages(tea.bob.types(again.removeprefix("* … older: "))) == ["carol: green once"]


def test_search_stays_in_the_group(tea: Tea) -> None:
    """Messages of other groups and private ones are not found."""
    tea.alice.types("/msg bob secret word", "/create coffee", "another secret word", "/join tea")
    assert tea.alice.types("/search secret") == ["* Nothing found for: secret"]


# Ignoring.


def test_ignoring_hides_messages_everywhere(tea: Tea, visit: Visit) -> None:
    """On all sessions, in groups and privately; nobody else is affected or informed."""
    phone = visit("alice", "password a")
    phone.sees()
    (shown,) = tea.alice.types("/ignore BOB")
    assert "bob" in shown.lower()
    assert tea.bob.sees() == []
    tea.bob.types("hello", "/me waves", "/msg alice psst")
    assert tea.carol.sees() == ["bob: hello", "~ bob waves"]
    tea.carol.types("hi")
    assert tea.alice.sees() == ["carol: hi"]
    assert phone.sees() == ["carol (in tea): hi"]


def test_ignoring_hides_earlier_messages(tea: Tea) -> None:
    """In history and search, until unignored."""
    tea.bob.types("green tea", "/me waves")
    tea.carol.types("green leaves")
    tea.alice.types("/ignore bob")
    assert messages(tea.alice.types("/search green")) == ["carol: green leaves"]
    assert messages(tea.alice.types("/history 3")) == ["carol: green leaves"]
    tea.alice.types("/unignore bob")
    assert messages(tea.alice.types("/history 3")) == [
        "bob: green tea",
        "~ bob waves",
        "carol: green leaves",
    ]


def test_history_counts_what_is_shown(tea: Tea) -> None:
    """Messages of ignored people take no place in it: earlier ones of others are shown."""
    tea.carol.types("one", "two")
    tea.bob.types(*["three"] * 7)
    tea.alice.types("/ignore bob")
    shown = tea.alice.types("/history 1")
    assert messages(shown) == ["carol: two"]
    again = shown[0].rpartition(": ")[2]
    assert again.startswith("/history 1 before ")
    assert messages(tea.alice.types(again)) == ["carol: one"]


def test_history_counts_no_entries_without_a_line(tea: Tea) -> None:
    """Removed messages and replaced edits take no place in it, either."""
    tea.bob.types("one", "two", "three", "/edit drei", "/edit trois", "/unsay", "four")
    shown = tea.alice.types("/history 4")
    assert messages(shown) == ["bob: one", "bob: two", "bob: four"]
    assert shown[-2].endswith("] * bob removed a message.")


def test_history_ends_after_many_hidden_messages(tea: Tea) -> None:
    """A part of the log without anything to show is not read at once; the rest is offered."""
    tea.carol.types("one")
    tea.bob.types(*["two"] * MAX_PAGES)
    tea.alice.types("/ignore bob")
    (again,) = tea.alice.types("/history 1")
    assert messages(tea.alice.types(again.rpartition(": ")[2])) == ["carol: one"]


def test_ignoring_applies_to_missed_messages(tea: Tea, visit: Visit, clock: Clock) -> None:
    """They are not delivered at login, nor after a restart."""
    tea.alice.types("/ignore bob")
    tea.alice.leaves()
    tea.bob.types("one", "/me two", "/msg alice three")
    tea.carol.types("four")
    alice = visit("alice", "password a")
    assert messages(alice.sees()) == ["carol (in tea): four"]
    alice.leaves()
    tea.bob.types("five")
    again = make_chat(alice.chat.store, clock)
    assert messages(TestUser(again, "alice", "password a").sees()) == []
    alice = TestUser(again, "alice", "password a")
    bob = TestUser(again, "bob", "password b")
    bob.types("/join tea", "six")
    assert not any("six" in line for line in alice.sees())


def test_ignoring_applies_to_the_history_at_a_join(tea: Tea, visit: Visit) -> None:
    """A new member receives the earlier messages of others only."""
    tea.alice.types("/policy open")
    tea.bob.types("from bob")
    tea.carol.types("from carol")
    dave = visit("dave")
    dave.types("/ignore bob")
    assert messages(dave.types("/join tea")) == ["carol (in tea): from carol"]


def test_alone_ignore_lists_who_is_ignored(tea: Tea) -> None:
    """It asks no question."""
    assert tea.alice.types("/ignore") == ["* You ignore nobody."]
    tea.alice.types("/ignore carol", "/ignore BOB")
    assert tea.alice.types("/ignore") == ["* You ignore BOB, carol."]
    assert tea.alice.peer.asked == []


def test_ignoring_hides_presence_but_not_group_events(tea: Tea) -> None:
    """A kick of the ignored person is delivered."""
    tea.alice.types("/ignore bob")
    tea.bob.leaves()
    assert tea.alice.sees() == []
    tea.carol.types("/ignore alice")
    tea.alice.types("/kick bob")
    assert tea.carol.sees() == ["* bob was kicked by alice."]


def test_refused_ignores(tea: Tea) -> None:
    """Oneself, a name that is ignored already; and unignoring one that is not."""
    assert tea.alice.types("/ignore ALICE") == ["* You cannot ignore yourself."]
    tea.alice.types("/ignore bob")
    assert "already" in tea.alice.types("/ignore Bob")[0]
    assert "do not ignore carol" in tea.alice.types("/unignore carol")[0]


def test_the_topic_of_an_ignored_person(tea: Tea) -> None:
    """It is shown neither at entry nor in lists, and again when the person is not ignored."""
    tea.alice.types("/moderator bob", "/ignore bob")
    tea.bob.types("/topic rude words")
    shown = tea.alice.types("/topic", "/groups", "/desk", "/join tea")
    assert [line for line in shown if "rude" in line] == []
    assert shown[0] == "* tea has no topic that you see: bob, whom you ignore, set it."
    assert "rude words" in str(tea.carol.types("/topic"))
    shown = tea.alice.types("/unignore bob", "/topic", "/groups", "/desk", "/join tea")
    assert len([line for line in shown if "rude words" in line]) == 3


def test_the_reasons_of_an_ignored_moderator(tea: Tea) -> None:
    """A ban is listed without its reason."""
    tea.alice.types("/moderator bob", "/ignore bob")
    tea.bob.types("/ban mallory rude words")
    assert "rude words" in str(tea.bob.types("/bans"))
    (shown,) = (line for line in tea.alice.types("/bans") if "mallory" in line)
    assert "rude words" not in shown
