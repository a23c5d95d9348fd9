"""Commands about accounts and the server: passwords, operators, disconnecting."""

from __future__ import annotations

from pyconchat.chat.interfaces import IKeyPeer
from pyconchat.chat.stored_accounts import QUIT_EVERYWHERE
from pyconchat.commands.arguments import SWITCH, Arg
from pyconchat.commands.call import Call
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import NO_TEXT
from pyconchat.domain.names import Name
from pyconchat.domain.password_rules import check_password
from pyconchat.domain.replies import (
    Done,
    EndWhy,
    PasswordSet,
    Reply,
    SettingsAre,
)
from pyconchat.domain.text import SafeText

EVERYWHERE = "everywhere"


NONE = "none"


def _none(typed: str) -> str:
    """Parse ``none``. Raises `Refused`."""
    if typed.strip().lower() != NONE:
        raise Refused(Code.BAD_ARGUMENT, "Use /password, or /password none.")
    return NONE


NO_PASSWORD = Arg("none", _none, rest=True)


async def password(call: Call, none: str | None) -> Reply:
    """Register, or change the password; with *none*, the account has only keys."""
    account, session = call.account, call.session
    proof = account.proof
    if none is not None and not account.keys:
        raise Refused(Code.SELF, "Without a password you need a key: /key add takes one.")
    if account.registered and not account.password_hash:
        _require_key(call)
    elif account.registered:
        throttle = call.services.throttle
        throttle.admit(session.peer.network)

        async def check(old: str) -> None:
            hash = account.password_hash
            if not await throttle.check_later(call.asker, account.key, hash, old):
                raise Refused(Code.WRONG_PASSWORD, "That is not your password.")

        await call.ask_password("Current password: ", check)
    if none is not None:
        await call.services.keys.drop_password(session)
        return Done(SafeText("You have no password any more: only your keys log you in."))
    was_guest = not account.registered
    new = await ask_new_password(call)
    await call.services.registration.change_password(session, new, proof)
    token = await call.services.tokens.issue(account) if session.peer.program else ""
    if was_guest:
        sentence = f"{account.name} is yours now: the password keeps it."
    else:
        sentence = "Your password is changed; your other sessions have ended."
    return PasswordSet(SafeText(sentence), token)


def _require_key(call: Call) -> None:
    """Raise `Refused` unless a key of the account has opened the session."""
    peer = call.session.peer
    if not (IKeyPeer.providedBy(peer) and peer.key_proven):
        raise Refused(
            Code.WRONG_PASSWORD, "You have no password yet: log in with a key to choose one."
        )


async def ask_new_password(call: Call) -> str:
    """Ask for a new password, twice if the input is hidden. Raises `Refused`."""

    async def check(new: str) -> str:
        checked = check_password(new)
        if call.session.peer.hides and await call.ask("The same again: ", secret=True) != new:
            raise Refused(Code.WRONG_PASSWORD, "The two passwords differ.")
        return checked

    return await call.ask_password("New password: ", check)


async def claim(call: Call, code: str) -> Reply:
    """Become the first operator."""
    network, throttle = call.session.peer.network, call.services.throttle
    throttle.admit(network)
    try:
        await call.operate(lambda accounts: accounts.claim(call.account, code))
    except Refused as refused:
        if refused.code is Code.WRONG_PASSWORD:
            throttle.wrong(network, "the claim code")
        raise
    return call.done("At the front desk, /kick, /ban, /unban and /bans are the server's.")


async def operator(call: Call, name: Name, on: bool | None) -> None:
    """Make somebody an operator, or an ordinary user again."""
    if on is False:
        await call.operate(lambda accounts: accounts.remove_operator(call.actor, name))
    else:
        await call.operate(lambda accounts: accounts.make_operator(call.actor, name))


async def announce(call: Call, text: SafeText) -> None:
    """Send a text to everybody who is online."""
    await call.operate(lambda accounts: accounts.announce(call.actor, text))


async def set_(call: Call, name: str | None, on: bool | None) -> Reply:
    """Show the settings, or switch one."""
    account = call.account
    if name is not None:
        account.settings.changed(name, True)  # refuses unknown ones before the question
        if on is None:
            on = SWITCH.parse(await call.ask(f"{name} on or off? "))
        await call.services.registration.change_setting(account, name, on)
        for session in call.services.presence.sessions(account.key):
            if session.peer.program and session is not call.session:
                session.send(SettingsAre(account.settings))
    return SettingsAre(account.settings)


async def stats(call: Call) -> Reply:
    """Show the server's statistics."""
    return call.chat.figures(call.account)


async def quit_(call: Call, reason: SafeText | None) -> None:
    """Disconnect; with the reason ``everywhere``, end all sessions of the account."""
    if reason is not None and reason.lower() == EVERYWHERE:
        await _quit_elsewhere(call)
        reason = None
    call.session.quit(reason or NO_TEXT)


async def _quit_elsewhere(call: Call) -> None:
    """End the account's other sessions, and its session tokens."""
    if call.account.registered:
        await call.services.tokens.end(call.account)
    call.services.registry.end_others(call.session, EndWhy.EVERYWHERE, QUIT_EVERYWHERE)
