"""The networks of banned guests, and the quota keys of guests' files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("server_bans", sa.Column("networks", sa.Text, nullable=False, server_default=""))
    op.add_column("files", sa.Column("quota", sa.String(64), nullable=False, server_default=""))
