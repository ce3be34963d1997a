"""Sessions on networks that are rules: predictions follow from the pixels, at once and on any CPU.

`crop_network` gives logits that depend on all pixels of a crop, so that a crop of another image,
another box or a flipped one is noticed. `people_network` reads people from the images that
`paint_people` makes: the colour of the first pixel says who is in the image.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from rtmpose3d.codec import decode_simcc
from rtmpose3d.geometry.letterbox import letterbox_size
from rtmpose3d.runtime import DetectorSession, Device, PoseSession
from rtmpose3d.zoo import DetectorSpec, PoseSpec, resolve_detector, resolve_pose

CPU = Device(kind="cpu")


class CropNetwork:
    """Random logits above 0, the same for the same pixels; counts the crops of each call."""

    max_batch = None

    def __init__(self, spec: PoseSpec) -> None:
        self.spec = spec
        self.output_names = spec.output_names
        self.calls: list[int] = []

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        self.calls.append(len(images))
        simcc = self.logits(images)
        decoded = decode_simcc(simcc, self.spec.codec)
        arrays = (decoded.bins, decoded.scores, decoded.confidence, *simcc)
        named = dict(zip(self.output_names, arrays, strict=True))
        return tuple(named[name] for name in outputs)

    def logits(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """(N, 133, bins) for x, y and, in 3D, z."""
        seeds = [zlib.crc32(image.tobytes()) for image in images]
        return tuple(
            np.stack(
                [np.random.default_rng((seed, axis)).random((133, n), np.float32) for seed in seeds]
            )
            for axis, n in enumerate(self.spec.codec.bins)
        )


class StandingNetwork(CropNetwork):
    """The same standing person in the middle of every crop, sure of every keypoint.

    The keypoints fill a box of 30x80 px, whose crop is 75x100 px, up to a margin of 8 %.
    """

    def logits(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        half = np.array([0.5 * 30 / 75, 0.5 * 80 / 100, 0.1])[: len(self.spec.codec.bins)] / 1.16
        share = np.random.default_rng(5).uniform(0.5 - half, 0.5 + half, (133, len(half)))
        share[0], share[1] = 0.5 - half, 0.5 + half
        arrays = []
        for axis, bins in enumerate(self.spec.codec.bins):
            distance = np.arange(bins) - np.rint(share[:, axis] * bins)[:, None]
            arrays.append(np.repeat(20 * np.exp(-(distance**2) / 50)[None], len(images), axis=0))
        return tuple(array.astype(np.float32) for array in arrays)


class PeopleNetwork:
    """Boxes by the blue value of an image's first pixel, in pixels of that image."""

    max_batch = None

    def __init__(
        self,
        spec: DetectorSpec,
        people: dict[int, tuple[np.ndarray, np.ndarray]],
        size_wh: tuple[int, int],
    ) -> None:
        self.spec = spec
        self.output_names = spec.output_names
        self.people = people
        self.calls: list[int] = []
        new_wh = letterbox_size(size_wh, spec.input_size_wh)
        self.scale = np.tile(np.array(new_wh) / size_wh, 2)
        self.count = sum(
            (spec.input_size_wh[0] // stride) * (spec.input_size_wh[1] // stride)
            for stride in (8, 16, 32)
        )

    def run(self, images: np.ndarray, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        self.calls.append(len(images))
        boxes = np.zeros((len(images), self.count, 4), np.float32)
        scores = np.zeros((len(images), self.count), np.float32)
        for i, image in enumerate(images):
            found, score = self.people[int(image[0, 0, 0])]
            boxes[i, : len(found)] = found * self.scale
            scores[i, : len(found)] = score
        return boxes, scores


def open_crops(name: str) -> tuple[PoseSession, CropNetwork]:
    """A pose session whose predictions follow from the crops' pixels."""
    spec = resolve_pose(name)
    network = CropNetwork(spec)
    return PoseSession(spec, network, CPU), network


def open_standing(name: str) -> tuple[PoseSession, CropNetwork]:
    """A pose session that sees a standing person in the middle of every crop."""
    spec = resolve_pose(name)
    network = StandingNetwork(spec)
    return PoseSession(spec, network, CPU), network


def open_people(
    people: dict[int, tuple[np.ndarray, np.ndarray]], size_wh: tuple[int, int]
) -> tuple[DetectorSession, PeopleNetwork]:
    """A detector that finds these boxes and scores in the images of a first blue value."""
    spec = resolve_detector("rtmdet-n")
    network = PeopleNetwork(spec, people, size_wh)
    return DetectorSession(spec, network, CPU), network


def paint_image(value: int, size_wh: tuple[int, int] = (160, 120)) -> np.ndarray:
    """An image of noise, different for each value, whose first pixels are of that blue value."""
    image = np.random.default_rng(value).integers(0, 255, (size_wh[1], size_wh[0], 3), np.uint8)
    image[:8, :8, 0] = value
    return image
