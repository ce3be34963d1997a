"""Results by rule and at random, for tests of structures and sinks: no network needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from rtmpose3d.geometry import Camera
from rtmpose3d.geometry.axes import AXES
from rtmpose3d.structures import PoseResult, Runtime

WIDTH, HEIGHT = 640, 427  # not square
SOURCES = ("given", "estimated", "assumed")
CAMERA = Camera(fx=601.25, fy=599.1, cx=318.7, cy=215.3, width=WIDTH, height=HEIGHT)

# The stored arrays of a result and the shape of one person's value, as docs/output.md lists them.
ARRAYS_2D = {
    "bboxes": (4,),
    "bbox_scores": (),
    "keypoints_2d": (133, 2),
    "scores": (133,),
    "confidence": (133,),
}
ARRAYS_3D = {"keypoints_camera": (133, 3), "root_depth_m": (), "root_depth_std_m": ()}
RANGES = {
    "bboxes": (-20, 600),
    "bbox_scores": (0.3, 1),
    "keypoints_2d": (-50, 900),
    "scores": (-0.5, 10),
    "confidence": (0, 1),
    "keypoints_camera": (-1, 5),
    "root_depth_m": (1, 9),
    "root_depth_std_m": (0, 1),
}


def example_result(
    people: int = 2,
    *,
    has_3d: bool = True,
    axes: str = "z-up",
    seed: int = 0,
    **facts: object,
) -> PoseResult:
    """A result whose numbers are all different.

    Args:
        people: N.
        has_3d: whether it is a 3D model's.
        axes: frame of the 3D keypoints.
        seed: of the numbers.
        facts: further fields, or other values for those that are set here.
    """
    rng = np.random.default_rng([seed, people])
    shapes = ARRAYS_2D | (ARRAYS_3D if has_3d else {})
    fields: dict[str, object] = {
        name: rng.uniform(*RANGES[name], (people, *shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    if has_3d:
        fields["camera"] = CAMERA
        fields["root_depth_source"] = tuple(SOURCES[(seed + i) % 3] for i in range(people))
    fields |= {
        "axes": axes,
        "model": "rtmw3d-l" if has_3d else "rtmw-l-384x288",
        "image_size_wh": (WIDTH, HEIGHT),
        "image": rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8),
        "source": Path("some folder") / "Grüße 人物.jpg",
    }
    return PoseResult(**{**fields, **facts})


def tracking_facts(people: int, *, has_3d: bool = True) -> dict[str, object]:
    """The optional fields of a result: identifiers, filled people, standard deviations."""
    rng = np.random.default_rng(people)
    facts: dict[str, object] = {
        "track_ids": np.arange(3, 3 + people),
        "filled": np.arange(people) % 2,
        "keypoints_2d_std": rng.uniform(1, 20, (people, 133, 2)).astype(np.float32),
    }
    if has_3d:
        facts["depth_std_m"] = rng.uniform(0.01, 0.3, (people, 133)).astype(np.float32)
    return facts


@st.composite
def results(draw: st.DrawFn, *, finite: bool = False) -> PoseResult:
    """Any result: no people or some, 2D or 3D, in any frame, tracked or not, with gaps.

    Args:
        draw: hypothesis' own.
        finite: whether all numbers are finite.
    """
    people = draw(st.integers(0, 3))
    facts: dict[str, object] = {}
    if draw(st.booleans()):
        facts |= {
            "frame_index": draw(st.integers(0, 10**9)),
            "time_s": draw(st.none() | st.floats(-1e6, 1e6)),
        }
    has_3d = draw(st.booleans())
    if draw(st.booleans()):
        facts["runtime"] = Runtime(backend="openvino", device="cpu", precision="bf16")
    if draw(st.booleans()):
        ids = draw(st.lists(st.integers(-1, 10**12), min_size=people, max_size=people))
        facts |= tracking_facts(people, has_3d=has_3d)
        facts["track_ids"] = np.array(ids, np.int64)
    result = example_result(
        people,
        has_3d=has_3d,
        axes=draw(st.sampled_from(AXES)),
        seed=draw(st.integers(0, 10**6)),
        image=None,
        **facts,
    )
    for name in [] if finite or not people else draw(st.lists(st.sampled_from(list(RANGES)))):
        array = getattr(result, name)
        if array is not None:
            where = draw(st.integers(0, array.size - 1))
            array.flat[where] = draw(st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 1e-7]))
    return result


def stored_arrays(result: PoseResult) -> dict[str, np.ndarray]:
    """All arrays that a result holds, by name."""
    names = (*ARRAYS_2D, *ARRAYS_3D, "track_ids", "filled")
    names += ("keypoints_2d_std", "depth_std_m")
    return {name: getattr(result, name) for name in names if getattr(result, name) is not None}
