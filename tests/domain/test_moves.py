"""Moves: for how long a line may have been typed for the place before."""

from __future__ import annotations

from pyconchat.domain.moves import GRACE, Moves


def test_without_a_move_no_line_is_doubtful() -> None:
    """Nor after one that the person has chosen."""
    moves = Moves()
    assert not moves.recent(0)
    moves.moved(5)
    moves.chose()
    assert not moves.recent(5)


def test_all_lines_for_a_while_and_the_next_line_at_any_time() -> None:
    """Somebody may have begun the line long before the move."""
    moves = Moves()
    moves.moved(5)
    assert moves.recent(5)
    assert moves.recent(5 + GRACE - 1)
    assert not moves.recent(5 + GRACE)
    moves.moved(50)
    assert moves.recent(5000)
    assert not moves.recent(5001)


def test_a_line_is_meant_when_it_is_sent_again() -> None:
    """The same line, and only directly after; not across two moves."""
    moves = Moves()
    moves.moved(5)
    assert not moves.repeated("exit")
    assert not moves.repeated("message bob")
    assert moves.repeated("message bob")
    moves.moved(6)
    assert not moves.repeated("message bob")
