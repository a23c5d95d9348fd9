"""The changes of an event to the state tables: the store's counterpart of `Group.apply`.

`pyconchat.store.state` reads these tables. `tests/contracts` applies the same logs to a
`Group` and to a database and compares the results.
"""

from __future__ import annotations

from typing import Any, assert_never

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)

from pyconchat.domain.events import (
    Action,
    AdminChanged,
    Announced,
    AnyEvent,
    Damaged,
    Edit,
    Entry,
    FileRemoved,
    FileShared,
    GroupClosed,
    GroupCreated,
    GroupRestored,
    HookAdded,
    HookRemoved,
    InvitationEnded,
    InviteCodeEnded,
    InviteCodeMade,
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
    TagsSent,
    TopicChanged,
    Unpinned,
    Unsay,
)
from pyconchat.domain.names import Name, fold
from pyconchat.store import mentions, schema
from pyconchat.store.cursors import Cursors
from pyconchat.store.rows import change_rows, delete_rows, insert_row
from pyconchat.store.writes import Writes


class Effects:
    """Writes the effects of entries, inside the transaction of *connection*."""

    def __init__(self, connection: Connection, cursors: Cursors, writes: Writes) -> None:
        self._connection = connection
        self._cursors = cursors
        self._writes = writes

    def is_taken(self, event: GroupCreated | GroupRestored) -> bool:
        """Return whether an open group has the name or the number of *event*."""
        groups = schema.groups.c
        for own in (groups.key == fold(event.name), groups.number == event.number):
            query = select(groups.conversation).where(own, groups.closed.is_(False))
            if self._connection.scalar(query.limit(1)) is not None:
                return True
        return False

    def lacks_claim_code(self, event: AnyEvent) -> bool:
        """Return whether *event* needs the claim code, and that was used already."""
        if not isinstance(event, OperatorMade) or event.by is not None:
            return False
        names = schema.settings.c.name
        code = select(names).where(names == schema.CLAIM_CODE)
        return self._connection.scalar(code) is None

    def of(self, entry: Entry) -> None:
        """Write the effects of *entry*. Messages have none but mentions."""
        event: AnyEvent = entry.event
        group, seq = entry.conversation, entry.seq
        match event:
            case Message(sender=sender, mentions=names) | Action(sender=sender, mentions=names):
                if names:
                    mentions.add(self._connection, entry, seq, sender, names)
            case TagsSent() | MessageRemoved() | Edit() | Announced() | Damaged():
                pass
            case ServerKicked(name=name):
                self._writes.end_tickets(fold(name))
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
                gone = [schema.requests, schema.invitations, schema.invite_codes, schema.hooks]
                for table in gone if by is not None else [*gone, schema.files]:
                    self._run(delete(table).where(table.c.conversation == group))
                self._cursors.close_all(group, seq)
            case GroupRestored(name=name, number=number):
                named = {"name": name, "key": fold(name), "number": number}
                self._set_group(group, closed=False, closed_at=None, **named)
                self._cursors.open_for_members(group, seq - 1)
            case MemberJoined(name=name, guest=guest, code=code):
                self._use_code(group, code)
                self._drop(schema.requests, group, name)
                self._drop(schema.invitations, group, name)
                self._drop(schema.bans, group, name)
                self._put(schema.members, group, name, guest=guest, since=seq)
                if not guest:
                    self._cursors.open(fold(name), group, seq - 1)
                    self._set_group(group, temporary=False)
            case MemberLeft(name=name) | MemberKicked(name=name):
                self._drop(schema.members, group, name)
                self._attach(group, name)
                self._drop(schema.moderators, group, name)
                self._cursors.close(fold(name), group, seq)
            case MemberBanned(name=name, by=by, reason=reason, until=until):
                was_member = self._drop(schema.members, group, name)
                self._attach(group, name)
                for table in (schema.moderators, schema.requests, schema.invitations, schema.bans):
                    self._drop(table, group, name)
                self._drop_ended(schema.bans, group, entry.at)
                ban = {"by": by, "at": entry.at, "reason": reason, "until": until, "since": seq}
                self._put(schema.bans, group, name, **ban)
                if was_member:
                    self._cursors.close(fold(name), group, seq)
                else:
                    self._cursors.notify(fold(name), group, seq)
            case MemberUnbanned(name=name):
                self._drop(schema.bans, group, name)
                self._cursors.notify(fold(name), group, seq)
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
                self._cursors.notify(fold(name), group, seq)
            case MemberInvited(name=name, guest=guest):
                self._drop(schema.bans, group, name)
                self._put(schema.invitations, group, name, guest=guest, since=seq)
                self._cursors.notify(fold(name), group, seq)
            case InvitationEnded(name=name):
                self._drop(schema.invitations, group, name)
            case InviteCodeMade():
                self._add_code(entry, event)
            case InviteCodeEnded(number=number):
                self._run(delete(schema.invite_codes).where(*_code(group, number)))
            case HookAdded(name=name, by=by, digest=digest):
                self._put(schema.hooks, group, name, digest=digest, by=by, at=entry.at, since=seq)
            case HookRemoved(name=name):
                self._drop(schema.hooks, group, name)
                self._drop(schema.quieted, group, name)
            case AdminChanged(name=name):
                self._set_group(group, admin=name or "")
                if name is not None:
                    self._drop(schema.moderators, group, name)
                    self._drop(schema.quieted, group, name)
            case PolicyChanged(policy=policy, password_hash=password_hash):
                self._set_group(group, policy=policy.value, password_hash=password_hash)
            case TopicChanged(topic=topic, by=by):
                self._set_group(group, topic=topic, topic_by=by, topic_at=entry.at)
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
                self._writes.end_tokens(fold(name))
            case ServerUnbanned(name=name):
                bans = schema.server_bans
                self._run(delete(bans).where(bans.c.key == fold(name)))
            case OperatorRemoved(name=name):
                self._writes.set_operator(fold(name), False)
            case OperatorMade(name=name, by=by):
                self._writes.set_operator(fold(name), True)
                if by is None:
                    settings = schema.settings
                    self._run(delete(settings).where(settings.c.name == schema.CLAIM_CODE))
            case _:
                assert_never(event)

    def _create(self, entry: Entry, event: GroupCreated) -> None:
        row = {
            "conversation": entry.conversation,
            "number": event.number,
            "name": event.name,
            "key": fold(event.name),
            "policy": event.policy.value,
            "admin": "" if event.lobby else event.by,
            "password_hash": event.password_hash,
            "topic": "",
            "closed": False,
            "temporary": event.guest and not event.lobby,
            "last_file": 0,
        }
        new = {"id": entry.conversation, "head": 0, "version": 0}
        insert_row(self._connection, schema.conversations, **new)
        insert_row(self._connection, schema.groups, **row)
        self._put(schema.members, entry.conversation, event.by, guest=event.guest, since=entry.seq)
        if not event.guest:
            self._cursors.open(fold(event.by), entry.conversation, entry.seq - 1)

    def _add_code(self, entry: Entry, event: InviteCodeMade) -> None:
        row = {
            "conversation": entry.conversation,
            "number": event.number,
            "digest": event.digest,
            "by": event.by,
            "at": entry.at,
            "uses": event.uses,
            "used": 0,
            "until": event.until,
        }
        self._drop_ended(schema.invite_codes, entry.conversation, entry.at)
        self._run(insert(schema.invite_codes).values(row))
        self._set_group(entry.conversation, last_code=event.number)

    def _use_code(self, group: int, number: int) -> None:
        if number:
            codes, same = schema.invite_codes, _code(group, number)
            self._run(update(codes).where(*same).values(used=codes.c.used + 1))
            self._run(delete(codes).where(*same, codes.c.used >= codes.c.uses))

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
                self._cursors.open(key, group, seq - 1)
                self._set_group(group, temporary=False)

    def _attach(self, group: int, name: Name) -> None:
        """Delete the record that *name*, now no member, has left the group at the IRC door."""
        owner = fold(name)
        if delete_rows(self._connection, schema.detached, conversation=group, owner=owner):
            self._writes.changed.add(owner)

    def _unpin(self, group: int, seq: int) -> None:
        self._run(delete(schema.pins).where(_at(schema.pins, group, seq)))

    def _set_group(self, group: int, **values: Any) -> None:
        change_rows(self._connection, schema.groups, {"conversation": group}, **values)

    def _put(self, table: Table, group: int, name: Name, **values: Any) -> None:
        row = {"conversation": group, "key": fold(name), "name": name, **values}
        insert_row(self._connection, table, **row)

    def _drop(self, table: Table, group: int, name: Name) -> bool:
        return delete_rows(self._connection, table, conversation=group, key=fold(name)) > 0

    def _drop_ended(self, table: Table, group: int, at: int) -> None:
        """Delete the rows of *group* that have ended at *at* (milliseconds)."""
        self._run(delete(table).where(table.c.conversation == group, table.c.until <= at))

    def _run(self, statement: Any) -> int:
        return self._connection.execute(statement).rowcount


def _code(group: int, number: int) -> list[ColumnElement[bool]]:
    codes = schema.invite_codes.c
    return [codes.conversation == group, codes.number == number]


def _at(table: Table, group: int, seq: int) -> ColumnElement[bool]:
    return and_(table.c.conversation == group, table.c.seq == seq)
