"""The files of the page, which are in memory, and the headers that protect every response."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from importlib.resources import files

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


class Page:
    """The files of the page, by their paths."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for each in (files("pyconchat.doors.web") / "page").iterdir():
            type = _TYPES.get(each.name[each.name.rfind(".") :])
            if type is not None:
                body = each.read_bytes()
                path = "/" if each.name == "index.html" else f"/{each.name}"
                self._files[path] = body, type, f'"{hashlib.sha256(body).hexdigest()[:20]}"'

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
        body, type, tag = self._files[request.path]
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        known = request.headers.get("if-none-match", "")
        if tag in (each.strip() for each in known.split(",")):
            return Response(304, b"", headers, type)
        return Response(200, body, headers, type)
