"""Password guessing is refused by address and delayed by account, without locking accounts."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.auth.throttle import LoginThrottle
from pyconchat.auth.turns import Turns
from pyconchat.chat.interfaces import Asker, IHasher
from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.store import SqlStore
from tests.support.programs import MemoryServer, WiredProgram

HERE, THERE, HOME = "192.0.2.1", "192.0.2.2", "192.0.2.3"

SECRET = "secret of alice"


@implementer(IHasher)
class FakeHasher:
    """A hasher that answers at once, or, if *slow* is set, when `work` is called."""

    def __init__(self) -> None:
        self.turns = Turns()
        self.checked: list[str] = []
        self.slow = False
        self.busy = False
        self._waiting: list[tuple[Deferred[bool], bool]] = []

    def hash(self, password: str, asker: Asker) -> Deferred[str]:
        raise AssertionError("a throttle checks passwords, and makes none")

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        if self.busy:
            raise Refused(Code.BUSY, "The server is checking many passwords; try again.")
        self.checked.append(password)
        result: Deferred[bool] = Deferred()
        self._waiting.append((result, password == hash))
        if not self.slow:
            self.work()
        return result

    def work(self) -> None:
        """Give all answers."""
        waiting, self._waiting = self._waiting, []
        for result, right in waiting:
            result.callback(right)


class Attempt:
    """The check of a password; its outcome is in *result* or *code*."""

    def __init__(self, throttle: LoginThrottle, password: str, network: str, of: str) -> None:
        self.result: bool | None = None
        self.code: Code | None = None
        self.sentence = ""
        check = Deferred.fromCoroutine(throttle.check(network, of, SECRET, password))
        check.addCallbacks(self._succeeded, self._refused)

    @property
    def is_waiting(self) -> bool:
        """Return whether there is no outcome yet."""
        return self.result is None and self.code is None

    def _succeeded(self, result: bool) -> None:
        self.result = result

    def _refused(self, failure: object) -> None:
        refused = failure.value  # type: ignore[attr-defined]
        assert isinstance(refused, Refused), refused
        self.code, self.sentence = refused.code, refused.sentence


class Throttled:
    """A throttle with three attempts a minute, and a delay of five seconds."""

    def __init__(self, clock: Clock, **changes: int) -> None:
        self.hasher = FakeHasher()
        limits = LimitsConfig(
            **{"login_attempts_per_minute": 3, "login_delay_seconds": 5, **changes}
        )
        self.throttle = LoginThrottle(self.hasher, clock, limits)

    def attempt(self, password: str, network: str = HERE, of: str = "alice") -> Attempt:
        """Try *password* for the target *of*, from *network*."""
        return Attempt(self.throttle, password, network, of)

    def attack(self, of: str = "alice", number: int = 3) -> None:
        """Try a wrong password on *of* from each of *number* addresses."""
        for host in range(number):
            assert self.attempt("wrong", f"198.51.100.{host}", of).result is False


@pytest.fixture
def throttled(clock: Clock) -> Throttled:
    return Throttled(clock)


def test_too_many_from_one_address_are_refused(throttled: Throttled, clock: Clock) -> None:
    """Three wrong passwords, whatever for; the next is not checked for the rest of the minute."""
    assert throttled.attempt("wrong").result is False
    clock.advance(10)
    assert throttled.attempt("wrong", of="bob").result is False
    throttled.throttle.wrong(HERE, "the claim code")
    throttled.hasher.checked.clear()
    refused = throttled.attempt(SECRET)
    assert refused.code is Code.TOO_MANY
    assert "51 s" in refused.sentence
    with pytest.raises(Refused):
        throttled.throttle.admit(HERE)
    assert throttled.hasher.checked == []
    assert throttled.attempt(SECRET, THERE).result is True
    clock.advance(50.5)
    assert throttled.attempt(SECRET).result is True


def test_right_passwords_are_not_counted(throttled: Throttled) -> None:
    """People behind one address can log in without a limit."""
    throttled.attack("bob")
    for _ in range(50):
        assert throttled.attempt(SECRET).result is True
        throttled.throttle.admit(HERE)
    throttled.hasher.slow = True
    simultaneous = [throttled.attempt(SECRET) for _ in range(10)]
    for _ in range(10):
        throttled.hasher.work()
    assert all(each.result for each in simultaneous)


def test_an_account_that_is_attacked_is_delayed_and_never_refused(
    throttled: Throttled, clock: Clock
) -> None:
    """A right password is accepted after the delay, from any address."""
    throttled.attack()
    for host in range(50):
        throttled.attempt("wrong", f"203.0.113.{host}")
    owner, attacker = throttled.attempt(SECRET, HERE), throttled.attempt("wrong", THERE)
    assert SECRET not in throttled.hasher.checked
    assert throttled.attempt(SECRET, HERE, of="bob").result is True, (
        "other accounts are not delayed"
    )
    clock.advance(4.9)
    assert owner.is_waiting
    assert attacker.is_waiting
    clock.advance(0.2)
    assert owner.result is True
    assert attacker.result is False


def test_the_address_of_a_right_password_is_not_delayed(throttled: Throttled, clock: Clock) -> None:
    """The exception is for one account only."""
    assert throttled.attempt(SECRET, HOME).result is True
    throttled.attack()
    throttled.attack("bob")
    assert throttled.attempt(SECRET, HOME).result is True
    assert throttled.attempt("a typing error", HOME).result is False
    assert throttled.attempt(SECRET, HOME, of="bob").is_waiting
    assert throttled.attempt(SECRET, THERE).is_waiting
    clock.advance(60.5)
    assert throttled.attempt(SECRET, THERE).result is True


def test_a_delayed_attempt_counts_at_its_end(throttled: Throttled, clock: Clock) -> None:
    """It is refused if its address has used its attempts during the delay."""
    throttled.attack()
    waiting = throttled.attempt(SECRET)
    for _ in range(3):
        throttled.attempt("wrong", of="bob")
    clock.advance(5)
    assert waiting.code is Code.TOO_MANY
    assert SECRET not in throttled.hasher.checked


@pytest.mark.parametrize("delayed", [False, True])
def test_simultaneous_attempts_share_the_limit(
    delayed: bool, throttled: Throttled, clock: Clock
) -> None:
    """Ten connections of one address have three attempts together."""
    if delayed:
        throttled.attack()
        throttled.hasher.checked.clear()
    throttled.hasher.slow = True
    attempts = [throttled.attempt(f"guess {number}") for number in range(10)]
    for _ in range(30):
        clock.advance(0.6)
        throttled.hasher.work()
    assert len(throttled.hasher.checked) == 3
    assert [each.result for each in attempts].count(False) == 3
    assert [each.code for each in attempts].count(Code.TOO_MANY) == 7


def test_a_busy_server_counts_nothing(throttled: Throttled) -> None:
    """A password that could not be checked was not wrong."""
    throttled.hasher.busy = True
    for _ in range(10):
        assert throttled.attempt("wrong").code is Code.BUSY
    throttled.hasher.busy = False
    assert throttled.attempt(SECRET).result is True
    assert throttled.attempt(SECRET, THERE).result is True, "without a delay"


@pytest.mark.parametrize("off", ["login_attempts_per_minute", "login_delay_seconds"])
def test_zero_turns_it_off(off: str, clock: Clock) -> None:
    """Without the first limit nothing is refused, without the second nothing is delayed."""
    throttled = Throttled(clock, **{off: 0})
    throttled.attack(number=10)
    assert throttled.attempt("wrong").result is False
    assert throttled.attempt(SECRET).result is True


GUESSES: dict[str, tuple[str, list[str]]] = {
    "/password": ("/password", ["a guess", "another password"]),
    "a group's password": ("/join vault a-guess", []),
    "the claim code": ("/claim a-guess", []),
}


@pytest.mark.parametrize("where", [*GUESSES, "a program's login", "a login"])
def test_all_passwords_share_one_limit(where: str, store: SqlStore, clock: Clock) -> None:
    """After three wrong ones anywhere, all passwords of the address are refused."""
    limits = LimitsConfig(login_attempts_per_minute=3, messages_per_second=0)
    server = MemoryServer(store, clock, Config(limits=limits))
    owner = WiredProgram(server.connect(host=HOME))
    owner.logs_in("alice", SECRET)
    owner.does("/create vault password sesame")
    WiredProgram(server.connect(host=HOME)).logs_in("alice", SECRET)  # HOME is not delayed
    attacker, other = (WiredProgram(server.connect(host=host)) for host in (HERE, THERE))
    attacker.logs_in("mallory", "secret of mallory")
    other.logs_in("bob", "secret of bob")
    for _ in range(3):
        if where in GUESSES:
            line, answers = GUESSES[where]
            assert attacker.is_refused(line, answers=answers) == "wrong-password"
        elif where == "a login":
            login = server.connect(host=HERE).types("alice", "a guess")
            assert "password" in login.sees()
        else:
            program = WiredProgram(server.connect(host=HERE))
            assert program.says_hello("alice", "a guess")["code"] == "wrong-password"

    right = ["secret of mallory", "another password"]
    assert attacker.is_refused("/password", answers=right) == "too-many"
    assert attacker.is_refused("/join vault sesame") == "too-many"
    assert attacker.is_refused(f"/claim {server.chat.accounts.claim_code}") == "too-many"
    assert WiredProgram(server.connect(host=HERE)).says_hello("alice", SECRET)["code"] == "too-many"
    assert "too many wrong passwords" in server.connect(host=HERE).types("alice", SECRET).sees()
    joining = other.requests("/join vault sesame")
    clock.advance(5.1)  # delayed if the group's password was guessed, but not refused
    assert other.answer(joining)["ok"]
    assert WiredProgram(server.connect(host=HOME)).says_hello("alice", SECRET)["ok"]
    server.stop()
