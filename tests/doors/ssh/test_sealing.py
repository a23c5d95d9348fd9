"""Packets that are sealed here are those that Conch would send."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from twisted.conch.ssh.transport import SSHCiphers

from pyconchat.doors.ssh.algorithms import CIPHERS, MACS
from pyconchat.doors.ssh.sealing import RANDOM_BYTES, Sealer


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("mac", MACS)
def test_what_conch_can_open(cipher: bytes, mac: bytes) -> None:
    """Of all sizes, with both ciphers and both hashes; the padding is never used twice.

    Data of a channel is sealed as any other packet.
    """
    keys = [bytes([number]) * 64 for number in range(3)]
    ours: Any = SSHCiphers(cipher, cipher, mac, mac)
    theirs: Any = SSHCiphers(cipher, cipher, mac, mac)
    for each in (ours, theirs):
        each.setKeys(keys[0], keys[1], keys[0], keys[1], keys[2], keys[2])
    sealer, paddings = Sealer(ours), set()
    for sequence in (*range(RANDOM_BYTES // 8), 2**32 - 1):
        data = bytes(sequence % 70)
        payload = struct.pack(">LL", 7, len(data)) + data
        if sequence % 2:
            sealed = sealer.seal(sequence, 94, payload)
        else:
            sealed = sealer.seal_data(sequence, 7, data)
        size = theirs.verifyDigestSize
        packet = theirs.decrypt(sealed[:-size])
        assert theirs.verify(sequence, packet, sealed[-size:])
        length, padding = struct.unpack(">LB", packet[:5])
        assert len(packet) == length + 4
        assert len(packet) % 16 == 0
        assert 4 <= padding <= 19
        assert packet[5:-padding] == bytes([94]) + payload
        paddings.add(packet[-padding:])
    assert len(paddings) > RANDOM_BYTES // 8 - 3
