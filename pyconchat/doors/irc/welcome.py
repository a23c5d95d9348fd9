"""The first numerics of a login: the welcome, the supported features, the message of the day."""

from __future__ import annotations

from pyconchat import __version__
from pyconchat.domain.text import SafeText, safe_line
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import is_operator
from pyconchat.doors.irc.monitor import MAX_MONITORED
from pyconchat.doors.irc.monitors import Counts
from pyconchat.render.irc_lines import line

__all__ = [
    "EXTENDED_ISUPPORT",
    "MAX_HISTORY",
    "MAX_TARGETS",
    "isupport",
    "lusers",
    "motd",
    "welcome",
]

MAX_HISTORY = 100
"""Maximum messages in an answer to CHATHISTORY."""

EXTENDED_ISUPPORT = "draft/extended-isupport"
"""The capability to ask for ISUPPORT before the login."""

MAX_TARGETS = 4
"""Maximum targets of one message."""

PER_LINE = 13
"""Tokens of ISUPPORT in a line: a line has at most 15 parameters."""


def welcome(client: Client) -> None:
    """Welcome the client, which has logged in."""
    network, server = client.services.config.irc.network, client.server
    version = f"PyconChat-{__version__}"
    client.reply("001", f"Welcome to {network}, {client.nick}.")
    client.reply("002", f"Your host is {server}, running {version}.")
    client.reply("003", "Every line is stored before it is shown.")
    client.reply("004", server, version, "Bio", "Abiknoqtv")
    isupport(client)
    lusers(client)
    motd(client)
    if client.actor.operator:
        client.reply("381", "You are an operator of this server.")
        client.send(f":{client.nick} MODE {client.nick} +o\r\n")


def isupport(client: Client) -> None:
    """Send the supported features (005)."""
    tokens = (
        f"NETWORK={client.services.config.irc.network}",
        "CASEMAPPING=ascii",
        "CHANTYPES=#",
        "CHANMODES=b,k,,Aint",
        "CHANNELLEN=33",
        "NICKLEN=32",
        "PREFIX=(qov)~@+",
        "TOPICLEN=300",
        "KICKLEN=300",
        "AWAYLEN=300",
        "NAMELEN=150",
        "MODES=4",
        f"MONITOR={MAX_MONITORED}",
        "WHOX",
        "UTF8ONLY",
        f"CHATHISTORY={MAX_HISTORY}",
        "MSGREFTYPES=msgid,timestamp",
        "ELIST=MU",
        "KNOCK",
        "BOT=B",
        "SAFELIST",
        f"TARGMAX=PRIVMSG:{MAX_TARGETS},NOTICE:{MAX_TARGETS},TAGMSG:{MAX_TARGETS}"
        ",JOIN:,PART:,KICK:4,WHOIS:1,NAMES:,MONITOR:",
        "soju.im/SAFERATE",
    )
    pieces = [
        line(
            *(client.server, "005", client.display),
            *(*tokens[first : first + PER_LINE], "are supported by this server."),
        )
        for first in range(0, len(tokens), PER_LINE)
    ]
    if {"batch", EXTENDED_ISUPPORT} <= client.caps:
        pieces = [client.output.batch("draft/isupport", (), pieces)]
    client.send("".join(pieces))


def lusers(client: Client) -> None:
    """Say how many people and groups there are (LUSERS)."""
    services = client.services
    people, most = services.memory.count_online(), client.monitors.most
    now = services.chat.reactor.seconds()
    hidden, operators = client.monitors.counts(lambda: _counts(client), people, now)
    visible = people - hidden
    client.reply("251", f"There are {visible} users and {hidden} invisible on 1 servers")
    client.reply("252", str(operators), "operators online")
    client.reply("254", str(len(services.groups)), "channels formed")
    client.reply("255", f"I have {people} clients and 0 servers")
    for numeric, what in (("265", "local"), ("266", "global")):
        text = f"Current {what} users {people}, max {most}"
        client.reply(numeric, str(people), str(most), text)


def _counts(client: Client) -> Counts:
    services = client.services
    hidden = {
        session.account.key
        for session in services.presence.everybody()
        if session.translator is not None and session.translator.invisible
    }
    online = services.memory.online_accounts().values()
    return Counts(len(hidden), sum(is_operator(client, account) for account in online))


def motd(client: Client) -> None:
    """Send the message of the day."""
    lines: list[SafeText] = [safe_line(each) for each in client.services.config.motd.splitlines()]
    if not lines:
        client.reply("422", "There is no message of the day.")
        return
    client.reply("375", f"- {client.server} -")
    for each in lines:
        client.reply("372", f"- {each}")
    client.reply("376", "End of MOTD.")
