"""What an event changes in the state tables: the store's counterpart of `Group.apply`.

`pyconchat.store.state` reads what is written here. `tests/contracts` applies the same logs to a
`Group` and to a database and compares the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    case,
    delete,
    insert,
    literal,
    or_,
    select,
    update,
)

from pyconchat.domain.decisions import (
    OPEN_END,
    DeleteAccount,
    EndDirect,
    EndTokens,
    Ignore,
    MoveCursor,
    MoveKeys,
    Mute,
    NoteLogin,
    NoteSeen,
    OpenDirect,
    SaveAccount,
    SaveSetting,
    SaveToken,
    UseToken,
    Write,
)
from pyconchat.domain.events import (
    Action,
    AdminChanged,
    AnyEvent,
    Damaged,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    InvitationEnded,
    JoinRejected,
    JoinRequested,
    MemberBanned,
    MemberInvited,
    MemberJoined,
    MemberKicked,
    MemberLeft,
    MemberQuieted,
    MemberRegistered,
    MemberUnbanned,
    Message,
    MessageRemoved,
    ModeratorEnded,
    ModeratorMade,
    OperatorMade,
    OperatorRemoved,
    Pinned,
    PolicyChanged,
    QuietEnded,
    Reaction,
    RequestWithdrawn,
    ServerBanned,
    ServerKicked,
    ServerUnbanned,
    SlowChanged,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.names import Key, Name, fold
from pyconchat.store import schema

MAX_TOKENS = 16
"""Maximum session tokens of an account. A new one replaces the least recently used."""


MAX_MENTIONS = 1000
"""Maximum mentions of an account that are kept: the newest."""


class Effects:
    """Writes the effects of entries, inside the transaction of *connection*."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, entry: Entry) -> None:
        """Write the effects of *entry*. Messages have none but mentions."""
        event: AnyEvent = entry.event
        group, seq = entry.conversation, entry.seq
        match event:
            case Message(sender=sender, mentions=names) | Action(sender=sender, mentions=names):
                if names:
                    self._mention(entry, sender, names)
            case MessageRemoved() | Edit() | ServerKicked() | Damaged():
                pass
            case Unsay(about=about):
                self._unpin(group, about)
                self._run(delete(schema.reactions).where(_at(schema.reactions, group, about)))
            case Reaction(about=about, by=by, emoji=emoji):
                row = {"conversation": group, "seq": about, "key": fold(by), "emoji": emoji}
                equal = [schema.reactions.c[name] == value for name, value in row.items()]
                self._run(delete(schema.reactions).where(*equal))
                self._run(insert(schema.reactions).values(row))
            case Pinned(about=about, by=by):
                row = {"conversation": group, "seq": about, "by": by, "since": seq}
                self._run(insert(schema.pins).values(row))
            case Unpinned(about=about):
                self._unpin(group, about)
            case GroupCreated():
                self._create(entry, event)
            case GroupClosed(by=by):
                self._set_group(group, closed=True, closed_at=entry.at, days_closed=0)
                gone = [schema.requests, schema.invitations]
                for table in gone if by is not None else [*gone, schema.files]:
                    self._run(delete(table).where(table.c.conversation == group))
                self._close_all_cursors(group, seq)
            case GroupRestored(name=name, number=number):
                self._set_group(group, closed=False, closed_at=None, name=name, number=number)
                self._open_cursors_of_members(group, seq - 1)
            case MemberJoined(name=name, guest=guest):
                self._drop(schema.requests, group, name)
                self._drop(schema.invitations, group, name)
                self._drop(schema.bans, group, name)
                self._put(schema.members, group, name, guest=guest, since=seq)
                if not guest:
                    self._open_cursor(fold(name), group, seq - 1)
                    self._set_group(group, temporary=False)
            case MemberLeft(name=name) | MemberKicked(name=name):
                self._drop(schema.members, group, name)
                self._drop(schema.moderators, group, name)
                self._close_cursor(fold(name), group, seq)
            case MemberBanned(name=name, by=by, reason=reason, until=until):
                was_member = self._drop(schema.members, group, name)
                for table in (schema.moderators, schema.requests, schema.invitations, schema.bans):
                    self._drop(table, group, name)
                self._drop_ended(schema.bans, group, entry.at)
                ban = {"by": by, "at": entry.at, "reason": reason, "until": until, "since": seq}
                self._put(schema.bans, group, name, **ban)
                if was_member:
                    self._close_cursor(fold(name), group, seq)
                else:
                    self._notify(fold(name), group, seq)
            case MemberUnbanned(name=name):
                self._drop(schema.bans, group, name)
                self._notify(fold(name), group, seq)
            case MemberQuieted(name=name, by=by, until=until):
                self._drop(schema.quieted, group, name)
                self._drop_ended(schema.quieted, group, entry.at)
                self._put(schema.quieted, group, name, by=by, at=entry.at, until=until, since=seq)
            case QuietEnded(name=name):
                self._drop(schema.quieted, group, name)
            case SlowChanged(seconds=seconds):
                self._set_group(group, slow=seconds)
            case ModeratorMade(name=name):
                self._put(schema.moderators, group, name, since=seq)
                self._drop(schema.quieted, group, name)
            case ModeratorEnded(name=name):
                self._drop(schema.moderators, group, name)
            case MemberRegistered(name=name):
                self._register(group, name, seq)
            case JoinRequested(name=name, note=note, guest=guest):
                self._drop(schema.bans, group, name)
                self._put(
                    schema.requests, group, name, guest=guest, note=note, at=entry.at, since=seq
                )
            case RequestWithdrawn(name=name):
                self._drop(schema.requests, group, name)
            case JoinRejected(name=name):
                self._drop(schema.requests, group, name)
                self._notify(fold(name), group, seq)
            case MemberInvited(name=name, guest=guest):
                self._drop(schema.bans, group, name)
                self._put(schema.invitations, group, name, guest=guest, since=seq)
                self._notify(fold(name), group, seq)
            case InvitationEnded(name=name):
                self._drop(schema.invitations, group, name)
            case AdminChanged(name=name):
                self._set_group(group, admin=name or "")
                if name is not None:
                    self._drop(schema.moderators, group, name)
                    self._drop(schema.quieted, group, name)
            case PolicyChanged(policy=policy, password_hash=password_hash):
                self._set_group(group, policy=policy.value, password_hash=password_hash)
            case TopicChanged(topic=topic):
                self._set_group(group, topic=topic)
            case FileShared():
                self._share(entry, event)
            case FileRemoved(number=number):
                files = schema.files
                same = and_(files.c.conversation == group, files.c.number == number)
                self._run(delete(files).where(same))
            case ServerBanned(name=name, by=by, reason=reason, networks=networks, until=until):
                row = {"key": fold(name), "name": name, "by": by, "at": entry.at, "reason": reason}
                row |= {"networks": " ".join(networks), "until": until}
                bans = schema.server_bans
                ended = or_(bans.c.key == fold(name), bans.c.until <= entry.at)
                self._run(delete(bans).where(ended))
                self._run(insert(bans).values(row))
                self._end_tokens(fold(name))
            case ServerUnbanned(name=name):
                bans = schema.server_bans
                self._run(delete(bans).where(bans.c.key == fold(name)))
            case OperatorRemoved(name=name):
                self._set_account(fold(name), operator=False)
            case OperatorMade(name=name, by=by):
                table = schema.accounts
                self._run(update(table).where(table.c.key == fold(name)).values(operator=True))
                if by is None:
                    settings = schema.settings
                    self._run(delete(settings).where(settings.c.name == schema.CLAIM_CODE))
            case _:
                assert_never(event)

    def write(self, write: Write, at: int) -> None:
        """Make one *write*, which has no entry in the log, at *at* (milliseconds)."""
        match write:
            case SaveAccount(name=name, password_hash=password_hash):
                self._end_tokens(fold(name))
                accounts = schema.accounts
                same = accounts.c.key == fold(name)
                changed = self._run(
                    update(accounts).where(same).values(password_hash=password_hash)
                )
                if not changed:
                    row = {
                        "key": fold(name),
                        "name": name,
                        "password_hash": password_hash,
                        "operator": False,
                        "created_at": at,
                    }
                    self._run(insert(accounts).values(row))
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
            case MoveCursor():
                self.move_cursors([write])
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
                    self._open_cursor(owner, conversation, 0)
            case EndDirect(conversation=conversation, head=head):
                cursors = schema.cursors
                same = and_(cursors.c.conversation == conversation, cursors.c.upto == OPEN_END)
                self._run(update(cursors).where(same).values(upto=head))
                received = and_(cursors.c.conversation == conversation, cursors.c.read >= head)
                self._run(delete(cursors).where(received, cursors.c.upto == head))
            case MoveKeys(old=old, new=new):
                keys = schema.keys
                self._run(update(keys).where(keys.c.owner == old).values(owner=new))
            case SaveToken(owner=owner, digest=digest):
                self._save_token(owner, digest, at)
            case UseToken(digest=digest):
                tokens = schema.tokens
                whose = select(tokens.c.owner).where(tokens.c.digest == digest)
                self._move_future_uses(self._connection.scalar(whose), at)
                self._run(update(tokens).where(tokens.c.digest == digest).values(used_at=at))
            case EndTokens(owner=owner):
                self._end_tokens(owner)
            case NoteLogin(owner=owner):
                self._set_account(owner, last_login_at=at)
            case NoteSeen(owner=owner):
                self._set_account(owner, last_seen_at=at)
            case DeleteAccount(owner=owner, party=party):
                self._delete_account(owner, party)
            case _:
                assert_never(write)

    def move_cursors(self, moves: list[MoveCursor]) -> None:
        """Move cursors forward, never back, and delete those that have reached their end."""
        rows = [
            {"o": m.owner, "c": m.conversation, "u": m.upto, "r": m.read, "s": m.shown}
            for m in moves
        ]
        self._connection.execute(_MOVE, rows)
        for move in moves:
            if move.read >= move.upto:
                self._run(
                    delete(schema.cursors).where(_cursor(move.owner, move.conversation, move.upto))
                )

    def _create(self, entry: Entry, event: GroupCreated) -> None:
        row = {
            "conversation": entry.conversation,
            "number": event.number,
            "name": event.name,
            "policy": event.policy.value,
            "admin": "" if event.lobby else event.by,
            "password_hash": event.password_hash,
            "topic": "",
            "closed": False,
            "temporary": event.guest and not event.lobby,
            "last_file": 0,
        }
        self._run(insert(schema.groups).values(row))
        self._put(schema.members, entry.conversation, event.by, guest=event.guest, since=entry.seq)
        if not event.guest:
            self._open_cursor(fold(event.by), entry.conversation, entry.seq - 1)

    def _share(self, entry: Entry, event: FileShared) -> None:
        row = {
            "conversation": entry.conversation,
            "number": event.number,
            "name": event.file,
            "by": event.by,
            "size": event.size,
            "sha256": event.sha256,
            "id": event.id,
            "at": entry.at,
            "guest": event.guest,
            "quota": event.quota,
        }
        self._run(insert(schema.files).values(row))
        self._set_group(entry.conversation, last_file=event.number)

    def _register(self, group: int, name: Name, seq: int) -> None:
        key = fold(name)
        for table in (schema.members, schema.requests, schema.invitations):
            row = and_(table.c.conversation == group, table.c.key == key)
            changed = self._run(update(table).where(row).values(guest=False))
            if changed and table is schema.members:
                self._open_cursor(key, group, seq - 1)
                self._set_group(group, temporary=False)

    def _open_cursor(self, owner: Key, conversation: int, read: int) -> None:
        row = {"owner": owner, "conversation": conversation, "upto": OPEN_END, "read": read}
        row["shown"] = read
        self._run(insert(schema.cursors).values(row))

    def _close_cursor(self, owner: Key, conversation: int, seq: int) -> None:
        row = _cursor(owner, conversation, OPEN_END)
        self._run(update(schema.cursors).where(row).values(upto=seq))

    def _close_all_cursors(self, group: int, seq: int) -> None:
        cursors = schema.cursors
        is_open = and_(cursors.c.conversation == group, cursors.c.upto == OPEN_END)
        self._run(update(cursors).where(is_open).values(upto=seq))

    def _open_cursors_of_members(self, group: int, read: int) -> None:
        members = schema.members.c
        owners = select(
            members.key, members.conversation, literal(OPEN_END), literal(read), literal(read)
        ).where(members.conversation == group, members.guest.is_(False))
        columns = ["owner", "conversation", "upto", "read", "shown"]
        self._run(insert(schema.cursors).from_select(columns, owners))

    def _notify(self, owner: Key, conversation: int, seq: int) -> None:
        """Let *owner*, if registered, receive the one entry *seq*, which is about them."""
        accounts = schema.accounts
        if self._connection.scalar(select(accounts.c.key).where(accounts.c.key == owner)):
            row = {"owner": owner, "conversation": conversation, "upto": seq, "read": seq - 1}
            self._run(insert(schema.cursors).values(row))

    def _mention(self, entry: Entry, sender: Name, names: Sequence[Name]) -> None:
        """Store the mentions of those *names* that are registered and do not ignore *sender*."""
        accounts, ignores, mentions = schema.accounts.c, schema.ignores.c, schema.mentions
        ignoring = select(ignores.owner).where(ignores.key == fold(sender))
        keys = {fold(name) for name in names}
        known = select(accounts.key).where(accounts.key.in_(keys), accounts.key.not_in(ignoring))
        place = {"conversation": entry.conversation, "seq": entry.seq, "at": entry.at}
        for owner in self._connection.scalars(known).all():
            self._run(insert(mentions).values(owner=owner, **place))
            own = mentions.c.owner == owner
            newest = select(mentions.c.at).where(own).order_by(mentions.c.at.desc())
            first_to_go = self._connection.scalar(newest.offset(MAX_MENTIONS).limit(1))
            if first_to_go is not None:
                self._run(delete(mentions).where(own, mentions.c.at <= first_to_go))

    def _save_token(self, owner: Key, digest: str, at: int) -> None:
        """Add a token, and delete the least recently used ones of *owner*."""
        tokens = schema.tokens
        own = tokens.c.owner == owner
        self._move_future_uses(owner, at)
        newest = select(tokens.c.digest).where(own).order_by(tokens.c.used_at.desc())
        kept = list(self._connection.scalars(newest.limit(MAX_TOKENS - 1)))
        self._run(delete(tokens).where(own, tokens.c.digest.not_in(kept)))
        self._run(insert(tokens).values(digest=digest, owner=owner, used_at=at))

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

    def _end_tokens(self, owner: Key) -> None:
        self._run(delete(schema.tokens).where(schema.tokens.c.owner == owner))

    def _set_account(self, owner: Key, **values: Any) -> None:
        accounts = schema.accounts
        self._run(update(accounts).where(accounts.c.key == owner).values(**values))

    def _delete_account(self, owner: Key, party: str) -> None:
        self._run(delete(schema.accounts).where(schema.accounts.c.key == owner))
        tables = (schema.tokens, schema.cursors, schema.ignores, schema.keys)
        for table in (*tables, schema.account_settings, schema.mentions, schema.mutes):
            self._run(delete(table).where(table.c.owner == owner))
        conversations = schema.conversations
        for side in (conversations.c.party_a, conversations.c.party_b):
            self._run(update(conversations).where(side == owner).values({side: party}))

    def _unpin(self, group: int, seq: int) -> None:
        self._run(delete(schema.pins).where(_at(schema.pins, group, seq)))

    def _set_group(self, group: int, **values: Any) -> None:
        groups = schema.groups
        self._run(update(groups).where(groups.c.conversation == group).values(**values))

    def _put(self, table: Table, group: int, name: Name, **values: Any) -> None:
        row = {"conversation": group, "key": fold(name), "name": name, **values}
        self._run(insert(table).values(row))

    def _drop(self, table: Table, group: int, name: Name) -> bool:
        row = and_(table.c.conversation == group, table.c.key == fold(name))
        return self._run(delete(table).where(row)) > 0

    def _drop_ended(self, table: Table, group: int, at: int) -> None:
        """Delete the bans or quiets of *group* that have ended at *at* (milliseconds)."""
        self._run(delete(table).where(table.c.conversation == group, table.c.until <= at))

    def _run(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount


def _at(table: Table, group: int, seq: int) -> ColumnElement[bool]:
    return and_(table.c.conversation == group, table.c.seq == seq)


def _cursor(owner: Key, conversation: int, upto: int) -> ColumnElement[bool]:
    cursors = schema.cursors
    return and_(
        cursors.c.owner == owner, cursors.c.conversation == conversation, cursors.c.upto == upto
    )


def _later(column: Column[int], parameter: str) -> ColumnElement[int]:
    """Return the greater of *column* and *parameter*."""
    new = bindparam(parameter, type_=column.type)
    return case((column < new, new), else_=column)


_MOVE = (
    update(schema.cursors)
    .where(
        schema.cursors.c.owner == bindparam("o"),
        schema.cursors.c.conversation == bindparam("c"),
        schema.cursors.c.upto == bindparam("u"),
        or_(schema.cursors.c.read < bindparam("r"), schema.cursors.c.shown < bindparam("s")),
    )
    .values(read=_later(schema.cursors.c.read, "r"), shown=_later(schema.cursors.c.shown, "s"))
)
