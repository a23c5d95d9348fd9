"""Password guessing is refused by address and delayed by account, without locking accounts."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from pyconchat.auth.throttle import LoginThrottle
from pyconchat.chat.interfaces import IHasher
from pyconchat.config import Config, LimitsConfig
from pyconchat.domain.errors import Code, Refused
from pyconchat.store import SqlStore
from tests.support.programs import House, WiredProgram

HERE, THERE, HOME = "192.0.2.1", "192.0.2.2", "192.0.2.3"

SECRET = "secret of alice"


@implementer(IHasher)
class PatientHasher:
    """Hashes when it is told to, and keeps what it was asked to look at."""

    def __init__(self) -> None:
        self.looked_at: list[str] = []
        self.patient = False
        self.busy = False
        self._waiting: list[tuple[Deferred[bool], bool]] = []

    def hash(self, password: str) -> Deferred[str]:
        raise AssertionError("a throttle checks passwords, and makes none")

    def verify(self, hash: str, password: str) -> Deferred[bool]:
        if self.busy:
            raise Refused(Code.BUSY, "The server is checking many passwords; try again.")
        self.looked_at.append(password)
        result: Deferred[bool] = Deferred()
        self._waiting.append((result, password == hash))
        if not self.patient:
            self.works()
        return result

    def works(self) -> None:
        """Give all answers that are due."""
        waiting, self._waiting = self._waiting, []
        for result, right in waiting:
            result.callback(right)


class Attempt:
    """Somebody's password, on its way: what came of it is in *result* or *code*."""

    def __init__(self, throttle: LoginThrottle, password: str, network: str, of: str) -> None:
        self.result: bool | None = None
        self.code: Code | None = None
        self.sentence = ""
        check = Deferred.fromCoroutine(throttle.check(network, of, SECRET, password))
        check.addCallbacks(self._told, self._refused)

    @property
    def waits(self) -> bool:
        """Return whether nothing has come of it yet."""
        return self.result is None and self.code is None

    def _told(self, result: bool) -> None:
        self.result = result

    def _refused(self, failure: object) -> None:
        refused = failure.value  # type: ignore[attr-defined]
        assert isinstance(refused, Refused), refused
        self.code, self.sentence = refused.code, refused.sentence


class Guarded:
    """A throttle with three attempts a minute, and a delay of five seconds."""

    def __init__(self, clock: Clock, **changes: int) -> None:
        self.hasher = PatientHasher()
        limits = LimitsConfig(
            **{"login_attempts_per_minute": 3, "login_delay_seconds": 5, **changes}
        )
        self.throttle = LoginThrottle(self.hasher, clock, limits)

    def tries(self, password: str, network: str = HERE, of: str = "alice") -> Attempt:
        """Let somebody at *network* try *password* on *of*."""
        return Attempt(self.throttle, password, network, of)

    def is_attacked(self, of: str = "alice", number: int = 3) -> None:
        """Let *number* addresses try one wrong password each on *of*."""
        for host in range(number):
            assert self.tries("wrong", f"198.51.100.{host}", of).result is False


@pytest.fixture
def guarded(clock: Clock) -> Guarded:
    return Guarded(clock)


def test_too_many_from_one_address_are_refused(guarded: Guarded, clock: Clock) -> None:
    """Whatever they were tried on: the next is not looked at for the rest of the minute."""
    assert guarded.tries("wrong").result is False
    clock.advance(10)
    assert guarded.tries("wrong", of="bob").result is False
    guarded.throttle.wrong(HERE, "the claim code")
    guarded.hasher.looked_at.clear()
    refused = guarded.tries(SECRET)
    assert refused.code is Code.TOO_MANY
    assert "51 s" in refused.sentence
    with pytest.raises(Refused):
        guarded.throttle.admit(HERE)
    assert guarded.hasher.looked_at == []
    assert guarded.tries(SECRET, THERE).result is True
    clock.advance(50.5)
    assert guarded.tries(SECRET).result is True


def test_right_ones_are_not_counted(guarded: Guarded) -> None:
    """A family behind one address can log in as often as it likes."""
    guarded.is_attacked("bob")
    for _ in range(50):
        assert guarded.tries(SECRET).result is True
        guarded.throttle.admit(HERE)
    guarded.hasher.patient = True
    at_once = [guarded.tries(SECRET) for _ in range(10)]
    for _ in range(10):
        guarded.hasher.works()
    assert all(each.result for each in at_once)


def test_an_account_that_is_attacked_is_delayed_and_never_refused(
    guarded: Guarded, clock: Clock
) -> None:
    """However many wrong ones came from everywhere, a right one from anywhere gets in."""
    guarded.is_attacked()
    for host in range(50):
        guarded.tries("wrong", f"203.0.113.{host}")
    owner, guesser = guarded.tries(SECRET, HERE), guarded.tries("wrong", THERE)
    assert SECRET not in guarded.hasher.looked_at
    assert guarded.tries(SECRET, HERE, of="bob").result is True, "others do not wait"
    clock.advance(4.9)
    assert owner.waits
    assert guesser.waits
    clock.advance(0.2)
    assert owner.result is True
    assert guesser.result is False


def test_nobody_waits_where_the_right_one_came_from(guarded: Guarded, clock: Clock) -> None:
    """The owner at home does not even notice; the same address knows nothing of other accounts."""
    assert guarded.tries(SECRET, HOME).result is True
    guarded.is_attacked()
    guarded.is_attacked("bob")
    assert guarded.tries(SECRET, HOME).result is True
    assert guarded.tries("a slip", HOME).result is False
    assert guarded.tries(SECRET, HOME, of="bob").waits
    assert guarded.tries(SECRET, THERE).waits
    clock.advance(60.5)
    assert guarded.tries(SECRET, THERE).result is True


def test_who_waits_is_refused_if_the_address_goes_too_far_meanwhile(
    guarded: Guarded, clock: Clock
) -> None:
    """Waiting in many places at once gives no more attempts than the address has."""
    guarded.is_attacked()
    waiting = guarded.tries(SECRET)
    for _ in range(3):
        guarded.tries("wrong", of="bob")
    clock.advance(5)
    assert waiting.code is Code.TOO_MANY
    assert SECRET not in guarded.hasher.looked_at


@pytest.mark.parametrize("delayed", [False, True])
def test_attempts_at_the_same_time_are_no_more(
    delayed: bool, guarded: Guarded, clock: Clock
) -> None:
    """Ten connections that try at once have three attempts between them."""
    if delayed:
        guarded.is_attacked()
        guarded.hasher.looked_at.clear()
    guarded.hasher.patient = True
    attempts = [guarded.tries(f"guess {number}") for number in range(10)]
    for _ in range(30):
        clock.advance(0.6)
        guarded.hasher.works()
    assert len(guarded.hasher.looked_at) == 3
    assert [each.result for each in attempts].count(False) == 3
    assert [each.code for each in attempts].count(Code.TOO_MANY) == 7


def test_a_busy_server_counts_nothing(guarded: Guarded) -> None:
    """What could not be looked at was not wrong."""
    guarded.hasher.busy = True
    for _ in range(10):
        assert guarded.tries("wrong").code is Code.BUSY
    guarded.hasher.busy = False
    assert guarded.tries(SECRET).result is True
    assert guarded.tries(SECRET, THERE).result is True, "and nobody waits"


@pytest.mark.parametrize("off", ["login_attempts_per_minute", "login_delay_seconds"])
def test_zero_turns_it_off(off: str, clock: Clock) -> None:
    """Without the one limit nothing is refused; without the other nobody waits."""
    guarded = Guarded(clock, **{off: 0})
    guarded.is_attacked(number=10)
    assert guarded.tries("wrong").result is False
    assert guarded.tries(SECRET).result is True


GUESSES: dict[str, tuple[str, list[str]]] = {
    "/password": ("/password", ["a guess", "another password"]),
    "a group's password": ("/join vault a-guess", []),
    "the claim code": ("/claim a-guess", []),
}


@pytest.mark.parametrize("where", [*GUESSES, "a program's login", "a login"])
def test_all_places_are_one(where: str, store: SqlStore, clock: Clock) -> None:
    """Who was wrong three times anywhere is refused everywhere, even with what is right."""
    limits = LimitsConfig(login_attempts_per_minute=3, messages_per_second=0)
    house = House(store, clock, Config(limits=limits))
    owner = WiredProgram(house.caller(host=HOME))
    owner.logs_in("alice", SECRET)
    owner.does("/create vault password sesame")
    WiredProgram(house.caller(host=HOME)).logs_in("alice", SECRET)  # from where nobody waits
    guesser, other = (WiredProgram(house.caller(host=host)) for host in (HERE, THERE))
    guesser.logs_in("mallory", "secret of mallory")
    other.logs_in("bob", "secret of bob")
    for _ in range(3):
        if where in GUESSES:
            line, answers = GUESSES[where]
            assert guesser.is_refused(line, answers=answers) == "wrong-password"
        elif where == "a login":
            caller = house.caller(host=HERE).types("alice", "a guess")
            assert "password" in caller.sees()
        else:
            program = WiredProgram(house.caller(host=HERE))
            assert program.says_hello("alice", "a guess")["code"] == "wrong-password"

    right = ["secret of mallory", "another password"]
    assert guesser.is_refused("/password", answers=right) == "too-many"
    assert guesser.is_refused("/join vault sesame") == "too-many"
    assert guesser.is_refused(f"/claim {house.chat.accounts.claim_code}") == "too-many"
    assert WiredProgram(house.caller(host=HERE)).says_hello("alice", SECRET)["code"] == "too-many"
    assert "too many wrong passwords" in house.caller(host=HERE).types("alice", SECRET).sees()
    joining = other.requests("/join vault sesame")
    clock.advance(5.1)  # it is delayed where the group's was guessed, and not refused
    assert other.answer(joining)["ok"]
    assert WiredProgram(house.caller(host=HOME)).says_hello("alice", SECRET)["ok"]
    house.closes()
