"""What a client is shown of its groups: at the login, when it joins one, and for NAMES."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pyconchat.chat.conversations import DirectConversation, GroupConversation
from pyconchat.domain.accounts import Account
from pyconchat.domain.group import Group
from pyconchat.domain.ignoring import topic_seen
from pyconchat.domain.names import Key, Name, fold
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.read_markers import READ_MARKER, marker_line, note_shown
from pyconchat.doors.irc.requests import show_requests
from pyconchat.render.irc_lines import MAX_LINE, line, source

__all__ = [
    "is_bot",
    "is_operator",
    "join_line",
    "list_names",
    "marks_of",
    "names",
    "prefix_of",
    "real_name",
    "show_group",
    "show_groups",
    "topic",
    "user_name",
    "wrapped",
]

MAX_PARTNERS = 10
"""Maximum people whom the notice about waiting messages names."""


async def show_groups(client: Client) -> None:
    """Show the client's groups, then what it has missed; messages are live afterwards."""
    for conversation in client.groups():
        if conversation in client.login.subscriptions:
            if READ_MARKER in client.caps:
                await note_shown(client, conversation)
            show_group(client, conversation)
    client.output.end()
    if "draft/chathistory" not in client.caps:
        await client.login.catch_up(client.services.config.limits.missed_entries)
        return
    waiting = list(client.login.subscriptions.held())
    partners = [
        str(client.login.view_of(each).other)
        for each in waiting
        if isinstance(each, DirectConversation)
    ]
    await client.login.catch_up()
    if partners:
        more = len(partners) - MAX_PARTNERS
        rest = f" and {more} more" if more > 0 else ""
        client.notice(f"Messages wait for you from {', '.join(partners[:MAX_PARTNERS])}{rest}.")


def show_group(client: Client, conversation: GroupConversation) -> None:
    """Show that the client is in a group: JOIN, the topic, the read marker and the names."""
    group, own = conversation.group, client.account
    client.shown_at[conversation.id] = conversation.published
    client.send(join_line(client, own.name, group.name))
    if topic_seen(group, own.ignores):
        topic(client, group)
    if READ_MARKER in client.caps:
        client.send(marker_line(client, f"#{group.name}"))
    if "no-implicit-names" not in client.caps:
        names(client, group)
    if "draft/chathistory" in client.caps:
        show_requests(client, conversation)


def join_line(client: Client, name: Name, group: Name) -> str:
    """Return the line that *name* has joined, as this client asks for it."""
    if "extended-join" not in client.caps:
        return line(source(name), "JOIN", f"#{group}")
    account = client.services.accounts.get(name)
    registered = account is not None and account.registered
    real = real_name(client, name)
    return line(source(name), "JOIN", f"#{group}", name if registered else "*", f"{real}")


def real_name(client: Client, name: Name) -> str:
    """Return the real name of the newest IRC session of *name*, else the name.

    To a client that ignores them it is the name.
    """
    if fold(name) in client.account.ignores:
        return name
    for session in reversed(client.services.presence.sessions(fold(name))):
        if session.translator is not None:
            return str(session.translator.realname)
    return name


def user_name(client: Client, name: Name) -> str:
    """As `real_name`, the user name."""
    if fold(name) in client.account.ignores:
        return name
    for session in reversed(client.services.presence.sessions(fold(name))):
        if session.translator is not None:
            return str(session.translator.username)
    return name


def is_bot(client: Client, name: Name) -> bool:
    """Return whether an IRC session of *name* has said that it is a bot."""
    return any(
        session.translator is not None and session.translator.bot
        for session in client.services.presence.sessions(fold(name))
    )


def is_operator(client: Client, account: Account) -> bool:
    """Return whether *account* is an operator, or one of its sessions, by OPER."""
    sessions = client.services.presence.sessions(account.key)
    return account.actor.operator or any(session.actor.operator for session in sessions)


def topic(client: Client, group: Group) -> None:
    """Answer with the topic, and who set it when."""
    channel = f"#{group.name}"
    seen = topic_seen(group, client.account.ignores)
    if not seen:
        client.reply("331", channel, "There is no topic.")
        return
    client.reply("332", channel, seen)
    if group.topic_by is not None:
        client.reply("333", channel, source(group.topic_by), str(group.topic_at // 1000))


def prefix_of(group: Group, name: str) -> str:
    """Return ``~`` for the admin and ``@`` for a moderator."""
    if group.is_admin(name):
        return "~"
    return "@" if group.is_moderator(name) else ""


def marks_of(group: Group) -> dict[Key, str]:
    """Return what `prefix_of` does for all who have a mark."""
    marks = dict.fromkeys(group.moderators, "@")
    if group.admin is not None:
        marks[fold(group.admin)] = "~"
    return marks


def names(client: Client, group: Group) -> None:
    """Answer with the names of the members, and that these were all."""
    list_names(client, group)
    client.reply("366", f"#{group.name}", "End of NAMES.")


def list_names(client: Client, group: Group) -> None:
    """Answer with the names of the members, those of registered people who are offline too."""
    channel = f"#{group.name}"
    hosts = "userhost-in-names" in client.caps
    marks = marks_of(group)  # `prefix_of` would be slow for each of many
    words = (
        f"{marks.get(key, '')}{source(each.name) if hosts else each.name}"
        for key, each in group.members.items()
    )
    for text in wrapped(words, MAX_LINE - 32 - len(f"{client.server}{client.nick}{channel}") * 2):
        client.reply("353", "=", channel, text)


def wrapped(words: Iterable[str], room: int) -> Iterator[str]:
    """Yield *words* in texts of at most *room* bytes."""
    fitting: list[str] = []
    size = 0
    for word in words:
        length = (len(word) if word.isascii() else len(word.encode())) + 1
        if fitting and size + length > room:
            yield " ".join(fitting)
            fitting, size = [], 0
        fitting.append(word)
        size += length
    if fitting:
        yield " ".join(fitting)
