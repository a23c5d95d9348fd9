"""``python -m benchmarks [SCENARIO ...]``: measure, print a table, write a JSON file."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks.cores import keep_to_our_core
from benchmarks.machine import describe
from benchmarks.options import Failed, Options
from benchmarks.reference_servers import PEERS
from benchmarks.report import Result, text, write_json
from benchmarks.scenarios import SCENARIOS

FOLDER = Path("bench-results")


def main(arguments: list[str]) -> int:
    """Measure what *arguments* ask for; return the exit status."""
    chosen = vars(_parser().parse_args(arguments))
    scenarios: list[str] = chosen.pop("scenarios") or list(SCENARIOS)
    path: Path = chosen.pop("json") or FOLDER / time.strftime("%Y%m%d-%H%M%S.json")
    options = Options(folder=FOLDER, members=tuple(chosen.pop("members")), **chosen)
    keep_to_our_core()
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
    standard = Options(FOLDER)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "scenarios",
        nargs="*",
        type=_scenario,
        metavar="SCENARIO",
        help=f"any of {', '.join(SCENARIOS)} [all]",
    )
    for name, kind, default, help in (
        ("--runs", _count, standard.runs, "runs of everything; their median is what counts"),
        ("--seconds", float, standard.seconds, "how long the load of one run is measured"),
        ("--senders", _count, standard.senders, "members who speak, in fanout"),
        ("--rooms", _count, standard.rooms, "groups that talk at once, in rooms"),
        ("--sessions", _count, standard.sessions, "sessions that idle"),
        ("--groups", _count, standard.groups, "groups on the disk, for start and history"),
        ("--entries", _count, standard.entries, "messages on the disk, for start and history"),
        ("--seed", int, standard.seed, "what all that is random begins with"),
    ):
        parser.add_argument(name, type=kind, default=default, help=f"{help} [{default}]")
    parser.add_argument(
        "--members",
        type=_count,
        nargs="+",
        default=standard.members,
        help="sizes of the group of fanout [200]",
    )
    parser.add_argument(
        "--durability",
        choices=("full", "normal"),
        default=standard.durability,
        help=f"of all servers [{standard.durability}]",
    )
    parser.add_argument(
        "--peer",
        choices=sorted(PEERS),
        default=standard.peer,
        help="a server to measure beside ours, in fanout and rooms [none]",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go as JSON")
    return parser


def _scenario(word: str) -> str:
    if word not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{word} is none of {', '.join(SCENARIOS)}")
    return word


def _count(word: str) -> int:
    count = int(word)
    if count < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
