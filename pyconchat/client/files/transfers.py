"""Transfers: the files that are on their way, and how a person starts them."""

from __future__ import annotations

import os
from collections.abc import Callable
from glob import glob
from os.path import expanduser
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import LoopingCall

from pyconchat.client.files.downloads import Downloads
from pyconchat.client.files.transfer import Broken, Download, Transfer, Upload
from pyconchat.client.groups import objects_in
from pyconchat.client.net.connection import IN_DOUBT, Link
from pyconchat.client.net.json_protocol import Object
from pyconchat.domain.text import SafeText, in_bytes, safe_text

__all__ = ["Transfers", "paths_of", "progress", "shown"]

REDRAWN = 0.5
"""Seconds between two looks at how far the transfers are."""

BAR = 10

AT_ONCE = 2
"""Files that are sent at the same time: as many as a server takes by default."""


class Transfers:
    """All transfers of one client. *tell* is called with sentences, *changed* to redraw."""

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        link: Link,
        downloads: Downloads,
        run: Callable[..., Deferred[Any]],
        tell: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.under_way: list[Transfer] = []
        self._reactor = reactor
        self._endpoint = endpoint
        self._link = link
        self._downloads = downloads
        self._run = run
        self._tell = tell
        self._turns = DeferredSemaphore(AT_ONCE)
        self._redraw = LoopingCall(changed)
        self._redraw.clock = reactor

    def send(self, path: Path, request: Object) -> Deferred[bool]:
        """Share the file at *path*; *request* gets the ticket. Fires with whether it is shared."""
        return Deferred.fromCoroutine(self._send(path, request))

    def fetch(self, answer: Object, request: Object) -> Deferred[bool]:
        """Fetch what *answer*, to *request*, has a ticket for. Fires with whether it is here."""
        return Deferred.fromCoroutine(self._fetch(answer, request))

    async def _send(self, path: Path, request: Object) -> bool:
        try:
            upload = Upload(self._reactor, self._endpoint, path, self._run)
            if not path.is_file():
                raise OSError(0, "not a file")
        except OSError as problem:
            self._tell(f"{shown(path)}: {problem.strerror}.")
            return False

        async def ticket() -> tuple[str, int]:
            answer = await self._ask(request)
            return str(answer.get("ticket")), int(answer.get("offset") or 0)

        async def sending() -> None:
            await self._turns.acquire()
            try:
                await upload.send(
                    lambda: Deferred.fromCoroutine(ticket()),
                    lambda sha256: self._shared(str(request["group"]), upload.name, sha256),
                )
            finally:
                self._turns.release()

        return await self._follow(upload, sending())

    async def _fetch(self, answer: Object, request: Object) -> bool:
        name, size = str(answer.get("name")), answer.get("size")
        number, sha256 = answer.get("number"), str(answer.get("sha256"))
        if not isinstance(size, int) or not isinstance(number, int):
            return False
        download = Download(self._reactor, self._endpoint, name, size, self._downloads, self._run)
        first: list[Object] = [answer]

        async def ticket() -> str:
            given = first.pop() if first else await self._ask(request)
            return str(given.get("ticket"))

        async def fetched() -> None:
            path = await download.fetch(number, sha256, lambda: Deferred.fromCoroutine(ticket()))
            self._tell(f"{shown(path)} is here ({in_bytes(size)}).")

        return await self._follow(download, fetched())

    async def _follow(self, transfer: Transfer, doing: Any) -> bool:
        self.under_way.append(transfer)
        if not self._redraw.running:
            self._redraw.start(REDRAWN)
        try:
            await doing
        except Broken as broken:
            self._tell(f"Not {transfer.verb}: {broken}")
            return False
        except OSError as problem:
            self._tell(f"Not {transfer.verb}: {transfer.name}: {problem.strerror}")
            return False
        finally:
            self.under_way.remove(transfer)
            if not self.under_way:
                self._redraw.stop()
                self._redraw.f()
        return True

    def _shared(self, group: str, name: str, sha256: str) -> Deferred[int]:
        """Fire with the number of the newest file of that name and hash in *group*, or 0."""
        found: Deferred[int] = Deferred()

        def take(answer: Object) -> None:
            same = [
                each["number"]
                for each in objects_in(answer.get("files"))
                if each.get("sha256") == sha256 and each.get("name") == name
            ]
            found.callback(same[-1] if same and isinstance(same[-1], int) else 0)

        self._link.ask_quietly(take, group=group, line="/files")
        return found

    def _ask(self, request: Object) -> Deferred[Object]:
        """Make *request*; fire with the answer. Fails with `Broken` if it is refused."""
        answered: Deferred[Object] = Deferred()

        def take(answer: Object) -> None:
            if answer.get("code") == IN_DOUBT:
                self._link.ask(take, **request)  # a ticket too many does no harm
            elif answer.get("ok") is True and answer.get("ticket"):
                answered.callback(answer)
            else:
                answered.errback(Broken(str(answer.get("error") or "no ticket")))

        self._link.ask(take, **request)
        return answered


def shown(path: Path) -> SafeText:
    """Return *path* as it can be shown and sent, whatever bytes are in it."""
    return safe_text(os.fsencode(path).decode(errors="replace"))


def progress(transfer: Transfer) -> str:
    """Return how far *transfer* is, in one piece of a line."""
    part = transfer.done / transfer.size if transfer.size else 1.0
    bar = "#" * int(part * BAR)
    left = transfer.left
    time = f" {left:.0f} s left" if left is not None else ""
    return (
        f"{transfer.verb} {safe_text(transfer.name)} [{bar:<{BAR}}] {part:.0%}"
        f" {in_bytes(int(transfer.rate))}/s{time}"
    )


def paths_of(typed: str) -> list[Path]:
    """Return the files that *typed* names: one path, or several, with the shell's wildcards."""
    whole = Path(expanduser(typed.strip()))
    if whole.is_file():
        return [whole]
    paths: list[Path] = []
    for word in typed.split():
        found = sorted(glob(expanduser(word)))
        paths += [Path(each) for each in found if Path(each).is_file()]
    return paths
