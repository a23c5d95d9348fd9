"""Reads the stored state of one account; `pyconchat.store.state` reads that of all accounts."""

from __future__ import annotations

from sqlalchemy import Connection, select

from pyconchat.domain.names import Key, Name
from pyconchat.domain.stored import AccountState
from pyconchat.store import schema
from pyconchat.store.state import read_accounts

__all__ = ["read_account"]


def read_account(connection: Connection, owner: Key) -> AccountState | None:
    """Return the stored state of the account *owner*; None if there is no such account."""
    records = read_accounts(connection, owner)
    if not records:
        return None
    ignores, settings = schema.ignores.c, schema.account_settings.c
    mutes, detached, markers = schema.mutes.c, schema.detached.c, schema.read_markers.c
    return AccountState(
        records[0],
        ignores=[
            Name(name)
            for name in connection.scalars(select(ignores.name).where(ignores.owner == owner))
        ],
        settings=[
            (name, on)
            for name, on in connection.execute(
                select(settings.name, settings.on).where(settings.owner == owner)
            )
        ],
        mutes=list(connection.scalars(select(mutes.conversation).where(mutes.owner == owner))),
        detached=list(
            connection.scalars(select(detached.conversation).where(detached.owner == owner))
        ),
        read_markers=[
            (target, at)
            for target, at in connection.execute(
                select(markers.target, markers.at)
                .where(markers.owner == owner)
                .order_by(markers.at, markers.target)
            )
        ],
    )
