"""Packets that are sent here are those that Conch would send."""

from __future__ import annotations

import struct
from typing import Any, cast

import pytest
from twisted.conch.ssh.transport import SSHCiphers

from pyconchat.doors.ssh.algorithms import CIPHERS, MACS
from pyconchat.doors.ssh.packet_sender import RANDOM_BYTES, PacketSender
from pyconchat.net.connection import IConnection
from tests.support.connections import Wire

HEAD = struct.Struct(">BLL")


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("mac", MACS)
def test_what_conch_can_open(cipher: bytes, mac: bytes) -> None:
    """Of all sizes, with both ciphers and both hashes; the padding is never used twice."""
    keys = [bytes([number]) * 64 for number in range(3)]
    ours: Any = SSHCiphers(cipher, cipher, mac, mac)
    theirs: Any = SSHCiphers(cipher, cipher, mac, mac)
    for each in (ours, theirs):
        each.setKeys(keys[0], keys[1], keys[0], keys[1], keys[2], keys[2])
    wire, paddings, total = Wire(), set(), 0
    sender = PacketSender(cast(IConnection, wire))
    sender.use(ours)
    for sequence in range(RANDOM_BYTES // 8):
        data = bytes(sequence % 70)
        head = HEAD.pack(94, 7, len(data))
        wire.clear()
        sender.send(head, data)
        sealed = wire.value()
        total += len(sealed)
        size = theirs.verifyDigestSize
        packet = theirs.decrypt(sealed[:-size])
        assert theirs.verify(sequence, packet, sealed[-size:])
        length, padding = struct.unpack(">LB", packet[:5])
        assert len(packet) == length + 4
        assert len(packet) % 16 == 0
        assert 4 <= padding <= 19
        assert packet[5:-padding] == head + data
        paddings.add(packet[-padding:])
    assert len(paddings) > RANDOM_BYTES // 8 - 3
    assert sender.bytes_sent == total
