"""Commands about the server and the connection: PING, VERSION, OPER, KILL, QUIT and the like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime

from pyconchat import __version__
from pyconchat.commands import moderation
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.names import fold, person_name
from pyconchat.doors.irc.channels import reason_in
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.joins import wrapped
from pyconchat.doors.irc.message import Message
from pyconchat.doors.irc.welcome import lusers, motd
from pyconchat.render.irc_lines import SERVICE, line

__all__ = ["help_", "info", "kill", "oper", "ping", "pong", "quit_", "show", "time", "version"]


async def ping(client: Client, message: Message) -> None:
    """PING: answered after everything before it."""
    if not message.param(0):
        client.reply("409", "No origin was given.")
        return
    client.send(f":{client.server} PONG {client.server} :{_one_line(message.param(0))}\r\n")


async def pong(_client: Client, _message: Message) -> None:
    """PONG: a sign of life, which needs no answer."""


async def show(client: Client, message: Message) -> None:
    """MOTD and LUSERS."""
    if message.command == "MOTD":
        motd(client)
    else:
        lusers(client)


async def version(client: Client, _message: Message) -> None:
    """VERSION: of the server."""
    client.reply("351", f"PyconChat-{__version__}", client.server, "")


async def time(client: Client, _message: Message) -> None:
    """TIME: of the server."""
    now = client.services.chat.now()
    client.reply("391", client.server, f"{datetime.fromtimestamp(now // 1000, UTC):%c} UTC")


async def info(client: Client, _message: Message) -> None:
    """INFO: a description of this server."""
    client.reply("371", f"PyconChat {__version__}: the same accounts and groups by telnet and IRC.")
    client.reply("374", "End of INFO.")


def help_(subjects: Collection[str]) -> Callable[[Client, Message], Awaitable[None]]:
    """Return HELP: which of the commands *subjects* there are, and where the others are."""

    async def help_(client: Client, message: Message) -> None:
        subject = message.param(0) or "*"
        if subject != "*" and subject.upper() not in subjects:
            client.reply("524", subject, "There is no help about that.")
            return
        client.reply("704", subject, "IRC's commands do what they do elsewhere.")
        if subject == "*":
            for text in wrapped(sorted(subjects), 380):
                client.reply("705", subject, text)
        client.reply("705", subject, f"/msg {SERVICE} help lists the commands that IRC lacks.")
        client.reply("706", subject, "End of HELP.")

    return help_


async def oper(client: Client, message: Message) -> None:
    """OPER: an operator's account and its password."""
    account = client.services.accounts.get(message.param(0))
    hash = account.password_hash if account is not None else ""
    throttle = client.services.throttle
    target = fold(message.param(0))
    right = await throttle.check(client.door.network, target, hash, message.param(1))
    right = right and account is not None and account.password_hash == hash
    if not right:
        client.reply("464", "That is not the password.")
    elif account is None or not account.actor.operator:
        client.reply("491", f"{message.param(0)} is not an operator.")
    else:
        client.login.operate_as(account)
        client.reply("381", "You are an operator of this server.")
        client.send(line(client.nick, "MODE", client.nick, "+o"))


async def kill(client: Client, message: Message) -> None:
    """KILL: off the server, as /kick at the front desk."""
    client.services.accounts.require_operator(
        client.actor, "kick people off the server", in_groups=True
    )
    try:
        name = person_name(message.param(0))
        client.services.accounts.find(name)
    except Refused:
        raise Refused(Code.NO_SUCH_NAME, "There is nobody of that name.") from None
    await moderation.kick(client.call(), name, reason_in(message.param(1)))


async def quit_(client: Client, message: Message) -> None:
    """QUIT: disconnect, after others have seen it."""
    if client.session is not None:
        client.session.quit_reason = reason_in(message.param(0)[:300])
        client.door.end_session()
        await client.services.chat.settled()
    client.close("Bye.")


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
