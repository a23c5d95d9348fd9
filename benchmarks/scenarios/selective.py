"""`selective`: fan-out to a large group in which some members have muted it, or ignore the senders.

The same group of one server, without and then with them, in each run.
"""

from __future__ import annotations

from contextlib import closing

from benchmarks.load import Load, LoadedGroup, Sample
from benchmarks.options import Options
from benchmarks.protocols import GROUP, LINE_PROTOCOL
from benchmarks.report import Result
from benchmarks.scenarios.one_group import WARM_UP, GroupSize
from benchmarks.server import running
from benchmarks.users import Users, names

__all__ = ["selective"]

MEMBERS = 1_000
SENDERS = 10
MUTED = 100
IGNORING = 10
IN_FLIGHT = 64

MIN_RATIO = 0.8
"""The target: messages for the same processor time, relative to a group without such members."""

QUIET = 0.5
"""Seconds without output after which all commands have been carried out."""


def selective(options: Options) -> list[Result]:
    """Measure the server's processor time per message, and per delivered line."""
    result = Result(
        "selective",
        f"selective: {MEMBERS:,} members, {MUTED} of them have muted the group, {IGNORING} ignore"
        f" its {SENDERS} senders, {IN_FLIGHT} in flight, durability {options.durability}",
        members=MEMBERS,
        senders=SENDERS,
        muted=MUTED,
        ignoring=IGNORING,
        in_flight=IN_FLIGHT,
        durability=options.durability,
    )
    for _ in range(options.runs):
        without, among = _measure(options)
        for name, sample in (("without them", without), ("with them", among)):
            result.add(f"{name}: per message", "us", _seconds(sample) / sample.messages * 1e6)
            result.add(f"{name}: per line", "us", _seconds(sample) / sample.lines * 1e6)
        ratio = _seconds(without) / without.messages / (_seconds(among) / among.messages)
        result.add("messages in the same time", "x", ratio, minimum=MIN_RATIO)
        result.add("lines in the same time", "x", ratio * among.lines / among.messages
                   / (without.lines / without.messages), minimum=MIN_RATIO)  # fmt: skip
    return [result]


def _seconds(sample: Sample) -> float:
    return sample.usage.server * sample.usage.seconds


def _measure(options: Options) -> tuple[Sample, Sample]:
    size = GroupSize(MEMBERS, SENDERS)
    senders, listeners = names("s", SENDERS), names("m", MEMBERS - SENDERS)
    observer = listeners[len(listeners) // 2]
    muted, ignoring = listeners[:MUTED], listeners[-IGNORING:]
    with running(options) as server:
        server.start()
        with closing(Users(server.port)) as users:
            first, *others = [*senders, *listeners]
            users.log_in([LINE_PROTOCOL.login(first, GROUP, True)], size.login_timeout)
            users.log_in(
                [LINE_PROTOCOL.login(name, GROUP, False) for name in others], size.login_timeout
            )
            users.wait_until_delivered(first, observer)

            def load(receivers: int) -> Sample:
                group = LoadedGroup(GROUP, receivers, senders, observer)
                return Load(users, [group], IN_FLIGHT, options.seed).run(
                    server.pid, WARM_UP, options.seconds
                )

            without = load(MEMBERS)
            for name in muted:
                users.connection(name).send(f"/mute {GROUP}\n/desk\n".encode())
            for name in ignoring:
                lines = "".join(f"/ignore {sender}\n" for sender in senders)
                users.connection(name).send(lines.encode())
            users.drain(QUIET)
            among = load(MEMBERS - MUTED - IGNORING)
            server.stop()
    return without, among
