"""A page of long entries is rendered in pieces, between which others have their turn."""

from __future__ import annotations

from pyconchat.domain.events import Entry, GroupClosed, Message
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.sessions.log_delivery import MAX_PIECE, _pieces


def page(*lengths: int) -> list[Entry]:
    """Return entries with texts of these lengths."""
    alice = Name("alice")
    return [
        Entry(2, seq, 0, Message(alice, SafeText("x" * length)))
        for seq, length in enumerate(lengths, 1)
    ]


def sizes(entries: list[Entry]) -> list[int]:
    """Return how many entries are in each piece; the pieces together are the page."""
    pieces = list(_pieces(entries))
    assert [entry for piece in pieces for entry in piece] == entries
    return [len(piece) for piece in pieces]


def test_short_entries_are_one_piece() -> None:
    """As is one whose entries have no text; a page without entries has no piece."""
    assert sizes(page(*[50] * 100)) == [100]
    assert sizes([]) == []
    assert sizes([Entry(2, 1, 0, GroupClosed())]) == [1]


def test_long_entries() -> None:
    """A piece has up to MAX_PIECE characters, but at least one entry."""
    assert sizes(page(*[MAX_PIECE // 2] * 5)) == [2, 2, 1]
    assert sizes(page(1, MAX_PIECE, 1, 1)) == [1, 1, 2]
    assert sizes(page(MAX_PIECE * 2, MAX_PIECE * 2)) == [1, 1]
