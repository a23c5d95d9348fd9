"""The tables, as the newest migration leaves them.

`entries` is the log: each row is written once, but an edit and a removal replace the text of an
earlier one (`store.amendments`). All other tables have the state that results from it, and are
written in the same transaction as the entries; only accounts' passwords and settings, session
tokens, cursors, ignore lists, request keys and the claim code have no entries. Names are stored
twice: as shown, and folded (``key``) for look-ups.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

VERSION = "0029"
"""The newest migration. A database with this version starts without Alembic."""

CLAIM_CODE = "claim-code"
"""The row of `settings` with the code by which somebody becomes the first operator."""

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("operator", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_login_at", BigInteger),
    Column("last_seen_at", BigInteger),  # the end of the last session
    Column("ended_at", BigInteger, nullable=False, server_default="0"),  # by /quit everywhere
)

server_bans = Table(
    "server_bans",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("name", String(32), nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("networks", Text, nullable=False, server_default=""),  # with spaces between them
    Column("until", BigInteger),  # None: for good
)

ignores = Table(
    "ignores",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("name", String(32), nullable=False),
)

# The settings of accounts that differ from the defaults.
account_settings = Table(
    "account_settings",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("name", String(32), primary_key=True),
    Column("on", Boolean, nullable=False),
)

# The keys by which registered people log in over SSH.
public_keys = Table(
    "public_keys",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("blob", Text, primary_key=True),  # in Base64
    Column("type", String(64), nullable=False),
    Column("comment", Text, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

# The groups that registered people have muted.
mutes = Table(
    "mutes",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("conversation", Integer, primary_key=True, autoincrement=False),
)

# The groups that registered people have left at the IRC door, and are still members of.
detached = Table(
    "detached",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("conversation", Integer, primary_key=True, autoincrement=False),
)

# The times (milliseconds since the epoch) up to which registered people have read the targets of
# their IRC clients: "#" and a group's name, or a person's name, folded.
read_markers = Table(
    "read_markers",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("target", String(33), primary_key=True),
    Column("at", BigInteger, nullable=False),
)

# The entries that mention registered people, the newest of each.
mentions = Table(
    "mentions",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Index("mentions_at", "owner", "at"),
    Index("mentions_conversation", "conversation"),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

# head: the number of the newest entry, head_at: its time.
# version: the count of changes to a group's state; of a private conversation, the count of the
# files that were ever shared in it.
# party_a, party_b: the two sides of a private conversation, in sorted order.
# changed: in PostgreSQL, the number of the transaction that has moved the head, rounded down to a
# multiple of 1024 (`CURRENT_STEP`): within one such step, the row's indexes stay as they are.
conversations = Table(
    "conversations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False, default=0),
    Column("version", BigInteger, nullable=False, default=0),
    Column("head_at", BigInteger, nullable=False, server_default="0"),
    Column("party_a", String(80)),
    Column("party_b", String(80)),
    Column("changed", BigInteger, nullable=False, server_default="0"),
    # An update for `changed` leaves the indexes of the parties alone in groups.
    Index(
        "conversations_parties",
        "party_a",
        "party_b",
        unique=True,
        postgresql_where=text("party_a IS NOT NULL"),
    ),
    Index("conversations_party_b", "party_b", postgresql_where=text("party_b IS NOT NULL")),
    Index("conversations_changed", "changed"),
)

entries = Table(
    "entries",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    sqlite_with_rowid=False,
)

# admin: empty if the operators manage the group.
# closed_at: when the group was closed (milliseconds since the epoch), None while it is open.
# days_closed: the days on which a server has run since (see `store.purge`).
groups = Table(
    "groups",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("name", String(32), nullable=False),
    Column("key", String(32), nullable=False, server_default=""),
    Column("policy", String(16), nullable=False),
    Column("admin", String(32), nullable=False),
    Column("password_hash", Text, nullable=False, default=""),
    Column("topic", Text, nullable=False, default=""),
    Column("topic_by", String(32), nullable=False, server_default=""),
    Column("topic_at", BigInteger, nullable=False, server_default="0"),
    Column("closed", Boolean, nullable=False, default=False),
    Column("temporary", Boolean, nullable=False, default=False),
    Column("last_file", BigInteger, nullable=False, default=0),
    Column("closed_at", BigInteger),
    Column("days_closed", Integer, nullable=False, server_default="0"),
    Column("slow", Integer, nullable=False, server_default="0"),  # seconds
    Column("last_code", BigInteger, nullable=False, server_default="0"),
    *(
        Index(
            f"groups_open_{column}",
            column,
            unique=True,
            sqlite_where=text("closed IS 0"),
            postgresql_where=text("closed IS false"),
        )
        for column in ("key", "number")
    ),
)


def _people(name: str, *columns: Column[Any] | Index) -> Table:
    """Return a table of people in groups, one row for each, with *columns* of its own.

    since: the number of the entry that added the row. `Effects` writes these tables all alike.
    """
    return Table(
        name,
        metadata,
        Column("conversation", Integer, primary_key=True, autoincrement=False),
        Column("key", String(32), primary_key=True),
        Column("name", String(32), nullable=False),
        *columns,
        Column("since", BigInteger, nullable=False),
    )


members = _people("members", Column("guest", Boolean, nullable=False), Index("members_key", "key"))
requests = _people(
    "requests",
    Column("guest", Boolean, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("requests_key", "key"),
)
invitations = _people(
    "invitations", Column("guest", Boolean, nullable=False), Index("invitations_key", "key")
)
bans = _people(
    "bans",
    Column("by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", BigInteger),  # None: for good
)
moderators = _people("moderators")
quieted = _people(
    "quieted",
    Column("by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),  # None: for good
)

# digest: the SHA-256 of the hook's token.
hooks = _people(
    "hooks",
    Column("digest", String(64), nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("by", String(32), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("id", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("guest", Boolean, nullable=False),
    Column("quota", String(64), nullable=False, server_default=""),  # see `FileShared`
    Index("files_id", "id"),
    Index("files_by", "by"),
    Index("files_quota", "quota"),
)

# The invite codes of groups. digest: the SHA-256 of the code. used: how many uses are used up.
invite_codes = Table(
    "invite_codes",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("by", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("until", BigInteger, nullable=False),
)

# The pinned messages of a group. seq: the message. since: the entry that pinned it.
pins = Table(
    "pins",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("by", String(32), nullable=False),
    Column("since", BigInteger, nullable=False),
)

# The reactions to messages: one person can react to a message with an emoji only once.
reactions = Table(
    "reactions",
    metadata,
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(32), primary_key=True),
    Column("emoji", String(32), primary_key=True),
)

# The undelivered entries of an account: after read, up to upto. Entries up to shown were displayed
# on one of its devices. A member has an open cursor (upto is OPEN_END), which is closed when the
# membership ends. A cursor of a single entry is a notice to somebody outside the group (rejected,
# invited, banned).
cursors = Table(
    "cursors",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("conversation", Integer, primary_key=True, autoincrement=False),
    Column("upto", BigInteger, primary_key=True),
    Column("read", BigInteger, nullable=False),
    Column("shown", BigInteger, nullable=False, server_default="0"),
    Index("cursors_conversation", "conversation"),
)

# Requests that were carried out, with the keys that clients gave them. owner: `Account.party`.
keys = Table(
    "request_keys",
    metadata,
    Column("owner", String(80), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # of the first entry; 0 if there was none
    Column("at", BigInteger, nullable=False),
    Index("request_keys_at", "at"),
    sqlite_with_rowid=False,
)

# Session tokens. digest is the SHA-256 of the token, from which nobody can recover the token.
tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("owner", String(32), nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("tokens_owner", "owner"),
)

# The servers that share this database (nodes). lease: when it expires (milliseconds since the
# epoch, by the database's clock). incarnation: a random number for each run; if it is negative, the
# lease has ended, and it is the id of the node that has claimed this one.
# bus: how the node hears of the others, see `bus_name`.
nodes = Table(
    "nodes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("lease", BigInteger, nullable=False),
    Column("online_count", BigInteger, nullable=False, server_default="0"),
    Column("bus", Text, nullable=False, server_default=""),
    Index("nodes_name", "name", unique=True),
)

# The users with sessions at each node. In PostgreSQL the table is unlogged: a crash empties it.
# Each node has a marker row with an empty key, which is missing after that. away: the text of who
# is away there, else None; away_at: since when (milliseconds since the epoch).
online = Table(
    "online",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("node", Integer, primary_key=True, autoincrement=False),
    Column("name", String(32), nullable=False),
    Column("party", String(80), nullable=False),
    Column("sessions", Integer, nullable=False),
    Column("away", Text),
    Column("away_at", BigInteger),
)

# The revision of the newest change of each account. Revisions are in commit order.
account_changes = Table(
    "account_changes",
    metadata,
    Column("owner", String(32), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Index("account_changes_revision", "revision"),
)

# The newest revision of accounts, and the highest assigned ids of conversations and nodes.
counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# The tickets that the nodes have issued. place: see `TicketRecord`. number: the file to download; 0
# for an upload. quota: as in `files`. ends: milliseconds since the epoch, by the database's clock.
# In PostgreSQL the table is unlogged: a crash empties it, and people get another ticket.
tickets = Table(
    "tickets",
    metadata,
    Column("digest", String(64), primary_key=True),  # the SHA-256 of the ticket
    Column("party", String(80), nullable=False),
    Column("place", String(81), nullable=False),
    Column("name", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("quota", String(64), nullable=False),
    Column("ends", BigInteger, nullable=False),
    Index("tickets_party", "party"),
    Index("tickets_ends", "ends"),
)

# The wrong passwords of the last minute at all nodes, by address, and by account or group. In
# PostgreSQL the table is unlogged.
wrong_passwords = Table(
    "wrong_passwords",
    metadata,
    Column("key", String(100), nullable=False),
    Column("at", BigInteger, nullable=False),  # by the database's clock
    Index("wrong_passwords_key", "key", "at"),
    Index("wrong_passwords_at", "at"),
)
