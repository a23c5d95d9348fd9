"""Commands about messages: private ones, actions, and ignoring."""

from __future__ import annotations

from pyconchat.chat.places import Private
from pyconchat.commands.call import Call
from pyconchat.commands.joining import desk
from pyconchat.commands.people import away_text
from pyconchat.commands.private import send_private
from pyconchat.domain.accounts import Account
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import Action
from pyconchat.domain.names import Name, fold
from pyconchat.domain.replies import Done, InPrivate, Reply, Said
from pyconchat.domain.text import SafeText

MAX_NAMED = 100
"""Maximum people that ``/ignore`` without arguments lists."""


async def before_message(call: Call, name: Name | None = None) -> None:
    """Raise `Refused` unless there is a person *name* to write to."""
    if name is not None:
        partner = call.services.accounts.find(name)
        call.chat.private.require_partner(call.account, partner)


async def before_reply(call: Call) -> None:
    """Raise `Refused` unless there was a private message to answer."""
    _correspondent(call)


async def before_speaking(call: Call) -> None:
    """Raise `Refused` unless the caller may speak in the current place."""
    call.require_voice()


async def msg(call: Call, name: Name, text: SafeText) -> Reply:
    """Send a private message."""
    return await _send_aside(call, call.services.accounts.find(name), text)


async def answer(call: Call, text: SafeText) -> Reply:
    """Send a private message to the person of the caller's last private message."""
    return await _send_aside(call, _correspondent(call), text)


async def query(call: Call, name: Name | None, text: SafeText | None) -> Reply | None:
    """Make a private conversation current, and send *text*; without arguments, leave it."""
    if name is None:
        if not isinstance(call.current, Private):
            raise Refused(
                Code.BAD_ARGUMENT, "With whom? /query NAME; alone it leaves a conversation."
            )
        return await desk(call)
    partner = call.services.accounts.find(name)
    call.chat.private.require_partner(call.account, partner)
    call.session.enter(Private(partner))
    away = away_text(call, partner)
    if partner.absence is not None:
        partner.absence.is_news_to(call.account.party)  # the reply shows the away text
    call.answer(
        InPrivate(
            other=partner.name,
            online=call.services.presence.online(partner.key),
            guest=partner.actor.guest,
            away=away,
        )
    )
    if text is not None:
        await send_private(call, partner, text)
    return None


async def me(call: Call, text: SafeText) -> Reply:
    """Post an action."""
    if isinstance(call.current, Private):
        return await send_private(call, call.current.partner, text, Action)
    return Said(await call.chat.posting.act(call.session, call.here(), text, call.key))


async def ignore(call: Call, name: Name | None) -> Reply:
    """Add somebody to your ignore list; without arguments, show it."""
    if name is None:
        names = sorted(call.account.ignores.values(), key=fold)
        ignored, more = names[:MAX_NAMED], len(names[MAX_NAMED:])
        said = f"{', '.join(ignored)}{f' and {more:,} more' if more else ''}"
        return Done(SafeText(f"You ignore {said or 'nobody'}."))
    if fold(name) == call.account.key:
        raise Refused(Code.SELF, "You cannot ignore yourself.")
    if fold(name) in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You ignore {name} already.", name=name)
    call.chat.bounds.check_ignores(call.account, fold(name))
    await call.services.registration.ignore(call.account, name, True)
    return call.done("You no longer see what {name} says; /unignore {name} ends that.", name=name)


async def unignore(call: Call, name: Name) -> Reply:
    """Remove somebody from your ignore list."""
    if fold(name) not in call.account.ignores:
        raise Refused(Code.UNCHANGED, "You do not ignore {name}.", name=name)
    await call.services.registration.ignore(call.account, name, False)
    return Done(SafeText(f"You see again what {name} says."))


def _correspondent(call: Call) -> Account:
    partner = call.account.correspondent
    if partner is None:
        raise Refused(
            Code.NO_SUCH_NAME, "Nobody is there to answer; /msg NAME TEXT writes to somebody."
        )
    return partner


async def _send_aside(call: Call, partner: Account, text: SafeText) -> Reply:
    """Send a private message, from wherever the caller is."""
    sent = await send_private(call, partner, text)
    here = call.current
    if not (isinstance(here, Private) and here.partner is partner):
        call.session.aside = (partner.name, call.chat.now())
    return sent
