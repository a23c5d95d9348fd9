"""The groups of a person are found without those of all others."""

from __future__ import annotations

from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    for people in ("members", "requests", "invitations"):
        op.create_index(f"{people}_key", people, ["key"])
