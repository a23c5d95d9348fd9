"""What stands above entries of the log that somebody has asked for."""

from __future__ import annotations

__all__ = ["history_heading", "matches_heading", "mentions_heading"]


def history_heading(found: bool, more: int, next: str) -> list[str]:
    """Return the lines above the history; *more* older entries are shown by the command *next*."""
    return _older(more, next) or ([] if found else ["Nothing has been said yet."])


def matches_heading(words: str, found: bool, more: bool) -> list[str]:
    """Return the line above the matches of a search for *words*."""
    if not found:
        return [f"Nothing found for: {words}"]
    return [f"{'The newest matches' if more else 'Found'} for: {words}"]


def mentions_heading(found: bool, more: int, next: str) -> list[str]:
    """Return the lines above the mentions of the reader; as in `history_heading`."""
    return _older(more, next) if found else ["Nobody has mentioned you yet."]


def _older(more: int, next: str) -> list[str]:
    return [f"… {more:,} older: {next}"] if more else []
