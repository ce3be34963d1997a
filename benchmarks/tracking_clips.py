"""Clips of synthetic walkers with known identities, and detections as a detector would report them.

Skeletons walk, run, stop and cross in 3D, seen by a camera that may move; columns and other people
hide them. Detections have the noise, misses, partial boxes and false positives that `rtmdet-n` and
`rtmw3d-n` show on rendered clips: boxes deviate slowly by 3 % of the height, keypoints by 2.5 %
with long tails; hidden people are missed, cut, or get the pose of the person in front of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.structures import FloatArray

Array = NDArray[np.float64]
SIZE_WH = (1280, 720)
_FOCAL_PX = 1100.0
_CAMERA_HEIGHT_M = 1.5
_TRACKED = 23  # body and feet; face and hands follow nose and wrists
_MIN_VISIBLE = 0.25  # share of visible keypoints from which a person counts


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Conditions of a clip.

    Attributes:
        name: of the row in the table.
        people: number of people over the clip.
        columns: number of columns that hide people up to about a second.
        camera: strength of the camera's motion; 1: hand-held panning.
        visitors: whether people enter and leave during the clip.
        running: share of people who run.
        miss_rate: probability that a fully visible person is missed in a frame.
    """

    name: str
    people: int
    columns: int = 0
    camera: float = 0.0
    visitors: bool = False
    running: float = 0.1
    miss_rate: float = 0.03


SCENARIOS = (
    Scenario(name="2 people cross", people=2),
    Scenario(name="4 people, columns", people=4, columns=3),
    Scenario(name="4 people, moving camera", people=4, camera=1.0),
    Scenario(name="6 people enter and leave", people=6, visitors=True),
    Scenario(name="4 runners", people=4, running=1.0),
    Scenario(name="10 people, all of it", people=10, columns=2, camera=0.5, visitors=True),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """Ground truth and detections of one frame.

    Attributes:
        time_s: of the frame.
        ids: (G,) identities of the people who count.
        boxes: (G, 4) their boxes, px.
        visible_boxes: (G, 4) boxes of their visible parts, px; detections match either box.
        colours: (N, 6, 3) of the appearance; None: unknown.
        detected_boxes: (N, 4) px, best first.
        scores: (N,).
        keypoints: (N, 133, 2) px.
        confidence: (N, 133).
    """

    time_s: float
    ids: NDArray[np.int64]
    boxes: Array
    visible_boxes: Array
    colours: FloatArray | None
    detected_boxes: Array
    scores: Array
    keypoints: Array
    confidence: Array


def simulate(scenario: Scenario, *, fps: float, seconds: float, seed: int) -> Iterator[Frame]:
    """Frames of one clip; the same arguments give the same clip."""
    rng = np.random.default_rng([seed, round(fps), len(scenario.name)])
    walkers = [Walker(scenario, seconds, rng) for _ in range(scenario.people)]
    columns = rng.uniform((-2.5, 2.0), (2.5, 4.0), (scenario.columns, 2))
    shake = rng.uniform(0, 2 * math.pi, 6)
    detector = Detector(scenario, fps, rng)
    for index in range(round(seconds * fps)):
        time_s = index / fps
        yaw, pitch, shift = _camera_motion(scenario.camera, time_s, shake)
        seen = []
        for identity, walker in enumerate(walkers):
            points = _project(walker.keypoints(time_s), yaw, pitch, shift)
            if points is not None:
                seen.append((identity, *points))
        seen.sort(key=lambda person: person[2])  # nearest first
        yield detector.frame(time_s, seen, [_column_box(c, yaw, shift) for c in columns])


class Walker:
    """A person who walks between random points on the ground, and stops now and then."""

    def __init__(self, scenario: Scenario, seconds: float, rng: np.random.Generator) -> None:
        self.stature = rng.normal(1.7, 0.1)
        runs = rng.random() < scenario.running
        speed = rng.uniform(2.5, 4.5) if runs else rng.uniform(0.7, 1.7)
        self.cadence = (2.6 if runs else 1.7) * rng.uniform(0.9, 1.1)
        self.stride = 0.9 if runs else 0.5
        self.phase = rng.uniform(0, 2 * math.pi)
        enter = rng.uniform(0, 0.6) * seconds if scenario.visitors else 0.0
        side = rng.choice([-1.0, 1.0])
        start = np.array([side * (7.0 if enter else rng.uniform(1, 3)), rng.uniform(3.5, 9)])
        self.times, self.points = [0.0, enter], [start, start]
        while self.times[-1] < seconds:
            side = -side  # to the other side: paths cross
            leaves = scenario.visitors and rng.random() < 0.3
            target = np.array(
                [side * (8.0 if leaves else rng.uniform(0.8, 3)), rng.uniform(3.5, 9)]
            )
            duration = float(np.linalg.norm(target - self.points[-1])) / speed
            self.times.append(self.times[-1] + duration)
            self.points.append(target)
            if rng.random() < 0.4:
                self.times.append(self.times[-1] + rng.uniform(0.3, 1.5))
                self.points.append(target)

    def keypoints(self, time_s: float) -> Array:
        """(133, 3) metres: right, up, forward of the camera's rest position."""
        position, velocity = self._state(time_s)
        speed = float(np.linalg.norm(velocity))
        ahead = velocity / speed if speed > 0.05 else np.array([0.0, -1.0])
        local = _pose(
            self.phase + 2 * math.pi * self.cadence / 2 * time_s, self.stride * min(speed, 1)
        )
        local = local * (self.stature / 1.7)
        left = np.array([-ahead[1], ahead[0]])
        ground = position + local[:, :1] * ahead + local[:, 1:2] * left
        return np.stack([ground[:, 0], local[:, 2], ground[:, 1]], axis=1)

    def _state(self, time_s: float) -> tuple[Array, Array]:
        def at(t: float) -> Array:
            xs, ys = np.array(self.points).T
            return np.array([np.interp(t, self.times, xs), np.interp(t, self.times, ys)])

        offsets = np.linspace(-0.2, 0.2, 5)  # people need time to turn into another direction
        position = np.mean([at(time_s + o) for o in offsets], axis=0)
        return position, (at(time_s + 0.25) - at(time_s - 0.25)) / 0.5


def _pose(phase: float, swing: float) -> Array:
    """(133, 3) metres at 1.70 m: ahead, left, up."""
    points = np.zeros((NUM_KEYPOINTS, 3))
    points[0] = 0.10, 0, 1.55
    points[1:5] = (0.08, 0.03, 1.60), (0.08, -0.03, 1.60), (0, 0.075, 1.57), (0, -0.075, 1.57)
    for side, sign in ((0, 1), (1, -1)):
        leg = swing * math.sin(phase + side * math.pi)
        knee = swing * max(0.0, 1.2 * math.cos(phase + side * math.pi))
        arm = -0.8 * leg
        shoulder, hip = np.array([0, 0.18 * sign, 1.40]), np.array([0, 0.11 * sign, 0.92])
        points[5 + side], points[11 + side] = shoulder, hip
        points[7 + side] = shoulder + 0.29 * _down(arm)
        points[9 + side] = points[7 + side] + 0.25 * _down(arm + 0.4)
        points[13 + side] = hip + 0.42 * _down(leg)
        points[15 + side] = points[13 + side] + 0.42 * _down(leg - knee)
        feet = points[15 + side] + [
            [0.18, 0.03 * sign, -0.06],
            [0.15, 0.07 * sign, -0.06],
            [-0.05, 0, -0.06],
        ]
        points[17 + 3 * side : 20 + 3 * side] = feet
        points[91 + 21 * side : 112 + 21 * side] = points[9 + side] + 0.08 * _down(arm + 0.4)
    points[23:91] = points[0]
    return points


def _down(angle: float) -> Array:
    return np.array([math.sin(angle), 0.0, -math.cos(angle)])


def _camera_motion(strength: float, time_s: float, phases: Array) -> tuple[float, float, float]:
    """Yaw and pitch in radians, sideways motion in metres."""
    slow = 0.25 * math.sin(0.9 * time_s + phases[0]) + 0.1 * math.sin(2.3 * time_s + phases[1])
    shake = 0.006 * (math.sin(17 * time_s + phases[2]) + math.sin(29 * time_s + phases[3]))
    pitch = 0.03 * math.sin(1.3 * time_s + phases[4]) + 0.005 * math.sin(23 * time_s + phases[5])
    return strength * (slow + shake), strength * pitch, strength * 0.3 * math.sin(0.7 * time_s)


def _project(xyz: Array, yaw: float, pitch: float, shift: float) -> tuple[Array, float] | None:
    """(133, 2) px and the distance in metres; None for people who are not before the camera."""
    x, up, z = (xyz - (shift, _CAMERA_HEIGHT_M, 0.0)).T
    x, z = x * math.cos(yaw) - z * math.sin(yaw), x * math.sin(yaw) + z * math.cos(yaw)
    up, z = up * math.cos(pitch) - z * math.sin(pitch), up * math.sin(pitch) + z * math.cos(pitch)
    if z.min() < 0.5:
        return None
    u, v = _FOCAL_PX * x / z + SIZE_WH[0] / 2, SIZE_WH[1] / 2 - _FOCAL_PX * up / z
    return np.stack([u, v], axis=1), float(z.mean())


def _column_box(column: Array, yaw: float, shift: float) -> tuple[float, float, float]:
    """Left and right edge in px, and distance, of a column 40 cm wide."""
    edges = [
        _project(np.array([[column[0] + dx, 1.5, column[1]]]), yaw, 0.0, shift)
        for dx in (-0.2, 0.2)
    ]
    if edges[0] is None or edges[1] is None:
        return 0.0, 0.0, 1.0
    return float(edges[0][0][0, 0]), float(edges[1][0][0, 0]), float(column[1])


class Detector:
    """Detections with errors that persist over time; a class because it holds these errors."""

    def __init__(self, scenario: Scenario, fps: float, rng: np.random.Generator) -> None:
        self.scenario, self.rng, self.dt = scenario, rng, 1 / fps
        self.box_errors: dict[int, Array] = {}
        self.point_errors: dict[int, Array] = {}
        self.false_boxes: list[tuple[Array, float]] = []  # box, seconds to live

    def frame(
        self,
        time_s: float,
        seen: list[tuple[int, Array, float]],
        columns: list[tuple[float, float, float]],
    ) -> Frame:
        """Ground truth and detections, nearest people first in `seen`."""
        truth: list[tuple[int, Array]] = []
        found: list[tuple[Array, float, Array, Array]] = []
        for rank, (identity, points, distance) in enumerate(seen):
            visible = _visible(points, distance, seen[:rank], columns)
            share = float(visible[:_TRACKED].mean())
            box = _clipped(_box(points))
            if share >= _MIN_VISIBLE:
                truth.append((identity, box))
            hider = _hider(points, seen[:rank])
            found += self._detections(identity, points, visible, share, hider)
        found += self._false_positives()
        found.sort(key=lambda person: -person[1])
        return Frame(
            time_s=time_s,
            ids=np.array([i for i, _ in truth], np.int64),
            boxes=np.array([box for _, box in truth]).reshape(-1, 4),
            visible_boxes=np.array([box for _, box in truth]).reshape(-1, 4),
            colours=None,
            detected_boxes=np.array([box for box, *_ in found]).reshape(-1, 4),
            scores=np.array([score for _, score, *_ in found]),
            keypoints=np.array([p for *_, p, _ in found]).reshape(-1, NUM_KEYPOINTS, 2),
            confidence=np.array([c for *_, c in found]).reshape(-1, NUM_KEYPOINTS),
        )

    def _detections(
        self,
        identity: int,
        points: Array,
        visible: NDArray[np.bool_],
        share: float,
        hider: Array | None,
    ) -> list[tuple[Array, float, Array, Array]]:
        """None, one or two detections of a person."""
        rng = self.rng
        box_error = self._drifting(self.box_errors, identity, (4,), 0.03, 0.4)
        point_error = self._drifting(self.point_errors, identity, (NUM_KEYPOINTS, 2), 0.025, 0.15)
        detected = (1 - self.scenario.miss_rate) * min(1.0, max(0.0, (share - 0.1) / 0.3))
        if rng.random() > detected:
            return []
        box = _box(points if share > 0.7 else points[visible])  # hidden parts cut the box
        height = box[3] - box[1]
        box = _clipped(box + height * (box_error + rng.normal(0, 0.008, 4)))
        noisy = points + height * (point_error + rng.normal(0, 0.008, points.shape))
        confidence = np.clip(
            np.where(visible, 0.7, 0.45) + rng.normal(0, 0.12, len(points)), 0.05, 0.95
        )
        if hider is not None and share < 0.6 and rng.random() < 0.6:
            noisy = hider + height * 0.02 * rng.normal(0, 1, hider.shape)  # the pose of the other
        wild = rng.random(len(points)) < np.where(visible, 0.02, 0.15)
        noisy[wild] = box[:2] + rng.random((int(wild.sum()), 2)) * (box[2:] - box[:2])
        score = float(np.clip(0.25 + 0.5 * share + rng.normal(0, 0.08), 0.3, 0.95))
        found = [(box, score, noisy, confidence)]
        if rng.random() < 0.04:  # a second box of the upper half
            half = box.copy()
            half[3] = (box[1] + box[3]) / 2
            found.append(
                (half, 0.33, noisy + rng.normal(0, 0.01 * height, noisy.shape), confidence)
            )
        return found

    def _false_positives(self) -> list[tuple[Array, float, Array, Array]]:
        """Objects taken for people, for a fraction of a second each."""
        rng = self.rng
        if rng.random() < 0.15 * self.dt * 10:
            corner, height = rng.uniform((0, 150), (1200, 450)), rng.uniform(80, 250)
            box = np.tile(corner, 2) + np.array([0, 0, height * 0.45, height])
            self.false_boxes.append((box, rng.exponential(0.25)))
        self.false_boxes = [(b, life - self.dt) for b, life in self.false_boxes if life > 0]
        found = []
        for box, _ in self.false_boxes:
            if rng.random() < 0.6:
                points = box[:2] + rng.random((NUM_KEYPOINTS, 2)) * (box[2:] - box[:2])
                confidence = rng.uniform(0.1, 0.5, NUM_KEYPOINTS)
                found.append((box + rng.normal(0, 4, 4), rng.uniform(0.3, 0.5), points, confidence))
        return found

    def _drifting(
        self,
        errors: dict[int, Array],
        identity: int,
        shape: tuple[int, ...],
        std: float,
        memory_s: float,
    ) -> Array:
        """Error that forgets itself over some time, with constant standard deviation."""
        keep = math.exp(-self.dt / memory_s)
        fresh = self.rng.normal(0, std, shape)
        last = errors.get(identity)
        errors[identity] = fresh if last is None else keep * last + math.sqrt(1 - keep**2) * fresh
        return errors[identity]


def _box(points: Array) -> Array:
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    return np.concatenate([low - (0.06 * size[0], 0.08 * size[1]), high + (0.06, 0.02) * size])


def _clipped(box: Array) -> Array:
    limit = np.array([*SIZE_WH, *SIZE_WH], float)
    return np.clip(box, 0, limit)


def _visible(
    points: Array,
    distance: float,
    nearer: list[tuple[int, Array, float]],
    columns: list[tuple[float, float, float]],
) -> NDArray[np.bool_]:
    """(133,) bool: inside the image and hidden neither by a column nor by a nearer person."""
    visible = np.asarray(((points >= 0) & (points < SIZE_WH)).all(axis=1))
    for left, right, column_distance in columns:
        if column_distance < distance:
            visible &= (points[:, 0] < left) | (points[:, 0] > right)
    for _, other, _ in nearer:
        box = _box(other)
        inset = 0.2 * (box[2] - box[0])  # a body fills most of its box
        box = box + np.array([inset, 0, -inset, 0])
        visible &= ~((points >= box[:2]) & (points <= box[2:])).all(axis=1)
    return np.asarray(visible)


def _hider(points: Array, nearer: list[tuple[int, Array, float]]) -> Array | None:
    """Keypoints of the nearer person who hides the most keypoints."""
    best, max_hidden = None, 3
    for _, other, _ in nearer:
        box = _box(other)
        hidden = int(
            ((points[:_TRACKED] >= box[:2]) & (points[:_TRACKED] <= box[2:])).all(axis=1).sum()
        )
        if hidden > max_hidden:
            best, max_hidden = other, hidden
    return best
