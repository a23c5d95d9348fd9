"""Events of GitLab: docs.gitlab.com/user/project/integrations/webhook_events has them."""

from __future__ import annotations

from pyconchat.hooks import code
from pyconchat.hooks.fields import Fields, items, link, number, word
from pyconchat.hooks.translated import IGNORED, Translated

__all__ = ["translate"]

_MERGE_REQUEST = {"open": "opened", "reopen": "reopened", "close": "closed", "merge": "merged"}
_ISSUE = {"open": "opened", "reopen": "reopened", "close": "closed"}


def translate(event: str, fields: Fields) -> Translated:
    """Return the message about the *event* (the header ``X-Gitlab-Event``) with *fields*."""
    who = (
        word(fields, "user", "username")
        or word(fields, "user_username")
        or word(fields, "user_name")
        or "somebody"
    )
    where = word(fields, "project", "path_with_namespace") or "a project"
    action = word(fields, "object_attributes", "action")
    match event:
        case "Push Hook" | "Tag Push Hook":
            commits = items(fields, "commits")
            count = number(fields, "total_commits_count")
            project = link(fields, "project", "web_url")
            return Translated(code.pushed(fields, who, where, commits, count, project))
        case "Merge Request Hook" if action in _MERGE_REQUEST:
            what = f"the merge request !{number(fields, 'object_attributes', 'iid')}"
            return _about(fields, what, who, _MERGE_REQUEST[action], where)
        case "Issue Hook" if action in _ISSUE:
            what = f"the issue #{number(fields, 'object_attributes', 'iid')}"
            return _about(fields, what, who, _ISSUE[action], where)
        case "Pipeline Hook":
            return _run(fields, where)
        case "Release Hook" if word(fields, "action") == "create":
            tag, title = word(fields, "tag") or "a release", word(fields, "name")
            sentence = code.about(
                word(fields, "commit", "author", "name") or "somebody",
                "released",
                tag,
                where,
                title if title != tag else "",
            )
            return Translated(sentence + link(fields, "url"))
        case _:
            return IGNORED


def _about(fields: Fields, what: str, who: str, did: str, where: str) -> Translated:
    sentence = code.about(who, did, what, where, word(fields, "object_attributes", "title"))
    return Translated(sentence + link(fields, "object_attributes", "url"))


def _run(fields: Fields, where: str) -> Translated:
    status = word(fields, "object_attributes", "status")
    if status not in ("failed", "success"):
        return IGNORED
    return code.run(
        word(fields, "object_attributes", "name") or "The pipeline",
        word(fields, "object_attributes", "ref"),
        where,
        status == "failed",
        link(fields, "object_attributes", "url"),
    )
