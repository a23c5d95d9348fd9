"""PostgreSQL stores a batch of messages by one call of a function."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"

# Each server that writes, with the number and the results of its last call of the function.
WRITERS = """
CREATE TABLE writers (
    id BIGINT PRIMARY KEY,
    batch BIGINT NOT NULL,
    results BIGINT[] NOT NULL
)
"""

# A result is the number of the new entry; 0 after a conflict; -1 - N if the request was stored
# before, with the number N. After a conflict all messages of the conversation are conflicts that
# have a version: they must not overtake it. A conversation that does not exist violates a NOT NULL.
#
# Heads are locked by a statement of its own, so that the next one reads what was committed before.
# The plans are cached while the tables may still be empty, so they must suit large tables.
STORE_MESSAGES = """
CREATE FUNCTION store_messages(
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
    WITH message AS (
        SELECT m.*, k.seq AS known, c.head, c.head_at,
            k.seq IS NULL AND (coalesce(m.version < 0, TRUE) OR bool_and(
                k.seq IS NOT NULL OR coalesce(m.version < 0 OR m.version = c.version, TRUE)
            ) OVER (PARTITION BY m.id ORDER BY m.nth)) AS fits
        FROM unnest(ids, ats, bodies, versions, owners, request_keys, key_ats)
            WITH ORDINALITY AS m (id, at, body, version, owner, key, key_at, nth)
        LEFT JOIN conversations AS c ON c.id = m.id
        LEFT JOIN request_keys AS k ON k.owner = m.owner AND k.key = m.key
    ), numbered AS (
        SELECT nth, id, body, known, owner, key, key_at, fits,
            head + count(*) FILTER (WHERE fits) OVER earlier AS seq,
            greatest(head_at, max(at) FILTER (WHERE fits) OVER earlier) AS at
        FROM message WINDOW earlier AS (PARTITION BY id ORDER BY nth)
    ), stored AS (
        INSERT INTO entries (conversation, seq, at, body)
        SELECT id, seq, at, body FROM numbered WHERE fits
    ), moved AS (
        UPDATE conversations AS c SET head = newest.seq, head_at = newest.at
        FROM (
            SELECT id, max(seq) AS seq, max(at) AS at FROM numbered WHERE fits GROUP BY id
        ) AS newest
        WHERE c.id = newest.id
    ), kept AS (
        INSERT INTO request_keys (owner, key, seq, at)
        SELECT owner, key, seq, key_at FROM numbered WHERE fits AND key IS NOT NULL
    )
    SELECT array_agg(CASE WHEN fits THEN seq WHEN known IS NULL THEN 0 ELSE -1 - known END
            ORDER BY nth),
        array_agg(at ORDER BY nth)
    INTO results, times FROM numbered;
    INSERT INTO writers VALUES (writer, batch, results)
        ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, results = excluded.results;
END $$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(WRITERS)
    op.execute("ALTER TABLE writers ALTER results SET STORAGE MAIN")  # in its row, if it fits
    op.execute(STORE_MESSAGES)
