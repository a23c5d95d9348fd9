"""The public keys of accounts, for SSH."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_table(
        "public_keys",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("blob", sa.Text, primary_key=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger),
    )
