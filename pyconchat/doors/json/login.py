"""Hello: the login of a program, in one object instead of a dialogue."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.cred.credentials import ICredentials
from twisted.cred.portal import Portal

from pyconchat import __version__
from pyconchat.chat.chat import Chat
from pyconchat.chat.interfaces import ISession
from pyconchat.commands import TABLE, Call, Cancelled
from pyconchat.commands.groups import enter_lobby
from pyconchat.domain.errors import Code, NotSaved, Refused
from pyconchat.domain.names import person_name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import EndWhy, Live
from pyconchat.render.json import refusal_object
from pyconchat.sessions.portal import GuestName, NewAccount, Password, SessionToken
from pyconchat.sessions.requests import Hello
from pyconchat.sessions.session import Session, not_saved

if TYPE_CHECKING:
    from pyconchat.doors.json.door import JsonDoor

__all__ = ["log_in"]

MAX_WRONG = 3
"""Wrong passwords or tokens on one connection before it is ended."""


async def log_in(
    chat: Chat, portal: Portal, door: JsonDoor, hello: Hello, seen: dict[str, int]
) -> None:
    """Log in as *hello* says, answer it, and show what was missed: what is after *seen*."""
    try:
        session = await _session(chat, portal, door, hello)
    except Refused as refused:
        door.send(hello=1, **refusal_object(refused))
        if refused.code in (Code.WRONG_PASSWORD, Code.BAD_TOKEN):
            door.wrong += 1
            if door.wrong == MAX_WRONG:
                door.say_last(EndWhy.WRONG_PASSWORD, "Those were too many wrong passwords.")
        return
    try:
        await session.start(seen)
    except NotSaved:
        door.say_last(EndWhy.TROUBLE, "The server cannot read its log now; try again soon.")
        return
    token = hello.token or ""
    if not token:
        with suppress(NotSaved):  # a program that has the password comes in without
            token = await chat.tokens.issue(session.account)
    door.send(**_answer(chat, session, token))
    await session.catch_up()
    if chat.config.lobby is not None:
        call = Call(chat, session, None, lambda _reply: None)
        with suppress(Refused, NotSaved, Cancelled):  # closed to them; there are other groups
            await enter_lobby(call, chat.config.lobby)
    session.say(Live())


async def _session(chat: Chat, portal: Portal, door: JsonDoor, hello: Hello) -> Session:
    credentials = _credentials(chat, door, hello)
    try:
        _, session, _ = await portal.login(credentials, door, ISession)
    except NotSaved:
        raise not_saved() from None
    assert isinstance(session, Session)
    try:
        door.logged_in(session)
    except Exception:
        chat.dismiss(session.account)
        raise
    return session


def _credentials(chat: Chat, door: JsonDoor, hello: Hello) -> ICredentials:
    """Return what *hello* has to show. Raises `Refused` if that cannot be enough."""
    name = person_name(hello.name)
    chat.accounts.admit(name)
    account = chat.accounts.get(name)
    if hello.token is not None:
        return SessionToken(name, hello.token)
    if account is not None and not account.registered:
        raise Refused(Code.TAKEN, "{name} is in use; choose another name.", name=account.name)
    if hello.password is not None:
        if account is None:
            return NewAccount(name, check_password(hello.password))
        return Password(name, hello.password, door.network)
    if account is not None:
        raise Refused(Code.PASSWORD_NEEDED, "{name} needs its password.", name=account.name)
    if not hello.guest:
        raise Refused(Code.NEW_NAME, "Nobody here has the name {name} yet.", name=name)
    return GuestName(name)


def _answer(chat: Chat, session: Session, token: str) -> dict[str, object]:
    account = session.account
    groups = []
    for conversation, unread in session.memberships():
        group = conversation.group
        assert group is not None
        groups.append(
            {
                "group": group.name,
                "number": group.number,
                "policy": group.policy,
                "role": "admin" if group.is_admin(account.name) else "member",
                "unread": unread,
                "head": conversation.published,
                "topic": group.topic,
            }
        )
    return {
        "hello": 1,
        "ok": True,
        "name": account.name,
        "registered": account.registered,
        "operator": account.actor.operator,
        **({"token": token} if token else {}),
        "version": __version__,
        "line_bytes": chat.config.limits.line_bytes,
        "motd": chat.config.motd,
        "groups": groups,
        "commands": [command.help for command in TABLE],
    }
