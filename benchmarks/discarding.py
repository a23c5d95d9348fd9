"""Discarding: a thread that reads from many connections and discards the data."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterable

__all__ = ["Discarding"]

BLOCK_BYTES = 1024**2


class Discarding:
    """Reads from *connections*, in a thread, and discards the data."""

    def __init__(self, connections: Iterable[socket.socket]) -> None:
        self._connections = {each.fileno(): each for each in connections}
        self._epoll = select.epoll()
        for descriptor, each in self._connections.items():
            each.setblocking(False)
            self._epoll.register(descriptor, select.EPOLLIN)
        self._stopped = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop reading, and close the connections."""
        self._stopped = True
        self._thread.join()
        self._epoll.close()
        for each in self._connections.values():
            each.close()

    def _read(self) -> None:
        buffer = bytearray(BLOCK_BYTES)
        while not self._stopped:
            for descriptor, _ in self._epoll.poll(0.1):
                try:
                    size = self._connections[descriptor].recv_into(buffer)
                except OSError:  # the server has been stopped
                    size = 0
                if not size:
                    self._epoll.unregister(descriptor)
