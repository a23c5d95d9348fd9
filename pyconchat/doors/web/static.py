"""The files of the page, which are in memory, and the headers that protect every response."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import NamedTuple

from pyconchat.doors.web.exchange import HttpError, Request, Response

__all__ = ["PROTECTION", "Page"]

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)

PROTECTION: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every response (Content Security Policy Level 3, Fetch, Referrer Policy)."""


class _File(NamedTuple):
    """A file of the page; *tag* is the ETag of *body*, and with "-gzip" that of *zipped*."""

    body: bytes
    zipped: bytes
    type: str
    tag: str


class Page:
    """The files of the page, by their paths. They are compressed once, and have no secrets."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        for each in (files("pyconchat.doors.web") / "page").iterdir():
            type = _TYPES.get(each.name[each.name.rfind(".") :])
            if type is not None:
                body = each.read_bytes()
                path = "/" if each.name == "index.html" else f"/{each.name}"
                tag = hashlib.sha256(body).hexdigest()[:20]
                self._files[path] = _File(body, gzip.compress(body, mtime=0), type, tag)

    @property
    def paths(self) -> Iterable[str]:
        """Return the paths of all files."""
        return self._files

    def __contains__(self, path: str) -> bool:
        """Return whether *path* is one of the page's files."""
        return path in self._files

    async def get(self, request: Request, _body: bytes) -> Response:
        """Return a file; 304 if the browser has it."""
        if request.path not in self._files:
            raise HttpError(404, "There is nothing here.")
        file = self._files[request.path]
        zips = _takes_gzip(request)
        tag = f'"{file.tag}-gzip"' if zips else f'"{file.tag}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        known = request.headers.get("if-none-match", "")
        if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(304, b"", headers, file.type)
        if zips:
            return Response(200, file.zipped, {**headers, "Content-Encoding": "gzip"}, file.type)
        return Response(200, file.body, headers, file.type)


def _takes_gzip(request: Request) -> bool:
    """Return whether the client takes gzip (RFC 9110, 12.5.3)."""
    for each in request.headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = each.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return not weight or weight.strip("0.") != ""
    return False
