"""Accounts: registered people and connected guests, server bans, and operators.

`Accounts` decides and applies as `Group` does, for the whole server. It knows no session and no
rate limit.
"""

from __future__ import annotations

import hmac
import secrets
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import assert_never

from pyconchat.domain.absence import Absence
from pyconchat.domain.errors import Code, Refused
from pyconchat.domain.events import (
    NO_TEXT,
    Announced,
    OperatorMade,
    OperatorRemoved,
    ServerBanned,
    ServerEvent,
    ServerKicked,
    ServerUnbanned,
)
from pyconchat.domain.group import Actor
from pyconchat.domain.group_state import Ban
from pyconchat.domain.lookalikes import Lookalikes
from pyconchat.domain.names import COMMAND_WORDS, Key, Name, fold
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.refusals import already_banned, already_operator, looks_like, name_in_use
from pyconchat.domain.settings import Settings
from pyconchat.domain.text import SafeText
from pyconchat.domain.times import until_in_words

__all__ = ["RESERVED", "Account", "Accounts", "correspond", "deleted_party", "is_guest_party"]

RESERVED = (Name("chanserv"), Name("nickserv"), Name("pyconchat"))
"""Names that no new account may have: users could take its messages for the server's."""

MAX_NAMED = 1000
"""Maximum unread mentions in one conversation that are counted."""

MAX_GUEST_MENTIONS = 100
"""Maximum mentions of a guest that are kept."""

MAX_NETWORKS = 8
"""Maximum networks that are banned with one guest."""


_NO_GROUPS: frozenset[int] = frozenset()
"""The same object for all accounts: a set takes 216 bytes, also an empty one."""


class Account:
    """A name in use: *registered*, or a *guest*'s while they are connected.

    A registered one has a password, keys, or both.
    *ignores* maps the keys of ignored names to those names. *party* identifies the account in
    private conversations. *seen_at* is when it was last online, in milliseconds since the epoch,
    None if that is not known. *absence* is set while it is away. *operator* and *since* are as in
    `Actor`. *muted* has the conversations of muted groups, *detached* of groups that it has left at
    the IRC door and is still a member of. *read_markers* has the times up to which it has read the
    targets of its IRC clients (by folded name), in milliseconds since the epoch.
    While the account is online, *shown* has the newest entry of each conversation that one of its
    devices has displayed, and *named* the numbers of later entries that mention it, by
    conversation; *mentions* has all mentions of a guest, as pairs of conversation and number.
    """

    # Weakly referenced by the rate limits of accounts.
    __slots__ = (
        "__weakref__",
        "_correspondent",
        "absence",
        "actor",
        "detached",
        "ended_at",
        "ignores",
        "key",
        "keys",
        "mentions",
        "muted",
        "name",
        "named",
        "party",
        "password_hash",
        "read_markers",
        "seen_at",
        "settings",
        "shown",
    )

    def __init__(
        self,
        name: Name,
        password_hash: str = "",
        operator: bool = False,
        since: int = 0,
        keys: Iterable[PublicKey] = (),
    ) -> None:
        self.name = name
        self.key: Key = fold(name)
        self.password_hash = password_hash
        self.keys = list(keys)
        registered = bool(password_hash or self.keys)
        self.ignores: dict[Key, Name] = {}
        self.seen_at: int | None = None
        self.ended_at = 0  # when its owner last ended all sessions
        self.absence: Absence | None = None
        self._correspondent: weakref.ref[Account] | None = None
        self.settings = Settings()
        self.muted = self.detached = _NO_GROUPS
        self.read_markers: dict[str, int] = {}
        self.shown: dict[int, int] = {}
        self.named: dict[int, list[int]] = {}
        self.mentions: list[tuple[int, int]] = []
        self.actor = Actor(name, not registered, operator, since)
        # The next guest with this name must not get this guest's private conversations.
        self.party = self.key if registered else f"{self.key}~{secrets.token_hex(8)}"

    @property
    def since(self) -> int | None:
        """Return when it was registered, in milliseconds since the epoch; None: unknown, never."""
        return self.actor.since or None

    @property
    def registered(self) -> bool:
        """Return whether the account exists beyond its connection."""
        return not self.actor.guest

    @property
    def proof(self) -> tuple[str, int]:
        """Return the state of the account that a login with the password proves.

        It changes with the password, and when the owner ends all sessions.
        """
        return self.password_hash, self.ended_at

    def key_of(self, blob: str) -> PublicKey | None:
        """Return the listed key *blob* (in Base64), or None."""
        return next((key for key in self.keys if key.blob == blob), None)

    @property
    def correspondent(self) -> Account | None:
        """Return the partner in the last private message; None if that account is removed."""
        return None if self._correspondent is None else self._correspondent()

    def corresponds_with(self, other: Account) -> None:
        """Record that a private message was exchanged with *other*."""
        self._correspondent = weakref.ref(other)  # two accounts would otherwise be a cycle

    def mention(self, conversation: int, seq: int) -> None:
        """Record that entry *seq* of *conversation* mentions the account, which is online."""
        unread = self.named.setdefault(conversation, [])
        unread.append(seq)
        del unread[:-MAX_NAMED]
        if not self.registered:
            self.mentions.append((conversation, seq))
            del self.mentions[:-MAX_GUEST_MENTIONS]

    def show(self, conversation: int, seq: int) -> bool:
        """Record that *conversation* was displayed up to *seq*; return whether that is new."""
        if seq <= self.shown.get(conversation, 0):
            return False
        self.shown[conversation] = seq
        if conversation in self.named:
            later = [each for each in self.named.pop(conversation) if each > seq]
            if later:
                self.named[conversation] = later
        return True

    def become_operator(self, operator: bool) -> None:
        """Become an operator, or stop being one (*operator* is False)."""
        self.actor = Actor(self.name, self.actor.guest, operator, self.actor.since)

    def respell(self, name: Name) -> None:
        """Change the case of the name of a guest in no group: groups have copies of the name."""
        self.name = name
        self.actor = Actor(name, self.actor.guest, self.actor.operator, self.actor.since)

    def register(self, password_hash: str, at: int) -> None:
        """Become registered *at* that time, in milliseconds; or change the password.

        Without a password (*password_hash* is empty) it has keys.
        """
        since = self.actor.since if self.registered else at
        self.password_hash = password_hash
        self.party = self.key
        self.actor = Actor(self.name, False, self.actor.operator, since)


def correspond(sender: Account, receiver: Account) -> None:
    """Make each the other's last correspondent, for ``/r``."""
    sender.corresponds_with(receiver)
    if sender.key not in receiver.ignores:
        receiver.corresponds_with(sender)


def is_guest_party(party: str) -> bool:
    """Return whether *party* (`Account.party`) is a guest's, or a deleted account's."""
    return "~" in party


def deleted_party(key: Key) -> str:
    """Return the party that replaces a deleted account in its private conversations."""
    return f"{key}~{secrets.token_hex(8)}"


class Accounts:
    """All registered accounts, and the connected guests.

    *hook_names* are the names of hooks, which `pyconchat.chat.hook_directory` keeps.
    """

    def __init__(self, guests_allowed: bool = True) -> None:
        self.guests_allowed = guests_allowed
        self.claim_code: str | None = None
        self.bans: dict[Key, Ban] = {}
        self._banned_networks: dict[str, list[Ban]] = {}
        self._accounts: dict[Key, Account] = {}
        self._lookalikes = Lookalikes()
        self._server_names = Lookalikes(RESERVED)
        self._command_words = Lookalikes(map(Name, sorted(COMMAND_WORDS)))
        self._banned_names = Lookalikes(())
        self._reserved: set[Key] = set()
        self.hook_names = Lookalikes()

    def get(self, name: str) -> Account | None:
        """Return the account of *name*, or None."""
        return self._accounts.get(fold(name))

    def find(self, name: Name) -> Account:
        """Return the account of *name*. Raises `Refused`."""
        account = self.get(name)
        if account is None:
            raise Refused(
                Code.NO_SUCH_NAME, "{name} is neither online nor registered here.", name=name
            )
        return account

    def registered(self) -> list[Account]:
        """Return the registered accounts."""
        return [account for account in self._accounts.values() if account.registered]

    def require_free(self, name: Name, now: int) -> None:
        """Raise `Refused` if no new account may have *name* at *now* (milliseconds).

        It is refused if it is in use or reserved, or confusable with such a name, with a banned
        one, with a hook or with a command. Existing names stay valid.
        """
        self.require_no_account(name, now)
        hook = self.hook_names.find(name)
        if hook is not None:
            if fold(hook) == fold(name):
                raise Refused(Code.TAKEN, "{name} is a hook; choose another name.", name=name)
            raise looks_like(name, hook)

    def require_no_account(self, name: Name, now: int) -> None:
        """Raise `Refused` as `require_free`, unless only hooks have the name."""
        self._require_unused(name)
        banned = (
            other for other in self._banned_names.alike(name) if self.bans[fold(other)].lasts(now)
        )
        for other in (
            self._lookalikes.find(name),
            next(banned, None),
            self._command_words.find(name),
        ):
            if other is not None and fold(other) != fold(name):
                raise looks_like(name, other)
        if self._server_names.find(name) is not None:
            raise Refused(
                Code.BAD_NAME, "{name} is reserved for the server: choose another.", name=name
            )

    def add(self, account: Account) -> None:
        """Add *account*, whose name was checked before. Raises `Refused` if it is in use.

        Accounts in the store are never refused because of confusable names.
        """
        self._require_unused(account.name)
        self._accounts[account.key] = account
        self._lookalikes.add(account.name)

    def respell(self, account: Account, name: Name) -> None:
        """Change the case of the name of *account*, a guest in no group."""
        self._lookalikes.remove(account.name)
        account.respell(name)
        self._lookalikes.add(name)

    @contextmanager
    def reserved(self, name: Name, now: int) -> Iterator[None]:
        """Reserve *name* while it is being registered. Raises `Refused` as `require_free` does."""
        self.require_free(name, now)
        self._reserved.add(fold(name))
        self._lookalikes.add(name)
        try:
            yield
        finally:
            self._reserved.discard(fold(name))
            self._lookalikes.remove(name)

    def remove(self, account: Account) -> None:
        """Remove the account of a guest who has disconnected, or one that was deleted."""
        del self._accounts[account.key]
        self._lookalikes.remove(account.name)

    def is_banned(self, name: str, now: int) -> bool:
        """Return whether *name* is banned from the server at *now* (milliseconds)."""
        return self._ban_of(name, now) is not None

    def admit(self, name: str, now: int) -> None:
        """Raise `Refused` if *name* is banned from the server at *now* (milliseconds)."""
        ban = self._ban_of(name, now)
        if ban is not None:
            raise _banned(f"{ban.name} is", ban, now)

    def admit_network(self, network: str, now: int) -> None:
        """Raise `Refused` if no guest or new account may come from *network* at *now*."""
        bans = (ban for ban in self._banned_networks.get(network, ()) if ban.lasts(now))
        for ban in bans:
            raise _banned("Guests and new accounts from your address are", ban, now)

    def restore_bans(self, bans: Iterable[Ban]) -> None:
        """Replace the bans by *bans*."""
        self.bans = {fold(ban.name): ban for ban in bans}
        self._banned_names = Lookalikes(ban.name for ban in self.bans.values())
        self._ban_networks()

    def _ban_networks(self) -> None:
        self._banned_networks = {}
        for ban in self.bans.values():
            for network in ban.networks:
                self._banned_networks.setdefault(network, []).append(ban)

    # Decisions of operators.

    def claim(self, by: Account, code: str) -> list[ServerEvent]:
        """Decide that *by*, who has typed the claim code, becomes the first operator."""
        if self.claim_code is None:
            raise Refused(Code.BAD_ARGUMENT, "The claim code was used already; ask an operator.")
        if not hmac.compare_digest(code.strip().lower().encode(), self.claim_code.encode()):
            raise Refused(
                Code.WRONG_PASSWORD, "That is not the claim code; see the server's first lines."
            )
        return self._made_operator(by, None)

    def remove_operator(self, by: Actor, name: Name) -> list[ServerEvent]:
        """Decide that *name* is no longer an operator. The last operator remains one."""
        self.require_operator(by, "make operators")
        account = self.find(name)
        if not account.actor.operator:
            raise Refused(Code.UNCHANGED, "{name} is not an operator.", name=account.name)
        others = (each for each in self._accounts.values() if each is not account)
        if not any(each.actor.operator for each in others):
            raise Refused(Code.SELF, "You are the only operator: make another one first.")
        return [OperatorRemoved(account.name, by.name)]

    def make_operator(self, by: Actor, name: Name) -> list[ServerEvent]:
        """Decide that *name* becomes an operator."""
        self.require_operator(by, "make operators")
        account = self.find(name)
        if account.actor.operator:
            raise already_operator(account.name)
        return self._made_operator(account, by.name)

    def appoint(self, name: Name) -> list[ServerEvent]:
        """Decide that *name* becomes an operator, by `pyconchat-admin`."""
        account = self.find(name)
        if account.actor.operator:
            raise already_operator(account.name)
        return self._made_operator(account, None)

    def announce(self, by: Actor, text: SafeText) -> list[ServerEvent]:
        """Decide that *by* says *text* to everybody who is online."""
        self.require_operator(by, "make announcements")
        return [Announced(by.name, text)]

    def kick(
        self, by: Actor, name: Name, online: bool, reason: SafeText = NO_TEXT
    ) -> list[ServerEvent]:
        """Decide that all sessions of *name*, who is *online*, end."""
        self.require_operator(by, "kick people off the server", in_groups=True)
        account = self.find(name)
        if account.key == fold(by.name):
            raise Refused(Code.SELF, "To disconnect yourself, use /quit.")
        if not online:
            raise Refused(Code.NO_SUCH_NAME, "{name} is not online.", name=account.name)
        return [ServerKicked(account.name, by.name, reason)]

    def ban(
        self,
        by: Actor,
        name: Name,
        now: int,
        reason: SafeText = NO_TEXT,
        networks: Iterable[str] = (),
        until: int | None = None,
    ) -> list[ServerEvent]:
        """Decide that *name*, which need not be registered, is banned from the server.

        The ban lasts until *until* (milliseconds, as *now*), or for good if that is None. The ban
        of a guest includes the *networks* from which they are connected. An account that is banned
        keeps its memberships: it is offline until the ban is lifted.
        """
        self.require_operator(by, "ban people from the server", in_groups=True)
        key = fold(name)
        if key == fold(by.name):
            raise Refused(Code.SELF, "You cannot ban yourself.")
        known = self._ban_of(name, now)
        if known is not None:
            raise already_banned(known.name)
        account = self.get(name)
        if account is None:
            return [ServerBanned(name, by.name, reason, until=until)]
        guest = () if account.registered else tuple(networks)[:MAX_NETWORKS]
        return [ServerBanned(account.name, by.name, reason, guest, until)]

    def unban(self, by: Actor, name: Name, now: int) -> list[ServerEvent]:
        """Decide that the server ban of *name* ends."""
        self.require_operator(by, "lift server bans", in_groups=True)
        ban = self._ban_of(name, now)
        if ban is None:
            raise Refused(
                Code.NOT_BANNED, "{name} is not banned from this server; see /bans.", name=name
            )
        return [ServerUnbanned(ban.name, by.name)]

    def banned(self, by: Actor, now: int) -> list[Ban]:
        """Return the bans that have not ended, oldest first, if *by* may see them."""
        self.require_operator(by, "see the server's bans", in_groups=True)
        return [ban for ban in self.bans.values() if ban.lasts(now)]

    def apply(self, event: ServerEvent, at: int) -> None:
        """Change the state as *event* says, which happened at *at* (milliseconds)."""
        match event:
            case ServerKicked() | Announced():
                pass
            case ServerBanned(name=name, by=by, reason=reason, networks=networks, until=until):
                lasting = [ban for ban in self.bans.values() if ban.lasts(at)]
                self.restore_bans([*lasting, Ban(name, by, at, reason, networks, until)])
            case ServerUnbanned(name=name):
                self._banned_names.remove(self.bans.pop(fold(name)).name)
                self._ban_networks()
            case OperatorMade(name=name, by=by):
                account = self._accounts[fold(name)]
                account.become_operator(True)
                if by is None:
                    self.claim_code = None
            case OperatorRemoved(name=name):
                self._accounts[fold(name)].become_operator(False)
            case _:
                assert_never(event)

    def require_operator(self, by: Actor, what: str, in_groups: bool = False) -> None:
        """Raise `Refused` unless *by* is an operator. *what* names what operators can do.

        *in_groups* is true where a group's admin can do the same in the group.
        """
        if not by.operator:
            raise Refused(
                Code.NOT_OPERATOR,
                "Only operators can {what}{hint}.",
                what=what,
                hint="; a group's admin can do so inside the group" if in_groups else "",
            )

    def _ban_of(self, name: str, now: int) -> Ban | None:
        """Return the ban of *name* if it has not ended, else None."""
        ban = self.bans.get(fold(name))
        return ban if ban is not None and ban.lasts(now) else None

    def _made_operator(self, account: Account, by: Name | None) -> list[ServerEvent]:
        if not account.registered:
            raise Refused(
                Code.GUEST,
                "{name} is a guest; operators need a password: /password sets one.",
                name=account.name,
            )
        return [OperatorMade(account.name, by)]

    def _require_unused(self, name: Name) -> None:
        if fold(name) in self._accounts or fold(name) in self._reserved:
            raise name_in_use(name)


def _banned(who: str, ban: Ban, now: int) -> Refused:
    return Refused(
        Code.BANNED,
        "{who} banned from this server by {by}{until}{because}.",
        who=who,
        by=ban.by,
        until=until_in_words(ban.until, now),
        because=f": {ban.reason}" if ban.reason else "",
    )
