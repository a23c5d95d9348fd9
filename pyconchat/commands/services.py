"""Services: the parts of a running server that commands, sessions and doors are handed."""

from __future__ import annotations

from dataclasses import dataclass

from pyconchat.auth.rate_limits import MessageRates
from pyconchat.auth.shared_counts import SharedCounts
from pyconchat.auth.throttle import LoginThrottle
from pyconchat.auth.tokens import Tokens
from pyconchat.chat.account_keys import AccountKeys
from pyconchat.chat.chat import Chat
from pyconchat.chat.conversations import Conversations
from pyconchat.chat.group_directory import GroupDirectory
from pyconchat.chat.interfaces import IHasher, IJournal, IPresence
from pyconchat.chat.memory import Memory
from pyconchat.chat.readiness import Readiness
from pyconchat.chat.registration import Registration
from pyconchat.chat.session_registry import SessionRegistry
from pyconchat.chat.statistics import Statistics
from pyconchat.config import Config
from pyconchat.domain.accounts import Accounts
from pyconchat.files.sharing import FileSharing

__all__ = ["Services"]


@dataclass(frozen=True)
class Services:
    """The parts of one running server; *files* is None on a server without shared files."""

    config: Config
    chat: Chat
    memory: Memory
    conversations: Conversations
    accounts: Accounts
    groups: GroupDirectory
    presence: IPresence
    registration: Registration
    keys: AccountKeys
    registry: SessionRegistry
    journal: IJournal
    statistics: Statistics
    readiness: Readiness
    hasher: IHasher
    throttle: LoginThrottle
    tokens: Tokens
    rates: MessageRates
    files: FileSharing | None = None

    @classmethod
    def of(cls, chat: Chat, files: FileSharing | None = None) -> Services:
        """Return the parts of *chat*, with throttle, tokens and rates for its logins."""
        limits = chat.config.limits
        shared, elsewhere = None, chat.presence.elsewhere
        rates = MessageRates(
            limits, chat.reactor.seconds, lambda account: 1 + len(elsewhere.get(account.key, ()))
        )
        if chat.nodes is not None:
            shared = SharedCounts(chat.store.nodes, chat.threads)
            chat.nodes.leases.elsewhere.watch(rates.divide)
        return cls(
            config=chat.config,
            chat=chat,
            memory=chat.memory,
            conversations=chat.conversations,
            accounts=chat.accounts,
            groups=chat.groups,
            presence=chat.presence,
            registration=chat.registration,
            keys=chat.keys,
            registry=chat.registry,
            journal=chat.journal,
            statistics=chat.statistics,
            readiness=chat.readiness,
            hasher=chat.hasher,
            throttle=LoginThrottle(chat.hasher, chat.reactor, limits, shared),
            tokens=Tokens(chat.store, chat.journal, chat.accounts, chat.now),
            rates=rates,
            files=files,
        )
