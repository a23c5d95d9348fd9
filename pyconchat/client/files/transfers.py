"""Transfers: the uploads and downloads of one client that have not ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint
from twisted.internet.task import LoopingCall

from pyconchat.client.files.download import Download
from pyconchat.client.files.download_folder import DownloadFolder
from pyconchat.client.files.paths import safe_path
from pyconchat.client.files.transfer import Network, Transfer, TransferFailed
from pyconchat.client.files.upload import Upload
from pyconchat.client.groups import place_of
from pyconchat.client.interfaces import UNCONFIRMED
from pyconchat.client.net.connection import ServerConnection
from pyconchat.client.net.json_protocol import Object, objects_in
from pyconchat.domain.text import in_bytes, safe_line

__all__ = ["FileSettings", "Transfers", "progress"]

REDRAW_INTERVAL = 0.5
"""Seconds between two updates of the progress on the screen."""

BAR_WIDTH = 10
"""Characters of a progress bar."""

MAX_UPLOADS = 2
"""Maximum uploads at the same time: as many as a server allows by default."""


class FileSettings(NamedTuple):
    """The folder for fetched files, and the maximum bytes of files to fetch automatically.

    *run* runs a function that may block in a thread.
    """

    folder: Path
    auto_get: int
    run: Callable[..., Deferred[Any]]


class Transfers:
    """All transfers of one client. *notify* gets sentences, *redraw* is called on progress."""

    def __init__(
        self,
        reactor: IReactorTime,
        endpoint: IStreamClientEndpoint,
        connection: ServerConnection,
        settings: FileSettings,
        notify: Callable[[str], None],
        redraw: Callable[[], None],
    ) -> None:
        self.active: list[Transfer] = []
        self._network = Network(reactor, endpoint, settings.run)
        self._connection = connection
        self._folder = DownloadFolder(settings.folder)
        self._notify = notify
        self._upload_slots = DeferredSemaphore(MAX_UPLOADS)
        self._redraw = redraw
        self._redrawing = LoopingCall(redraw)
        self._redrawing.clock = reactor

    def send(self, path: Path, request: Object) -> Deferred[bool]:
        """Share the file at *path*; the answer to *request* has the ticket.

        Fires with whether it is shared.
        """
        return Deferred.fromCoroutine(self._send(path, request))

    def fetch(self, answer: Object, request: Object) -> Deferred[bool]:
        """Fetch the file of *answer*, the answer to *request*, which has a ticket.

        Fires with whether it is fetched.
        """
        return Deferred.fromCoroutine(self._fetch(answer, request))

    async def _send(self, path: Path, request: Object) -> bool:
        try:
            upload = Upload(self._network, path)
            if not path.is_file():
                raise OSError(0, "not a file")
        except OSError as problem:
            self._notify(f"{safe_path(path)}: {problem.strerror}.")
            return False

        async def ticket() -> tuple[str, int]:
            answer = await self._ask(request)
            return str(answer.get("ticket")), int(answer.get("offset") or 0)

        async def send() -> None:
            await self._upload_slots.acquire()
            try:
                await upload.send(
                    lambda: Deferred.fromCoroutine(ticket()),
                    lambda sha256: self._shared(place_of(request), upload.name, sha256),
                )
            finally:
                self._upload_slots.release()

        return await self._follow(upload, send())

    async def _fetch(self, answer: Object, request: Object) -> bool:
        name, size = str(answer.get("name")), answer.get("size")
        number, sha256 = answer.get("number"), str(answer.get("sha256"))
        if not isinstance(size, int) or not isinstance(number, int):
            return False
        download = Download(self._network, name, size, self._folder)
        first: list[Object] = [answer]

        async def ticket() -> str:
            answer = first.pop() if first else await self._ask(request)
            return str(answer.get("ticket"))

        async def fetch() -> None:
            path = await download.fetch(number, sha256, lambda: Deferred.fromCoroutine(ticket()))
            self._notify(f"Fetched {safe_path(path.absolute())} ({in_bytes(size)}).")

        return await self._follow(download, fetch())

    async def _follow(self, transfer: Transfer, doing: Any) -> bool:
        """Display the progress of *transfer* while *doing* runs; return whether it succeeded."""
        self.active.append(transfer)
        if not self._redrawing.running:
            self._redrawing.start(REDRAW_INTERVAL)
        try:
            await doing
        except TransferFailed as failed:
            self._notify(f"{transfer.verb.capitalize()} failed: {failed}")
            return False
        except OSError as problem:
            self._notify(
                f"{transfer.verb.capitalize()} failed: {transfer.name}: {problem.strerror}"
            )
            return False
        finally:
            self.active.remove(transfer)
            if not self.active:
                self._redrawing.stop()
                self._redraw()
        return True

    def _shared(self, place: Mapping[str, str], name: str, sha256: str) -> Deferred[int]:
        """Fire with the number of the newest file with that name and hash in *place*, or 0."""
        found: Deferred[int] = Deferred()

        def answered(answer: Object) -> None:
            same = [
                each["number"]
                for each in objects_in(answer.get("files"))
                if each.get("sha256") == sha256 and each.get("name") == name
            ]
            found.callback(same[-1] if same and isinstance(same[-1], int) else 0)

        self._connection.ask_quietly(answered, **place, line="/files")
        return found

    def _ask(self, request: Object) -> Deferred[Object]:
        """Send *request*; fire with an answer that has a ticket, or fail with `TransferFailed`."""
        ticket: Deferred[Object] = Deferred()

        def answered(answer: Object) -> None:
            if answer.get("code") == UNCONFIRMED:
                self._connection.ask(answered, **request)  # a second ticket does no harm
            elif answer.get("ok") is True and answer.get("ticket"):
                ticket.callback(answer)
            else:
                ticket.errback(TransferFailed(str(answer.get("error") or "no ticket")))

        self._connection.ask(answered, **request)
        return ticket


def progress(transfer: Transfer) -> str:
    """Return the progress of *transfer* in a few words."""
    part = transfer.done / transfer.size if transfer.size else 1.0
    bar = "#" * int(part * BAR_WIDTH)
    left = transfer.seconds_left
    time = f" {left:.0f} s left" if left is not None else ""
    return (
        f"{transfer.verb} {safe_line(transfer.name)} [{bar:<{BAR_WIDTH}}] {part:.0%}"
        f" {in_bytes(int(transfer.rate))}/s{time}"
    )
