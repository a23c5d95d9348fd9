"""Blocks: the messages between nodes on the bus, encoded as bytes.

Every block begins with the format's version, the id of its sender, and the kind of block. The
format is canonical: two different byte strings never mean the same block. A block of an unknown
kind or version is ignored: entries and states are read from the log.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from pyconchat.domain.names import Key

__all__ = [
    "MAX_BLOCK_BYTES",
    "MAX_ENTRIES",
    "MAX_NODE_BYTES",
    "MAX_NOTICE_BYTES",
    "SERVER_TOPIC",
    "BadBlock",
    "Block",
    "BlockEntry",
    "Entries",
    "Head",
    "Notice",
    "account_of",
    "account_topic",
    "conversation_topic",
    "decode_block",
    "encode_block",
    "encode_entries",
    "head_of",
    "start_of_blocks",
]

VERSION = 1

MAX_NODE_BYTES = 128
"""Maximum bytes of a node's id in UTF-8."""

MAX_BLOCK_BYTES = 256 * 1024
"""Maximum bytes of a block. Redis disconnects a reader with 32 MB of them unread."""

MAX_ENTRIES = 4096
"""Maximum entries of a block."""

MAX_NOTICE_BYTES = 1024
"""Maximum bytes of a notice's payload, so that a notice fits into every bus."""

MAX_NUMBER = 2**63 - 1

SERVER_TOPIC = "s"
"""The topic for changes of the whole server."""

_ENTRIES, _HEAD, _NOTICE = 1, 2, 3
_ENTRIES_BYTE, _HEAD_BYTE, _NOTICE_BYTE = b"\1", b"\2", b"\3"
_NO_VERSION = -1
_FIRST = struct.Struct("!QQH")  # conversation, number of the first entry, count
_LAST = struct.Struct("!QQ")  # conversation, number of the last entry


class BadBlock(ValueError):
    """The bytes are not a block, or a value of the block is not within the bounds."""


class TooLarge(BadBlock):
    """These entries are too many for a block, or too large."""


class BlockEntry(NamedTuple):
    """An entry: its time (milliseconds since the epoch) and its event's stored JSON text.

    *version* is the group's state version that the event was decided on; None if it has none.
    """

    at: int
    body: bytes
    version: int | None = None


class Entries(NamedTuple):
    """*node* has stored *entries* in *conversation*, numbered without gaps from *first* on."""

    node: str
    conversation: int
    first: int
    entries: Sequence[BlockEntry]


class Head(NamedTuple):
    """*node* has stored entries in *conversation*, the last one with the number *last*."""

    node: str
    conversation: int
    last: int


class Notice(NamedTuple):
    """*node* has changed the state of a topic; *payload* is for the nodes that follow it."""

    node: str
    payload: bytes = b""


Block: TypeAlias = Entries | Head | Notice


def conversation_topic(conversation: int) -> str:
    """Return the topic for new entries of *conversation*."""
    return f"c/{conversation}"


def account_topic(key: Key) -> str:
    """Return the topic for changes of the account *key*."""
    return f"a/{key}"


def account_of(topic: str) -> Key | None:
    """Return the account of which *topic* is the `account_topic`; None for other topics."""
    return Key(topic.removeprefix("a/")) if topic.startswith("a/") else None


@lru_cache(64)
def start_of_blocks(node: str) -> bytes:
    """Return the bytes with which all blocks of *node* begin, and no others.

    Raises `BadBlock` if the id is empty or too long.
    """
    try:
        name = node.encode()
    except UnicodeEncodeError:
        raise BadBlock("the node's id is not valid text") from None
    if not 0 < len(name) <= MAX_NODE_BYTES:
        raise BadBlock(f"the node's id has {len(name)} bytes")
    return bytes((VERSION, len(name))) + name


def encode_block(block: Block) -> bytes:
    """Return *block* as bytes. Raises `BadBlock` if it is not within the bounds."""
    match block:
        case Entries(node, conversation, first, entries):
            return _encode_entries(node, conversation, first, entries)
        case Head(node, conversation, last):
            _check(conversation, last, last)
            return start_of_blocks(node) + _HEAD_BYTE + _LAST.pack(conversation, last)
        case Notice(node, payload):
            if len(payload) > MAX_NOTICE_BYTES:
                raise BadBlock(f"a notice of {len(payload)} bytes")
            return start_of_blocks(node) + _NOTICE_BYTE + payload


def encode_entries(
    node: str, conversation: int, first: int, entries: Sequence[BlockEntry]
) -> bytes:
    """Return the block for *entries*, of which there is at least one.

    If there are too many, or they are too large, it is a `Head`. Raises `BadBlock` for other
    values that are not within the bounds.
    """
    try:
        return _encode_entries(node, conversation, first, entries)
    except TooLarge:
        return encode_block(Head(node, conversation, first + len(entries) - 1))


def decode_block(data: bytes) -> Block | None:
    """Return the decoded block; None if its version or kind is unknown.

    Raises `BadBlock` for any bytes that are not a block, and nothing else.
    """
    if not data or len(data) > MAX_BLOCK_BYTES:
        raise BadBlock(f"{len(data)} bytes")
    if data[0] != VERSION:
        return None
    node, kind, start = _start(data)
    if kind == _ENTRIES:
        return _decode_entries(node, data, start)
    if kind == _HEAD:
        if len(data) != start + _LAST.size:
            raise BadBlock("the head has a wrong size")
        conversation, last = _LAST.unpack_from(data, start)
        _check(conversation, last, last)
        return Head(node, conversation, last)
    if kind == _NOTICE:
        if len(data) - start > MAX_NOTICE_BYTES:
            raise BadBlock("the notice is too large")
        return Notice(node, data[start:])
    return None


def head_of(data: bytes) -> bytes:
    """Return the encoded `Head` of *data*, which is an encoded `Entries`.

    Raises `BadBlock` if it is not.
    """
    if not data or data[0] != VERSION:
        raise BadBlock("another format")
    node, kind, start = _start(data)
    if kind != _ENTRIES or len(data) < start + _FIRST.size:
        raise BadBlock("no entries")
    conversation, first, count = _FIRST.unpack_from(data, start)
    return encode_block(Head(node, conversation, first + count - 1))


def _encode_entries(
    node: str, conversation: int, first: int, entries: Sequence[BlockEntry]
) -> bytes:
    """As `encode_entries`. Raises `TooLarge` if only the count or the size is not within bounds."""
    count = len(entries)
    if not count:
        raise BadBlock("no entries")
    _check(conversation, first, first + count - 1)
    numbers: list[int] = []
    bodies: list[bytes] = []
    for at, body, version in entries:
        if version is None:
            version = _NO_VERSION
        elif version < 0:
            raise BadBlock("the version is negative")
        numbers += (at, version, len(body))
        bodies.append(body)
    if count > MAX_ENTRIES:
        raise TooLarge(f"{count} entries")
    try:
        head = _FIRST.pack(conversation, first, count) + struct.pack(f"!{3 * count}q", *numbers)
    except struct.error as error:
        raise BadBlock(str(error)) from None
    data = b"".join((start_of_blocks(node), _ENTRIES_BYTE, head, *bodies))
    if len(data) > MAX_BLOCK_BYTES:
        raise TooLarge(f"a block of {len(data)} bytes")
    return data


def _decode_entries(node: str, data: bytes, start: int) -> Entries:
    if len(data) < start + _FIRST.size:
        raise BadBlock("the block ends early")
    conversation, first, count = _FIRST.unpack_from(data, start)
    start += _FIRST.size
    body = start + 8 * 3 * count  # of each entry: time, version, length of the body
    if not 0 < count <= MAX_ENTRIES or len(data) < body:
        raise BadBlock(f"{count} entries")
    _check(conversation, first, first + count - 1)
    numbers = iter(struct.unpack_from(f"!{3 * count}q", data, start))
    entries = []
    for at, version, length in zip(numbers, numbers, numbers, strict=True):
        end = body + length
        if version < _NO_VERSION or length < 0 or end > len(data):
            raise BadBlock("the numbers of an entry are not within the bounds")
        entries.append(BlockEntry(at, data[body:end], None if version < 0 else version))
        body = end
    if body != len(data):
        raise BadBlock("the block is longer than its entries")
    return Entries(node, conversation, first, entries)


def _start(data: bytes) -> tuple[str, int, int]:
    """Return node, kind and start of the rest of the block *data*. Raises `BadBlock`."""
    end = 2 + data[1] if len(data) > 1 else 0
    if not 2 < end <= 2 + MAX_NODE_BYTES or len(data) <= end:
        raise BadBlock("the block has no node or no kind")
    try:
        return data[2:end].decode(), data[end], end + 1
    except UnicodeDecodeError:
        raise BadBlock("the node's id is not valid text") from None


def _check(conversation: int, first: int, last: int) -> None:
    """Raise `BadBlock` unless *conversation* and the numbers *first* to *last* are valid."""
    if not (0 <= conversation <= MAX_NUMBER and 0 < first <= last <= MAX_NUMBER):
        raise BadBlock("a number is not within the bounds")
