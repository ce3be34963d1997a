"""Canvases of people: from datasets' records, and rendered without end by processes."""

from __future__ import annotations

import os
import queue
import time
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import cv2
import numpy as np
import torch
from windows import ROOM, People

from rtmpose3d.data import PoseRecord, ReadOptions, load_record_image, read_dataset
from rtmpose3d.geometry.crop import (
    PADDING,
    apply_affine,
    center_scale_from_boxes,
    crop_from_image,
    warp_crop,
)
from rtmpose3d.structures import FloatArray
from rtmpose3d.synth.output import CropJitter, CropStream, StreamPlan
from rtmpose3d.synth.scene import AssetSplit
from rtmpose3d.synth.world import WorldSettings, makehuman_people
from rtmpose3d.training.data.pose_batches import PoseBatch, PoseSample, stack_samples
from rtmpose3d.training.data.rendered import pose_batch

PART_FRACTION = 0.15  # of the rendered canvases that show a face or a hand
CROPS_PER_FILE = 64
MAX_WAITING_FILES = 24
WHOLE = (1.0, 1.0)


def canvas_size(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a canvas for crops of a size."""
    return round(size_wh[0] * ROOM), round(size_wh[1] * ROOM)


def read_people(
    dataset: str,
    folder: Path,
    size_wh: tuple[int, int],
    *,
    box_scale: tuple[float, float] = WHOLE,
    workers: int = 1,
    every: int = 1,
    split: str = "train",
) -> People:
    """All people of a part of a dataset."""
    records = list(read_dataset(dataset, folder, split, options=ReadOptions(every=every)))
    make = partial(_canvas, size_wh=size_wh, box_scale=box_scale)
    with get_context("fork").Pool(workers) as pool:
        made = pool.map(make, records, chunksize=16)
    batch = stack_samples([sample for sample, _, _ in made])
    boxes = np.stack([box for _, box, _ in made])
    return to_people(batch, boxes, np.stack([image for _, _, image in made]), box_scale)


def _canvas(
    record: PoseRecord, size_wh: tuple[int, int], box_scale: tuple[float, float]
) -> tuple[PoseSample, FloatArray, FloatArray]:
    """A canvas with its labels, box, and the part that the photograph covers."""
    cv2.setNumThreads(1)
    image = load_record_image(record)
    canvas_wh = canvas_size(size_wh)
    padding = PADDING * ROOM * max(*box_scale, 1.0)
    center, scale = center_scale_from_boxes(record.box_xyxy[None], canvas_wh, padding=padding)
    matrix = crop_from_image(center, scale, canvas_wh, 0.0)
    corners = np.array([record.box_xyxy[:2], record.box_xyxy[2:]], np.float64)
    frame = np.array([[0, 0], [image.shape[1] - 1, image.shape[0] - 1]], np.float64)
    camera_m = record.keypoints_camera_m
    sample = PoseSample(
        crop=warp_crop(image, matrix[0], canvas_wh),
        keypoints_px=apply_affine(matrix, record.keypoints_px[None])[0].astype(np.float32),
        visible=record.visible,
        keypoints_camera_m=np.full((133, 3), np.nan, np.float32) if camera_m is None else camera_m,
        label_weight=record.label_weight,
    )
    box = apply_affine(matrix, corners[None])[0].ravel()
    return sample, box, apply_affine(matrix, frame[None])[0].ravel()


def to_people(
    batch: PoseBatch, boxes: FloatArray, frames: FloatArray, box_scale: tuple[float, float]
) -> People:
    """People of a batch of canvases, on the CPU."""

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    return People(
        canvases=torch.from_numpy(np.ascontiguousarray(batch.crops)),
        keypoints_px=tensor(np.nan_to_num(batch.keypoints_px)),
        visible=tensor(batch.visible),
        label_weight=tensor(batch.weights()),
        relative_depth_m=tensor(batch.relative_depth_m()),
        metres_per_px=tensor(batch.metres_per_px()),
        boxes_xyxy=tensor(boxes),
        image_xyxy=tensor(frames),
        box_scale=tensor(np.tile(box_scale, (len(batch), 1))),
    )


@dataclass(frozen=True, kw_only=True)
class Rendering:
    """Rendering processes and the folder through which they hand canvases over."""

    assets: Path
    backdrops: Path
    folder: Path
    size_wh: tuple[int, int]
    workers: int
    seed: int
    split: AssetSplit = "train"
    max_waiting_files: int = MAX_WAITING_FILES

    def start(self) -> list[BaseProcess]:
        """Starts the processes; they end with this one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        context = get_context("spawn")
        arguments = [(self, worker) for worker in range(self.workers)]
        processes = [context.Process(target=_render, args=a, daemon=True) for a in arguments]
        for process in processes:
            process.start()
        return list(processes)


def _render(rendering: Rendering, worker: int) -> None:
    """Renders canvases into files until there are enough of them, without end."""
    cv2.setNumThreads(1)
    world = WorldSettings(
        assets=rendering.assets,
        make_people=makehuman_people,
        backdrops=rendering.backdrops,
        seed=rendering.seed + worker,
        split=rendering.split,
    )
    jitter = CropJitter(shift=0.0, scale=(1.0, 1.0), rotate_deg=0.0, part_probability=PART_FRACTION)
    stream = CropStream(
        world,
        canvas_size(rendering.size_wh),
        jitter=jitter,
        padding=PADDING * ROOM,
        plan=StreamPlan(batch_size=CROPS_PER_FILE, workers=0),
    )
    parent = os.getppid()
    for number, crops in enumerate(stream):
        batch = pose_batch(crops)
        to_crop = np.stack([cv2.invertAffineTransform(m) for m in crops.image_from_crop])
        corners = crops.boxes_xyxy.reshape(-1, 2, 2).astype(np.float64)
        path = rendering.folder / f"{worker:02d}_{number:06d}.npz"
        partial_path = path.with_suffix(".part")
        with partial_path.open("wb") as file:
            np.savez(
                file,
                crops=batch.crops,
                keypoints_px=batch.keypoints_px,
                visible=batch.visible,
                keypoints_camera_m=batch.keypoints_camera_m,
                box_side_px=batch.box_side_px,
                boxes=apply_affine(to_crop, corners).reshape(-1, 4),
            )
        partial_path.rename(path)
        while len(list(rendering.folder.glob(f"{worker:02d}_*.npz"))) > rendering.max_waiting_files:
            time.sleep(0.2)
        if os.getppid() != parent:
            return


def read_rendered(path: Path) -> People:
    """Canvases of a file of a rendering process."""
    with np.load(path) as data:
        arrays = dict(data)
    boxes = arrays.pop("boxes")
    batch = PoseBatch(**arrays)
    height, width = batch.crops.shape[1:3]
    frames = np.tile([0, 0, width - 1, height - 1], (len(batch), 1))
    return to_people(batch, boxes, frames, WHOLE)


class RenderedPool:
    """The latest rendered canvases on the device; a thread moves files into it.

    Args:
        folder: folder of the rendering processes.
        size: number of canvases kept.
        device: device of the pool.
    """

    def __init__(self, folder: Path, size: int, device: torch.device) -> None:
        self.folder, self.size, self.device = folder, size, device
        self.people: People | None = None
        self.total = self.filled = 0
        self.read: queue.Queue[People] = queue.Queue(maxsize=8)

    def read_files(self) -> None:
        """Reads files without end; the target of a thread."""
        while True:
            files = sorted(self.folder.glob("*.npz"), key=lambda path: path.stat().st_mtime)
            for path in files:
                self.read.put(read_rendered(path))
                path.unlink()
            if not files:
                time.sleep(0.1)

    def update(self) -> None:
        """Moves what has been read onto the device."""
        while not self.read.empty():
            new = self.read.get()
            if self.people is None:
                empty = {
                    name: torch.zeros((self.size, *value.shape[1:]), dtype=value.dtype)
                    for name, value in vars(new).items()
                }
                self.people = People(**empty).to(self.device)
            rows = (torch.arange(len(new)) + self.total) % self.size
            rows = rows.to(self.device)
            for name, value in vars(new.to(self.device)).items():
                getattr(self.people, name)[rows] = value
            self.total += len(new)
            self.filled = min(self.total, self.size)

    def draw(self, count: int) -> People:
        """Random canvases."""
        assert self.people is not None
        return self.people.rows(torch.randint(self.filled, (count,), device=self.device))


class Shuffled:
    """People of a dataset on the device, in a new random order each epoch."""

    def __init__(self, people: People, device: torch.device) -> None:
        self.people = people.to(device)
        self.device = device
        self.order = torch.randperm(len(self.people), device=device)
        self.next = 0
        self.epochs = 0.0

    def draw(self, count: int) -> People:
        """The next people."""
        chosen = []
        while count:
            part = self.order[self.next : self.next + count]
            self.next += len(part)
            count -= len(part)
            chosen.append(part)
            if self.next == len(self.order):
                self.order = torch.randperm(len(self.people), device=self.device)
                self.next = 0
        index = torch.cat(chosen)
        self.epochs += len(index) / len(self.people)
        return self.people.rows(index)
