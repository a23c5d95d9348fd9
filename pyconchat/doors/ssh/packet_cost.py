"""What a packet of the SSH door costs in the budget of work."""

from __future__ import annotations

__all__ = ["MIN_DATA", "MIN_TURN", "packet_cost"]

PACKET_COST = 5e-5
"""Seconds of work for a packet: to decrypt, to check and to handle it."""

EXCHANGE_COST = 0.0015
"""Seconds of work for a key exchange."""

SIGNATURE_COST = 0.0005
"""Seconds of work for a request of the user authentication, which may have a signature."""

MIN_TURN = SIGNATURE_COST
"""Seconds of work from which on a packet is handled in a turn of its own."""

MIN_DATA = 256
"""Bytes of data from which on a packet is free: windows limit these."""

MIN_ADJUST = 4096
"""Bytes of window from which on an adjustment is free."""

_USERAUTH_REQUEST = 50
_CHANNEL_WINDOW_ADJUST = 93
_CHANNEL_DATA = 94


def packet_cost(kind: int, packet: bytes) -> float:
    """Return the seconds of work for *packet*, of the type *kind*.

    Data in large packets is free: windows limit it, and the door that takes it has its own budget.
    """
    if kind == _CHANNEL_DATA and len(packet) >= MIN_DATA:
        return 0.0
    if kind == _CHANNEL_WINDOW_ADJUST and int.from_bytes(packet[5:9], "big") >= MIN_ADJUST:
        return 0.0
    if 30 <= kind < 50:
        return EXCHANGE_COST
    return SIGNATURE_COST if kind == _USERAUTH_REQUEST else PACKET_COST
