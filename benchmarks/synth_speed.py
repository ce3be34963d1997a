"""Measures rendered crops of 256x192 per second for given numbers of processes.

    python benchmarks/synth_speed.py --assets DIR --backdrops DIR --workers 1,2

On a CPU each process poses and renders on one core. The first batches, which load bodies and
clothes, are not measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from contextlib import closing
from pathlib import Path

from rtmpose3d.synth import CropJitter, CropStream, StreamPlan, WorldSettings, makehuman_people

SIZE_WH = (192, 256)
BATCH = 32


def crops_per_second(world: WorldSettings, workers: int, seconds: float) -> float:
    """Average over complete batches, measured for at least `seconds`."""
    plan = StreamPlan(batch_size=BATCH, workers=workers)
    with closing(CropStream(world, SIZE_WH, jitter=CropJitter(), plan=plan)) as stream:
        for _ in range(3 * workers):
            next(stream)
        start, batches = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            next(stream)
            batches += 1
        return batches * BATCH / (time.perf_counter() - start)


def main() -> None:
    """Prints a line for each number of processes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="folder of MakeHuman's data")
    parser.add_argument("--backdrops", type=Path, help="photographs without people")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    world = WorldSettings(
        assets=options.assets, make_people=makehuman_people, backdrops=options.backdrops, seed=1
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    for workers in map(int, options.workers.split(",")):
        speed = crops_per_second(world, workers, options.seconds)
        print(f"{workers} worker processes: {speed:.1f} crops/s", flush=True)


if __name__ == "__main__":
    main()
