"""REGISTER (IRCv3 draft): make the nick an account, before the login is complete or after it."""

from __future__ import annotations

from pyconchat.chat.interfaces import ISession
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import Name, fold, person_name
from pyconchat.domain.refusals import not_saved
from pyconchat.doors.irc.client import Client
from pyconchat.doors.irc.hints import sentence_of
from pyconchat.doors.irc.login import log_in
from pyconchat.doors.irc.message import Message
from pyconchat.render.irc_lines import line, source
from pyconchat.sessions.portal import NewAccount

__all__ = ["register", "verify"]

_CODES = {
    Code.BAD_NAME: "BAD_ACCOUNT_NAME",
    Code.BAD_ARGUMENT: "WEAK_PASSWORD",
    Code.TOO_LONG: "WEAK_PASSWORD",
    Code.TAKEN: "ACCOUNT_EXISTS",
}
"""The codes of refusals; for all others it is TEMPORARILY_UNAVAILABLE."""


async def register(client: Client, message: Message, authenticated: bool) -> ISession | None:
    """REGISTER ACCOUNT EMAIL PASSWORD; return the session of a client that is to log in with it.

    The account has the name of the nick (``*``), and no e-mail address.
    """
    account, password = message.param(0), message.param(2)
    name = client.nick if account == "*" else account
    if authenticated or (client.registered and client.account.registered):
        _fail(client, "ALREADY_AUTHENTICATED", name, "You are logged in to an account.")
    elif not client.nick:
        _fail(client, "NEED_NICK", name, "Choose a nick first.")
    elif fold(name) != fold(client.nick):
        _fail(client, "ACCOUNT_NAME_MUST_BE_NICK", name, "An account has the name of the nick.")
    else:
        try:
            return await _register(client, person_name(name), password)
        except Refused as refused:
            code = _CODES.get(refused.code, "TEMPORARILY_UNAVAILABLE")
            holder = client.services.accounts.get(name)
            if refused.code is Code.TAKEN and holder is not None and not holder.registered:
                code = "USERNAME_EXISTS"  # a guest has the name
            _fail(client, code, name, sentence_of(refused))
    return None


async def _register(client: Client, name: Name, password: str) -> ISession | None:
    """Register *name*, and say so. Raises `Refused`."""
    session: ISession | None = None
    if client.registered:
        try:
            proof = client.account.proof
            await client.services.registration.change_password(client.login, password, proof)
        except NotSaved:
            raise not_saved() from None
    else:
        session = await log_in(client, NewAccount(name, password, client.door.network))
        name = session.account.name
    client.send(line(client.server, "REGISTER", "SUCCESS", name, f"{name} is yours now."))
    client.reply("900", source(name), name, f"You are logged in as {name}.")
    return session


async def verify(client: Client, message: Message) -> None:
    """VERIFY: there is nothing to verify."""
    sentence = "No account has to be verified."
    client.fail("FAIL", "VERIFY", "INVALID_CODE", message.param(0), sentence)


def _fail(client: Client, code: str, account: str, sentence: str) -> None:
    client.fail("FAIL", "REGISTER", code, account or "*", sentence)
