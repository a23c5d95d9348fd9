"""The requests of a connection are the same in whatever pieces they arrive."""

from __future__ import annotations

from itertools import pairwise

import h11
from hypothesis import given
from hypothesis import strategies as st

from pyconchat.doors.web.reader import RequestReader

LENGTH, CHUNKS = "Content-Length", "Transfer-Encoding"

Requests = list[tuple[str, bytes]]

BODIES = st.binary(max_size=40)
FRAMINGS = st.sampled_from(["", LENGTH, CHUNKS])
REQUESTS = st.lists(st.tuples(FRAMINGS, BODIES), min_size=1, max_size=4)


def sent(requests: Requests) -> bytes:
    """Return the requests, one after another, as a client sends them."""
    sent = b""
    for number, (framing, body) in enumerate(requests):
        method = "PUT" if framing else "GET"
        head = f"{method} /{number} HTTP/1.1\r\nHost: here\r\n"
        match framing:
            case "Content-Length":
                sent += f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            case "Transfer-Encoding":
                chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
                sent += f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk + b"0\r\n\r\n"
            case _:
                sent += f"{head}\r\n".encode()
    return sent


@given(REQUESTS, st.lists(st.integers(0, 400)), st.booleans())
def test_requests_in_any_pieces(requests: Requests, cuts: list[int], early: bool) -> None:
    """Each has its own body. The next one may have come *early*: before this one is answered."""
    data = sent(requests)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    reader, found = RequestReader(), list[list[object]]()
    for first, last in pairwise(edges):
        rest = data[first:last]
        while rest:
            events = list(reader.read(rest))
            rest = b""
            for event in events:
                match event:
                    case h11.Request():
                        found.append([event.target, b""])
                    case h11.Data():
                        found[-1][1] += bytes(event.data)  # type: ignore[operator]
                    case h11.EndOfMessage():
                        assert reader.has_body
            if reader.has_all and early and last < len(data):
                early = False
                continue  # the next piece comes before the answer
            if reader.has_all:
                rest = reader.next()
    expected = [
        [b"/%d" % n, body if framing else b""] for n, (framing, body) in enumerate(requests)
    ]
    assert found == expected
