"""Runs the migrations on the connection that `pyconchat.store.upgrade` holds."""

from __future__ import annotations

from alembic import context

from pyconchat.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
