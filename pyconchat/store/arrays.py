"""Arrays in PostgreSQL's binary format (its ``array_send`` and ``array_recv``).

psycopg converts one element at a time, which takes longer than storing a message.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["bigints", "integers", "read_bigints", "texts"]

_HEADER = struct.Struct("!5i")  # dimensions, whether there are NULLs, type, length, first index
_LENGTH = struct.Struct("!i")
_INTEGER, _BIGINT, _TEXT = 23, 20, 25  # the types' object identifiers
_NULL = -1  # instead of a length


def integers(values: Sequence[int]) -> bytes:
    """Return *values* as ``INTEGER[]``. Raises `struct.error` if one is too large."""
    return _numbers(values, _INTEGER, 4, "ii")


def bigints(values: Sequence[int]) -> bytes:
    """Return *values* as ``BIGINT[]``. Raises `struct.error` if one is too large."""
    return _numbers(values, _BIGINT, 8, "iq")


def texts(values: Sequence[bytes | None]) -> bytes:
    """Return *values*, in UTF-8, as ``TEXT[]``; None is NULL."""
    parts: list[bytes] = [_HEADER.pack(1, None in values, _TEXT, len(values), 1)]
    for value in values:
        if value is None:
            parts.append(_LENGTH.pack(_NULL))
        else:
            parts += _LENGTH.pack(len(value)), value
    return b"".join(parts)


def read_bigints(array: bytes) -> Sequence[int]:
    """Return the elements of *array*, a ``BIGINT[]`` with one dimension and without NULLs."""
    count = (len(array) - _HEADER.size) // 12
    return struct.unpack_from("!" + "4xq" * count, array, _HEADER.size)


def _numbers(values: Sequence[int], type: int, size: int, form: str) -> bytes:
    elements = [size] * (2 * len(values))
    elements[1::2] = values
    header = _HEADER.pack(1, 0, type, len(values), 1)
    return header + struct.pack("!" + form * len(values), *elements)
