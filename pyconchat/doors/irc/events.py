"""Events of groups and of the server, as lines for one client."""

from __future__ import annotations

from pyconchat.chat.conversations import GroupConversation
from pyconchat.domain.events import (
    AdminChanged,
    AnyEvent,
    Entry,
    FileShared,
    GroupClosed,
    GroupCreated,
    InvitationEnded,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberQuieted,
    MemberRegistered,
    MemberUnbanned,
    ModeratorEnded,
    ModeratorMade,
    Policy,
    PolicyChanged,
    QuietEnded,
    Reaction,
    TagsSent,
    TopicChanged,
    Unsay,
    Why,
    actor,
    subject,
)
from pyconchat.domain.ignoring import text_of
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.replies import Where
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import join_line
from pyconchat.doors.irc.requests import request_text
from pyconchat.render.events import event_sentence
from pyconchat.render.irc import client_tags, target_of
from pyconchat.render.irc_lines import SERVICE, line, source

__all__ = ["POLICY_MODES", "event_lines", "is_about", "past_lines", "tagged_lines", "to_client"]

POLICY_MODES = {Policy.PASSWORD: "k", Policy.INVITE: "i", Policy.APPROVAL: "A"}


def past_lines(client: Client, entry: Entry, where: Where, reader: Key, stamp: str) -> list[str]:
    """Return the lines of *entry*, an earlier event that is not a message, for *reader*.

    There are none for those of which a client sees the result when it joins. *stamp* precedes the
    text.
    """
    own = is_about(entry.event, reader)
    if isinstance(entry.event, _SEEN) and not own:
        return []
    if isinstance(entry.event, Unsay | Reaction | TagsSent):
        return tagged_lines(client, entry, where, event_lines(client, entry, where, own))
    channel, sentence = f"#{where.group}", _sentence(client, entry, where, reader)
    if isinstance(entry.event, JoinRequested) and not own and _is_waiting(client, entry):
        sentence = request_text(channel, entry.event.name, entry.event.note)
    if not sentence or isinstance(entry.event, GroupCreated):
        return []
    target = client.nick if own or where.group is None else channel
    lines = [_notice(target, f"{stamp}{each}") for each in sentence.split("\n") if each]
    return tagged_lines(client, entry, where, lines)


def is_about(event: AnyEvent, reader: Key) -> bool:
    """Return whether *reader* is the subject of *event*."""
    about = subject(event)
    return about is not None and fold(about) == reader


def _is_waiting(client: Client, entry: Entry) -> bool:
    """Return whether the request to join of *entry* has not been answered yet."""
    conversation = client.services.conversations.get(entry.conversation)
    if not isinstance(conversation, GroupConversation):
        return False
    about = subject(entry.event)
    request = None if about is None else conversation.group.requests.get(fold(about))
    return request is not None and request.at <= entry.at


_SEEN = (
    MemberJoined
    | MemberLeft
    | MemberRegistered
    | ModeratorMade
    | ModeratorEnded
    | AdminChanged
    | PolicyChanged
    | TopicChanged
    | MemberInvited
    | MemberQuieted
    | QuietEnded
)


def event_lines(client: Client, entry: Entry, where: Where, own: bool) -> list[str]:
    """Return the lines of *entry*, which is about the client itself if *own*."""
    event = entry.event
    channel = f"#{where.group}"
    match event:
        case MemberJoined(name=name):
            return [join_line(client, name, where.group or Name("")), *_away_after(client, name)]
        case MemberLeft(name=name, why=Why.GUEST_GONE):
            return [line(source(name), "QUIT", event.reason or "disconnected")]
        case MemberLeft(name=name, why=Why.SERVER_BAN):
            return [line(source(name), "QUIT", "banned from the server")]
        case MemberLeft(name=name, reason=reason):
            return [line(source(name), "PART", channel, *([reason] if reason else []))]
        case MemberKicked(name=name, by=by, reason=reason):
            return [line(source(by), "KICK", channel, name, reason or by)]
        case MemberBanned(name=name, by=by, reason=reason, was_member=was_member):
            lines = [line(source(by), "MODE", channel, "+b", f"{name}!*@*")]
            if own and not was_member:
                return to_client(client, entry, where)
            if was_member:
                lines.append(line(source(by), "KICK", channel, name, reason or by))
            return lines
        case MemberUnbanned(name=name, by=by):
            if own:
                return to_client(client, entry, where)
            return [line(source(by), "MODE", channel, "-b", f"{name}!*@*")]
        case MemberQuieted(name=name, by=by):
            return [line(source(by), "MODE", channel, "+b", f"m:{name}!*@*")]
        case QuietEnded(name=name, by=by):
            return [line(source(by), "MODE", channel, "-b", f"m:{name}!*@*")]
        case ModeratorMade(name=name, by=by):
            return [line(source(by), "MODE", channel, "+o", name)]
        case ModeratorEnded(name=name, by=by):
            return [line(source(by), "MODE", channel, "-o", name)]
        case AdminChanged(name=name, by=by, previous=previous):
            who = source(by if by is not None else SERVICE)
            lines = [line(who, "MODE", channel, "-q", previous)] if previous is not None else []
            return lines if name is None else [*lines, line(who, "MODE", channel, "+q", name)]
        case PolicyChanged(policy=policy, by=by, previous=previous):
            modes, params = _policy_modes(previous, policy)
            return [line(source(by), "MODE", channel, modes, *params)] if modes else []
        case TopicChanged(topic=topic, by=by):
            return [line(source(by), "TOPIC", channel, topic)]
        case GroupClosed():
            return [line(source(SERVICE), "KICK", channel, client.nick, "The group was deleted.")]
        case MemberInvited(name=name, by=by):
            if own or "invite-notify" in client.caps:
                return [line(source(by), "INVITE", name, channel)]
            return []
        case MemberRegistered(name=name) if "account-notify" in client.caps:
            return [line(source(name), "ACCOUNT", name)]
        case MemberRegistered() | InvitationEnded():
            return []
        case JoinRequested(name=name, note=note):
            if own:
                return []
            knock = (client.server, "710", client.nick, channel, source(name))
            text = request_text(channel, name, note)
            return [line(*knock, "asks to join."), _notice(channel, text)]
        case GroupCreated():
            return []
        case Unsay(about=seq, by=by, reason=reason) if "draft/message-redaction" in client.caps:
            words = (target_of(by, where), f"{entry.conversation}-{seq}")
            return [line(source(by), "REDACT", *words, *([reason] if reason else []))]
        case TagsSent(sender=by) | Reaction(by=by) if "message-tags" in client.caps:
            return [line(source(by), "TAGMSG", target_of(by, where))]
        case FileShared(number=number) if where.group is not None:
            said = _sentence(client, entry, where)
            return [_notice(channel, f"{said}: /msg {SERVICE} get {channel} {number}")]
        case _:
            sentence = _sentence(client, entry, where)
            if not sentence:
                return []
            if own or where.group is None:
                return to_client(client, entry, where)
            return [_notice(channel, each) for each in sentence.split("\n") if each]


def _away_after(client: Client, name: Name) -> list[str]:
    """Return the line that *name*, who has joined, is away; none if it is not wanted, or not so."""
    account = client.services.accounts.get(name)
    if account is None or account.absence is None or "away-notify" not in client.caps:
        return []
    text = text_of(name, account.absence.text, client.account.ignores)
    return [line(source(name), "AWAY", text or "away")]


def _policy_modes(previous: Policy | None, policy: Policy) -> tuple[str, list[str]]:
    """Return the modes, and their parameters, by which *previous* becomes *policy*."""
    modes, params = "", []
    if previous is not policy and previous in POLICY_MODES:
        modes += f"-{POLICY_MODES[previous]}"
        params += ["*"] if previous is Policy.PASSWORD else []
    if policy in POLICY_MODES:
        modes += f"+{POLICY_MODES[policy]}"
        params += ["*"] if policy is Policy.PASSWORD else []
    return modes, params


def _sentence(client: Client, entry: Entry, where: Where, reader: Key | None = None) -> str:
    key, event = client.account.key if reader is None else reader, entry.event
    if isinstance(event, MemberInvited) and fold(event.name) == key:
        return f"{event.by} invites you to {where.group}: /join #{where.group}"
    # The channel names the group; nothing names a private conversation but the sentence.
    place = where if where.group is None else Where(group=where.group, here=True)
    return event_sentence(event, place, key, entry.at, entry.quote, answerable=False)


def tagged_lines(
    client: Client, entry: Entry, where: Where, lines: list[str], live: bool = False
) -> list[str]:
    """Return *lines*, those of *entry*, with its tags; its id is on the first only."""
    sender = _account_of(client, entry.event, live)
    tagged: list[str] = []
    for number, each in enumerate(lines):
        by_service = not sender or not each.startswith(f":{source(sender)} ")
        tags = () if number else client_tags(entry)
        head = client.renderer.tags(entry, where, sender, by_service, tags, id=number == 0)
        tagged.append(f"{head}{each}")
    return tagged


def _account_of(client: Client, event: AnyEvent, live: bool) -> str:
    """Return the account whose act *event* is; empty if it was a guest's, or that is unknown.

    Unless it is *live*, its author may have been a guest whose name somebody has registered since.
    """
    if isinstance(event, TagsSent):
        return "" if event.guest else event.sender
    by = event.name if isinstance(event, MemberJoined | MemberLeft) else actor(event)
    account = None if by is None or not live else client.services.accounts.get(by)
    return account.name if account is not None and account.registered else ""


def to_client(client: Client, entry: Entry, where: Where) -> list[str]:
    """Return the NOTICEs to the client about *entry*, which concerns it."""
    sentence = _sentence(client, entry, where)
    pieces = [each for each in sentence.split("\n") if each]
    return [_notice(client.nick, each) for each in pieces]


def _notice(target: str, sentence: str) -> str:
    return line(source(SERVICE), "NOTICE", target, sentence)
