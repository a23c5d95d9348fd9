"""``python -m benchmarks [SCENARIO ...]``: measure, print tables, write a JSON file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.cores import pin_to_generator_core
from benchmarks.machine import describe
from benchmarks.options import Failed, Options
from benchmarks.reference_servers import REFERENCE_SERVERS
from benchmarks.report import Result, text, write_json
from benchmarks.scenarios import SCENARIOS

FOLDER = Path("bench-results")


def main(arguments: list[str]) -> int:
    """Run the scenarios; return the exit status."""
    chosen = vars(_parser().parse_args(arguments))
    scenarios: list[str] = chosen.pop("scenarios") or list(SCENARIOS)
    path: Path = chosen.pop("json") or FOLDER / time.strftime("%Y%m%d-%H%M%S.json")
    options = Options(folder=FOLDER, members=tuple(chosen.pop("members")), **chosen)
    pin_to_generator_core()
    FOLDER.mkdir(exist_ok=True)
    machine = describe(FOLDER)
    results: list[Result] = []
    status = 0
    for name in scenarios:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            results += SCENARIOS[name](options)
        except Failed as failed:
            print(f"{name} failed: {failed}", file=sys.stderr)
            status = 1
    print(text(machine, results))
    write_json(path, machine, results)
    print(f"\nwritten to {path}")
    return status


def _parser() -> argparse.ArgumentParser:
    defaults = Options(FOLDER)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "scenarios",
        nargs="*",
        type=_scenario,
        metavar="SCENARIO",
        help=f"any of {', '.join(SCENARIOS)} [all]",
    )
    for name, kind, default, help in (
        ("--runs", _count, defaults.runs, "runs of each scenario; the result is their median"),
        ("--seconds", float, defaults.seconds, "measured seconds of load per run"),
        ("--senders", _count, defaults.senders, "members who send messages, in fanout"),
        ("--active-groups", _count, defaults.active_groups, "groups with traffic, in many_groups"),
        ("--sessions", _count, defaults.sessions, "sessions in idle"),
        ("--groups", _count, defaults.groups, "stored groups, in start, history and search"),
        ("--entries", _count, defaults.entries, "stored messages, in start, history and search"),
        ("--seed", int, defaults.seed, "seed of the random texts"),
    ):
        parser.add_argument(name, type=kind, default=default, help=f"{help} [{default}]")
    parser.add_argument(
        "--members",
        type=_count,
        nargs="+",
        default=defaults.members,
        help="sizes of the group in fanout [200]",
    )
    parser.add_argument(
        "--durability",
        choices=("full", "normal"),
        default=defaults.durability,
        help=f"durability of our server [{defaults.durability}]",
    )
    parser.add_argument(
        "--reference",
        choices=sorted(REFERENCE_SERVERS),
        default=defaults.reference,
        help="another server to measure in turn with ours, in fanout and many_groups [none]",
    )
    parser.add_argument(
        "--postgres",
        metavar="URL",
        default=defaults.postgres,
        help="a database for nodes and search; everything in it is deleted [none]",
    )
    parser.add_argument(
        "--bus",
        metavar="URL",
        default=defaults.bus,
        help="the Redis server between the nodes, in nodes [PostgreSQL's NOTIFY]",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="the JSON file to write")
    return parser


def _scenario(word: str) -> str:
    if word not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{word} is not one of {', '.join(SCENARIOS)}")
    return word


def _count(word: str) -> int:
    count = int(word)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
