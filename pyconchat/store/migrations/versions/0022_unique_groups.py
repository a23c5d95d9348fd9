"""No two open groups have the same name or number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pyconchat.domain.names import fold

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("groups", sa.Column("key", sa.String(32), nullable=False, server_default=""))
    connection = op.get_bind()
    for conversation, name in connection.execute(sa.text("SELECT conversation, name FROM groups")):
        connection.execute(
            sa.text("UPDATE groups SET key = :key WHERE conversation = :conversation"),
            {"key": fold(name), "conversation": conversation},
        )
    for column in ("key", "number"):
        op.create_index(
            f"groups_open_{column}",
            "groups",
            [column],
            unique=True,
            sqlite_where=sa.text("closed IS 0"),
            postgresql_where=sa.text("closed IS false"),
        )
