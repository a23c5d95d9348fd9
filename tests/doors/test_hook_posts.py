"""Requests to a hook, without a connection: rate, answers, repeated deliveries, runs."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pyconchat.chat.chat import Chat
from pyconchat.config import Config, DoorsConfig, LimitsConfig
from pyconchat.domain.errors import NotSaved
from pyconchat.doors.hook_posts import MAX_RUNS, HookAnswer, HookPosts
from pyconchat.store import SqlStore
from pyconchat.testing import TestUser, make_chat, services_of
from tests.hooks.test_payloads import payload

PLAIN = {"content-type": "text/plain"}
JSON = {"content-type": "application/json"}
WITH_WEB = Config(doors=DoorsConfig(web=("tcp:8080:interface=127.0.0.1",)))
OK, IGNORED = HookAnswer(200, "ok"), HookAnswer(200, "ignored")


class Caller:
    """A program that posts to the hook ci of the group tea, of which alice is the admin."""

    def __init__(self, chat: Chat) -> None:
        self.alice = TestUser(chat, "alice", "password")
        shown = self.alice.types("/create tea open", "/hook add ci")
        self.token = next(line for line in shown if "/hook/" in line).rpartition("/")[2]
        self.posts = HookPosts(services_of(chat))
        self.alice.types()

    def posts_body(self, body: bytes, headers: dict[str, str] | None = None) -> HookAnswer:
        """Post *body*; return the answer."""
        refused = self.posts.refusal(self.token)
        return refused or self.posts_admitted(body, headers)

    def posts_admitted(self, body: bytes, headers: dict[str, str] | None = None) -> HookAnswer:
        """Post *body*, which is admitted already."""
        answers: list[HookAnswer] = []
        posting = self.posts.post(self.token, headers or PLAIN, body)
        Deferred.fromCoroutine(posting).addCallback(answers.append)
        self.alice.tick()
        return answers[0]

    def sees(self) -> list[str]:
        """Return what alice has seen since the last call."""
        seen = list(self.alice.sees())
        self.alice.types()
        return seen


@pytest.fixture
def config() -> Config:
    return WITH_WEB


@pytest.fixture
def caller(store: SqlStore, clock: Clock, config: Config) -> Caller:
    return Caller(make_chat(store, clock, config))


def test_a_message(caller: Caller) -> None:
    """The answer is ok when it is stored."""
    assert caller.posts_body(b"build 7 failed") == OK
    assert caller.sees() == ["ci (hook): build 7 failed"]


def test_the_rate_is_that_of_an_account(caller: Caller, clock: Clock, config: Config) -> None:
    """429 with the seconds until the next; other hooks have rates of their own."""
    burst = config.limits.message_burst
    assert [caller.posts_body(b"x") for _ in range(burst)] == [OK] * burst
    assert caller.posts_body(b"x") == HookAnswer(429, "Too many messages: try again later.", 1)
    assert len(caller.sees()) == burst
    ci = caller.token
    caller.token = caller.alice.types("/hook add deploy")[-1].rpartition("/")[2]
    assert caller.posts_body(b"x") == OK
    caller.token = ci
    clock.advance(1 / config.limits.messages_per_second)
    assert [caller.posts_body(b"x").status for _ in range(2)] == [200, 429]


def test_an_unknown_token(caller: Caller) -> None:
    """Whatever it is: 404."""
    for token in ("", "x", caller.token[:-1], "\udcff", "ä" * 999):
        caller.token = token
        assert caller.posts_body(b"x") == HookAnswer(404, "There is no such hook.")


def test_a_hook_that_is_removed_meanwhile(caller: Caller) -> None:
    """Between the head and the body, and while the journal is full: nothing is posted."""
    assert caller.posts.refusal(caller.token) is None
    caller.alice.types("/hook remove ci")
    assert caller.posts_admitted(b"x").status == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"\xff", PLAIN, 400), (b"", PLAIN, 400), (b"{", JSON, 400), (b"[]", JSON, 400)],
)
def test_what_is_refused(caller: Caller, body: bytes, headers: dict[str, str], status: int) -> None:
    """With one line that says why."""
    answer = caller.posts_body(body, headers)
    assert answer.status == status
    assert answer.text
    assert "\n" not in answer.text
    assert caller.sees() == []


def test_a_quiet_hook(caller: Caller) -> None:
    """403."""
    caller.alice.types("/quiet ci")
    assert caller.posts_body(b"x").status == 403


def test_a_repeated_delivery(caller: Caller) -> None:
    """Each answer is ok; there is one message."""
    headers = {**JSON, "x-github-event": "push", "x-github-delivery": "72d3162e"}
    body = payload("github-push")
    assert [caller.posts_body(body, headers) for _ in range(3)] == [OK] * 3
    assert len(caller.sees()) == 1
    assert caller.posts_body(body, {**headers, "x-github-delivery": "72d3162f"}) == OK
    assert len(caller.sees()) == 1


def test_other_events(caller: Caller) -> None:
    """Are ignored, with a success: a service ends a webhook that fails."""
    headers = {**JSON, "x-github-event": "ping"}
    assert caller.posts_body(payload("github-ping"), headers) == IGNORED
    assert caller.sees() == []


def test_a_store_that_fails(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, and when to try again; then it is posted once. A fixed run is still news then."""
    headers = {**JSON, "x-gitlab-event": "Pipeline Hook"}
    assert caller.posts_body(payload("gitlab-pipeline-failed"), headers) == OK

    def fail(_batch: object) -> None:
        raise NotSaved("disk full")

    again = {**headers, "idempotency-key": "1"}
    with monkeypatch.context() as failing:
        failing.setattr(caller.alice.chat.store, "commit", fail)
        answer = caller.posts_body(payload("gitlab-pipeline-succeeded"), again)
        assert (answer.status, answer.retry_after) == (503, 10)
    assert caller.posts_body(payload("gitlab-pipeline-succeeded"), again) == OK
    assert caller.posts_body(payload("gitlab-pipeline-succeeded"), again) == IGNORED
    assert [line.partition(": http")[0] for line in caller.sees()] == [
        "ci (hook): The pipeline on main of mike/kettle failed",
        "ci (hook): The pipeline on main of mike/kettle is fixed",
    ]


def test_failed_runs_are_remembered_up_to_a_maximum(
    store: SqlStore, clock: Clock, config: Config
) -> None:
    """The oldest are forgotten: their next good run is no news."""
    unlimited = replace(config, limits=LimitsConfig(messages_per_second=0))
    caller = Caller(make_chat(store, clock, unlimited))
    headers = {**JSON, "x-gitlab-event": "Pipeline Hook"}

    def run(ref: int, status: str) -> HookAnswer:
        attributes = {"ref": str(ref), "status": status}
        return caller.posts_body(json.dumps({"object_attributes": attributes}).encode(), headers)

    for ref in range(MAX_RUNS + 1):
        assert run(ref, "failed") == OK
    assert [run(ref, "success") for ref in (0, 1, MAX_RUNS)] == [IGNORED, OK, OK]
