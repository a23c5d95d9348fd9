"""The first schema."""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _accounts()
    _log()
    _groups()
    _search()
    settings = sa.table("settings", sa.column("name"), sa.column("value"))
    code = "-".join(secrets.token_hex(2) for _ in range(4))
    op.bulk_insert(settings, [{"name": "claim-code", "value": code}])
    conversations = sa.table(
        "conversations", sa.column("id"), sa.column("head"), sa.column("version")
    )
    op.bulk_insert(conversations, [{"id": 1, "head": 0, "version": 0}])


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("key", sa.String(32), primary_key=True),
        _name(),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("operator", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "server_bans",
        sa.Column("key", sa.String(32), primary_key=True),
        _name(),
        sa.Column("by", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "ignores",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("key", sa.String(32), primary_key=True),
        _name(),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )


def _log() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("head", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("party_a", sa.String(80)),
        sa.Column("party_b", sa.String(80)),
    )
    op.create_index("conversations_parties", "conversations", ["party_a", "party_b"], unique=True)
    op.create_table(
        "entries",
        _conversation(),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        sa.Column("owner", sa.String(32), primary_key=True),
        _conversation(),
        sa.Column("upto", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("read", sa.BigInteger, nullable=False),
    )


def _groups() -> None:
    op.create_table(
        "groups",
        _conversation(),
        sa.Column("number", sa.BigInteger, nullable=False),
        _name(),
        sa.Column("policy", sa.String(16), nullable=False),
        sa.Column("admin", sa.String(32), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False),
    )
    _people("members", _guest())
    _people("requests", _guest(), sa.Column("note", sa.Text, nullable=False), _at())
    _people("invitations", _guest())
    _people(
        "bans",
        sa.Column("by", sa.String(32), nullable=False),
        _at(),
        sa.Column("reason", sa.Text, nullable=False),
    )


def _search() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # Contentless: the table has only the index; the text is in the log.
        op.execute("CREATE VIRTUAL TABLE words USING fts5(text, content='', detail='full')")
    else:
        op.execute(
            "CREATE INDEX entries_words ON entries"
            " USING gin (to_tsvector('simple', translate(CAST(body AS jsonb) ->> 'text',"
            r""" '!"#$%&''()*+,-./;<=>?@[]^_`{|}~:\', repeat(' ', 32))))"""
        )


def _people(table: str, *columns: sa.Column[Any]) -> None:
    """Create a table with one row for each person in a certain relation to a group."""
    op.create_table(
        table,
        _conversation(),
        sa.Column("key", sa.String(32), primary_key=True),
        _name(),
        *columns,
        sa.Column("since", sa.BigInteger, nullable=False),
    )


def _name() -> sa.Column[str]:
    return sa.Column("name", sa.String(32), nullable=False)


def _conversation() -> sa.Column[int]:
    return sa.Column("conversation", sa.Integer, primary_key=True, autoincrement=False)


def _guest() -> sa.Column[bool]:
    return sa.Column("guest", sa.Boolean, nullable=False)


def _at() -> sa.Column[int]:
    return sa.Column("at", sa.BigInteger, nullable=False)
