"""`IStore.entries` and `IStore.search`."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import NotSaved, TimedOut
from pyconchat.domain.events import Action
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore
from pyconchat.store.transactions import reading
from pyconchat.testing import make_store
from tests.contracts.building import ALICE, AT, NO_LIMIT, commit, create, say, store_events, texts
from tests.support.servers import PATIENCE


def found(store: SqlStore, *words: str, limit: int = 10, id: int = 2) -> list[str]:
    """Index everything; return the messages with all of *words*."""
    while store.behind:
        store.index(3)
    return texts(store.search(id, words, limit))


# Deadlines.

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"
    " SELECT max(i) FROM n",
    "postgresql": "SELECT max(i) FROM generate_series(1, 1000000000000) AS i",
}


def test_a_read_ends_at_its_deadline(store: SqlStore) -> None:
    """The connection then serves the next read, which may take as long as it likes."""
    create(store, 2)
    engine = store._reading
    started = time.monotonic()
    for _ in range(3):
        with pytest.raises(TimedOut), reading(engine, 0.1) as connection:
            connection.execute(text(ENDLESS[engine.dialect.name]))
    assert time.monotonic() - started < PATIENCE
    assert len(store.entries(2, 0, NO_LIMIT, 10)) == 1
    assert len(store.load().groups) == 1


def test_a_search_that_nobody_waits_for(store: SqlStore) -> None:
    """It does not begin."""
    with pytest.raises(TimedOut):
        store.search(2, ["tea"], 10, lambda: False)


def test_a_search_whose_asker_disconnects(tmp_path: Path) -> None:
    """SQLite ends it at once."""
    store = make_store(tmp_path)
    asked = iter([True] * 5)
    with (
        pytest.raises(TimedOut),
        reading(store._reading, PATIENCE, lambda: next(asked, False)) as connection,
    ):
        connection.execute(text(ENDLESS["sqlite"]))
    store.close()


# Pages.


def test_reading_page_by_page(store: SqlStore) -> None:
    """Every entry up to the given one is read once, in order."""
    create(store, 2)
    commit(store, say(2, *map(str, range(2, 11))))
    commit(store, say(2, "too new"))
    pages: list[list[int]] = []
    after = 0
    while page := store.entries(2, after, 10, 4):
        pages.append([entry.seq for entry in page])
        after = page[-1].seq
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_the_limits_of_a_page(store: SqlStore) -> None:
    """A page begins after *after*, ends with *upto*, and has at most *limit* entries."""
    create(store, 2)
    commit(store, say(2, "a", "b", "c", "d"))
    for after, upto, limit, seqs in (
        (0, NO_LIMIT, 100, [1, 2, 3, 4, 5]),
        (2, 4, 100, [3, 4]),
        (2, NO_LIMIT, 2, [3, 4]),
        (5, NO_LIMIT, 100, []),
        (3, 3, 100, []),
        (4, 2, 100, []),
        (0, NO_LIMIT, 0, []),
    ):
        assert [entry.seq for entry in store.entries(2, after, upto, limit)] == seqs


def test_a_page_has_one_conversation(store: SqlStore) -> None:
    """Entries of other conversations are not in it. An unknown conversation is empty."""
    create(store, 2, "tea")
    create(store, 3, "coffee")
    commit(store, say(2, "in tea"), say(3, "in coffee"))
    assert texts(store.entries(2, 1, NO_LIMIT, 10)) == ["in tea"]
    assert store.entries(99, 0, NO_LIMIT, 10) == []


# Search.


def test_words_match_in_any_case(store: SqlStore) -> None:
    """A word is found in upper and lower case, and only as a whole word."""
    create(store, 2)
    commit(store, say(2, "Green TEA", "tea!", "steal", "coffee"))
    for word in ("tea", "TEA", "Tea"):
        assert found(store, word) == ["Green TEA", "tea!"]


def test_indexing_in_steps(tmp_path: Path) -> None:
    """A step has a maximum of entries, of all conversations or of one. Each is indexed once."""
    sqlite = make_store(tmp_path)
    for id in (2, 3):
        create(sqlite, id, f"group{id}")
        commit(sqlite, say(id, *[f"tea {number}" for number in range(5)]))
    assert (sqlite.behind, sqlite.search(3, ["tea"], 10)) == (12, [])
    assert sqlite.index(4, 3), "there is more of this one"
    assert (sqlite.behind, len(sqlite.search(3, ["tea"], 10))) == (8, 3)
    commit(sqlite, say(3, "tea 5"))
    assert not sqlite.index(4, 3)
    assert not sqlite.index(4, 3)
    assert not sqlite.index(4, 99)
    assert texts(sqlite.search(3, ["tea"], 10)) == [f"tea {number}" for number in range(6)]
    assert sqlite.behind == 6
    assert not sqlite.index(100)
    assert (sqlite.behind, len(sqlite.search(2, ["tea"], 10))) == (0, 5)
    sqlite.close()


def test_indexing_after_a_crash(tmp_path: Path) -> None:
    """It continues where it stopped, and indexes nothing twice."""
    first = make_store(tmp_path)
    create(first, 2)
    commit(first, say(2, "green tea", "black tea", "white tea"))
    first.index(2)
    second = make_store(tmp_path)  # the first one is not closed, as in a crash
    assert second.behind == 2
    assert found(second, "tea") == ["green tea", "black tea", "white tea"]
    assert second.behind == 0
    second.close()
    first.close()


def test_indexing_that_fails(tmp_path: Path) -> None:
    """The index does not change, and the next attempt works."""
    store = make_store(tmp_path)
    create(store, 2)
    commit(store, say(2, "green tea"))
    with sqlite3.connect(tmp_path / "pyconchat.db", isolation_level=None) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON indexed BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
        with pytest.raises(NotSaved):
            store.index(10)
        other.execute("DROP TRIGGER full")
    assert store.behind == 2
    assert found(store, "tea") == ["green tea"]
    store.close()


def test_searching_for_several_words(store: SqlStore) -> None:
    """A message is found if it has all of them, in any order."""
    create(store, 2)
    commit(store, say(2, "milk with tea", "tea, no milk", "tea", "milk"))
    assert found(store, "tea", "MILK") == ["milk with tea", "tea, no milk"]
    assert found(store, "tea", "sugar") == []


def test_more_matches_than_the_limit(store: SqlStore) -> None:
    """The newest are returned, oldest first."""
    create(store, 2)
    commit(store, say(2, *[f"tea {number}" for number in range(5)]))
    commit(store, say(2, *[f"tea {number}" for number in range(5, 8)], "coffee"))
    assert found(store, "tea", limit=3) == ["tea 5", "tea 6", "tea 7"]
    assert found(store, "tea", limit=100) == [f"tea {number}" for number in range(8)]


def test_only_one_conversation_is_searched(store: SqlStore) -> None:
    """Messages of the conversations with the next numbers are not found."""
    for id in (2, 3, 4):
        create(store, id, f"group{id}")
        commit(store, say(id, f"tea in {id}"))
    assert found(store, "tea", id=3) == ["tea in 3"]
    assert found(store, "tea", id=99) == []


def test_only_messages_are_found(store: SqlStore) -> None:
    """Topics, actions and names are not."""
    group = create(store, 2, "teahouse")
    store_events(store, group, group.change_topic(ALICE, SafeText("all about tea")))
    commit(store, say(2, "tea"))
    commit(store, Decision(AT, [NewEntry(2, Action(ALICE.name, SafeText("drinks tea")))]))
    assert found(store, "tea") == ["tea"]
    assert found(store, "alice") == found(store, "teahouse") == found(store, "message") == []


def test_operators_of_a_query_language_are_words(store: SqlStore) -> None:
    """They are searched for like any other word."""
    create(store, 2)
    operators = ("OR", "AND", "NOT", "NEAR", "to", "simple")
    sentences = [f"tea {operator} coffee" for operator in operators]
    commit(store, say(2, "tea", "coffee", *sentences))
    for operator, sentence in zip(operators, sentences, strict=True):
        assert found(store, operator) == [sentence]
        assert found(store, operator.lower(), "tea") == [sentence]


HOSTILE = (
    *('"', '""', "'", "''", "`", "\\", "\\'", "(", ")", "()", "{tea", "^", "*", ":", "::"),
    *("-", "--", "+", "&", "|", "!", "!!", "<->", ":*", "%", "_", "?", "$1", ":query", "%s"),
    *("%(query)s", "text:nothing", "NEAR(", 'x" OR "tea', "tea'", "';", "/*", "{}", "\x7f"),
    *("');DROP TABLE entries;--", '";DROP TABLE entries;--', "x' OR '1'='1"),
)


def test_hostile_words(store: SqlStore) -> None:
    """Quotes, operators and SQL in a word do no harm, and match nothing by themselves."""
    create(store, 2)
    commit(store, say(2, "tea", "green tea"))
    for word in HOSTILE:
        assert found(store, "nowhere", word) == found(store, word, "nowhere") == [], word
        assert set(found(store, word, "tea")) <= {"tea", "green tea"}, word
    assert found(store, "green") == ["green tea"]


AS_TYPED = (
    *("it's", "well-known", "3.14", "10:30", "C++", "foo_bar", "a/b", "#teatime", "@alice"),
    *("e-mail@example.com", "https://example.com/path?q=1&r=2", "notes.pdf", "-5", "1,000"),
    *(
        "(tea)",
        '"milk"',
        "sugar...",
        "don't!",
        "x=y",
        "$HOME",
        "~/dir",
        "50%",
        "salt&pepper",
        "bob's",
    ),
    *("naïve", "Grüße", "ПРИВЕТ", "γειά", "你好世界", "こんにちは", "안녕하세요", "שלום"),
    *("مرحبا", "नमस्ते", "สวัสดี", "Straße", "e\u0301te\u0301", "ﬁne", "water☕", "<b>bold</b>"),
)


def test_a_message_is_found_by_its_own_words(store: SqlStore) -> None:
    """A word finds itself, in every script and with punctuation."""
    create(store, 2)
    for word in AS_TYPED:
        commit(store, say(2, word, f"before {word} after"))
    for word in AS_TYPED:
        assert found(store, word) == [word, f"before {word} after"]
        assert found(store, "after", word) == [f"before {word} after"]


@pytest.mark.parametrize(
    "said", ["tea.", '"tea"', "a tea-pot", "/usr/tea", "tea.txt", "see <b tea> here", "x &tea; y"]
)
def test_a_word_among_punctuation(store: SqlStore, said: str) -> None:
    """It is found in a path, in a file name, in a tag."""
    create(store, 2)
    commit(store, say(2, said))
    assert found(store, "tea") == [said]


def test_case_does_not_matter_in_other_scripts(store: SqlStore) -> None:
    """Words of other letters than ASCII are found in any case."""
    create(store, 2)
    commit(store, say(2, "ПРИВЕТ", "Grüße", "γειά"))
    for said, typed in (("ПРИВЕТ", "привет"), ("Grüße", "GRÜßE"), ("γειά", "ΓΕΙΆ")):
        assert found(store, typed) == [said]


def test_the_search_and_the_index_agree_on_letters(tmp_path: Path) -> None:
    """FTS5 accepts the search for a word with any character."""
    words = [f"a{chr(code)}b" for code in range(0x20, 0x30000) if not 0xD800 <= code < 0xE000]
    store = make_store(tmp_path)
    for first in range(0, len(words), 200):
        assert store.search(1, words[first : first + 200], 1) == []
    store.close()
