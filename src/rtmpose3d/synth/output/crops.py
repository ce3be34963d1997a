"""Crops of single people for training a pose network, rendered directly, with labels.

A crop equals what inference would cut from a full image: a padded box around the person in the
network's aspect ratio, jittered, black outside the image. People who are small in their image are
rendered small, degraded and then enlarged, as inference does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from rtmpose3d.errors import InputError
from rtmpose3d.geometry.crop import PADDING, center_scale_from_boxes, crop_from_image
from rtmpose3d.skeletons import WHOLEBODY, Part
from rtmpose3d.structures.arrays import FloatArray, Image, UInt8Array
from rtmpose3d.synth.output.labels import (
    OUTSIDE,
    VISIBLE,
    clip_box,
    inside_image,
    keypoint_visibility,
    project,
    silhouette_box,
    visible_depth_m,
)
from rtmpose3d.synth.render import RenderedImage, RenderJob, degrade
from rtmpose3d.synth.scene import (
    CameraView,
    Person,
    Scene,
    choose_framing,
    compose_scene,
    cropped_view,
    fit_backdrop,
    frame_person,
    with_occluder,
    without_blockers,
)
from rtmpose3d.synth.world import World

_IMAGES_WH = ((640, 480), (480, 640), (640, 427), (427, 640), (640, 360), (360, 640), (512, 512))
_LONGER_SIDE_PX = (220.0, 1400.0)  # of the image that a crop is cut from
_MIN_BOX_PX = 24.0  # longer side
_PART_WEIGHTS: Mapping[Part, float] = {"face": 1.0, "left_hand": 0.5, "right_hand": 0.5}
_MIN_PART_DEPTH_M = 0.1
_PART_MARGIN = (1.0, 1.35)  # sides of a part's box relative to the extent of its keypoints
_MIN_TILE_PX = 24
_VIEWS_PER_POSE = 2
_CROPS_PER_VIEW = 2
_JOBS_AT_ONCE = 16
_MIN_VISIBLE_KEYPOINTS = 8
_MIN_VISIBLE_FRACTION = 0.02  # of a crop's pixels


@dataclass(frozen=True, kw_only=True)
class CropJitter:
    """Random disturbance of boxes, as by detectors and augmentation.

    Attributes:
        shift: maximum shift of the centre as a fraction of the box's sides.
        scale: minimum and maximum factor on the size.
        rotate_deg: maximum rotation; 0 for none.
        rotate_probability: probability of a rotation.
        part_probability: probability that the box is that of a face or a hand, as in datasets of
            faces and hands.
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


@dataclass(frozen=True, kw_only=True, eq=False)
class CropBatch:
    """B crops of w x h pixels with their labels.

    Attributes:
        crops: (B, h, w, 3) uint8 BGR.
        keypoints_px: (B, 133, 2) float32, pixels of the crop; 0 for points behind the camera.
        visibility: (B, 133) float32, 0 outside the image or behind the camera, 1 occluded,
            2 visible.
        keypoints_camera_m: (B, 133, 3) float32, metres, camera space of the crop (rotated with
            it).
        boxes_xyxy: (B, 4) float32, box of the person, or of the face or hand that the crop shows,
            in pixels of the image that the crop is cut from.
        image_from_crop: (B, 2, 3) float32.
        cameras: (B, 4) float32, fx fy cx cy of the crop: they project `keypoints_camera_m` onto
            `keypoints_px`.
    """

    crops: UInt8Array
    keypoints_px: FloatArray
    visibility: FloatArray
    keypoints_camera_m: FloatArray
    boxes_xyxy: FloatArray
    image_from_crop: FloatArray
    cameras: FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class _Proposal:
    """A crop to render: `job` draws a tile, which is enlarged by the factor `crop_from_tile`."""

    job: RenderJob
    person_index: int
    crop_from_image: FloatArray
    crop_from_tile: float
    box_xyxy: FloatArray
    degrade_seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class CropSample:
    """One row of a `CropBatch`, before conversion to float32."""

    crop: Image
    keypoints_px: FloatArray
    visibility: UInt8Array
    keypoints_camera_m: FloatArray
    box_xyxy: FloatArray
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
    """Renders crops.

    Args:
        world: open.
        rng: source of all randomness.
        count: number of crops.
        size_wh: width and height of the crops, px.
        jitter: random disturbance of the boxes.
        padding: factor on the boxes' sides.
    """
    samples: list[CropSample] = []
    proposals = _proposals(world, rng, size_wh, jitter, padding)
    while len(samples) < count:
        at_once = min(_JOBS_AT_ONCE, max(4, count - len(samples)))
        chosen = [next(proposals) for _ in range(at_once)]
        images = world.renderer.render_jobs([proposal.job for proposal in chosen])
        for proposal, image in zip(chosen, images, strict=True):
            sample = _finish_crop(world, proposal, image, size_wh)
            if sample is not None:
                samples.append(sample)
    return samples[:count]


def collate(samples: list[CropSample]) -> CropBatch:
    """Stacks samples into a batch."""
    return CropBatch(
        crops=np.stack([s.crop for s in samples]),
        keypoints_px=np.stack([s.keypoints_px for s in samples]).astype(np.float32),
        visibility=np.stack([s.visibility for s in samples]).astype(np.float32),
        keypoints_camera_m=np.stack([s.keypoints_camera_m for s in samples]).astype(np.float32),
        boxes_xyxy=np.stack([s.box_xyxy for s in samples]).astype(np.float32),
        image_from_crop=np.stack([s.image_from_crop for s in samples]).astype(np.float32),
        cameras=np.stack([s.camera for s in samples]).astype(np.float32),
    )


def _proposals(
    world: World,
    rng: np.random.Generator,
    size_wh: tuple[int, int],
    jitter: CropJitter,
    padding: float,
) -> Iterator[_Proposal]:
    """Endless proposals: each group of posed people is shown in a few different surroundings."""
    while True:
        people = world.source.people(rng, world.sample_people_count(rng))
        for _ in range(_VIEWS_PER_POSE):
            yield from _propose_in_view(world, rng, people, size_wh, jitter, padding)


def _propose_in_view(
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
    view = frame_person(rng, people[target], others, _sample_image_size(rng), choose_framing(rng))
    scene = compose_scene(rng, people, world.backdrops, world.kit, settings)
    if rng.random() < settings.occluder:
        scene = with_occluder(rng, scene, view, people[target], world.kit)
    scene = without_blockers(scene, view)
    order = [target, *(int(i) for i in rng.permutation(len(people)) if i != target)]
    proposed = 0
    for index in order:
        proposal = _propose_crop(rng, scene, view, index, size_wh, jitter, padding)
        if proposal is not None:
            yield proposal
            proposed += 1
        if proposed == _CROPS_PER_VIEW:
            return


def _propose_crop(
    rng: np.random.Generator,
    scene: Scene,
    view: CameraView,
    index: int,
    size_wh: tuple[int, int],
    jitter: CropJitter,
    padding: float,
) -> _Proposal | None:
    """A crop of one person; None if too little of the person is inside the image."""
    full = silhouette_box(scene.people[index], view)
    if full is None:
        return None
    size = view.camera.width, view.camera.height
    box = clip_box(full, size)
    if jitter.part_probability and rng.random() < jitter.part_probability:
        part = _part_box(rng, scene.people[index], view)
        box = box if part is None else clip_box(part, size)
    sides = box[2:] - box[:2]
    if sides.min() < 4 or sides.max() < _MIN_BOX_PX:
        return None
    center, scale = center_scale_from_boxes(box[None], size_wh, padding=padding)
    rotation_deg = 0.0
    if rng.random() < jitter.rotate_probability:
        rotation_deg = float(rng.uniform(-jitter.rotate_deg, jitter.rotate_deg))
    center = center + (rng.uniform(-jitter.shift, jitter.shift, 2) * sides).astype(np.float32)
    scale = scale * np.float32(math.exp(rng.uniform(*np.log(jitter.scale))))
    matrix = crop_from_image(center, scale, size_wh, rotation_deg)[0]
    magnification = max(math.sqrt(np.linalg.det(matrix[:, :2])), 1.0)
    tile_wh = tuple(max(_MIN_TILE_PX, math.ceil(side / magnification) + 1) for side in size_wh)
    tile_wh = size_wh if magnification == 1.0 else (tile_wh[0], tile_wh[1])
    return _Proposal(
        job=RenderJob(
            scene=scene,
            view=view,
            tile_from_image=matrix / magnification,
            tile_size_wh=tile_wh,
            backdrop_from_image=fit_backdrop(view, scene.backdrop),
        ),
        person_index=index,
        crop_from_image=matrix,
        crop_from_tile=magnification,
        box_xyxy=box,
        degrade_seed=int(rng.integers(1 << 62)),
    )


def _part_box(rng: np.random.Generator, person: Person, view: CameraView) -> FloatArray | None:
    """Box around the face or a hand; None if it is behind the camera or too small."""
    parts = list(_PART_WEIGHTS)
    weights = np.array(list(_PART_WEIGHTS.values()))
    part = parts[rng.choice(len(parts), p=weights / weights.sum())]
    pixels, points_camera = project(view, person.keypoints_world[WHOLEBODY.parts[part]])
    if not (points_camera[:, 2] > _MIN_PART_DEPTH_M).all():
        return None
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    half = (high - low) / 2 * rng.uniform(*_PART_MARGIN, 2)
    if half.max() * 2 < _MIN_BOX_PX:
        return None
    centre = (low + high) / 2
    return np.concatenate([centre - half, centre + half])


def _finish_crop(
    world: World, proposal: _Proposal, rendered: RenderedImage, size_wh: tuple[int, int]
) -> CropSample | None:
    """Labels and degrades a rendered crop; None if hardly anything of the person is visible."""
    view = proposal.job.view
    person = proposal.job.scene.people[proposal.person_index]
    crop_view = cropped_view(view, proposal.crop_from_image, size_wh)
    pixels, points_camera = project(crop_view, person.keypoints_world)
    visibility = keypoint_visibility(
        pixels / proposal.crop_from_tile,
        points_camera[:, 2],
        visible_depth_m(person),
        crop_view.camera.fx / proposal.crop_from_tile,
        rendered.depth_m,
    )
    image_px, _ = project(view, person.keypoints_world)
    inside = inside_image(image_px, view.camera) & inside_image(pixels, crop_view.camera)
    visibility = np.where(inside, visibility, OUTSIDE).astype(np.uint8)
    if (visibility == VISIBLE).sum() < _MIN_VISIBLE_KEYPOINTS:
        return None
    if (rendered.owner == proposal.person_index + 1).mean() < _MIN_VISIBLE_FRACTION:
        return None
    rng = np.random.default_rng(proposal.degrade_seed)
    image = degrade(rendered.image, rng, world.settings.degradation)
    image = _enlarge(image, proposal.crop_from_tile, size_wh)
    image_from_crop = np.asarray(cv2.invertAffineTransform(proposal.crop_from_image), np.float64)
    camera = crop_view.camera
    return CropSample(
        crop=_black_outside(image, proposal.crop_from_image, view),
        keypoints_px=np.nan_to_num(pixels),
        visibility=visibility,
        keypoints_camera_m=points_camera,
        box_xyxy=proposal.box_xyxy,
        image_from_crop=image_from_crop,
        camera=np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
    )


def _enlarge(image: Image, factor: float, size_wh: tuple[int, int]) -> Image:
    """Enlarges a tile as inference warps: bilinear, pixel centres at whole numbers."""
    if factor == 1.0:
        return image
    matrix = np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]])
    larger = cv2.warpAffine(
        image, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(larger, np.uint8)


def _black_outside(crop: Image, crop_from_image: FloatArray, view: CameraView) -> Image:
    """Blackens the pixels of a crop that are outside the image it is cut from."""
    width, height = view.camera.width - 0.5, view.camera.height - 0.5
    corners = np.array([[-0.5, -0.5], [width, -0.5], [width, height], [-0.5, height]])
    corners = corners @ crop_from_image[:, :2].T + crop_from_image[:, 2]
    mask = np.zeros(crop.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners * 16).astype(np.int32), 1, shift=4)
    if mask.all():
        return crop
    return crop * mask[..., None]


def _sample_image_size(rng: np.random.Generator) -> tuple[int, int]:
    width, height = _IMAGES_WH[rng.integers(len(_IMAGES_WH))]
    longer = math.exp(rng.uniform(*np.log(_LONGER_SIDE_PX)))
    factor = longer / max(width, height)
    return max(16, round(width * factor)), max(16, round(height * factor))
