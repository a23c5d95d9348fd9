"""Nodes store which bus they use. Statements set `changed` without a trigger, which took 1 us.

A batch without request keys has a shorter statement in the function `store_messages`, because most
messages have none.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

# As in migration 0021. Each window ends at its row (ROWS): the default frame, which ends at the
# last row with the same number, takes 10 us a batch longer.
EARLIER = "(PARTITION BY id ORDER BY nth ROWS UNBOUNDED PRECEDING)"

# Heads and entries, for both statements. `numbered` has a row for each message.
STORED = """
    stored AS (
        INSERT INTO entries (conversation, seq, at, body)
        SELECT id, seq, at, body FROM numbered WHERE fits
    ), moved AS (
        UPDATE conversations AS c
        SET head = newest.seq, head_at = newest.at, changed = txid_current() & -1024
        FROM (
            SELECT id, max(seq) AS seq, max(at) AS at FROM numbered WHERE fits GROUP BY id
        ) AS newest
        WHERE c.id = newest.id
    )
"""

WITHOUT_KEYS = f"""
    WITH message AS (
        SELECT m.*, c.head, c.head_at, coalesce(m.version < 0, TRUE) OR bool_and(
                coalesce(m.version < 0 OR m.version = c.version, TRUE)
            ) OVER (PARTITION BY m.id ORDER BY m.nth ROWS UNBOUNDED PRECEDING) AS fits
        FROM unnest(ids, ats, bodies, versions)
            WITH ORDINALITY AS m (id, at, body, version, nth)
        LEFT JOIN conversations AS c ON c.id = m.id
    ), numbered AS (
        SELECT nth, id, body, fits,
            head + count(*) FILTER (WHERE fits) OVER earlier AS seq,
            greatest(head_at, max(at) FILTER (WHERE fits) OVER earlier) AS at
        FROM message WINDOW earlier AS {EARLIER}
    ), {STORED}
    SELECT array_agg(CASE WHEN fits THEN seq ELSE 0 END ORDER BY nth), array_agg(at ORDER BY nth)
    INTO results, times FROM numbered;
"""

WITH_KEYS = f"""
    WITH message AS (
        SELECT m.*, k.seq AS known, c.head, c.head_at,
            k.seq IS NULL AND (coalesce(m.version < 0, TRUE) OR bool_and(
                k.seq IS NOT NULL OR coalesce(m.version < 0 OR m.version = c.version, TRUE)
            ) OVER (PARTITION BY m.id ORDER BY m.nth ROWS UNBOUNDED PRECEDING)) AS fits
        FROM unnest(ids, ats, bodies, versions, owners, request_keys, key_ats)
            WITH ORDINALITY AS m (id, at, body, version, owner, key, key_at, nth)
        LEFT JOIN conversations AS c ON c.id = m.id
        LEFT JOIN request_keys AS k ON k.owner = m.owner AND k.key = m.key
    ), numbered AS (
        SELECT nth, id, body, known, owner, key, key_at, fits,
            head + count(*) FILTER (WHERE fits) OVER earlier AS seq,
            greatest(head_at, max(at) FILTER (WHERE fits) OVER earlier) AS at
        FROM message WINDOW earlier AS {EARLIER}
    ), {STORED}, kept AS (
        INSERT INTO request_keys (owner, key, seq, at)
        SELECT owner, key, seq, key_at FROM numbered WHERE fits AND key IS NOT NULL
    )
    SELECT array_agg(CASE WHEN fits THEN seq WHEN known IS NULL THEN 0 ELSE -1 - known END
            ORDER BY nth),
        array_agg(at ORDER BY nth)
    INTO results, times FROM numbered;
"""

STORE_MESSAGES = f"""
CREATE OR REPLACE FUNCTION store_messages(
    writer BIGINT, batch BIGINT,
    ids INTEGER[], ats BIGINT[], bodies TEXT[], versions BIGINT[],
    owners TEXT[], request_keys TEXT[], key_ats BIGINT[],
    OUT results BIGINT[], OUT times BIGINT[]
) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM conversations WHERE id = ANY (ids) ORDER BY id FOR NO KEY UPDATE;
    IF cardinality(request_keys) = 0 THEN {WITHOUT_KEYS}
    ELSE {WITH_KEYS}
    END IF;
    INSERT INTO writers VALUES (writer, batch, results)
        ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, results = excluded.results;
END $$
"""


def upgrade() -> None:
    op.add_column("nodes", sa.Column("bus", sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("DROP TRIGGER note_change ON conversations")
    op.execute("DROP FUNCTION note_change()")
    op.execute(STORE_MESSAGES)
