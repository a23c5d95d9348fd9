"""The words of messages, and queries for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.domain.events import Action, Message, MessageRemoved
from pyconchat.domain.names import Name, fold
from pyconchat.domain.search import MAX_QUERY_TOKENS, MAX_TOKEN, Phrase, Query, phrases, tokens
from pyconchat.domain.text import safe_text

ALICE = Name("alice")

TEXTS = st.text(
    st.sampled_from(
        "aAbßéÉ\u0301eﬁ\uff46東京都がか\u3099ัสดี한국어\u05e9\u05b8\u0645\u064e"
        "👍🏽❤️\u200d\ufe0f-_.'\"* \n12½"
    ),
    max_size=24,
)


def has_tokens(event: Message, query: Query) -> bool:
    """Return whether the index finds *event* as a candidate."""
    own = tokens(event).split(" ")
    return all(
        any(each.startswith(token) if prefix else each == token for each in own)
        for token, prefix in query.tokens()
    )


@given(TEXTS, st.integers(0, 24), st.integers(1, 24), st.sampled_from(["", '"']), st.booleans())
def test_the_index_has_a_candidate_for_each_result(
    text: str, begin: int, length: int, quote: str, prefix: bool
) -> None:
    """For any part of any text, as a phrase or as words; and a text has all of its own words."""
    message = Message(ALICE, safe_text(text))
    part = message.text[begin : begin + length].replace('"', " ")
    for typed in (f"{quote}{part}{quote}{'*' if prefix else ''}", message.text.replace('"', " ")):
        query = Query(phrases(typed))
        if query.finds(message):
            assert has_tokens(message, query)
    assert Query(phrases(message.text.replace('"', " "))).finds(message)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("green tea", [("green",), ("tea",)]),
        ("tea-time", [("tea", "time")]),
        ('"green tea" milk', [("green", "tea"), ("milk",)]),
        ("“green tea”", [("green", "tea")]),
        ("«green tea", [("green", "tea")]),
        ("TEA tea Tea", [("tea",)]),
        ("2026年", [("2026", "年")]),
        ('- "" * …', []),
        ("", []),
    ],
)
def test_what_is_searched_for(typed: str, expected: list[tuple[str, ...]]) -> None:
    """Words; phrases in quotes of any kind, also without the second one; each once."""
    assert phrases(typed) == tuple(Phrase(elements) for elements in expected)


@pytest.mark.parametrize("typed", ["te*", '"green te*"', '"green te"*', "x-te*"])
def test_prefixes(typed: str) -> None:
    """A star at the end of a word or of a phrase."""
    (phrase,) = phrases(typed)
    assert phrase.prefix
    assert phrase.elements[-1] == "te"


def test_a_part_of_a_dense_text_needs_no_star() -> None:
    """It is found anywhere."""
    assert phrases("東京*") == phrases("東京")


def test_only_what_people_say_is_found() -> None:
    """Messages and actions, also by their senders."""
    said, done = Message(ALICE, safe_text("tea")), Action(ALICE, safe_text("drinks"))
    assert tokens(said) == "=alice tea"
    assert tokens(done) == "=alice drinks"
    assert tokens(MessageRemoved(ALICE, ALICE)) == ""
    by_alice = Query((), fold("ALICE"))
    assert by_alice.finds(said)
    assert by_alice.finds(done)
    assert not by_alice.finds(MessageRemoved(ALICE, ALICE))
    assert not Query((), fold("bob")).finds(said)


def test_limits() -> None:
    """The index has the beginning of a long word, and is asked for some of a query's tokens."""
    word = "x" * 4000
    assert max(map(len, tokens(Message(ALICE, safe_text(word))).split())) == MAX_TOKEN
    assert Query(phrases(word)).finds(Message(ALICE, safe_text(word)))
    assert not Query(phrases(word)).finds(Message(ALICE, safe_text(word[:-1])))
    assert len(Query(phrases("東京" * 150)).tokens()) <= MAX_QUERY_TOKENS
