"""Writes rendered images as a dataset: folders (shards) of JPEG files with one JSON each.

A shard appears whole or not at all, so what an interrupted run has finished stays valid and the
same call goes on where it stopped. The same settings give the same bytes (on the same device and
driver), with any number of worker processes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2

from rtmpose3d.errors import (
    InputError,
    RTMPose3DError,
)
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.synth.output.coco import coco_document, file_name
from rtmpose3d.synth.output.processes import as_error, as_text, one_thread_each
from rtmpose3d.synth.output.shots import IMAGES_AT_ONCE, ShotSettings, SynthSample, make_shots
from rtmpose3d.synth.world import World, WorldSettings

FORMAT_VERSION = 1
ANNOTATIONS = "annotations.json"
_DATASET = "dataset.json"
_JPEG_QUALITY = 92

Progress = Callable[[int], None]
"""Called with the number of images that were just finished."""


@dataclass(frozen=True, kw_only=True)
class DatasetPlan:
    """What is written.

    Attributes:
        out: folder of the dataset; made if it is not there.
        count: images.
        world: what is rendered.
        shot: size, cameras, frames.
        shard_images: about how many images a shard holds; whole shots.
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
    def shots_a_shard(self) -> int:
        """Whole shots."""
        return max(1, self.shard_images // self.shot.images)

    @property
    def images_a_shard(self) -> int:
        """Of all shards but the last."""
        return self.shots_a_shard * self.shot.images

    @property
    def shards(self) -> int:
        """How many."""
        return -(-self.count // self.images_a_shard)

    def folder(self, shard: int) -> Path:
        """Of a shard."""
        return self.out / f"shard-{shard:05d}"

    def images_in(self, shard: int) -> int:
        """In a shard."""
        return min(self.images_a_shard, self.count - shard * self.images_a_shard)


def write_dataset(plan: DatasetPlan, *, workers: int = 1, progress: Progress | None = None) -> int:
    """Write the shards that are not there yet.

    Args:
        plan: what to write.
        workers: processes; 1 renders in this one.
        progress: told of every finished shard, those that were there first.

    Returns:
        Number of shards that were written now.

    Raises:
        InputError: the folder holds another dataset, or assets are missing or broken.
        OutputError: the folder cannot be written.
        BackendError, MissingDependencyError: there is no OpenGL.
    """
    if workers < 1:
        raise InputError(f"workers must be 1 or more, got {workers}")
    _prepare(plan)
    missing = [s for s in range(plan.shards) if not (plan.folder(s) / ANNOTATIONS).is_file()]
    tell = progress or (lambda _: None)
    for shard in sorted(set(range(plan.shards)) - set(missing)):
        tell(plan.images_in(shard))
    if workers == 1 or len(missing) <= 1:
        _write_here(plan, missing, tell)
    else:
        _write_with_workers(plan, missing, min(workers, len(missing)), tell)
    return len(missing)


def _write_here(plan: DatasetPlan, shards: list[int], tell: Progress) -> None:
    if not shards:
        return
    with World(plan.world) as world:
        for shard in shards:
            write_shard(world, plan, shard)
            tell(plan.images_in(shard))


def _write_with_workers(plan: DatasetPlan, shards: list[int], workers: int, tell: Progress) -> None:
    # spawn: a forked copy of an OpenGL context does not work
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (plan,))
    try:
        with one_thread_each():
            futures: dict[Future[str | None], int] = {
                pool.submit(_write_in_worker, shard): shard for shard in shards
            }
        for future in as_completed(futures):
            failure = future.result()
            if failure is not None:
                raise as_error(failure)
            tell(plan.images_in(futures[future]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker_plan: DatasetPlan | None = None
_worker_world: World | None = None


def _start_worker(plan: DatasetPlan) -> None:
    global _worker_plan  # the only way in which a pool hands settings to its processes
    cv2.setNumThreads(1)
    _worker_plan = plan


def _write_in_worker(shard: int) -> str | None:
    """Write a shard; a failure comes back as text, which any process can read."""
    global _worker_world
    assert _worker_plan is not None
    try:
        if _worker_world is None:
            _worker_world = World(_worker_plan.world)
        write_shard(_worker_world, _worker_plan, shard)
    except RTMPose3DError as error:
        return as_text(error)
    return None


def write_shard(world: World, plan: DatasetPlan, shard: int) -> None:
    """Render and write one shard; on any error nothing of it stays.

    Args:
        world: opened, with the plan's settings.
        plan: of the dataset.
        shard: its number.

    Raises:
        OutputError: it could not be written.
    """
    folder = plan.folder(shard)
    temporary = plan.out / f".{folder.name}.{os.getpid()}.tmp"
    first = shard * plan.images_a_shard
    try:
        with output_errors(folder, temporary):
            temporary.mkdir()
        world.source.turn_to(shard)
        samples = _samples(world, plan, shard)
        for image_id, sample in enumerate(samples, first):
            _write_image(temporary / file_name(image_id), sample)
        credits_ = [
            f"{source.path.name}: {source.credit}"
            for source in (*world.backdrops.photos, *world.backdrops.objects)
            if source.credit
        ]
        document = coco_document(samples, first, _info(plan), credits_)
        with atomic_write(temporary / ANNOTATIONS, "w") as handle:
            json.dump(document, handle, separators=(",", ":"))
        with output_errors(folder, temporary):
            temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _samples(world: World, plan: DatasetPlan, shard: int) -> list[SynthSample]:
    """All images of a shard; only as many shots as are needed, some of them at once."""
    count = plan.images_in(shard)
    first = shard * plan.shots_a_shard
    shots = [(first + i, plan.shot) for i in range(-(-count // plan.shot.images))]
    together = max(1, IMAGES_AT_ONCE // plan.shot.images)
    samples: list[SynthSample] = []
    for start in range(0, len(shots), together):
        samples += make_shots(world, shots[start : start + together])
    return samples[:count]


def _write_image(path: Path, sample: SynthSample) -> None:
    _, data = cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    with output_errors(path):
        path.write_bytes(data.tobytes())


def _prepare(plan: DatasetPlan) -> None:
    """Make the folder, or see that it holds the same dataset; clear what crashed runs left."""
    with output_errors(plan.out):
        plan.out.mkdir(parents=True, exist_ok=True)
    description = plan.out / _DATASET
    wanted = _info(plan)
    if description.is_file():
        try:
            found = json.loads(description.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{description} cannot be read: {error}; delete it") from error
        different = [key for key in wanted if key != "count" and found.get(key) != wanted[key]]
        if different:
            pairs = "; ".join(f"{k}: {found.get(k)!r} there, {wanted[k]!r} now" for k in different)
            raise InputError(
                f"{plan.out} holds another dataset ({pairs}); choose another folder or delete it"
            )
    elif any(plan.out.iterdir()):
        raise InputError(f"{plan.out} is not empty and holds no dataset; choose another folder")
    for left_over in plan.out.glob(".shard-*.tmp"):
        shutil.rmtree(left_over, ignore_errors=True)
    with atomic_write(description, "w") as handle:
        json.dump(wanted, handle, indent=1)


def _info(plan: DatasetPlan) -> dict[str, object]:
    """What decides the bytes of a dataset; goes into every JSON, too."""
    world = plan.world
    return {
        "description": "People rendered by rtmpose3d synth",
        "version": FORMAT_VERSION,
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
