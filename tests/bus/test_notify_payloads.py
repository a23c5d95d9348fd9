"""The payloads of PostgreSQL's notifications."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.bus.notify_threads import MAX_PAYLOAD, pack, unpack
from pyconchat.chat.blocks import BlockEntry, Head, Notice, encode_block, encode_entries

TOPIC = "a/the administrator"


@given(st.binary(max_size=300))
def test_a_payload(block: bytes) -> None:
    """It has topic and block, in text without line ends, and is received by followers only."""
    payload = pack(TOPIC, block)
    assert payload is not None
    assert payload.isascii()
    assert b"\n" not in payload
    assert unpack(payload, {TOPIC.encode()}) == (TOPIC, block)
    assert unpack(payload, {b"a/the"}) is None


@pytest.mark.parametrize("size", range(5900, 5930))
def test_the_largest_payloads(size: int) -> None:
    """A larger block is replaced by its head."""
    topic = "c/" + "9" * 18
    block = encode_entries("node", 5, 7, [BlockEntry(1, b"x" * (size - 49))])
    payload = pack(topic, block)
    assert payload is not None
    assert len(payload) <= MAX_PAYLOAD
    told = unpack(payload, {topic.encode()})
    assert told is not None
    fits = len(topic) + 1 + (len(block) + 2) // 3 * 4 <= MAX_PAYLOAD
    assert told[1] == (block if fits else encode_block(Head("node", 5, 7)))


def test_the_largest_blocks_without_entries() -> None:
    """Whatever has no head fits."""
    notice = encode_block(Notice("n" * 128, b"x" * 1024))
    payload = pack("a/" + "é" * 99, notice)
    assert payload is not None
    assert len(payload) <= MAX_PAYLOAD
    assert pack("c/1", b"not a block" * 600) is None


@given(st.binary(max_size=50))
def test_damaged_payloads(payload: bytes) -> None:
    """They are ignored, or have a block, which the listener decodes."""
    for each in (payload, b"c/1 " + payload, b"\xff " + payload):
        told = unpack(each, {b"c/1", b"\xff"})
        if told is not None:
            assert told[0] == "c/1"
            again = pack(*told)
            assert again is not None
            assert unpack(again, {b"c/1"}) == told
