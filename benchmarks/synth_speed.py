"""How many crops of 256x192 a second the renderer makes, by processes.

    python benchmarks/synth_speed.py --assets DIR --backdrops DIR --workers 1,2

One process on a CPU draws and poses on one core. The first batches, which load bodies and clothes,
do not count.
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


def crops_a_second(world: WorldSettings, workers: int, seconds: float) -> float:
    """Measured over whole batches, for so long."""
    plan = StreamPlan(batch_size=BATCH, workers=workers)
    with closing(CropStream(world, SIZE_WH, jitter=CropJitter(), plan=plan)) as stream:
        for _ in range(3 * workers):
            next(stream)
        begun, batches = time.perf_counter(), 0
        while time.perf_counter() - begun < seconds:
            next(stream)
            batches += 1
        return batches * BATCH / (time.perf_counter() - begun)


def main() -> None:
    """Print a line for each number of processes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--assets", type=Path, required=True, help="MakeHuman's folder")
    parser.add_argument("--backdrops", type=Path, help="photographs without people")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    world = WorldSettings(
        assets=given.assets, make_people=makehuman_people, backdrops=given.backdrops, seed=1
    )
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    for workers in map(int, given.workers.split(",")):
        speed = crops_a_second(world, workers, given.seconds)
        print(f"{workers} processes: {speed:.1f} crops/s", flush=True)


if __name__ == "__main__":
    main()
