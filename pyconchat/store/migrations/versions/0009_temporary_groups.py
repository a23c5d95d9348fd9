"""Whether a group is temporary. Existing groups without a registered member are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    no = sa.false()
    op.add_column("groups", sa.Column("temporary", sa.Boolean, nullable=False, server_default=no))
    registered = "SELECT conversation FROM members WHERE guest = false"
    op.execute(f"UPDATE groups SET temporary = true WHERE conversation NOT IN ({registered})")
