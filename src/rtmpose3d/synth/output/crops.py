"""Crops of single people for training a pose network, drawn directly, with labels in crop pixels.

A crop is what inference would cut: a box around the visible person, padded, of the input's
aspect, jittered, black outside the image. People who are small in their image are drawn
small, degraded, and enlarged, as inference does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import PADDING, center_scale_from_boxes, crop_from_image
from rtmpose3d.skeletons import WHOLEBODY, Part
from rtmpose3d.structures.arrays import BoolArray, FloatArray, Image, UInt8Array
from rtmpose3d.synth.output.labels import (
    OUTSIDE,
    VISIBLE,
    clipped,
    hidden_depth_m,
    project,
    silhouette_box,
    visibility,
    within,
)
from rtmpose3d.synth.render import Rendered, RenderJob, degrade
from rtmpose3d.synth.scene import (
    Person,
    Scene,
    View,
    backdrop_place,
    choose_framing,
    compose_scene,
    cropped_view,
    frame_person,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.world import World

_IMAGES_WH = ((640, 480), (480, 640), (640, 427), (427, 640), (640, 360), (360, 640), (512, 512))
_LONGER_SIDE_PX = (220.0, 1400.0)  # of the images that crops are cut from
_LEAST_BOX_PX = 24.0  # longer side of a box that is cut out
_PARTS: Mapping[Part, float] = {"face": 1.0, "left_hand": 0.5, "right_hand": 0.5}
_NEAREST_PART_M = 0.1
_PART_MARGIN = (1.0, 1.35)  # sides of the boxes about a part, by those about its keypoints
_LEAST_TILE_PX = 24
_VIEWS_OF_A_POSE = 2
_CROPS_OF_A_VIEW = 2
_JOBS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class CropJitter:
    """How boxes are disturbed, as detectors and augmentation do.

    Attributes:
        shift: largest shift of the middle, in parts of the box' sides.
        scale: least and largest factor on the size.
        rotate_deg: largest turn; 0 for none.
        rotate_probability: how often it is turned.
        part_probability: how often the box is that of a face or a hand, as datasets of faces
            and hands have them.
    """

    shift: float = 0.08
    scale: tuple[float, float] = (0.8, 1.25)
    rotate_deg: float = 35.0
    rotate_probability: float = 0.5
    part_probability: float = 0.15

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0 < low <= high or self.shift < 0 or self.rotate_deg < 0:
            raise InputError(f"a jitter needs 0 < scale[0] <= scale[1] and no negatives: {self}")
        for name in ("rotate_probability", "part_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be 0 to 1, got {getattr(self, name)}")


NO_JITTER = CropJitter(
    shift=0.0, scale=(1.0, 1.0), rotate_deg=0.0, rotate_probability=0.0, part_probability=0.0
)


class CropBatch(TypedDict):
    """B crops of w x h pixels with their labels.

    crops: (B, h, w, 3) uint8 BGR.
    keypoints_px: (B, 133, 2) float32, pixels of the crop; 0 for points behind the camera.
    visible: (B, 133) float32, 0 outside the image or behind the camera, 1 occluded, 2 visible.
    keypoints_camera_m: (B, 133, 3) float32, metres, camera space of the crop (turned with it).
    has_3d: (B,) bool, all True.
    box: (B, 4) float32, x1 y1 x2 y2 of the person, or of the face or hand that is cut out, in
        the image that the crop is cut from, px.
    image_from_crop: (B, 2, 3) float32.
    camera: (B, 4) float32, fx fy cx cy of the crop: project(keypoints_camera_m) is keypoints_px.
    """

    crops: UInt8Array
    keypoints_px: FloatArray
    visible: FloatArray
    keypoints_camera_m: FloatArray
    has_3d: BoolArray
    box: FloatArray
    image_from_crop: FloatArray
    camera: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Proposal:
    """A crop to draw; `job` draws it, at `crop_from_tile` of its final size."""

    job: RenderJob
    person_index: int
    crop_from_image: FloatArray
    crop_from_tile: float
    box: FloatArray
    degrade_seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class CropSample:
    """One row of a `CropBatch`."""

    crop: Image
    keypoints_px: FloatArray
    visible: UInt8Array
    keypoints_camera_m: FloatArray
    box: FloatArray
    image_from_crop: FloatArray
    camera: FloatArray


def make_crops(
    world: World,
    rng: np.random.Generator,
    count: int,
    size_wh: tuple[int, int],
    jitter: CropJitter,
    *,
    padding: float = PADDING,
) -> list[CropSample]:
    """Render a number of crops.

    Args:
        world: opened.
        rng: chooses everything.
        count: how many.
        size_wh: width and height of the crops, px.
        jitter: disturbs the boxes.
        padding: factor on the boxes' sides.
    """
    samples: list[CropSample] = []
    proposals = _proposals(world, rng, size_wh, jitter, padding)
    while len(samples) < count:
        at_once = min(_JOBS_AT_ONCE, max(4, count - len(samples)))
        chosen = [next(proposals) for _ in range(at_once)]
        images = world.renderer.render_jobs([proposal.job for proposal in chosen])
        for proposal, image in zip(chosen, images, strict=True):
            sample = _finished(world, proposal, image, size_wh)
            if sample is not None:
                samples.append(sample)
    return samples[:count]


def collate(samples: list[CropSample]) -> CropBatch:
    """A batch of samples."""
    return CropBatch(
        crops=np.stack([s.crop for s in samples]),
        keypoints_px=np.stack([s.keypoints_px for s in samples]).astype(np.float32),
        visible=np.stack([s.visible for s in samples]).astype(np.float32),
        keypoints_camera_m=np.stack([s.keypoints_camera_m for s in samples]).astype(np.float32),
        has_3d=np.ones(len(samples), bool),
        box=np.stack([s.box for s in samples]).astype(np.float32),
        image_from_crop=np.stack([s.image_from_crop for s in samples]).astype(np.float32),
        camera=np.stack([s.camera for s in samples]).astype(np.float32),
    )


def _proposals(
    world: World,
    rng: np.random.Generator,
    size_wh: tuple[int, int],
    jitter: CropJitter,
    padding: float,
) -> Iterator[_Proposal]:
    """Crops without end: some people in a pose, seen a few times in different surroundings."""
    while True:
        people = world.source.people(rng, world.how_many(rng))
        for _ in range(_VIEWS_OF_A_POSE):
            yield from _crops_of_a_view(world, rng, people, size_wh, jitter, padding)


def _crops_of_a_view(
    world: World,
    rng: np.random.Generator,
    people: tuple[Person, ...],
    size_wh: tuple[int, int],
    jitter: CropJitter,
    padding: float,
) -> Iterator[_Proposal]:
    settings = world.settings.scene
    target = int(rng.integers(len(people)))
    others = tuple(p for i, p in enumerate(people) if i != target)
    view = frame_person(rng, people[target], others, _image_size(rng), choose_framing(rng))
    scene = compose_scene(rng, people, world.backdrops, world.kit, settings)
    if rng.random() < settings.occluder:
        scene = with_occluder(rng, scene, view, people[target], world.kit)
    scene = without_blockers(scene, view)
    order = [target, *(int(i) for i in rng.permutation(len(people)) if i != target)]
    found = 0
    for index in order:
        proposal = _proposal(rng, scene, view, index, size_wh, jitter, padding)
        if proposal is not None:
            yield proposal
            found += 1
        if found == _CROPS_OF_A_VIEW:
            return


def _proposal(
    rng: np.random.Generator,
    scene: Scene,
    view: View,
    index: int,
    size_wh: tuple[int, int],
    jitter: CropJitter,
    padding: float,
) -> _Proposal | None:
    """How to draw a person's crop; None if too little of the person is in the image."""
    full = silhouette_box(scene.people[index], view)
    if full is None:
        return None
    size = view.camera.width, view.camera.height
    box = clipped(full, size)
    if jitter.part_probability and rng.random() < jitter.part_probability:
        part = _part_box(rng, scene.people[index], view)
        box = box if part is None else clipped(part, size)
    sides = box[2:] - box[:2]
    if sides.min() < 4 or sides.max() < _LEAST_BOX_PX:
        return None
    center, scale = center_scale_from_boxes(box[None], size_wh, padding=padding)
    turn = 0.0
    if rng.random() < jitter.rotate_probability:
        turn = float(rng.uniform(-jitter.rotate_deg, jitter.rotate_deg))
    center = center + (rng.uniform(-jitter.shift, jitter.shift, 2) * sides).astype(np.float32)
    scale = scale * np.float32(math.exp(rng.uniform(*np.log(jitter.scale))))
    matrix = crop_from_image(center, scale, size_wh, turn)[0]
    enlarged = max(math.sqrt(np.linalg.det(matrix[:, :2])), 1.0)
    tile_wh = tuple(max(_LEAST_TILE_PX, math.ceil(side / enlarged) + 1) for side in size_wh)
    tile_wh = size_wh if enlarged == 1.0 else (tile_wh[0], tile_wh[1])
    return _Proposal(
        job=RenderJob(
            scene=scene,
            view=view,
            tile_from_image=matrix / enlarged,
            tile_size_wh=tile_wh,
            backdrop_from_image=backdrop_place(view, scene.backdrop),
        ),
        person_index=index,
        crop_from_image=matrix,
        crop_from_tile=enlarged,
        box=box,
        degrade_seed=int(rng.integers(1 << 62)),
    )


def _part_box(rng: np.random.Generator, person: Person, view: View) -> FloatArray | None:
    """A box about the face or a hand; None where it is behind the camera or too small."""
    parts = list(_PARTS)
    shares = np.array(list(_PARTS.values()))
    part = parts[rng.choice(len(parts), p=shares / shares.sum())]
    pixels, places = project(view, person.keypoints_world[WHOLEBODY.parts[part]])
    if not (places[:, 2] > _NEAREST_PART_M).all():
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    half = (high - low) / 2 * rng.uniform(*_PART_MARGIN, 2)
    if half.max() * 2 < _LEAST_BOX_PX:
        return None
    middle = (low + high) / 2
    return np.concatenate([middle - half, middle + half])


def _finished(
    world: World, proposal: _Proposal, rendered: Rendered, size_wh: tuple[int, int]
) -> CropSample | None:
    """Labels and the degraded crop; None if next to nothing of the person is seen."""
    view = proposal.job.view
    person = proposal.job.scene.people[proposal.person_index]
    crop_view = cropped_view(view, proposal.crop_from_image, size_wh)
    pixels, places = project(crop_view, person.keypoints_world)
    seen = visibility(
        pixels / proposal.crop_from_tile,
        places[:, 2],
        hidden_depth_m(person),
        crop_view.camera.fx / proposal.crop_from_tile,
        rendered.depth_m,
    )
    in_image, _ = project(view, person.keypoints_world)
    inside = within(in_image, view.camera) & within(pixels, crop_view.camera)
    seen = np.where(inside, seen, OUTSIDE).astype(np.uint8)
    if (seen == VISIBLE).sum() < 8 or (rendered.owner == proposal.person_index + 1).mean() < 0.02:
        return None
    rng = np.random.default_rng(proposal.degrade_seed)
    image = degrade(rendered.image, rng, world.settings.degradation)
    image = _enlarged(image, proposal.crop_from_tile, size_wh)
    image_from_crop = np.asarray(cv2.invertAffineTransform(proposal.crop_from_image), np.float64)
    camera = crop_view.camera
    return CropSample(
        crop=_black_outside(image, proposal.crop_from_image, view),
        keypoints_px=np.nan_to_num(pixels),
        visible=seen,
        keypoints_camera_m=places,
        box=proposal.box,
        image_from_crop=image_from_crop,
        camera=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
    )


def _enlarged(image: Image, factor: float, size_wh: tuple[int, int]) -> Image:
    """As inference warps: whole numbers of pixels are the middles, bilinear."""
    if factor == 1.0:
        return image
    matrix = np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]])
    larger = cv2.warpAffine(
        image, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(larger, np.uint8)


def _black_outside(crop: Image, crop_from_image: FloatArray, view: View) -> Image:
    """A crop's pixels outside the image are black."""
    width, height = view.camera.width - 0.5, view.camera.height - 0.5
    corners = np.array([[-0.5, -0.5], [width, -0.5], [width, height], [-0.5, height]])
    corners = corners @ crop_from_image[:, :2].T + crop_from_image[:, 2]
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 1, shift=4)
    if mask.all():
        return crop
    return crop * mask[..., None]


def _image_size(rng: np.random.Generator) -> tuple[int, int]:
    width, height = _IMAGES_WH[rng.integers(len(_IMAGES_WH))]
    longer = math.exp(rng.uniform(*np.log(_LONGER_SIDE_PX)))
    factor = longer / max(width, height)
    return max(16, round(width * factor)), max(16, round(height * factor))
