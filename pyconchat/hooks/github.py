"""Events of GitHub, and of Gitea and Forgejo, which send the same objects.

docs.github.com/webhooks/webhook-events-and-payloads has them.
"""

from __future__ import annotations

from pyconchat.hooks import code
from pyconchat.hooks.fields import Fields, items, link, number, section, word
from pyconchat.hooks.translated import IGNORED, Translated

__all__ = ["translate"]

_FAILED = frozenset({"failure", "timed_out", "startup_failure"})
_PULL_REQUEST = {"opened": "opened", "reopened": "reopened", "closed": "closed"}
_PULL_REQUEST |= {"ready_for_review": "marked as ready"}
_ISSUE = {"opened": "opened", "reopened": "reopened", "closed": "closed"}


def translate(event: str, fields: Fields) -> Translated:
    """Return the message about the *event* (the header ``X-GitHub-Event``) with *fields*."""
    who = word(fields, "sender", "login") or word(fields, "pusher", "name") or "somebody"
    where = word(fields, "repository", "full_name") or "a repository"
    match event, word(fields, "action"):
        case "push", _:
            commits = items(fields, "commits")
            compare = link(fields, "compare")
            return Translated(code.pushed(fields, who, where, commits, len(commits), compare))
        case "pull_request", action if action in _PULL_REQUEST:
            merged = section(fields, "pull_request").get("merged") is True
            did = "merged" if action == "closed" and merged else _PULL_REQUEST[action]
            return _about(fields, "pull_request", "the pull request", who, did, where)
        case "issues", action if action in _ISSUE:
            return _about(fields, "issue", "the issue", who, _ISSUE[action], where)
        case "workflow_run", "completed":
            return _run(fields, where)
        case "release", "published":
            tag = word(fields, "release", "tag_name") or "a release"
            title = word(fields, "release", "name")
            sentence = code.about(who, "released", tag, where, title if title != tag else "")
            return Translated(sentence + link(fields, "release", "html_url"))
        case _:
            return IGNORED


def _about(fields: Fields, name: str, kind: str, who: str, did: str, where: str) -> Translated:
    what = f"{kind} #{number(fields, name, 'number')}"
    sentence = code.about(who, did, what, where, word(fields, name, "title"))
    return Translated(sentence + link(fields, name, "html_url"))


def _run(fields: Fields, where: str) -> Translated:
    conclusion = word(fields, "workflow_run", "conclusion")
    if conclusion not in _FAILED and conclusion != "success":
        return IGNORED
    return code.run(
        word(fields, "workflow_run", "name") or "A run",
        word(fields, "workflow_run", "head_branch"),
        where,
        conclusion in _FAILED,
        link(fields, "workflow_run", "html_url"),
    )
