"""The commands of the IRC door: a table, and how a line finds its command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from pyconchat.domain.errors import Refused
from pyconchat.doors.irc import (
    channels,
    history,
    markread,
    messages,
    modes,
    monitor,
    multiline,
    people,
    server,
    tags,
)
from pyconchat.doors.irc.account_registration import verify
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.message import Message, command_of, label_of
from pyconchat.doors.irc.posts import Posts
from pyconchat.doors.irc.redaction import redact
from pyconchat.doors.irc.refusals import refuse
from pyconchat.doors.irc.registration import Registration
from pyconchat.doors.irc.requests import confirm_shown
from pyconchat.doors.irc.search import search
from pyconchat.doors.irc.service import is_table_command, serve

__all__ = ["FREE", "MESSAGES", "OF_BATCHES", "QUERIES", "Commands"]

Action = Callable[[Client, Message], Awaitable[None]]

FREE = frozenset({b"PING", b"PONG", b"CAP", b"QUIT"})
"""Commands that cost nothing."""

OF_BATCHES = frozenset({b"BATCH", b"PRIVMSG", b"NOTICE"})
"""Commands that are lines of a message, while a client sends one of several lines."""

QUERIES = frozenset(
    {
        *(b"NAMES", b"WHO", b"WHOIS", b"WHOWAS", b"LIST", b"ISON", b"USERHOST", b"MONITOR"),
        *(b"CHATHISTORY", b"MOTD", b"LUSERS", b"VERSION", b"TIME", b"INFO", b"HELP", b"HELPOP"),
        *(b"MARKREAD", b"ISUPPORT", b"SEARCH"),
    }
)
"""Commands that only ask; so do MODE and TOPIC with one parameter."""

MESSAGES = frozenset({"BATCH", "PRIVMSG", "NOTICE", "TAGMSG"})
"""Commands that need not wait until the messages before them are stored."""


_OTHERS = frozenset({"STATS"})
"""Commands of IRC that this server does not have, and that mean something else at other doors."""


PRE_AWAY = "draft/pre-away"


class Command(NamedTuple):
    """A command with at least *least* parameters."""

    action: Action
    least: int = 0


_TABLE: dict[str, Command] = {
    "AWAY": Command(people.away),
    "CHATHISTORY": Command(history.chathistory, 1),
    "INFO": Command(server.info),
    "INVITE": Command(channels.invite),
    "ISON": Command(monitor.ison, 1),
    "JOIN": Command(channels.join, 1),
    "KICK": Command(channels.kick, 2),
    "KILL": Command(server.kill, 1),
    "KNOCK": Command(channels.knock, 1),
    "LIST": Command(channels.list_),
    "LUSERS": Command(server.show),
    "MARKREAD": Command(markread.markread),
    "MODE": Command(modes.mode, 1),
    "MONITOR": Command(monitor.monitor, 1),
    "MOTD": Command(server.show),
    "NAMES": Command(channels.names),
    "OPER": Command(server.oper, 2),
    "PART": Command(channels.part, 1),
    "REDACT": Command(redact, 2),
    "SEARCH": Command(search, 1),
    "SETNAME": Command(people.setname, 1),
    "TAGMSG": Command(tags.tagmsg, 1),
    "TIME": Command(server.time),
    "TOPIC": Command(channels.topic, 1),
    "USERHOST": Command(people.userhost, 1),
    "VERIFY": Command(verify, 2),
    "VERSION": Command(server.version),
    "WHO": Command(people.who),
    "WHOIS": Command(people.whois, 1),
    "WHOWAS": Command(people.whowas, 1),
}

_EVERYWHERE = (
    "AUTHENTICATE",
    "BATCH",
    "CAP",
    "ISUPPORT",
    "NICK",
    "NOTICE",
    "PASS",
    "PING",
    "PONG",
    "PRIVMSG",
    "QUIT",
    "REGISTER",
)
for _name in ("HELP", "HELPOP"):
    _TABLE[_name] = Command(server.help_({*_TABLE, *_EVERYWHERE, "HELP", "HELPOP", "USER"}))


_AT_LOGIN: dict[str, tuple[Callable[[Registration, Message], Awaitable[None]], int]] = {
    "AUTHENTICATE": (Registration.authenticate, 1),
    "CAP": (Registration.cap, 1),
    "NICK": (Registration.nick, 0),
    "ISUPPORT": (Registration.isupport, 0),
    "PASS": (Registration.pass_, 1),
    "REGISTER": (Registration.register, 3),
    "USER": (Registration.user, 4),
}
"""Commands of the login, as in `_TABLE`."""


class Commands:
    """Carries out the lines of *client*."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.posts = Posts()
        self.registration = Registration(client)

    def run_at_once(self, message: Message) -> bool:
        """Carry out *message* if it is a plain one to a group; return whether it is."""
        client = self._client
        plain = message.command == "PRIVMSG" and len(message.params) == 2 and not message.tags
        if not plain or not client.registered or client.batch is not None:
            return False
        client.output.begin("")
        try:
            return messages.say_at_once(client, self.posts, message)
        except Exception as error:
            self._refuse(error, message)
            return True
        finally:
            client.output.end()

    async def run(self, message: Message) -> None:
        """Carry out *message*, and answer with its label."""
        client = self._client
        if client.posting and message.command not in MESSAGES:
            await client.all_posted.wait(client.posting == 0)
        if client.requests_sent and client.registered:
            confirm_shown(client)
        client.output.begin(message.label if "labeled-response" in client.caps else "")
        try:
            await self._run(message)
        except Exception as error:
            self._refuse(error, message)
        finally:
            client.output.end()

    def _refuse(self, error: Exception, message: Message) -> None:
        refused = self._client.refused(error, message)
        if refused is not None:
            refuse(self._client, refused, message)

    async def _run(self, message: Message) -> None:
        client, command = self._client, message.command
        if command in _AT_LOGIN:
            act, least = _AT_LOGIN[command]
            if self._complete(message, least):
                await act(self.registration, message)
        elif command in ("PING", "PONG", "QUIT"):
            action = {"PING": server.ping, "PONG": server.pong, "QUIT": server.quit_}[command]
            await action(client, message)
        elif command == "AWAY" and PRE_AWAY in client.caps:
            await people.away(client, message)
        elif not client.registered:
            client.reply("451", "You have not registered.")
        elif await multiline.takes(client, message):
            pass
        elif command == "BATCH" and multiline.CAPABILITY in client.caps:
            if self._complete(message, 1):
                await multiline.batch(client, self.posts, message)
        elif command in ("PRIVMSG", "NOTICE"):
            await self._talk(message)
        elif command in _TABLE:
            if self._complete(message, _TABLE[command].least):
                client.login.note_activity()
                client.login.require_welcome()
                await client.know_groups(message)
                await _TABLE[command].action(client, message)
        elif command not in _OTHERS and is_table_command(command):
            await serve(client, f"{command.lower()} {' '.join(message.params)}")
        else:
            client.reply("421", command, "There is no such command.")

    async def _talk(self, message: Message) -> None:
        if not message.param(0):
            self._client.reply("411", f"To whom? ({message.command})")
        elif len(message.params) < 2:
            self._client.reply("412", "There is no text.")
        else:
            await messages.privmsg(self._client, self.posts, message)

    def _complete(self, message: Message, least: int) -> bool:
        if len(message.params) >= least and all(message.params[:least]):
            return True
        self._client.reply("461", message.command, "Not enough parameters.")
        return False


def unreadable(client: Client, refused: Refused, line: bytes) -> None:
    """Answer *line*, which could not be parsed."""
    command = command_of(line).decode(errors="replace")
    client.output.begin(label_of(line) if "labeled-response" in client.caps else "")
    if refused.code.value == "too-long":
        client.reply("417", sentence_of(refused))
    else:
        client.fail("FAIL", command or "*", "INVALID_UTF8", sentence_of(refused))
    client.output.end()
