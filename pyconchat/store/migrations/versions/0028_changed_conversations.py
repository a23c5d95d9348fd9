"""Other nodes find changed conversations; away texts are stored with the online users.

`changed` is the number of the transaction that has moved the head, rounded down to a multiple of
1024: within one such step, further updates of a conversation leave its indexes as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

STEP = "(txid_current() & -1024)"

FUNCTION = f"""
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed := {STEP};
    RETURN NEW;
END $$
"""

TRIGGER = f"""
CREATE TRIGGER note_change BEFORE UPDATE ON conversations FOR EACH ROW
    WHEN (NEW.head <> OLD.head AND OLD.changed <> {STEP}) EXECUTE FUNCTION note_change()
"""


def upgrade() -> None:
    op.add_column("online", sa.Column("away", sa.Text))
    op.add_column("online", sa.Column("away_at", sa.BigInteger))
    op.add_column(
        "conversations", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_index("conversations_changed", "conversations", ["changed"])
    if op.get_bind().dialect.name == "sqlite":
        return  # it is no database of several nodes
    op.execute("DROP INDEX conversations_parties")
    op.execute("DROP INDEX conversations_party_b")
    op.execute(
        "CREATE UNIQUE INDEX conversations_parties ON conversations (party_a, party_b)"
        " WHERE party_a IS NOT NULL"
    )
    op.execute(
        "CREATE INDEX conversations_party_b ON conversations (party_b) WHERE party_b IS NOT NULL"
    )
    op.execute(f"ALTER TABLE conversations ALTER changed SET DEFAULT {STEP}")
    op.execute(FUNCTION)
    op.execute(TRIGGER)
