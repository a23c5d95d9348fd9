"""Commands about the server: who is here, accounts, operators, help, and going."""

from __future__ import annotations

from pyconchat.commands.command import Call, has_part, listed
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.names import Name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import Done, Help, PasswordSet, PeopleOnline, PersonLine, Reply
from pyconchat.domain.text import SafeText

EVERYWHERE = "everywhere"


async def who(call: Call, part: SafeText | None) -> Reply:
    """List who is online."""
    mine = {conversation.id: conversation for conversation in call.chat.hear_of(call.session)}
    people: list[PersonLine] = []
    seen: set[str] = set()
    part = part or NO_TEXT
    wanted = has_part(part)
    for session in call.chat.presence.everybody():
        account = session.account
        if account.key in seen or not wanted(account.name):
            continue
        seen.add(account.key)
        shared = [
            each.group.name
            for each in call.chat.groups.memberships(account.key)
            if each.id in mine and each.group is not None
        ]
        actor = account.actor
        people.append(PersonLine(account.name, actor.guest, actor.operator, shared))
    found, more = listed(sorted(people, key=lambda person: person.name.lower()))
    return PeopleOnline(found, more, part)


async def password(call: Call) -> Reply:
    """Register, or change the password."""
    account, session = call.account, call.session
    if account.registered:
        network, throttle = session.peer.network, call.chat.throttle
        throttle.admit(network)
        old = await call.ask("Current password: ", secret=True)
        if not await throttle.check(network, account.key, account.password_hash, old):
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
    network, throttle = call.session.peer.network, call.chat.throttle
    throttle.admit(network)
    try:
        await call.operate(lambda accounts: accounts.claim(call.account, code))
    except Refused as refused:
        if refused.code is Code.WRONG_PASSWORD:
            throttle.wrong(network, "the claim code")
        raise
    return Done(SafeText("At the front desk, /kick, /ban, /unban and /bans are the server's."))


async def operator(call: Call, name: Name) -> None:
    """Make somebody an operator."""
    await call.operate(lambda accounts: accounts.make_operator(call.actor, name))


async def stats(call: Call) -> Reply:
    """Say what the server has done, and how it is."""
    return call.chat.figures(call.account)


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
