"""Blocks: what nodes tell each other, and what damaged or hostile bytes do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.chat import blocks
from pyconchat.chat.blocks import (
    BadBlock,
    Block,
    BlockEntry,
    Entries,
    Head,
    Notice,
    account_topic,
    conversation_topic,
    decode_block,
    encode_block,
    encode_entries,
    head_of,
    start_of_blocks,
)
from pyconchat.domain.names import Key

NUMBERS = st.integers(1, 2**62)
NODES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32)
ENTRIES = st.builds(
    BlockEntry,
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=40),
    st.none() | st.integers(0, 2**63 - 1),
)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Entries, NODES, NUMBERS, NUMBERS, st.lists(ENTRIES, min_size=1, max_size=5)),
    st.builds(Head, NODES, NUMBERS, NUMBERS),
    st.builds(Notice, NODES, st.binary(max_size=blocks.MAX_NOTICE_BYTES)),
)

HELLO = BlockEntry(1_700_000_000_000, b'{"type":"message"}', 7)
EXAMPLE = encode_block(Entries("one", 5, 42, [HELLO, HELLO]))


@given(BLOCKS)
def test_a_block_is_read_as_it_was_made(block: Block) -> None:
    """Encoding and decoding are each other's inverse."""
    assert decode_block(encode_block(block)) == block


@given(st.binary(max_size=200))
def test_random_bytes(data: bytes) -> None:
    """They raise `BadBlock`, are of an unknown format, or are the only form of some block."""
    check(data)


@given(BLOCKS, st.data())
def test_damaged_blocks(block: Block, draw: st.DataObject) -> None:
    """One byte of a block is changed, or some are missing or added."""
    data = bytearray(encode_block(block))
    at = draw.draw(st.integers(0, len(data) - 1))
    match draw.draw(st.sampled_from(["change", "cut", "insert"])):
        case "change":
            data[at] = draw.draw(st.integers(0, 255))
        case "cut":
            del data[at : at + draw.draw(st.integers(1, 20))]
        case _:
            data[at:at] = draw.draw(st.binary(min_size=1, max_size=20))
    check(bytes(data))


def check(data: bytes) -> None:
    try:
        block = decode_block(data)
    except BadBlock:
        block = None
    if block is not None:
        assert encode_block(block) == data
    try:
        head = head_of(data)
    except BadBlock:
        assert not isinstance(block, Entries)
    else:
        assert isinstance(decode_block(head), Head)


@pytest.mark.parametrize("length", range(len(EXAMPLE)))
def test_a_block_that_ends_early(length: int) -> None:
    """No beginning of a block is a block."""
    with pytest.raises(BadBlock):
        decode_block(EXAMPLE[:length])


def test_a_block_with_more_after_it() -> None:
    """It is not read as if it had ended."""
    with pytest.raises(BadBlock):
        decode_block(EXAMPLE + b"\0")


def test_a_format_of_the_future() -> None:
    """Blocks of other versions and kinds are ignored, whatever is in them."""
    assert decode_block(b"\2") is None
    assert decode_block(b"\2" + EXAMPLE) is None
    assert decode_block(start_of_blocks("one") + b"\x63anything") is None


@pytest.mark.parametrize(
    "block",
    [
        Head("one", 5, 2**63),
        Head("one", -1, 1),
        Head("one", 5, 0),
        Head("", 5, 1),
        Head("\ud800", 5, 1),
        Head("n" * (blocks.MAX_NODE_BYTES + 1), 5, 1),
        Notice("one", b"x" * (blocks.MAX_NOTICE_BYTES + 1)),
        Entries("one", 5, 1, []),
        Entries("one", 5, 2**63 - 1, [HELLO, HELLO]),
        Entries("one", 5, 1, [HELLO._replace(at=2**63)]),
        Entries("one", 5, 1, [HELLO._replace(version=-1)]),
        Entries("one", 5, 1, [HELLO._replace(version=2**63)]),
        Entries("one", 5, 1, [HELLO._replace(body=b"x" * blocks.MAX_BLOCK_BYTES)]),
        Entries("one", 5, 1, [HELLO] * (blocks.MAX_ENTRIES + 1)),
    ],
)
def test_blocks_beyond_the_bounds(block: Block) -> None:
    """They are not made."""
    with pytest.raises(BadBlock):
        encode_block(block)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        b"\1\0\1",
        b"\1\xff" + b"n" * 255 + b"\3",
        b"\1\1\xff\3",
        start_of_blocks("one") + b"\3" + b"x" * (blocks.MAX_NOTICE_BYTES + 1),
        b"\1" * (blocks.MAX_BLOCK_BYTES + 1),
    ],
)
def test_bytes_beyond_the_bounds(data: bytes) -> None:
    """They are no block."""
    with pytest.raises(BadBlock):
        decode_block(data)


def test_the_start_of_blocks() -> None:
    """A node's blocks are told from those of others by it, also if one id begins as another."""
    assert EXAMPLE.startswith(start_of_blocks("one"))
    assert not EXAMPLE.startswith(start_of_blocks("on"))
    assert not EXAMPLE.startswith(start_of_blocks("one1"))


@pytest.mark.parametrize(
    "entries",
    [
        [HELLO] * (blocks.MAX_ENTRIES + 1),
        [HELLO._replace(body=b"x" * 4096)] * 64,
        [HELLO._replace(body=b"x" * (blocks.MAX_BLOCK_BYTES - 40))],
    ],
)
def test_too_much_for_a_block(entries: list[BlockEntry]) -> None:
    """The others are told the number of the last entry, and read the log."""
    data = encode_entries("one", 5, 10, entries)
    assert decode_block(data) == Head("one", 5, 9 + len(entries))


def test_as_much_as_a_block_holds() -> None:
    """The largest entries, and the largest number of them, that are sent whole."""
    for each in (
        [HELLO._replace(body=b"")] * blocks.MAX_ENTRIES,
        [HELLO._replace(body=b"x" * 2**17)],
    ):
        node = "n" * blocks.MAX_NODE_BYTES
        assert decode_block(encode_entries(node, 5, 10, each)) == Entries(node, 5, 10, each)


def test_the_head_of_a_block() -> None:
    """A bus whose messages are small sends the number of the last entry only."""
    assert decode_block(head_of(EXAMPLE)) == Head("one", 5, 43)
    for other in (encode_block(Head("one", 5, 1)), b"\2" + EXAMPLE, b"", EXAMPLE[:8]):
        with pytest.raises(BadBlock):
            head_of(other)


def test_topics() -> None:
    """By conversation, by account, and one for the server."""
    assert conversation_topic(7) == "c/7"
    assert account_topic(Key("alice")) == "a/alice"
