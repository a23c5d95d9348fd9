"""Sentences about code, for events that GitHub and GitLab have in common."""

from __future__ import annotations

from collections.abc import Sequence

from pyconchat.hooks.fields import Fields, word
from pyconchat.hooks.translated import Run, Translated

__all__ = ["about", "pushed", "run"]

_NOTHING = "0" * 40
"""The commit before a new branch, and after a deleted one."""


def pushed(
    fields: Fields, who: str, where: str, commits: Sequence[Fields], count: int, link: str
) -> str:
    """Return the sentence about a push of *count* commits to a branch or a tag.

    *link* leads to them; nothing leads to a branch that was deleted.
    """
    ref = word(fields, "ref")
    kind, name = "branch", ref.removeprefix("refs/heads/")
    if ref.startswith("refs/tags/"):
        kind, name = "tag", ref.removeprefix("refs/tags/")
    if word(fields, "after") == _NOTHING:
        return f"{who} deleted the {kind} {name} of {where}"
    if kind == "tag" or not count:
        return f"{who} pushed the {kind} {name} to {where}{link}"
    how = "force-pushed" if fields.get("forced") is True else "pushed"
    title = word(commits[-1], "message") if commits else ""
    what = f"{count} commits" if count != 1 else "1 commit"
    return f"{who} {how} {what} to {name} of {where}{f': {title}' if title else ''}{link}"


def about(who: str, did: str, what: str, where: str, title: str) -> str:
    """Return the sentence about a pull request, an issue or a release."""
    return f"{who} {did} {what} of {where}{f': {title}' if title else ''}"


def run(what: str, branch: str, where: str, failed: bool, link: str) -> Translated:
    """Return the message about a run of *what* (such as a pipeline) that has ended on *branch*."""
    place = f" on {branch}" if branch else ""
    outcome = "failed" if failed else "is fixed"
    return Translated(
        f"{what}{place} of {where} {outcome}{':' + link if link else ''}",
        Run(f"{where} {branch} {what}", failed),
    )
