"""Requests to join, for clients that ask for missed messages themselves: these do not have them.

Each request is shown to an account once: live, or when one of its clients next logs in or joins.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import Entry, JoinRequested
from pyconchat.domain.names import Name
from pyconchat.domain.text import SafeText
from pyconchat.doors.irc.client import Client
from pyconchat.render.irc_lines import SERVICE

__all__ = ["confirm_shown", "note_live", "request_text", "show_requests"]

MAX_REQUESTS = 10
"""Maximum requests to join one group that are shown with it."""

_shown: WeakKeyDictionary[Account, dict[int, int]] = WeakKeyDictionary()
"""The time of the newest request that each account was shown, by group. Lost by a restart."""


def show_requests(client: Client, conversation: GroupConversation) -> None:
    """Show the requests that wait for the client's approval, and were not shown before."""
    group = conversation.group
    if not group.requests or not group.moderates(client.nick):
        return
    shown = _shown.setdefault(client.account, {})
    since, ignores = shown.get(conversation.id, -1), client.account.ignores
    waiting = [each for key, each in group.requests.items() if key not in ignores]
    new = [each for each in waiting if each.at > since][:MAX_REQUESTS]
    if not new:
        return
    channel = f"#{group.name}"
    for each in new:
        client.notice(request_text(channel, each.name, each.note), channel)
    if len(waiting) > len(new):
        more = f"{len(waiting) - len(new)} more: /msg {SERVICE} requests {channel}"
        client.notice(more, channel)
    shown[conversation.id] = max(each.at for each in waiting)


def request_text(channel: str, name: Name, note: SafeText) -> str:
    """Return that *name* asks to join *channel*, with *note*, and how to answer."""
    said = f": {note}" if note else ""
    return f"{name} asks to join{said}. Answer: /msg {SERVICE} approve {channel} {name}, or reject."


def note_live(client: Client, entry: Entry) -> None:
    """Note that the client was sent *entry*; its connection may be dead already."""
    if isinstance(entry.event, JoinRequested):
        client.requests_sent[entry.conversation] = entry.at


def confirm_shown(client: Client) -> None:
    """Note that the client has received what it was sent: its next line has arrived."""
    _shown.setdefault(client.account, {}).update(client.requests_sent)
    client.requests_sent.clear()
