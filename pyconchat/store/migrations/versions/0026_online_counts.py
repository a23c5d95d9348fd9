"""Each node counts the records that it stores about people online."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    op.add_column(
        "nodes", sa.Column("online_count", sa.BigInteger, nullable=False, server_default="0")
    )
