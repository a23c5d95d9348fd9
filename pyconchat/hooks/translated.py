"""The results of a translation: a message, or that there is none."""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.domain.errors import Code, Refused

__all__ = ["IGNORED", "MAX_LINES", "Run", "Translated", "no_text"]

MAX_LINES = 20
"""Maximum lines of a message; a line more says how many were left out."""


class Run(NamedTuple):
    """That the last run of *name* (a pipeline, a workflow on a branch) has *failed*, or not."""

    name: str
    failed: bool


class Translated(NamedTuple):
    """The message that a delivery becomes, without its last *more* lines.

    If it is about a *run* that is fine, it is a message only if the run before it has failed.
    """

    text: str
    run: Run | None = None
    more: int = 0


IGNORED = Translated("")
"""An event that makes no message."""


def no_text() -> Refused:
    """Refuse a delivery in which nothing is a message or a known event."""
    return Refused(
        Code.BAD_TEXT,
        "There is no text and no content in it, and no event of GitHub, GitLab, Grafana or"
        " Alertmanager.",
    )
