"""Writes without an entry in the log: accounts and their settings, tokens, private talk."""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from pyconchat.domain.decisions import (
    DeleteAccount,
    Detach,
    EndDirect,
    EndToken,
    EndTokens,
    Ignore,
    MarkRead,
    MoveCursor,
    MoveKeys,
    Mute,
    NoteLogin,
    NoteSeen,
    OpenDirect,
    Register,
    RemoveKey,
    SaveKey,
    SaveSetting,
    SaveToken,
    SetPassword,
    UseKey,
    UseToken,
    Write,
    owner_of,
)
from pyconchat.domain.names import Key, fold
from pyconchat.store import schema
from pyconchat.store.cursors import Cursors
from pyconchat.store.rows import change_rows, delete_rows, insert_row
from pyconchat.store.sharing import Sharing
from pyconchat.store.state import read_direct

__all__ = ["MAX_TOKENS", "Writes"]

MAX_TOKENS = 16
"""Maximum session tokens of an account. A new one replaces the least recently used."""


class Writes:
    """Makes the writes of decisions, inside the transaction of *connection*.

    With *sharing*, other nodes use the same database. *changed* are the accounts that they have
    to read again; changed times of logins and uses are not included.
    """

    def __init__(self, connection: Connection, cursors: Cursors, sharing: Sharing | None) -> None:
        self.changed: set[Key] = set()
        self._connection = connection
        self._cursors = cursors
        self._sharing = sharing

    def clashes(self, write: Write) -> bool:
        """Return whether *write* needs another state of the accounts than the stored one."""
        match write:
            case Register(name=name):
                key = fold(name)
                if self._sharing is not None and self._sharing.is_guest_elsewhere(
                    self._connection, key
                ):
                    return True
                return self._has_account(key)
            case SetPassword(owner=owner):
                return not self._has_account(owner)
            case OpenDirect(parties=parties) if self._sharing is not None:
                return read_direct(self._connection, parties) is not None
            case _:
                return False

    def make(self, write: Write, at: int) -> None:
        """Make one *write* at *at* (milliseconds)."""
        changed = owner_of(write)
        if changed is not None:
            self.changed.add(changed)
        match write:
            case Register(name=name, password_hash=password_hash):
                row = {
                    "key": fold(name),
                    "name": name,
                    "password_hash": password_hash,
                    "operator": False,
                    "created_at": at,
                }
                insert_row(self._connection, schema.accounts, **row)
            case SetPassword(owner=owner, password_hash=password_hash):
                self.end_tokens(owner)
                self.change_account(owner, password_hash=password_hash)
            case Ignore(owner=owner, name=name, on=on):
                ignores = schema.ignores
                same = and_(ignores.c.owner == owner, ignores.c.key == fold(name))
                self._run(delete(ignores).where(same))
                if on:
                    self._run(insert(ignores).values(owner=owner, key=fold(name), name=name))
            case SaveSetting(owner=owner, name=name, on=on):
                settings = schema.account_settings
                same = and_(settings.c.owner == owner, settings.c.name == name)
                self._run(delete(settings).where(same))
                self._run(insert(settings).values(owner=owner, name=name, on=on))
            case Mute(owner=owner, conversation=conversation, on=on):
                mutes = schema.mutes
                same = and_(mutes.c.owner == owner, mutes.c.conversation == conversation)
                self._run(delete(mutes).where(same))
                if on:
                    self._run(insert(mutes).values(owner=owner, conversation=conversation))
            case Detach(owner=owner, conversation=conversation, on=on):
                detached = schema.detached
                same = and_(detached.c.owner == owner, detached.c.conversation == conversation)
                self._run(delete(detached).where(same))
                if on:
                    self._run(insert(detached).values(owner=owner, conversation=conversation))
            case MarkRead(owner=owner, target=target, at=at):
                markers = schema.read_markers
                same = and_(markers.c.owner == owner, markers.c.target == target)
                self._run(delete(markers).where(same))
                if at:
                    self._run(insert(markers).values(owner=owner, target=target, at=at))
            case MoveCursor():
                self._cursors.move([write])
            case OpenDirect(conversation=conversation, parties=parties, owners=owners):
                row = {
                    "id": conversation,
                    "head": 0,
                    "version": 0,
                    "party_a": parties[0],
                    "party_b": parties[1],
                }
                self._run(insert(schema.conversations).values(row))
                for owner in owners:
                    self._cursors.open(owner, conversation, 0)
            case EndDirect(conversation=conversation, head=head):
                self._cursors.end(conversation, head)
                files = schema.files
                self._run(delete(files).where(files.c.conversation == conversation))
            case MoveKeys(old=old, new=new):
                keys = schema.keys
                self._run(update(keys).where(keys.c.owner == old).values(owner=new))
                change_rows(self._connection, schema.tickets, {"party": old}, party=new)
            case SaveToken(owner=owner, digest=digest):
                self._save_token(owner, digest, at)
            case UseToken(digest=digest):
                tokens = schema.tokens
                whose = select(tokens.c.owner).where(tokens.c.digest == digest)
                self._move_future_uses(self._connection.scalar(whose), at)
                change_rows(self._connection, tokens, {"digest": digest}, used_at=at)
            case EndToken(digest=digest):
                self._run(delete(schema.tokens).where(schema.tokens.c.digest == digest))
            case EndTokens(owner=owner):
                self.end_tokens(owner)
                self.change_account(owner, ended_at=at)
            case SaveKey(owner=owner, key=key):
                row = {
                    "owner": fold(owner),
                    "blob": key.blob,
                    "type": key.type,
                    "comment": key.comment,
                    "added_at": key.added,
                }
                self._run(insert(schema.public_keys).values(row))
            case RemoveKey(owner=owner, blob=blob):
                self._run(delete(schema.public_keys).where(_same_key(owner, blob)))
            case UseKey(owner=owner, blob=blob):
                keys = schema.public_keys
                self._run(update(keys).where(_same_key(owner, blob)).values(used_at=at))
            case NoteLogin(owner=owner):
                self.change_account(owner, last_login_at=at)
            case NoteSeen(owner=owner):
                self.change_account(owner, last_seen_at=at)
            case DeleteAccount(owner=owner, party=party):
                self._delete_account(owner, party)
            case _:
                assert_never(write)

    def set_operator(self, owner: Key, operator: bool) -> None:
        """Make the account *owner* an operator, or no longer one."""
        self.changed.add(owner)
        self.change_account(owner, operator=operator)

    def _has_account(self, owner: Key) -> bool:
        key = schema.accounts.c.key
        return self._connection.scalar(select(key).where(key == owner)) is not None

    def change_account(self, owner: Key, **values: Any) -> None:
        """Set columns of the account *owner*, if there is one."""
        change_rows(self._connection, schema.accounts, {"key": owner}, **values)

    def end_tokens(self, owner: Key) -> None:
        """Delete all session tokens of *owner*, and the tickets."""
        delete_rows(self._connection, schema.tokens, owner=owner)
        self.end_tickets(owner)

    def end_tickets(self, owner: Key) -> None:
        """Delete all tickets of the registered account *owner*."""
        delete_rows(self._connection, schema.tickets, party=owner)

    def _save_token(self, owner: Key, digest: str, at: int) -> None:
        """Add a token, and delete the least recently used ones of *owner*."""
        tokens = schema.tokens
        own = tokens.c.owner == owner
        self._move_future_uses(owner, at)
        newest = select(tokens.c.digest).where(own).order_by(tokens.c.used_at.desc())
        kept = list(self._connection.scalars(newest.limit(MAX_TOKENS - 1)))
        self._run(delete(tokens).where(own, tokens.c.digest.not_in(kept)))
        insert_row(self._connection, tokens, digest=digest, owner=owner, used_at=at)

    def _move_future_uses(self, owner: str | None, at: int) -> None:
        """Move uses of tokens after *at* to just before it, in order: the clock was set back."""
        tokens = schema.tokens
        future = (
            select(tokens.c.digest)
            .where(tokens.c.owner == owner, tokens.c.used_at > at)
            .order_by(tokens.c.used_at.desc())
        )
        for nth, digest in enumerate(self._connection.scalars(future).all(), 1):
            self._run(update(tokens).where(tokens.c.digest == digest).values(used_at=at - nth))

    def _delete_account(self, owner: Key, party: str) -> None:
        self.end_tickets(owner)
        self._run(delete(schema.accounts).where(schema.accounts.c.key == owner))
        tables = (schema.tokens, schema.cursors, schema.ignores, schema.keys)
        own = (
            schema.account_settings,
            schema.mentions,
            schema.mutes,
            schema.detached,
            schema.read_markers,
            schema.public_keys,
        )
        for table in (*tables, *own):
            self._run(delete(table).where(table.c.owner == owner))
        conversations, files = schema.conversations, schema.files
        parties = (conversations.c.party_a, conversations.c.party_b)
        private = select(conversations.c.id).where(or_(*(each == owner for each in parties)))
        self._run(delete(files).where(files.c.conversation.in_(private)))
        for side in parties:
            self._run(update(conversations).where(side == owner).values({side: party}))

    def _run(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount


def _same_key(owner: Key, blob: str) -> ColumnElement[bool]:
    keys = schema.public_keys.c
    return and_(keys.owner == owner, keys.blob == blob)
