"""Reads the tables of `store.effects`, `cursors` and `writes`: groups, server, cursors, tokens."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, bindparam, func, select

from pyconchat.domain.accounts import is_guest_party
from pyconchat.domain.decisions import SERVER
from pyconchat.domain.events import Policy
from pyconchat.domain.group_state import (
    Ban,
    GroupState,
    JoinRequest,
    Member,
    Pin,
    Quiet,
    SharedFile,
)
from pyconchat.domain.hooks import Hook
from pyconchat.domain.invite_codes import InviteCode
from pyconchat.domain.names import Key, Name, fold
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.stored import (
    AccountRecord,
    ClosedGroup,
    CursorRecord,
    DirectFiles,
    Loaded,
    ServerState,
    StoredGroup,
    TokenRecord,
)
from pyconchat.domain.text import SafeText
from pyconchat.store import schema

__all__ = [
    "load",
    "read_accounts",
    "read_closed",
    "read_cursors",
    "read_direct",
    "read_file",
    "read_groups",
    "read_mentions",
    "read_server",
    "read_token",
]

_OPEN = schema.groups.c.closed.is_(False)
_CLOSED = schema.groups.c.closed.is_(True)
_WITH_IDS = schema.groups.c.conversation.in_(bindparam("ids", expanding=True))


def load(connection: Connection, summaries: bool = False) -> Loaded:
    """Read all that a server keeps in memory; of the groups, only *summaries* if that is true."""
    conversations = schema.conversations.c
    server = conversations.id == SERVER
    return Loaded(
        groups=(_read_summaries if summaries else _read_groups)(connection, _OPEN),
        closed_files=_closed_files(connection),
        direct_files=_direct_files(connection),
        server=read_server(connection),
        highest_conversation=connection.scalar(select(func.max(conversations.id))) or 0,
        highest_number=_highest_number(connection),
        server_head=connection.scalar(select(conversations.head).where(server)) or 0,
    )


def read_groups(connection: Connection, ids: Collection[int]) -> dict[int, StoredGroup]:
    """Read the groups with *ids*, open or closed."""
    return _read_groups(connection, _WITH_IDS, ids=list(ids))


def read_closed(connection: Connection) -> list[ClosedGroup]:
    """Read the closed groups that can still be restored, the oldest first."""
    groups = schema.groups.c
    stored = _read_groups(connection, _CLOSED)
    query = (
        select(groups.conversation, groups.closed_at, groups.days_closed)
        .where(_CLOSED)
        .order_by(groups.closed_at, groups.conversation)
    )
    return [
        ClosedGroup(id, stored[id], closed_at or 0, days)
        for id, closed_at, days in connection.execute(query)
    ]


def _read_groups(
    connection: Connection, chosen: ColumnElement[bool], **values: Any
) -> dict[int, StoredGroup]:
    """Read the groups that the condition *chosen* is true for. It may need *values*."""
    found = _groups(connection, chosen, values)
    if not found:
        return found  # a new server starts sooner
    for row in _rows(connection, schema.members, "since", chosen, values):
        found[row.conversation].state.members.append(Member(Name(row.name), row.guest))
    for row in _rows(connection, schema.requests, "since", chosen, values):
        request = JoinRequest(Name(row.name), row.at, SafeText(row.note), row.guest)
        found[row.conversation].state.requests.append(request)
    for row in _rows(connection, schema.invitations, "since", chosen, values):
        found[row.conversation].state.invitations.append(Member(Name(row.name), row.guest))
    for row in _rows(connection, schema.bans, "since", chosen, values):
        ban = Ban(Name(row.name), Name(row.by), row.at, SafeText(row.reason), until=row.until)
        found[row.conversation].state.bans.append(ban)
    for row in _rows(connection, schema.moderators, "since", chosen, values):
        found[row.conversation].state.moderators.append(Name(row.name))
    for row in _rows(connection, schema.quieted, "since", chosen, values):
        quiet = Quiet(Name(row.name), Name(row.by), row.at, row.until)
        found[row.conversation].state.quieted.append(quiet)
    for row in _rows(connection, schema.files, "number", chosen, values):
        found[row.conversation].state.files.append(read_file(row))
    for row in _rows(connection, schema.pins, "since", chosen, values):
        found[row.conversation].state.pins.append(Pin(row.seq, Name(row.by)))
    for row in _rows(connection, schema.invite_codes, "number", chosen, values):
        found[row.conversation].state.codes.append(_invite_code(row))
    _read_hooks(connection, found, chosen, values)
    return found


def _read_summaries(connection: Connection, chosen: ColumnElement[bool]) -> dict[int, StoredGroup]:
    """Read the summaries of the groups that the condition *chosen* is true for."""
    found = _groups(connection, chosen, {})
    members = schema.members.c.conversation
    counts = select(members, func.count()).join(
        schema.groups, schema.groups.c.conversation == members
    )
    for group in found.values():
        group.state.member_count = 0
    for id, count in connection.execute(counts.where(chosen).group_by(members)):
        found[id].state.member_count = count
    _read_hooks(connection, found, chosen, {})
    return found


def _read_hooks(
    connection: Connection,
    found: Mapping[int, StoredGroup],
    chosen: ColumnElement[bool],
    values: dict[str, Any],
) -> None:
    for row in _rows(connection, schema.hooks, "since", chosen, values):
        hook = Hook(Name(row.name), row.digest, Name(row.by), row.at)
        found[row.conversation].state.hooks.append(hook)


def read_server(connection: Connection) -> ServerState:
    """Read the state of the whole server."""
    return ServerState(
        bans=_server_bans(connection),
        accounts=read_accounts(connection),
        claim_code=_claim_code(connection),
        ignores=_ignores(connection),
        settings=_settings(connection),
        mutes=_of_owners(connection, schema.mutes),
        detached=_of_owners(connection, schema.detached),
        read_markers=_read_markers(connection),
    )


def _read_markers(connection: Connection) -> list[tuple[Key, str, int]]:
    markers = schema.read_markers.c
    query = select(markers.owner, markers.target, markers.at)
    rows = connection.execute(query.order_by(markers.owner, markers.at, markers.target))
    return [(Key(owner), target, at) for owner, target, at in rows]


def read_cursors(connection: Connection, owner: Key) -> list[CursorRecord]:
    """Read the cursors of *owner*: see `IStore.cursors`."""
    rows = connection.execute(_query_cursors(), {"owner": owner}).all()
    named = _unread_mentions(connection, owner)
    return [
        CursorRecord(
            conversation=id,
            read=read,
            upto=upto,
            head=head,
            parties=None if a is None else (a, b),
            group=Name(group or ""),
            named=tuple(seq for seq in named.get(id, ()) if shown < seq <= upto),
            shown=shown,
        )
        for id, read, upto, head, a, b, group, shown in rows
    ]


@cache
def _query_cursors() -> Select[Any]:
    cursors, conversations, groups = schema.cursors.c, schema.conversations.c, schema.groups.c
    return (
        select(
            cursors.conversation,
            cursors.read,
            cursors.upto,
            conversations.head,
            conversations.party_a,
            conversations.party_b,
            groups.name,
            cursors.shown,
        )
        .join_from(schema.cursors, schema.conversations, conversations.id == cursors.conversation)
        .outerjoin(schema.groups, groups.conversation == cursors.conversation)
        .where(cursors.owner == bindparam("owner"))
        # Private conversations without new entries are loaded when they are needed.
        .where(
            conversations.party_a.is_(None)
            | (cursors.read < conversations.head)
            | (cursors.shown < conversations.head)
        )
        .order_by(cursors.conversation, cursors.upto)
    )


def read_mentions(connection: Connection, owner: Key) -> list[tuple[int, int]]:
    """Read the mentions of *owner*, newest first, as conversation and number."""
    mentions = schema.mentions.c
    query = select(mentions.conversation, mentions.seq).where(mentions.owner == owner)
    newest = query.order_by(mentions.at.desc(), mentions.conversation, mentions.seq.desc())
    return [(id, seq) for id, seq in connection.execute(newest)]


def _unread_mentions(connection: Connection, owner: Key) -> dict[int, list[int]]:
    """Read the numbers of the entries that mention *owner* and were not displayed yet."""
    found: dict[int, list[int]] = {}
    for id, seq in connection.execute(_query_unread_mentions(), {"owner": owner}):
        found.setdefault(id, []).append(seq)
    return found


@cache
def _query_unread_mentions() -> Select[Any]:
    mentions, cursors = schema.mentions.c, schema.cursors.c
    same = (cursors.owner == mentions.owner) & (cursors.conversation == mentions.conversation)
    return (
        select(mentions.conversation, mentions.seq)
        .join_from(schema.mentions, schema.cursors, same)
        .where(mentions.owner == bindparam("owner"), mentions.seq > cursors.shown)
        .order_by(mentions.seq)
        .distinct()
    )


def read_direct(connection: Connection, parties: tuple[str, str]) -> tuple[int, int] | None:
    """Read the id and head of the private conversation of *parties*; None if there is none."""
    conversations = schema.conversations.c
    query = select(conversations.id, conversations.head).where(
        conversations.party_a == parties[0], conversations.party_b == parties[1]
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def read_token(connection: Connection, digest: str) -> TokenRecord | None:
    """Read the session token with *digest*; None if there is none."""
    tokens = schema.tokens.c
    query = select(tokens.owner, tokens.used_at).where(tokens.digest == digest)
    row = connection.execute(query).first()
    return None if row is None else TokenRecord(Key(row.owner), row.used_at)


def _groups(
    connection: Connection, chosen: ColumnElement[bool], values: dict[str, Any]
) -> dict[int, StoredGroup]:
    """Read the rows of `schema.groups`, by conversation, still without people and files."""
    found: dict[int, StoredGroup] = {}
    for row in connection.execute(_query_groups(chosen), values).mappings():
        state = GroupState(
            number=row["number"],
            name=row["name"],
            policy=Policy(row["policy"]),
            admin=row["admin"] or None,
            password_hash=row["password_hash"],
            topic=row["topic"],
            topic_by=row["topic_by"] or None,
            topic_at=row["topic_at"],
            closed=row["closed"],
            temporary=row["temporary"],
            last_file=row["last_file"],
            slow=row["slow"],
            last_code=row["last_code"],
        )
        found[row["conversation"]] = StoredGroup(state, row["version"], row["head"])
    return found


def _rows(
    connection: Connection,
    table: Table,
    order: str,
    chosen: ColumnElement[bool],
    values: dict[str, Any],
) -> Iterable[Row[Any]]:
    """Read the rows of *table* that belong to *chosen* groups, each group's in *order*."""
    return connection.execute(_query_rows(table, order, chosen), values)


# Built once for each condition; these are constants. To build a query takes longer than to run it.


@cache
def _query_groups(chosen: ColumnElement[bool]) -> Select[Any]:
    groups, conversations = schema.groups.c, schema.conversations.c
    return (
        select(schema.groups, conversations.version, conversations.head)
        .join_from(schema.groups, schema.conversations, conversations.id == groups.conversation)
        .where(chosen)
    )


@cache
def _query_rows(table: Table, order: str, chosen: ColumnElement[bool]) -> Select[Any]:
    groups = schema.groups.c
    return (
        select(table)
        .join_from(table, schema.groups, groups.conversation == table.c.conversation)
        .where(chosen)
        .order_by(table.c.conversation, table.c[order])
    )


def _closed_files(connection: Connection) -> dict[int, list[SharedFile]]:
    found: dict[int, list[SharedFile]] = {}
    for row in _rows(connection, schema.files, "number", _CLOSED, {}):
        found.setdefault(row.conversation, []).append(read_file(row))
    return found


def _direct_files(connection: Connection) -> dict[int, DirectFiles]:
    """Read the files of private conversations. Those of guests ended with the last run.

    The version of a private conversation counts the files that were shared in it.
    """
    conversations, files = schema.conversations.c, schema.files
    query = select(
        conversations.id, conversations.party_a, conversations.party_b, conversations.version
    ).where(conversations.party_a.is_not(None), conversations.version > 0)
    found = {
        id: DirectFiles((a, b), version, [])
        for id, a, b, version in connection.execute(query)
        if not (is_guest_party(a) or is_guest_party(b))
    }
    if not found:
        return found
    private = (
        select(files)
        .join_from(files, schema.conversations, conversations.id == files.c.conversation)
        .where(conversations.party_a.is_not(None))
        .order_by(files.c.conversation, files.c.number)
    )
    for row in connection.execute(private):
        if row.conversation in found:
            found[row.conversation].files.append(read_file(row))
    return found


def read_file(row: Row[Any]) -> SharedFile:
    """Return the file of a row of `schema.files`."""
    return SharedFile(
        number=row.number,
        name=SafeText(row.name),
        by=Name(row.by),
        size=row.size,
        sha256=row.sha256,
        id=row.id,
        at=row.at,
        guest=row.guest,
        quota=row.quota,
    )


def _invite_code(row: Row[Any]) -> InviteCode:
    return InviteCode(
        number=row.number,
        digest=row.digest,
        by=Name(row.by),
        at=row.at,
        uses=row.uses,
        until=row.until,
        used=row.used,
    )


def _server_bans(connection: Connection) -> list[Ban]:
    bans = schema.server_bans.c
    columns = (bans.name, bans.by, bans.at, bans.reason, bans.networks, bans.until)
    return [
        Ban(name, by, at, reason, tuple(networks.split()), until)
        for name, by, at, reason, networks, until in connection.execute(
            select(*columns).order_by(bans.at)
        )
    ]


def read_accounts(connection: Connection, only: Key | None = None) -> list[AccountRecord]:
    """Read all accounts with their public keys, or *only* one."""
    accounts = schema.accounts.c
    query = select(
        accounts.name,
        accounts.password_hash,
        accounts.operator,
        accounts.created_at,
        accounts.last_login_at,
        accounts.last_seen_at,
        accounts.ended_at,
    )
    if only is not None:
        query = query.where(accounts.key == only)
    keys = _public_keys(connection, only)
    return [
        AccountRecord(*row[:-1], keys=tuple(keys.get(fold(row[0]), ())), ended_at=row[-1])
        for row in connection.execute(query)
    ]


def _public_keys(connection: Connection, only: Key | None) -> dict[Key, list[PublicKey]]:
    """Read the public keys by their owners, or those of *only* one; oldest first."""
    keys = schema.public_keys.c
    columns = (keys.owner, keys.type, keys.blob, keys.comment, keys.added_at, keys.used_at)
    query = select(*columns).order_by(keys.added_at, keys.blob)
    if only is not None:
        query = query.where(keys.owner == only)
    found: dict[Key, list[PublicKey]] = {}
    for owner, *fields in connection.execute(query):
        found.setdefault(Key(owner), []).append(PublicKey(*fields))
    return found


def _claim_code(connection: Connection) -> str | None:
    settings = schema.settings.c
    code: str | None = connection.scalar(
        select(settings.value).where(settings.name == schema.CLAIM_CODE)
    )
    return code


def _ignores(connection: Connection) -> list[tuple[Key, Name]]:
    query = select(schema.ignores.c.owner, schema.ignores.c.name)
    return [(Key(owner), Name(name)) for owner, name in connection.execute(query)]


def _settings(connection: Connection) -> list[tuple[Key, str, bool]]:
    settings = schema.account_settings.c
    query = select(settings.owner, settings.name, settings.on)
    return [(Key(owner), name, on) for owner, name, on in connection.execute(query)]


def _of_owners(connection: Connection, table: Table) -> list[tuple[Key, int]]:
    query = select(table.c.owner, table.c.conversation)
    return [(Key(owner), conversation) for owner, conversation in connection.execute(query)]


def _highest_number(connection: Connection) -> int:
    """Read the highest group number that was ever assigned automatically."""
    groups = schema.groups.c
    rows = connection.execute(select(groups.number, groups.name))
    return max((number for number, name in rows if not name.isdigit()), default=0)
