"""The headings above requested entries of the log."""

from __future__ import annotations

from pyconchat.render.words import Hint

__all__ = ["history_heading", "matches_heading", "mentions_heading"]


def history_heading(found: bool, more: int, next: str, before: str, other: str | None) -> list[str]:
    """Return the lines above the history; *more* older entries are shown by the command *next*.

    *before* is the requested number or time, empty for the newest entries. *other* is the partner
    of a private conversation.
    """
    privately = f" in private with {other}" if other is not None else ""
    nothing = (
        f"Nothing was said{privately} before {before}."
        if before
        else f"Nothing has been said{privately} yet."
    )
    return _older(more, next) or ([] if found else [nothing])


def matches_heading(words: str, found: bool, next: str) -> list[str]:
    """Return the lines above the matches of a search; *next* finds older ones, if it is given."""
    nothing = "Nothing found so far" if next else "Nothing found"
    return [
        f"{'Found' if found else nothing} for: {words}",
        *([Hint(f"… older: {next}")] if next else []),
    ]


def mentions_heading(found: bool, more: int, next: str) -> list[str]:
    """Return the lines above the mentions of the reader; as in `history_heading`."""
    return _older(more, next) if found else ["Nobody has mentioned you yet."]


def _older(more: int, next: str) -> list[str]:
    return [Hint(f"… {more:,} older: {next}")] if more else []
