"""Renders datasets into shards.

A shard appears complete or not at all, so an interrupted run keeps its finished shards and the
same call resumes. The same settings give the same bytes (on the same device and driver) with any
number of worker processes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.structures.atomic import atomic_write, make_directory, remove_temporary_files
from rtmpose3d.structures.folder_lock import LOCK_FILES, folder_lock
from rtmpose3d.synth.output.processes import (
    error_from_text,
    error_to_text,
    single_threaded_children,
)
from rtmpose3d.synth.output.shards import ANNOTATIONS, write_shard
from rtmpose3d.synth.output.shots import IMAGES_AT_ONCE, ShotSettings, SynthSample, make_shots
from rtmpose3d.synth.world import World, WorldSettings
from rtmpose3d.untrusted import brief, read_json

DATASET_VERSION = 1
_DATASET = "dataset.json"

ReportImages = Callable[[int], None]
"""Called with the number of images that were just finished."""


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """Contents, size and location of a rendered dataset.

    Attributes:
        out: directory of the dataset; created if missing.
        count: number of images.
        world: people, scenes and seed.
        shot: image size, cameras and frames.
        shard_images: approximate images per shard; a shard holds complete shots.
    """

    out: Path
    count: int
    world: WorldSettings
    shot: ShotSettings
    shard_images: int = 200

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"count must be 1 image or more, got {self.count}")
        if self.shard_images < 1:
            raise InputError(f"a shard holds 1 image or more, got {self.shard_images}")

    @property
    def shots_per_shard(self) -> int:
        """Number of shots in a full shard."""
        return max(1, self.shard_images // self.shot.images)

    @property
    def images_per_shard(self) -> int:
        """Number of images in every shard but the last."""
        return self.shots_per_shard * self.shot.images

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.images_per_shard)

    def folder(self, shard: int) -> Path:
        """Directory of a shard."""
        return self.out / f"shard-{shard:05d}"

    def images_in(self, shard: int) -> int:
        """Number of images in a shard."""
        return min(self.images_per_shard, self.count - shard * self.images_per_shard)


def write_dataset(
    plan: DatasetPlan, *, workers: int = 1, progress: ReportImages | None = None
) -> int:
    """Renders the shards of a dataset that do not exist yet.

    Args:
        plan: the dataset.
        workers: rendering processes; 1 renders in the calling process.
        progress: called for each finished shard, existing shards first.

    Returns:
        Number of shards written by this call.

    Raises:
        InputError: the directory holds another dataset or another process renders into it; assets
            are missing or broken.
        OutputError: the directory cannot be written.
        BackendError, MissingDependencyError: there is no OpenGL.
    """
    if workers < 1:
        raise InputError(f"workers must be 1 or more, got {workers}")
    with folder_lock(make_directory(plan.out), "rendering"):
        return _write_missing(plan, workers, progress or (lambda _: None))


def _write_missing(plan: DatasetPlan, workers: int, report: ReportImages) -> int:
    _prepare(plan)
    missing = [s for s in range(plan.shards) if not (plan.folder(s) / ANNOTATIONS).is_file()]
    for shard in sorted(set(range(plan.shards)) - set(missing)):
        report(plan.images_in(shard))
    if workers == 1 or len(missing) <= 1:
        _write_here(plan, missing, report)
    else:
        _write_with_workers(plan, missing, min(workers, len(missing)), report)
    return len(missing)


def _write_here(plan: DatasetPlan, shards: list[int], report: ReportImages) -> None:
    if not shards:
        return
    with World(plan.world) as world:
        for shard in shards:
            render_shard(world, plan, shard)
            report(plan.images_in(shard))


def _write_with_workers(
    plan: DatasetPlan, shards: list[int], workers: int, report: ReportImages
) -> None:
    # spawn: a forked copy of an OpenGL context does not work
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (plan,))
    try:
        with single_threaded_children():
            futures: dict[Future[str | None], int] = {
                pool.submit(_write_in_worker, shard): shard for shard in shards
            }
        for future in as_completed(futures):
            failure = future.result()
            if failure is not None:
                raise error_from_text(failure)
            report(plan.images_in(futures[future]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker_plan: DatasetPlan | None = None
_worker_world: World | None = None


def _start_worker(plan: DatasetPlan) -> None:
    global _worker_plan  # an initializer has no other way to hand settings to its process
    cv2.setNumThreads(1)
    _worker_plan = plan


def _write_in_worker(shard: int) -> str | None:
    """Renders a shard; returns a failure as text, which can always be pickled."""
    global _worker_world
    assert _worker_plan is not None
    try:
        if _worker_world is None:
            _worker_world = World(_worker_plan.world)
        render_shard(_worker_world, _worker_plan, shard)
    except RTMPose3DError as error:
        return error_to_text(error)
    return None


def render_shard(world: World, plan: DatasetPlan, shard: int) -> None:
    """Renders and writes one shard.

    Args:
        world: open, with the plan's settings.
        plan: the dataset.
        shard: index of the shard.

    Raises:
        OutputError: the shard cannot be written; nothing of it remains.
    """
    world.source.select_block(shard)
    files = (*world.backdrops.photos, *world.backdrops.objects)
    write_shard(
        plan.folder(shard),
        _render_samples(world, plan, shard),
        first_image_id=shard * plan.images_per_shard,
        info=_describe(plan),
        backdrop_credits=[f"{file.path.name}: {file.credit}" for file in files if file.credit],
    )


def _render_samples(world: World, plan: DatasetPlan, shard: int) -> list[SynthSample]:
    """Renders the images of a shard, several shots at once and no more than needed."""
    count = plan.images_in(shard)
    first = shard * plan.shots_per_shard
    shots = [(first + i, plan.shot) for i in range(-(-count // plan.shot.images))]
    together = max(1, IMAGES_AT_ONCE // plan.shot.images)
    samples: list[SynthSample] = []
    for start in range(0, len(shots), together):
        samples += make_shots(world, shots[start : start + together])
    return samples[:count]


def _prepare(plan: DatasetPlan) -> None:
    """Checks that the directory is empty or holds this dataset; removes partial shards.

    A description without any shard is of a run that failed, and is replaced.
    """
    description = plan.out / _DATASET
    wanted = _describe(plan)
    shards = any((path / ANNOTATIONS).is_file() for path in plan.out.glob("shard-*"))
    if description.exists() and not shards:
        pass
    elif description.exists():
        existing = read_json(description, "description", advice="delete it")
        if not isinstance(existing, dict):
            raise InputError(f"{description} does not describe a dataset; delete it")
        different = [key for key in wanted if key != "count" and existing.get(key) != wanted[key]]
        if different:
            pairs = "; ".join(
                f"{key}: existing {brief(existing.get(key))}, requested {brief(wanted[key])}"
                for key in different
            )
            raise InputError(
                f"{plan.out} holds another dataset ({pairs}); choose another folder or delete it"
            )
    elif any(path.name not in LOCK_FILES for path in plan.out.iterdir()):
        raise InputError(f"{plan.out} is not empty and holds no dataset; choose another folder")
    for partial_shard in plan.out.glob(".shard-*.tmp"):
        shutil.rmtree(partial_shard, ignore_errors=True)
    remove_temporary_files(plan.out)
    with atomic_write(description, "w") as handle:
        json.dump(wanted, handle, indent=1)


def _describe(plan: DatasetPlan) -> dict[str, object]:
    """Everything that decides the bytes of a dataset; also the `info` of each shard."""
    world = plan.world
    return {
        "description": "People rendered by rtmpose3d synth",
        "version": DATASET_VERSION,
        "count": plan.count,
        "seed": world.seed,
        "split": world.split,
        "people": list(world.people),
        "size_wh": list(plan.shot.size_wh),
        "views": plan.shot.views,
        "frames": plan.shot.frames,
        "fps": plan.shot.fps,
        "shard_images": plan.shard_images,
        "backdrops": world.backdrops is not None,
        "scene": asdict(world.scene),
        "degradation": asdict(world.degradation),
    }
