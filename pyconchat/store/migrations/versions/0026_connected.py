"""The groups of a person are found without those of all others."""

from __future__ import annotations

from alembic import op

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    for people in ("members", "requests", "invitations"):
        op.create_index(f"{people}_key", people, ["key"])
