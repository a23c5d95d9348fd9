"""Commands about the server: who is here, accounts, operators, help, and going."""

from __future__ import annotations

from pyconchat.commands.types import Call
from pyconchat.errors import Code, Refused
from pyconchat.events import NO_TEXT
from pyconchat.names import Name
from pyconchat.passwords import check_password
from pyconchat.replies import Done, Help, PasswordSet, PersonLine, PersonOnline, Reply
from pyconchat.text import SafeText

EVERYWHERE = "everywhere"


async def who(call: Call) -> Reply:
    """List who is online."""
    mine = {conversation.id: conversation for conversation in call.chat.hear_of(call.session)}
    people: list[PersonLine] = []
    seen: set[str] = set()
    for session in call.chat.presence.everybody():
        account = session.account
        if account.key in seen:
            continue
        seen.add(account.key)
        shared = [
            each.group.name
            for each in call.chat.groups.memberships(account.key)
            if each.id in mine and each.group is not None
        ]
        actor = account.actor
        people.append(PersonLine(account.name, actor.guest, actor.operator, shared))
    return PersonOnline(sorted(people, key=lambda person: person.name.lower()))


async def password(call: Call) -> Reply:
    """Register, or change the password."""
    account, session = call.account, call.session
    if account.registered:
        network, now = session.peer.network, call.chat.reactor.seconds
        call.chat.wrong_passwords.check(network, now())
        old = await call.ask("Current password: ", secret=True)
        if not await call.chat.hasher.verify(account.password_hash, old):
            call.chat.wrong_passwords.wrong(network, now())
            raise Refused(Code.WRONG_PASSWORD, "That is not your password; nothing has changed.")
    was_guest = not account.registered
    new = await ask_new_password(call)
    await call.chat.change_password(session, new)
    token = await call.chat.tokens.issue(account) if session.peer.program else ""
    if was_guest:
        said = f"{account.name} is yours now: the password keeps it."
    else:
        said = "Your password is changed; your other sessions have ended."
    return PasswordSet(SafeText(said), token)


async def ask_new_password(call: Call) -> str:
    """Ask for a new password, twice where it cannot be seen. Raises `Refused`."""
    new = check_password(await call.ask("New password: ", secret=True))
    if call.session.peer.hides and await call.ask("The same again: ", secret=True) != new:
        raise Refused(Code.WRONG_PASSWORD, "The two were not the same; nothing has changed.")
    return new


async def claim(call: Call, code: str) -> Reply:
    """Become the first operator."""
    network, now = call.session.peer.network, call.chat.reactor.seconds
    call.chat.wrong_passwords.check(network, now())
    try:
        await call.operate(lambda accounts: accounts.claim(call.account, code))
    except Refused as refused:
        if refused.code is Code.WRONG_PASSWORD:
            call.chat.wrong_passwords.wrong(network, now())
        raise
    return Done(SafeText("At the front desk, /kick, /ban, /unban and /bans are the server's."))


async def operator(call: Call, name: Name) -> None:
    """Make somebody an operator."""
    await call.operate(lambda accounts: accounts.make_operator(call.actor, name))


async def help_(call: Call, name: str | None) -> Reply:
    """Show the commands, or one."""
    from pyconchat.commands.table import TABLE, find_command

    if name is not None:
        command = find_command("/" + name.lstrip("/"), at_desk=False).command
        return Help([command.help], desk=False, brief=False)
    return Help([each.help for each in TABLE], desk=call.place is None, brief=True)


async def quit_(call: Call, reason: SafeText | None) -> None:
    """Disconnect; with ``everywhere`` as the reason, on all devices."""
    if reason is not None and reason.lower() == EVERYWHERE:
        await call.chat.end_elsewhere(call.session)
        reason = None
    call.session.quit(reason or NO_TEXT)
