"""The result: a mapping, attributes, people by index, other frames and forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from rtmpose3d import Camera, InputError, PoseResult, UnknownNameError

Make = Callable[..., PoseResult]


@pytest.fixture
def make() -> Make:
    def result(people: int = 3, *, has_3d: bool = True) -> PoseResult:
        rng = np.random.default_rng(people)

        def floats(*shape: int) -> np.ndarray:
            return rng.uniform(0, 1, (people, *shape)).astype(np.float32)

        depth = floats() + 3
        return PoseResult(
            keypoints_2d=floats(133, 2) * 100,
            scores=floats(133) * 9,
            confidence=floats(133),
            bboxes=floats(4),
            bbox_scores=floats(),
            keypoints_camera=floats(133, 3) + 3 if has_3d else None,
            root_depth_m=depth if has_3d else None,
            root_depth_std_m=depth / 10 if has_3d else None,
            root_depth_source=("estimated", "assumed", "given")[:people] if has_3d else (),
            camera=Camera.from_fov(width=640, height=480) if has_3d else None,
            model="rtmw3d-l" if has_3d else "rtmw-l-384x288",
            image_size_wh=(640, 480),
        )

    return result


def test_result_is_a_mapping_whose_values_are_its_attributes(make: Make) -> None:
    result = make()
    assert isinstance(result, Mapping)
    for key in result:
        np.testing.assert_array_equal(result[key], getattr(result, key))
    assert set(dict(result.items())) == set(result.keys())
    assert result.get("nothing") is None
    assert "keypoints_3d" in result
    assert "camera" not in result, "only arrays are values"


def test_people_are_picked_by_index_slice_list_and_mask(make: Make) -> None:
    result = make(3)
    assert len(result) == 3
    np.testing.assert_array_equal(result[-1].keypoints_2d[0], result.keypoints_2d[2])
    assert len(result[1:]) == 2
    assert result[1:].root_depth_source == ("assumed", "given")
    np.testing.assert_array_equal(result[[2, 0]].scores, result.scores[[2, 0]])
    np.testing.assert_array_equal(
        result[np.array([True, False, True])].bboxes, result.bboxes[[0, 2]]
    )
    assert len(result[[]]) == 0
    assert [len(person) for person in result.people()] == [1, 1, 1]
    for wrong in (3, -4):
        with pytest.raises(IndexError, match="3 people"):
            result[wrong]


def test_nobody_is_falsy_and_keeps_its_shapes(make: Make) -> None:
    nobody = make(0)
    assert not nobody
    assert nobody.keypoints_3d.shape == (0, 133, 3)
    assert nobody.to_dataframe().empty
    assert list(nobody.people()) == []


def test_frames_are_turned_not_mirrored(make: Make) -> None:
    result = make()
    space = result.keypoints_in("camera")
    for axes in ("z-up", "rtmpose3d", "root"):
        turned = result.keypoints_in(axes)
        sides = np.cross(turned[:, 5] - turned[:, 6], turned[:, 11] - turned[:, 6])
        volume = (sides * (turned[:, 9] - turned[:, 6])).sum(-1)
        sides = np.cross(space[:, 5] - space[:, 6], space[:, 11] - space[:, 6])
        np.testing.assert_allclose(volume, (sides * (space[:, 9] - space[:, 6])).sum(-1), atol=1e-5)
    root = result.keypoints_in("root")
    np.testing.assert_allclose(root[:, [11, 12]].mean(axis=1), 0, atol=1e-6)
    with pytest.raises(UnknownNameError, match="z-up"):
        result.keypoints_in("world")  # type: ignore[arg-type]


def test_2d_result_says_which_model_would_give_3d(make: Make) -> None:
    flat = make(has_3d=False)
    assert not flat.has_3d
    assert "keypoints_3d" not in flat
    with pytest.raises(InputError, match="rtmw3d-l"):
        _ = flat.keypoints_3d
    with pytest.raises(UnknownNameError, match="keypoints_2d"):
        flat["keypoints_3d"]
    assert "z_m" not in flat.to_dataframe()


def test_dataframe_has_a_row_per_person_and_keypoint(make: Make) -> None:
    result = make(2)
    frame = result.to_dataframe()
    assert len(frame) == 2 * 133
    row = frame[(frame.person == 1) & (frame.keypoint == "left_wrist")].iloc[0]
    assert (row["index"], row.part) == (9, "body")
    assert row.x_px == result.keypoints_2d[1, 9, 0]
    assert row.z_m == result.keypoints_3d[1, 9, 2]


def test_repr_is_short_and_says_what_is_inside(make: Make) -> None:
    text = repr(make(1))
    assert text.startswith("PoseResult(1 person, rtmw3d-l, keypoints_3d (1, 133, 3)")
    assert len(text) < 400


def test_saving_and_plotting_reach_their_modules(make: Make, tmp_path: Path) -> None:
    result = make(1)
    assert result.save(tmp_path / "pose.json").is_file()
    with pytest.raises(InputError, match="image"):
        result.plot(view="2d")
