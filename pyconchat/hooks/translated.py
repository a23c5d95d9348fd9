"""The result of a translation: a message, or none."""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.domain.errors import Code, Refused

__all__ = ["IGNORED", "MAX_LINES", "Run", "Translated", "no_text"]

MAX_LINES = 20
"""Maximum lines of a message; a further line counts the omitted ones."""


class Run(NamedTuple):
    """The last run of *name* (a pipeline, a workflow on a branch); *failed* is its outcome."""

    name: str
    failed: bool


class Translated(NamedTuple):
    """The message that a delivery becomes, without its last *more* lines.

    If it is about a *run* that succeeded, it is a message only if the run before it has failed.
    """

    text: str
    run: Run | None = None
    more: int = 0


IGNORED = Translated("")
"""An event that makes no message."""


def no_text() -> Refused:
    """Refuse a delivery without a message or a known event."""
    return Refused(
        Code.BAD_TEXT,
        "There is no text and no content in it, and no event of GitHub, GitLab, Grafana or"
        " Alertmanager.",
    )
