"""Ends `rtmpose3d predict VIDEO` at random moments, and checks what it leaves.

    python benchmarks/kill_runs.py walk.mp4 [--count 20] [--seconds 12] [--seed 1]

After kill -INT (Ctrl-C) every file must be complete and agree with the others: the .jsonl and .csv
files have the frames of the overlay video, nothing temporary is left, the exit code is 130 (or the
process ends by the signal, which shells show as 130), without a traceback of the command line.
After kill -9 the .jsonl file must have complete lines but for its last, and files under their final
names must be complete. Prints a line per run; the exit code is 1 if any check failed.
"""

from __future__ import annotations

import argparse
import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rtmpose3d.errors import RTMPose3DError
from rtmpose3d.sinks import load_results
from rtmpose3d.sources.video import open_frames

PATIENCE_S = 120  # for the end after Ctrl-C, on a busy machine
INTERRUPTED = 130


class CheckError(Exception):
    """A file is not as it must be."""


def run_and_end(video: Path, out: Path, number: int, delay_s: float) -> tuple[int, str]:
    """Start a run and send a signal after a time; returns its exit code and what it printed."""
    command = [sys.executable, "-m", "rtmpose3d", "predict", str(video), "-m", "rtmw3d-n"]
    process = subprocess.Popen(
        [*command, "--save", "video,jsonl,csv", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        text, _ = process.communicate(timeout=delay_s)
        return process.returncode, text  # it was faster
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    try:
        text, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise CheckError(f"it did not end within {PATIENCE_S} s") from None
    return process.returncode, text


def check_interrupted(video: Path, out: Path, code: int) -> str:
    """Check the files after Ctrl-C; returns a description."""
    files = {path.name for path in out.glob("*")} if out.exists() else set()
    if code not in (0, INTERRUPTED, -signal.SIGINT):
        raise CheckError(f"exit code {code}")
    if not files:
        return "before the first frame, no file"
    stem = video.stem
    wanted = {f"{stem}_pose.mp4", f"{stem}.jsonl", f"{stem}.csv"}
    if files != wanted:
        raise CheckError(f"files {sorted(files)}")
    frames = count_frames(out / f"{stem}_pose.mp4")
    results = list(load_results(out / f"{stem}.jsonl"))
    if len(results) != frames:
        raise CheckError(f"{frames} frames in the video, {len(results)} lines")
    people = sum(map(len, results))
    rows = count_rows(out / f"{stem}.csv")
    if rows != 133 * people:
        raise CheckError(f"{rows} rows for {people} people")
    return f"{frames} frames in all files"


def check_killed(video: Path, out: Path, code: int) -> str:
    """Check the files after kill -9; returns a description."""
    stem, lines = video.stem, 0
    path = out / f"{stem}.jsonl"
    if path.exists():
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        lines = max(whole.count(b"\n") - 1, 0)
        if lines:
            copy = out / "whole.jsonl"
            copy.write_bytes(whole)
            if len(list(load_results(copy))) != lines:
                raise CheckError("a complete line is no result")
    for name, check in ((f"{stem}_pose.mp4", count_frames), (f"{stem}.csv", count_rows)):
        if (out / name).exists():
            check(out / name)
    left = sorted(p.name for p in out.glob(".*")) if out.exists() else []
    return f"exit code {code}, {lines} complete lines, {len(left)} temporary files"


def count_frames(path: Path) -> int:
    """Number of frames of a complete video."""
    with open_frames(path) as stream:
        count = sum(1 for _ in stream)
        if stream.notes:
            raise CheckError(f"{path.name}: {stream.notes}")
    return count


def count_rows(path: Path) -> int:
    """Number of rows of a complete .csv file, without its header."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if any(len(row) != len(rows[0]) for row in rows):
        raise CheckError(f"{path.name} has an incomplete row")
    return len(rows) - 1


def main() -> None:
    """Runs all and prints the outcomes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=12.0, help="latest moment of a signal")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng, failed = random.Random(options.seed), 0
    checks: dict[str, tuple[int, Callable[[Path, Path, int], str]]] = {
        "kill -INT": (signal.SIGINT, check_interrupted),
        "kill -9": (signal.SIGKILL, check_killed),
    }
    for name, (number, check) in checks.items():
        for _ in range(options.count):
            delay_s = rng.uniform(0.05, options.seconds)
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder, "out")
                began = time.monotonic()
                text = ""
                try:
                    code, text = run_and_end(options.video, out, number, delay_s)
                    if "Traceback" in text and "rtmpose3d/cli" in text:
                        raise CheckError("a traceback")
                    outcome = check(options.video, out, code)
                except (CheckError, RTMPose3DError) as error:
                    failed += 1
                    outcome = f"FAILED: {error}\n{text}"
                took = time.monotonic() - began
            print(f"{name} after {delay_s:.2f} s (ended at {took:.1f} s): {outcome}", flush=True)
    print(f"{failed} of {2 * options.count} failed")
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
