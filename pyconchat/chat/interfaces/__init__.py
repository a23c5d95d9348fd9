"""Every contract between the parts of a server. Each is complete here.

Arguments named *after*, *upto*, *seq* are entry numbers, *at* is in milliseconds since the
epoch, and blocks are bytes ready to be written to a connection.
"""

from pyconchat.chat.interfaces.hashing import Asker, IHasher
from pyconchat.chat.interfaces.nodes import IBus, IBusListener, INodeStore
from pyconchat.chat.interfaces.peers import (
    IKeyPeer,
    ILoginPeer,
    IPeer,
    IRenderer,
    ITranslator,
    ServerAddress,
)
from pyconchat.chat.interfaces.sessions import IPresence, ISession, ISubscriptions
from pyconchat.chat.interfaces.storing import ICommits, IJournal, IStore, IThreads

__all__ = [
    "Asker",
    "IBus",
    "IBusListener",
    "ICommits",
    "IHasher",
    "IJournal",
    "IKeyPeer",
    "ILoginPeer",
    "INodeStore",
    "IPeer",
    "IPresence",
    "IRenderer",
    "ISession",
    "IStore",
    "ISubscriptions",
    "IThreads",
    "ITranslator",
    "ServerAddress",
]
