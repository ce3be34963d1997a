"""Reads mutations of files of every kind, and reports whatever is no value and no error of ours.

    python benchmarks/mutate_inputs.py --count 100000 --seed 1 --out mutations/

Each kind starts from small intact files that are made here. A mutation flips, cuts, repeats or
replaces bytes, or (JSON, pickles) values. Every mutation is read in a process of `--memory-mb`
more memory than it has at its start, and must end within `--seconds` with a value or an
`RTMPose3DError`. Mutation number
n of a seed is always the same: `--first n --count 1` repeats it. Files that fail are kept in --out.
Exit code: 1 if any failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from input_kinds import Kind, kinds, mutate

from rtmpose3d.errors import RTMPose3DError

_BLOCK = 200  # mutations of one process


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A mutation that ended otherwise than with a value or an error of ours."""

    number: int
    kind: str
    text: str


def run_block(
    every: Sequence[Kind], numbers: Sequence[int], seed: int, out: Path, limits: argparse.Namespace
) -> tuple[Counter[str], list[Failure]]:
    """Read mutations in a process of their own; what follows a crash is read in another one."""
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    left = list(numbers)
    while left:
        done = _run_child(every, left, seed, out, limits)
        for number, outcome, text in done:
            kind = every[number % len(every)]
            counts[outcome] += 1
            if outcome == "failed":
                failures.append(Failure(number=number, kind=kind.name, text=text))
        left = left[len(done) :]
        if left:  # the process has ended at this one
            kind = every[left[0] % len(every)]
            counts["failed"] += 1
            failures.append(Failure(number=left[0], kind=kind.name, text="crash or hang"))
            left = left[1:]
    return counts, failures


def _run_child(
    every: Sequence[Kind], numbers: Sequence[int], seed: int, out: Path, limits: argparse.Namespace
) -> list[tuple[int, str, str]]:
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(read_end)
            _limit_memory(limits.memory_mb)
            with os.fdopen(write_end, "w") as report:
                for number in numbers:
                    # Ends a process in which native code hangs; nothing of Python would.
                    signal.alarm(limits.seconds + 5)
                    kind = every[number % len(every)]
                    outcome, text = _read_one(kind, number, seed, out, limits.seconds)
                    report.write(f"{json.dumps([number, outcome, text])}\n")
                    report.flush()
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end) as report:
        lines = [json.loads(line) for line in report]
    os.waitpid(child, 0)
    return [(number, outcome, text) for number, outcome, text in lines]


def _limit_memory(megabytes: int) -> None:
    """Limit the address space to so much more than the process has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _read_one(kind: Kind, number: int, seed: int, out: Path, seconds: int) -> tuple[str, str]:
    rng = random.Random(f"{seed} {number}")
    path = out / f"{number}.{kind.name}"
    path.write_bytes(mutate(kind, rng))
    started = time.monotonic()
    try:
        kind.read(path)
        outcome, text = "read", ""
    except RTMPose3DError as error:
        outcome, text = "refused", ""
        if "more memory than there is" in str(error):
            outcome, text = "failed", str(error)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        outcome = "failed"
        text = (
            f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})"
        )
    if time.monotonic() - started > seconds:
        outcome, text = "failed", f"{time.monotonic() - started:.0f} s"
    if outcome != "failed":
        path.unlink()
    return outcome, text


def main() -> int:
    """Read mutations as the options say; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="number of mutations")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=10, help="time limit of one mutation")
    parser.add_argument("--memory-mb", type=int, default=1024, help="memory of one process")
    parser.add_argument("--kind", help="only this kind, such as pth or coco.json")
    parser.add_argument("--out", type=Path, help="folder for files that fail; default: temporary")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="mutations"))
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        every = kinds(Path(scratch))
    if options.kind is not None:
        every = [kind for kind in every if kind.name == options.kind]
    for kind in every:  # the intact ones: nothing is imported in the limited processes
        for number, seed in enumerate(kind.seeds):
            path = out / f"intact-{number}.{kind.name}"
            path.write_bytes(seed)
            kind.read(path)
            path.unlink()
    counts: Counter[str] = Counter()
    failures: list[Failure] = []
    numbers = range(options.first, options.first + options.count)
    for start in range(0, len(numbers), _BLOCK):
        block, found = run_block(every, numbers[start : start + _BLOCK], options.seed, out, options)
        counts += block
        failures += found
        for failure in found:
            print(f"{failure.number} {failure.kind}: {failure.text}", flush=True)
    print(_summary(counts, failures))
    return bool(failures)


def _summary(counts: Mapping[str, int], failures: Sequence[Failure]) -> str:
    by_kind = Counter(failure.kind for failure in failures)
    parts = [f"{count:,} {outcome}" for outcome, count in sorted(counts.items())]
    return f"{', '.join(parts)}; failures by kind: {dict(by_kind) or 'none'}"


if __name__ == "__main__":
    sys.exit(main())
