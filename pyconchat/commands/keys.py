"""Commands about the public keys of an account."""

from __future__ import annotations

from typing import NamedTuple

from pyconchat.chat.interfaces import IKeyPeer
from pyconchat.commands.arguments import Arg, is_number
from pyconchat.commands.call import Call
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.public_keys import PublicKey, key_of_line
from pyconchat.domain.replies import Done, KeyLine, KeyList, Reply
from pyconchat.domain.text import SafeText

__all__ = ["KEYS", "key"]


class _Add(NamedTuple):
    """A key that is added: the pasted one, or (None) the one that the connection has offered."""

    key: PublicKey | None


class _Remove(NamedTuple):
    """The number of a key that is removed."""

    number: int


def _keys(typed: str) -> _Add | _Remove:
    """Parse ``add``, ``add KEY`` or ``remove N``. Raises `Refused`."""
    word, _, rest = typed.strip().partition(" ")
    rest = rest.strip()
    if word.lower() == "add":
        return _Add(key_of_line(rest) if rest else None)
    if word.lower() == "remove" and is_number(rest):
        return _Remove(int(rest))
    raise Refused(Code.BAD_ARGUMENT, "Use /key, /key add, /key add KEY or /key remove N.")


KEYS = Arg("add [KEY]|remove N", _keys, rest=True)


async def key(call: Call, asked: _Add | _Remove | None) -> Reply:
    """List the keys of the account, add one, or remove one."""
    account = call.account
    match asked:
        case _Add(key=pasted):
            return await _add(call, pasted or await _offered(call))
        case _Remove(number=number):
            removed = await call.services.keys.remove(call.session, number)
            return Done(SafeText(f"The key {removed.fingerprint} is removed."))
        case _:
            lines = [
                KeyLine(number, each.type, each.fingerprint, each.comment, each.added, each.used)
                for number, each in enumerate(account.keys, 1)
            ]
            return KeyList(lines, bool(account.password_hash))


async def _add(call: Call, key: PublicKey) -> Reply:
    was_guest = await call.services.keys.add(call.session, key)
    if was_guest:
        return Done(SafeText(f"{call.account.name} is yours now: the key keeps it."))
    return Done(SafeText(f"The key {key.fingerprint} logs you in from now on."))


async def _offered(call: Call) -> PublicKey:
    """Return the key that the connection has offered, after a question. Raises `Refused`."""
    peer = call.session.peer
    key: PublicKey | None = peer.key if IKeyPeer.providedBy(peer) else None
    if key is None:
        raise Refused(
            Code.MISSING_ARGUMENT,
            "Your connection has offered no key: /key add KEY takes the line of a .pub file.",
        )
    call.services.keys.require_addable(call.account, key)
    if (await call.ask(f"Add {key.type} {key.fingerprint}? yes or no: ")).lower() != "yes":
        raise Refused(Code.CANCELLED, "No key was added.")
    return key
