"""Rate limits: token buckets and counts over a time window.

Nothing here waits or disconnects: a limit returns whether an act is allowed now, or when. Times
are seconds of a monotonic clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from weakref import WeakKeyDictionary

from pyconchat.config import LimitsConfig
from pyconchat.domain.accounts import Account
from pyconchat.domain.hooks import Hook

__all__ = [
    "LOCAL",
    "MAX_KEYS",
    "MessageRates",
    "RecentCounts",
    "TokenBucket",
    "is_local",
    "network_of",
]

MAX_KEYS = 10_000
"""Maximum addresses or names that are counted; the oldest are removed first."""

LOCAL = "local"
"""The network of connections without an address, as at a Unix socket."""

NOTICE_BYTES = 100
"""Bytes of a notice, such as the reason of a ban, that cost as much as one message."""


def network_of(host: str) -> str:
    """Return the network by which connections of *host* are counted.

    That is an IPv4 address, or an IPv6 /64 (RFC 4291, 2.5.4): one user usually
    has all addresses of a /64. Any other text, as for a Unix socket, is returned unchanged.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))


def is_local(network: str) -> bool:
    """Return whether *network* (see `network_of`) is of this machine: loopback, or no address.

    A local address does not identify a user: a proxy or a tunnel may serve any number of people.
    """
    try:
        address = ip_address(network)
    except ValueError:
        return network == LOCAL
    return address.is_loopback or network == "::"  # the /64 of ::1


class TokenBucket:
    """Allows *burst* at once, then *rate* a second; a rate of 0 is unlimited."""

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst = max(burst, 1.0)
        self._rate = rate
        self._tokens = self._burst
        self._updated = now

    def take(self, now: float) -> float:
        """Take one token and return 0, or take none and return the seconds until the next."""
        if self._rate <= 0:
            return 0.0
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        # The tolerance: a rounding error must not ask for a wait of 0 seconds.
        if self._tokens >= 1 - 1e-6:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate

    def charge(self, tokens: float, now: float) -> None:
        """Take *tokens*, even more than there are: the next `take` waits for them."""
        if self._rate > 0:
            self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._rate)
            self._tokens -= tokens
            self._updated = now

    def change(self, burst: float, rate: float, now: float) -> None:
        """Allow *burst* at once, and *rate* a second, from now on."""
        self.charge(0, now)
        self._burst, self._rate = max(burst, 1.0), rate
        self._tokens, self._updated = min(self._tokens, self._burst), now

    @property
    def full(self) -> bool:
        """Return whether the bucket was full at the last `take`."""
        return self._tokens >= self._burst


class MessageRates:
    """The message rate of each account, shared by all of its sessions; and of each hook.

    *nodes* returns at how many servers (nodes) an account is online: each allows its share.
    """

    def __init__(
        self,
        config: LimitsConfig,
        now: Callable[[], float],
        nodes: Callable[[Account], int] = lambda account: 1,
    ) -> None:
        self._config = config
        self._now = now
        self._nodes = nodes
        self._buckets: WeakKeyDictionary[Account | Hook, TokenBucket] = WeakKeyDictionary()

    def of(self, account: Account | Hook) -> TokenBucket:
        """Return the bucket of *account*, or of a hook."""
        bucket = self._buckets.get(account)
        if bucket is None:
            bucket = TokenBucket(*self._limits(account), self._now())
            self._buckets[account] = bucket
        return bucket

    def divide(self, account: Account) -> None:
        """Change the rate of *account*, which has come online at a node, or gone offline."""
        bucket = self._buckets.get(account)
        if bucket is not None:
            bucket.change(*self._limits(account), self._now())

    def _limits(self, account: Account | Hook) -> tuple[float, float]:
        """Return the burst, and the messages a second."""
        config = self._config
        nodes = self._nodes(account) if isinstance(account, Account) else 1
        return config.message_burst / nodes, config.messages_per_second / nodes

    def charge(self, account: Account, notice: int) -> None:
        """Charge *account* for a notice of *notice* bytes."""
        self.of(account).charge(notice // NOTICE_BYTES, self._now())


class RecentCounts:
    """Counts events by key over the last *window* seconds, up to *limit* each."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._times: dict[str, deque[float]] = {}

    def note(self, key: str, now: float) -> None:
        """Count one event of *key*."""
        times = self._times.pop(key, None)
        if times is None:
            times = deque(maxlen=max(self._limit, 1))
            if len(self._times) >= MAX_KEYS:
                del self._times[next(iter(self._times))]
        self._times[key] = times
        times.append(now)

    def learn(self, key: str, ages: Sequence[float], now: float) -> None:
        """Set the *ages* (seconds, the newest first) of the events of *key* at all servers.

        They include this server's own events, unless it has more: some may not be stored yet.
        """
        known = [at for at in self._times.get(key, ()) if at > now - self._window]
        if len(ages) >= max(len(known), 1):
            self._times.pop(key, None)
            for age in reversed(ages):
                self.note(key, now - age)

    def wait(self, key: str, now: float) -> float:
        """Return the seconds until one more event of *key* is within the limit; 0 if it is now."""
        times = self._times.get(key)
        if self._limit <= 0 or times is None:
            return 0.0
        while times and times[0] <= now - self._window:
            times.popleft()
        if not times:
            del self._times[key]
        return times[0] + self._window - now if len(times) >= self._limit else 0.0
