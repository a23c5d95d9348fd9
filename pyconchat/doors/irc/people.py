"""WHO, WHOIS, WHOWAS, USERHOST, AWAY, SETNAME: who somebody is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pyconchat.commands.people import away_text
from pyconchat.domain.accounts import Account
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.group import Group
from pyconchat.domain.names import Key, fold
from pyconchat.domain.text import safe_line
from pyconchat.doors.irc.channels import reason_in
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import (
    is_bot,
    is_operator,
    marks_of,
    prefix_of,
    real_name,
    user_name,
    wrapped,
)
from pyconchat.doors.irc.masks import comparing, mask_pattern
from pyconchat.doors.irc.message import Message, strip_formatting
from pyconchat.doors.irc.monitors import Gone
from pyconchat.doors.irc.paging import send_paged
from pyconchat.doors.irc.service import is_service
from pyconchat.render.irc_lines import HOST, SERVICE, line

__all__ = ["away", "setname", "userhost", "who", "whois", "whowas"]

MAX_WHO = 500
"""Maximum people in an answer to WHO with a mask; a group is shown as a whole."""

UNATTENDED = "*"
"""The text of a client that is away because nobody is there (IRCv3 pre-away)."""

MAX_REALNAME = 150

_WHOX = re.compile(r"[^%]*%([A-Za-z]*)(?:,([0-9]{1,3}))?")


def _is_away(client: Client, account: Account) -> bool:
    return account.absence is not None or not client.services.presence.online(account.key)


async def who(client: Client, message: Message) -> None:
    """WHO and WHOX: the members of a group, one person, or everybody whose name is like it."""
    mask = message.param(0) or "*"
    whox = _WHOX.fullmatch(message.param(1))
    if mask.startswith("#"):
        conversation = client.services.groups.known_to(client.actor, mask[1:])
        if conversation is not None and client.shows(conversation):
            await send_paged(client, _members(client, conversation.group, whox))
    else:
        pattern = mask_pattern(fold(mask))
        one = mask != "0" and not set(mask) & {"*", "?"}
        online = {} if one else client.services.memory.online_accounts()
        account = client.services.accounts.get(mask)
        if account is not None:
            online.setdefault(account.key, account)
        client.work += comparing(len(online))
        found = _found(client, online, fold(mask), pattern, message.param(1) == "o")
        await send_paged(client, _who_lines(client, found, whox))
    client.reply("315", mask, "End of WHO.")


def _found(
    client: Client,
    online: Mapping[Key, Account],
    mask: str,
    pattern: re.Pattern[str],
    operators: bool,
) -> Iterator[Account | None]:
    """Yield who of *online* is like *mask*, or None, for each; at most `MAX_WHO`.

    *operators*: only those.
    """
    count = 0
    for key, each in online.items():
        wanted = mask == "0" or pattern.match(key) is not None
        if wanted and mask not in online:
            wanted = not _is_hidden(client, each)
        if wanted and operators:
            wanted = is_operator(client, each)
        yield each if wanted else None
        count += wanted
        if count == MAX_WHO:
            return


def _who_lines(
    client: Client, found: Iterable[Account | None], whox: re.Match[str] | None
) -> Iterator[str]:
    """Yield the line of each, empty for None."""
    for each in found:
        yield "" if each is None else _who_line(client, each, "*", "", whox)


def _is_hidden(client: Client, account: Account) -> bool:
    """Return whether *account* is invisible (``+i``) to the client: they share no group."""
    sessions = client.services.presence.sessions(account.key)
    invisible = any(each.translator is not None and each.translator.invisible for each in sessions)
    return invisible and account is not client.account and not client.knows(account)


def _members(client: Client, group: Group, whox: re.Match[str] | None) -> Iterator[str]:
    """Yield a line for each member, while others come and go."""
    marks = marks_of(group)
    for key in list(group.members):
        account = client.services.accounts.get(key)
        if account is not None and key in group.members:
            yield _who_line(client, account, f"#{group.name}", marks.get(key, ""), whox)


def _who_line(
    client: Client, account: Account, channel: str, mark: str, whox: re.Match[str] | None
) -> str:
    """Return the line of *account*, which has *mark* in *channel*.

    There may be thousands: what other commands ask one by one is taken from the sessions at once.
    """
    name, key = account.name, account.key
    sessions = client.services.presence.attended(key)
    clients = [each.translator for each in sessions if each.translator is not None]
    flags = "G" if _is_away(client, account) else "H"
    operates = account.actor.operator or any(each.actor.operator for each in sessions)
    flags += f"{'*' if operates else ''}{mark}"
    flags += "B" if any(each.bot for each in clients) else ""
    newest = clients[-1] if clients and key not in client.account.ignores else None
    user, real = (name, name) if newest is None else (newest.username, newest.realname)
    if whox is None:
        words = (channel, user, HOST, client.server, name, flags, f"0 {real}")
        return line(client.server, "352", client.display, *words)
    idle = "0"
    if sessions:
        now = client.services.chat.reactor.seconds()
        idle = str(int(now - max(each.active_at for each in sessions)))
    values = {
        "t": whox[2] or "0",
        "c": channel,
        "u": user,
        "i": "255.255.255.255",
        "h": HOST,
        "s": client.server,
        "n": name,
        "f": flags,
        "d": "0",
        "l": idle,
        "a": name if account.registered else "0",
        "o": "n/a",
        "r": real,
    }
    asked = (values[key] for key in values if key in whox[1])
    return line(client.server, "354", client.display, *asked)


async def whois(client: Client, message: Message) -> None:
    """WHOIS: who somebody is."""
    nick = message.params[-1].split(",")[0]
    account = client.services.accounts.get(nick)
    if is_service(nick):
        client.reply("311", SERVICE, SERVICE, HOST, "*", "takes the commands: /msg PyconChat help")
    elif account is None:
        client.reply("401", nick, "There is nobody of that name.")
    else:
        _whois(client, account)
    client.reply("318", nick, "End of WHOIS.")


def _whois(client: Client, account: Account) -> None:
    name, services = account.name, client.services
    user, real = user_name(client, name), real_name(client, name)
    client.reply("311", name, user, HOST, "*", real)
    own = {each.id for each in services.groups.memberships(client.account.key)}
    shared = [
        f"{prefix_of(each.group, name)}#{each.group.name}"
        for each in services.groups.memberships(account.key)
        if each.id in own
    ]
    for text in wrapped(shared, 380):
        client.reply("319", name, text)
    client.reply("312", name, client.server, services.config.irc.network)
    if is_operator(client, account):
        client.reply("313", name, "is an operator of this server")
    if is_bot(client, name):
        client.reply("335", name, "is a bot")
    away = away_text(client.call(), account)
    sessions = services.presence.attended(account.key)
    if away is not None:
        client.reply("301", name, away or "away")
    elif not sessions:
        client.reply("301", name, "is offline")
    if account.registered:
        client.reply("330", name, name, "is logged in as")
    if sessions:
        now = services.chat.reactor.seconds()
        idle = int(now - max(each.active_at for each in sessions))
        signon = services.chat.now() // 1000 - int(now - min(each.began_at for each in sessions))
        client.reply("317", name, str(idle), str(signon), "seconds idle, signon time")


async def whowas(client: Client, message: Message) -> None:
    """WHOWAS: the last disconnected people, and registered people who are offline."""
    nick, count = message.param(0), message.param(1)
    gone = client.monitors.gone(nick)
    account = client.services.accounts.get(nick)
    if not gone and account is not None and not client.services.presence.online(account.key):
        gone = [Gone(account.name, account.name, account.name)]
    if not gone:
        client.reply("406", nick, "There was nobody of that name.")
    most = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0
    ignored = fold(nick) in client.account.ignores
    for each in gone[: most or None]:
        user, real = (each.name, each.name) if ignored else (each.user, each.realname)
        client.reply("314", each.name, user, HOST, "*", real)
        client.reply("312", each.name, client.server, client.services.config.irc.network)
    client.reply("369", nick, "End of WHOWAS.")


async def userhost(client: Client, message: Message) -> None:
    """USERHOST: the user and host of up to five people."""
    found = []
    for nick in message.params[:5]:
        account = client.services.accounts.get(nick)
        if account is not None:
            star = "*" if is_operator(client, account) else ""
            sign = "-" if _is_away(client, account) else "+"
            found.append(f"{account.name}{star}={sign}{user_name(client, account.name)}@{HOST}")
    client.reply("302", " ".join(found))


async def away(client: Client, message: Message) -> None:
    """AWAY: set the away text of this client, ``*`` if it is away by itself, or come back."""
    text = reason_in(message.param(0))
    client.away = None if not text else NO_TEXT if text == UNATTENDED else text
    if client.registered:
        client.services.registry.absences.set_session(client.login, client.away)
    if text:
        client.reply("306", "You are marked as away.")
    else:
        client.reply("305", "You are no longer marked as away.")


async def setname(client: Client, message: Message) -> None:
    """SETNAME: change the real name."""
    real = safe_line(strip_formatting(message.param(0)))
    if not real or len(real) > MAX_REALNAME:
        client.fail("FAIL", "SETNAME", "INVALID_REALNAME", "The real name is empty, or too long.")
        return
    client.realname = real
    changed = line(client.source, "SETNAME", real)
    readers = {session for each in client.groups() for session in each.sessions}
    for session in readers:
        if session.translator is not None and client.account.key not in session.account.ignores:
            session.translator.relay(changed, "setname", client.account)
    client.monitors.relay(client.account, changed, "setname")
    if not readers and "setname" in client.caps:
        client.send(client.with_account(changed, client.account))
