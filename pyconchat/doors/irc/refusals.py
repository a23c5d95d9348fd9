"""The numerics of refusals. The text is always the sentence that every door has."""

from __future__ import annotations

from pyconchat.domain.errors import Code, Refused
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.message import Message

__all__ = ["refuse"]

_TALKING = frozenset({"PRIVMSG", "NOTICE", "TAGMSG"})
_WHOM = {"INVITE": 0, "KICK": 1, "MODE": 2}
"""The index of the parameter that names a person."""

_NUMERICS = {
    Code.BAD_NAME: "432",
    Code.TAKEN: "433",
    Code.PASSWORD_NEEDED: "433",
    Code.INVITE_ONLY: "473",
    Code.PENDING: "473",
    Code.NO_SUCH_GROUP: "403",
    Code.NO_SUCH_NAME: "401",
    Code.NOT_ADMIN: "482",
    Code.NOT_OPERATOR: "481",
    Code.TOO_LONG: "417",
    Code.UNKNOWN_COMMAND: "421",
    Code.WRONG_PASSWORD: "464",
    Code.NO_REQUEST: "401",
}


def refuse(client: Client, refused: Refused, message: Message) -> None:
    """Answer *message*, which was *refused*."""
    command, first = message.command, message.param(0)
    place = message.param(1) if command == "INVITE" else first
    channel = place if place.startswith("#") else ""
    code, sentence = refused.code, sentence_of(refused, channel)
    if command == "NOTICE":
        return  # no error is ever an answer to one
    match code:
        case Code.MISSING_ARGUMENT:
            client.reply("461", command, sentence)
        case Code.NO_SUCH_GROUP | Code.BAD_NAME if channel and command != "NICK":
            client.reply("403", channel or first, sentence)
        case Code.BAD_NAME if command in _TALKING:
            client.reply("401", first, sentence)
        case Code.BAD_TEXT if command in _TALKING:
            client.reply("412", sentence)
        case Code.NOT_MEMBER if command in _TALKING:
            client.reply("404", channel, sentence)
        case Code.NOT_MEMBER if _names_another(client, message, channel):
            theirs = message.param(1 if command == "KICK" else 2)
            client.reply("441", theirs, channel, sentence)
        case Code.NOT_MEMBER:
            client.reply("442", channel, sentence)
        case Code.QUIET | Code.SLOW | Code.NOT_SAVED | Code.UNKNOWN if command in _TALKING:
            client.reply("404", first, sentence)
        case Code.NOT_SAVED | Code.UNKNOWN | Code.TROUBLE:
            client.fail("FAIL", command, "INTERNAL_ERROR", sentence)
        case Code.BANNED if command == "JOIN":
            client.reply("474", channel, sentence)
        case Code.WRONG_PASSWORD if command == "JOIN":
            client.reply("475", channel, sentence)
        case Code.EXISTS if command == "INVITE":
            client.reply("443", first, message.param(1), sentence)
        case Code.INVITE_ONLY | Code.PENDING:
            client.reply("473", channel, sentence)
        case Code.NOT_ADMIN:
            client.reply("482", channel, sentence)
        case Code.NO_SUCH_NAME if command in _WHOM:
            client.reply("401", message.param(_WHOM[command]), sentence)
        case Code.TOO_LONG:
            client.reply("417", sentence)
        case _ if code in _NUMERICS:
            numeric = _NUMERICS[code]
            context = (first,) if numeric in ("401", "403", "432", "433") else ()
            context = (command,) if numeric == "421" else context
            client.reply(numeric, *context, sentence)
        case _ if channel and command in ("JOIN", *_TALKING):
            client.reply("404" if command in _TALKING else "437", channel, sentence)
        case _:
            client.fail("FAIL", command, code.value.replace("-", "_").upper(), sentence)


def _names_another(client: Client, message: Message, channel: str) -> bool:
    """Return whether *message*, by a member of *channel*, is about somebody who is none."""
    conversation = client.services.groups.get(channel[1:])
    is_member = conversation is not None and client.account.key in conversation.group.members
    return is_member and message.command in ("KICK", "MODE") and len(message.params) > 2
