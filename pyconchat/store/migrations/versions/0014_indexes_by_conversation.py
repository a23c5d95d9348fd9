"""Cursors and mentions are found by their conversation: when it ends, all of them are needed."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_index("cursors_conversation", "cursors", ["conversation"])
    op.create_index("mentions_conversation", "mentions", ["conversation"])
