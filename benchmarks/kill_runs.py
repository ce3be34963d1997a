"""Ends `rtmpose3d predict VIDEO` at random moments, and checks what it leaves.

    python benchmarks/kill_runs.py walk.mp4 [--count 20] [--seconds 12] [--seed 1]

After kill -INT (Ctrl-C) every file must be complete and agree with the others: the .jsonl and .csv
files have the frames of the overlay video, nothing temporary is left, the exit code is 130 (or the
process ends by the signal, which shells show as 130), without a traceback of the command line.
After kill -9 the .jsonl and .csv files must have complete lines but for their last, with the same
results but for one, and the unfinished video, NAME.part.mp4, must have their frames but for the
last 1.5 seconds (a fragment, and what the encoder holds). Prints a line per run; the exit code is 1
if any check failed.
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

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.sinks import load_results
from rtmpose3d.sources.video import open_frames
from rtmpose3d.structures import PoseResult

PATIENCE_S = 120  # for the end after Ctrl-C, on a busy machine
INTERRUPTED = 130
FPS = 30  # of the video
LOST_S = 1.5  # of an unfinished overlay video: its last fragment, and what the encoder holds


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
    stem = video.stem
    results = whole_results(out / f"{stem}.jsonl")
    lines = len(results)
    rows = 0
    if (out / f"{stem}.csv").exists():
        rows = whole_lines(out / f"{stem}.csv").count(b"\n") - 1
    people = [len(result) for result in results]
    if rows not in (133 * sum(people), 133 * sum(people[:-1])) and lines:
        raise CheckError(f"{rows} rows for {sum(people)} people")
    frames = 0
    for name in (f"{stem}_pose.mp4", f"{stem}_pose.part.mp4"):
        if (out / name).exists() and (out / name).stat().st_size:
            frames = count_frames(out / name, cut=".part" in name)
    lost_s = (lines - frames) / FPS
    if lost_s > LOST_S:
        raise CheckError(f"{frames} frames in the video, {lines} lines")
    return f"exit code {code}, {lines} complete lines, {frames} frames in the video"


def whole_lines(path: Path) -> bytes:
    """The complete lines of a file."""
    data = path.read_bytes()
    return data[: data.rfind(b"\n") + 1]


def whole_results(path: Path) -> list[PoseResult]:
    """The results in the complete lines of a .jsonl file; none if there is no file."""
    if not path.exists() or not whole_lines(path):
        return []
    copy = path.with_name("whole.jsonl")
    copy.write_bytes(whole_lines(path))
    return list(load_results(copy))


def count_frames(path: Path, *, cut: bool = False) -> int:
    """Number of frames of a video, which may be cut off; 0 if its first fragment is missing."""
    try:
        stream = open_frames(path)
    except InputError:
        if cut:
            return 0
        raise
    with stream:
        count = sum(1 for _ in stream)
        if stream.notes and not cut:
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
