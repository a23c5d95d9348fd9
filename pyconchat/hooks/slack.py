"""Messages in the formats of Slack and Mattermost (``text``) and Discord (``content``)."""

from __future__ import annotations

import re

from pyconchat.hooks.fields import Fields, items
from pyconchat.hooks.translated import Translated

__all__ = ["translate"]

# Slack's links, <https://…|label>, and mentions. The lengths keep the search linear.
_MARKED = re.compile(
    r"<((?:https?://|mailto:)[^<>|\s]{1,1000}|[!@#][^<>|\s]{1,100})(?:\|([^<>\n]{0,500}))?>"
)
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))


def translate(fields: Fields) -> Translated | None:
    """Return the message in *fields*; None if there is none."""
    text = fields.get("text")
    if isinstance(text, str) and text.strip():
        return Translated(_plain(text))
    content = fields.get("content")
    if isinstance(content, str) and content.strip():
        return Translated(content)
    parts = [part for each in items(fields, "attachments") if (part := _attachment(each))]
    return Translated("\n".join(parts)) if parts else None


def _attachment(fields: Fields) -> str:
    """Return the text of an attachment in plain words; "" if it has none."""
    for name in ("fallback", "text", "title"):
        found = fields.get(name)
        if isinstance(found, str) and found.strip():
            return _plain(found)
    return ""


def _plain(text: str) -> str:
    """Return *text* without Slack's markup for links and its three entities."""

    def shown(found: re.Match[str]) -> str:
        target, label = found[1], found[2]
        if target[0] in "!@#":
            return f"@{label or target[1:]}"
        return f"{label} ({target})" if label and label != target else target

    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], _MARKED.sub(shown, text))
