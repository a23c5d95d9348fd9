"""What accounts have set: a row for each setting that was ever changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "account_settings",
        sa.Column("owner", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("on", sa.Boolean, nullable=False),
    )
