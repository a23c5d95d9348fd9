# ruff: noqa: RUF001 - similar letters of several scripts are what is tested
"""`IStore.search` and `IStore.index`: the same results in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pyconchat.domain.decisions import Decision, NewEntry
from pyconchat.domain.errors import NotSaved
from pyconchat.domain.events import Action, Entry, Message
from pyconchat.domain.names import fold
from pyconchat.domain.search import Query, phrases
from pyconchat.domain.text import SafeText
from pyconchat.store import SqlStore, word_tables
from pyconchat.store import search as search_module
from pyconchat.testing import make_store
from tests.contracts.building import (
    ALICE,
    AT,
    BOB,
    NO_LIMIT,
    commit,
    create,
    say,
    search,
    store_events,
    texts,
)


def found(store: SqlStore, *words: str, limit: int = 10, id: int = 2) -> list[str]:
    """Index everything; return the messages with all of *words*."""
    return texts(search(store, id, *words, limit=limit))


def step(
    store: SqlStore, typed: str, before: int = NO_LIMIT, limit: int = 10, id: int = 2
) -> tuple[list[int], int]:
    """Return the numbers that one step of a search finds, and where the next one begins."""
    result = store.search(id, Query(phrases(typed)), before, limit)
    return [entry.seq for entry in result.entries], result.rest


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
    assert (sqlite.behind, step(sqlite, "tea", id=3)[0]) == (12, [])
    assert sqlite.index(4, 3), "there is more of this one"
    assert (sqlite.behind, len(step(sqlite, "tea", id=3)[0])) == (8, 3)
    commit(sqlite, say(3, "tea 5"))
    assert not sqlite.index(4, 3)
    assert not sqlite.index(4, 3)
    assert not sqlite.index(4, 99)
    assert step(sqlite, "tea", id=3)[0] == [2, 3, 4, 5, 6, 7]
    assert sqlite.behind == 6
    assert not sqlite.index(100)
    assert (sqlite.behind, len(step(sqlite, "tea")[0])) == (0, 5)
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


def test_messages_and_actions_are_found(store: SqlStore) -> None:
    """Topics and names are not."""
    group = create(store, 2, "teahouse")
    store_events(store, group, group.change_topic(ALICE, SafeText("all about tea")))
    commit(store, say(2, "tea"))
    commit(store, Decision(AT, [NewEntry(2, Action(ALICE.name, SafeText("drinks tea")))]))
    assert found(store, "tea") == ["tea", "drinks tea"]
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


def test_characters_of_all_kinds(tmp_path: Path) -> None:
    """A word with any character is indexed and found by itself."""
    codes = [*range(0x20, 0x3400, 3), *range(0x3400, 0xD800, 151), *range(0xE000, 0x30000, 151)]
    words = [f"a{chr(code)}b" for code in codes]
    lines = [
        f"n{first} {' '.join(words[first : first + 20])}" for first in range(0, len(words), 20)
    ]
    store = make_store(tmp_path)
    create(store, 2)
    commit(store, say(2, *lines))
    while store.index(100):
        pass
    for seq, line in enumerate(lines, 2):
        found = store.search(2, Query(phrases(line.replace('"', " "))), NO_LIMIT, 100).entries
        assert seq in {entry.seq for entry in found}, line
    store.close()


MATCHES = (
    # A text, what finds it, and what does not.
    ("東京都に行きました", "東京 京都 東京都 都 に行 東 た", "東都 大阪 京東"),
    ("我喜歡喝綠茶，不加糖", "綠茶 喝綠茶 不加 茶 糖", "茶不 紅茶"),
    ("오늘 안녕하세요", "안녕 안녕하세요 하세 오늘", "안하 내일"),
    ("カﾞスとパソコン", "ガス パソコン ソコ", "カス ハソ"),
    ("สวัสดีครับทุกคน", "สวัสดี ครับ ทุกคน", "ลาก่อน"),
    ("Café crème", "café cafe\u0301 CAFE creme crème", "caf crem"),
    ("cafe\u0301 noir", "café cafe\u0301 cafe", "caff"),
    ("Die Straße", "straße STRASSE strasse Strasse", "stra strase"),
    ("ＦＵＬＬ　ｗｉｄｔｈ　１２", "full WIDTH 12 ｆｕｌｌ", "ful"),
    ("tea 👍🏽 time ❤️", "👍 👍🏽 ❤ ❤️ tea", "👎 👍🏿"),
    ("grüne Ёлка Й", "Grune елка ёлка й", "и ёлк"),
    ("שָׁלוֹם مَرْحَبًا می‌خواهم", "שלום مرحبا میخواهم", "שלו"),
    ("नमस्ते दुनिया", "नमस्ते दुनिया", "नमस्"),
    ("green tea, black coffee", '"green tea" "tea black" tea* gre* coffee', '"tea green" gree te'),
    ("read notes.pdf now", "notes.pdf pdf notes* no*", "notes.txt pd notes.now"),
    ("bob씨 2026年の夏", "bob 씨 2026 2026年 年の 夏", "bo 202 2026夏"),
    ("→ 100 € ½", "→ 100€ € 100", "← 10"),
    ("x" * 100, "x" * 100 + " xx* " + "x" * 64 + "*", "x" * 99 + " " + "x" * 64),
    ("=alice #2 it's a\\b", "alice 2 it's a\\b =alice", "bob 3"),
)


def test_what_finds_what(store: SqlStore) -> None:
    """Words in every script, phrases and prefixes, in any spelling of the same letters."""
    create(store, 2)
    commit(store, say(2, *(text for text, _, _ in MATCHES), by=BOB))
    commit(store, say(2, *["something else"] * 3, by=BOB))
    for seq, (text, finding, others) in enumerate(MATCHES, 2):
        for phrase in phrases(finding):
            query = Query((phrase,))
            assert text in texts(run(store, query)), phrase
        for phrase in phrases(others):
            assert seq not in {entry.seq for entry in run(store, Query((phrase,)))}, phrase


def run(store: SqlStore, query: Query) -> list[Entry]:
    """Index everything; return what *query* finds."""
    while store.behind:
        store.index(100)
    return store.search(2, query, NO_LIMIT, 100).entries


def test_the_index_finds_all_that_a_query_finds(store: SqlStore) -> None:
    """The tokens find a superset of the results, for every part of every text."""
    create(store, 2)
    lines = [text for text, _, _ in MATCHES if len(text) < 100]
    commit(store, say(2, *lines))
    typed = {
        f"{quote}{line[begin:end]}{quote}{star}"
        for line in lines
        for begin in range(0, len(line), 5)
        for end in (begin + 2, begin + 5)
        for quote, star in (("", ""), ('"', "*"))
    }
    for each in sorted(typed):
        query = Query(phrases(each))
        if query.phrases:
            seqs = [entry.seq for entry in run(store, query)]
            assert seqs == [n for n, line in enumerate(lines, 2) if finds(query, line)], each


def finds(query: Query, line: str) -> bool:
    return query.finds(Message(ALICE.name, SafeText(line)))


def test_the_messages_of_one_person(store: SqlStore) -> None:
    """By the name in any case, alone or with words; a name in a text is something else."""
    create(store, 2)
    commit(store, say(2, "tea", "Bob =bob"), say(2, "green tea", "coffee", by=BOB))
    bob = fold("BOB")
    assert texts(run(store, Query((), bob))) == ["green tea", "coffee"]
    assert texts(run(store, Query(phrases("tea"), bob))) == ["green tea"]
    assert run(store, Query(phrases("tea"), fold("bo"))) == []
    assert texts(run(store, Query(phrases("=bob")))) == ["Bob =bob"]


@pytest.mark.parametrize(("newest", "share"), [(1000, 0.02), (3, 2.0), (3, 0.02)])
def test_paging_to_the_oldest_result(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, newest: int, share: float
) -> None:
    """Each page continues before the one before it, and the last one says that it is the last."""
    monkeypatch.setattr(word_tables, "NEWEST", newest)
    monkeypatch.setattr(word_tables, "MIN_SHARE", share)
    create(store, 2)
    create(store, 3, "other")
    for number in range(10):
        commit(store, say(2, f"tea {number}", "coffee"), say(3, "tea"))
    search(store, 2, "tea")
    pages: list[list[int]] = []
    before = NO_LIMIT
    while before:
        seqs, before = step(store, "tea", before, 4)
        pages.insert(0, seqs)
    assert [seq for page in pages for seq in page] == [*range(2, 22, 2)]
    if share != 0.02 or newest != 3:  # otherwise pages end early, and indexers ask again
        assert [len(page) for page in pages] == [2, 4, 4]
    assert step(store, "tea", 4) == ([2], 0)
    assert step(store, "tea", 2) == step(store, "milk") == ([], 0)


def test_a_phrase_of_common_words(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step reads a bounded number of messages that have the words elsewhere."""
    monkeypatch.setattr(search_module, "MAX_CHECKED", 4)
    create(store, 2)
    commit(store, say(2, "the tea", *["tea is the best"] * 6, "all the tea", *["tea, the"] * 3))
    search(store, 2, "tea")
    steps, before = [], NO_LIMIT
    while before:
        seqs, before = step(store, '"the tea"', before, 2)
        steps.append((seqs, before))
    assert steps == [([9], 9), ([], 5), ([2], 0)]


def test_a_database_whose_index_is_empty(store: SqlStore, url: str) -> None:
    """As after an upgrade: the next run builds the index from the whole log."""
    create(store, 2)
    commit(store, say(2, "green tea", "black tea"))
    other = SqlStore(url)
    other.open()
    assert other.behind == 3
    assert found(other, "tea") == ["green tea", "black tea"]
    other.close()
