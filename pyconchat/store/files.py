"""Reads shared files: a server that is one of several (nodes) is not notified of all."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from pyconchat.domain.names import Name
from pyconchat.domain.stored import DirectFiles
from pyconchat.store import schema
from pyconchat.store.rows import parts
from pyconchat.store.state import read_file

__all__ = ["read_bytes", "read_known", "read_private"]

_files = schema.files.c


def read_private(connection: Connection, conversation: int) -> DirectFiles | None:
    """Read the files of the private *conversation*; None if there is none."""
    conversations = schema.conversations.c
    parties = select(conversations.party_a, conversations.party_b, conversations.version)
    found = connection.execute(parties.where(conversations.id == conversation)).first()
    if found is None or found.party_a is None:
        return None
    query = select(schema.files).where(_files.conversation == conversation)
    rows = connection.execute(query.order_by(_files.number))
    return DirectFiles(
        (found.party_a, found.party_b), found.version, [read_file(row) for row in rows]
    )


def read_known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return the *ids* that are ids of files."""
    query = select(_files.id)
    return {
        id for some in parts(ids) for id in connection.scalars(query.where(_files.id.in_(some)))
    }


def read_bytes(connection: Connection, name: Name, since: int, quota: str) -> int:
    """Return the bytes that count in *quota*: see `INodeStore.shared_bytes`."""
    query = select(func.coalesce(func.sum(_files.size), 0))
    if quota:
        query = query.where(_files.quota == quota, _files.guest)
    else:
        query = query.where(_files.by == name, _files.guest.is_(False), _files.at >= since)
    return int(connection.execute(query).scalar_one())
