"""Reads all that is stored of one account, as `pyconchat.store.state` reads it of all."""

from __future__ import annotations

from sqlalchemy import Connection, select

from pyconchat.domain.names import Key, Name
from pyconchat.domain.public_keys import PublicKey
from pyconchat.domain.stored import AccountRecord, AccountState
from pyconchat.store import schema

__all__ = ["read_account"]


def read_account(connection: Connection, owner: Key) -> AccountState | None:
    """Return what is stored of the account *owner*, None if there is none."""
    accounts, keys = schema.accounts.c, schema.public_keys.c
    columns = (
        *(accounts.name, accounts.password_hash, accounts.operator),
        *(accounts.created_at, accounts.last_login_at, accounts.last_seen_at),
    )
    account = connection.execute(select(*columns).where(accounts.key == owner)).first()
    if account is None:
        return None
    public = (
        select(keys.type, keys.blob, keys.comment, keys.added_at, keys.used_at)
        .where(keys.owner == owner)
        .order_by(keys.added_at, keys.blob)
    )
    ignores, settings = schema.ignores.c, schema.account_settings.c
    mutes, detached, markers = schema.mutes.c, schema.detached.c, schema.read_markers.c
    return AccountState(
        AccountRecord(*account, keys=tuple(PublicKey(*row) for row in connection.execute(public))),
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
