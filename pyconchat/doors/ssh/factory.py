"""SshFactory: makes the protocol of each connection to an SSH port."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pyconchat.domain.public_keys import key_of_blob
from pyconchat.doors.factory import ChatFactory
from pyconchat.doors.ssh.algorithms import HOST_KEYS
from pyconchat.doors.ssh.host_key import HostKey
from pyconchat.doors.ssh.transport import SshTransport

__all__ = ["SshFactory"]


class SshFactory(Factory):
    """Makes an `SshTransport` for each connection to an SSH port of the server of *chat*.

    *key* is the host key. Its attributes `publicKeys` and `privateKeys` are what Conch looks for.
    """

    noisy = False

    def __init__(self, chat: ChatFactory, key: HostKey) -> None:
        self._chat = chat
        self.publicKeys = self.privateKeys = dict.fromkeys(HOST_KEYS, key)
        self.fingerprint = key_of_blob(key.blob()).fingerprint

    def buildProtocol(self, addr: IAddress | None) -> SshTransport | None:
        counted = self._chat.count(addr)
        return None if counted is None else SshTransport(self._chat.context, counted, self)
