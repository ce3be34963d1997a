"""Root depth of synthetic people, whose ground truth is known, and of annotated real ones."""

import numpy as np
import pytest
from annotated_people import annotated_people
from people_in_3d import HEAD, make_people

from rtmpose3d.errors import InputError
from rtmpose3d.geometry import Camera, solve_root_depth
from rtmpose3d.geometry.proportions import BONES
from rtmpose3d.geometry.root_depth import (
    DEFAULT_ROOT_DEPTH_M,
    PUBLISHED_ACCURACY,
    KeypointAccuracy,
)
from rtmpose3d.skeletons import WHOLEBODY

CAMERA = Camera(fx=1145.0, fy=1130.0, cx=700.0, cy=310.0, width=1280, height=720)
NOISE = {"noise_px": 3.0, "noise_m": 0.03}
WITHOUT_LEGS = [*range(13), *range(23, 133)]
WITHOUT_HIPS = [*range(11), *range(23, 91)]


def solve(people, height_m=None, accuracy=PUBLISHED_ACCURACY):
    return solve_root_depth(
        people.keypoints_2d,
        people.depth_m,
        people.confidence,
        people.camera,
        height_m=height_m,
        accuracy=accuracy,
    )


def errors(people, solved):
    """Relative errors, and errors in standard deviations."""
    off = solved.depth_m - people.root_depth_m
    return off / people.root_depth_m, off / solved.std_m


def test_a_person_of_the_tables_proportions_is_found_exactly():
    people = make_people(50, np.random.default_rng(0), proportions=0, stature_m=1.7)

    relative, _ = errors(people, solve(people))

    assert np.abs(relative).max() < 0.02


@pytest.mark.parametrize(
    ("case", "mean_error"),
    [
        ({}, 0.06),
        ({"visible": range(17)}, 0.065),
        ({**NOISE}, 0.07),
        ({**NOISE, "visible": range(17)}, 0.07),
        ({**NOISE, "outliers": 0.1}, 0.07),
        ({**NOISE, "distance_m": (0.8, 1.5)}, 0.07),
        ({"noise_px": 1.0, "noise_m": 0.03, "distance_m": (15.0, 40.0)}, 0.07),
        ({**NOISE, "distance_m": (1.0, 3.0), "visible": WITHOUT_LEGS}, 0.08),
        ({**NOISE, "distance_m": (0.7, 2.0), "visible": WITHOUT_HIPS}, 0.09),
        ({"noise_px": 3.0, "noise_m": 0.01, "distance_m": (0.5, 1.2), "visible": HEAD}, 0.11),
    ],
    ids=[
        "clean",
        "body points only",
        "noise",
        "body points with noise",
        "a tenth misplaced",
        "near",
        "far",
        "no legs",
        "no hips",
        "head only",
    ],
)
def test_errors_are_small_and_the_standard_deviation_is_honest(case, mean_error):
    people = make_people(300, np.random.default_rng(7), **case)

    solved = solve(people)
    relative, in_std = errors(people, solved)

    assert np.abs(relative).mean() < mean_error
    assert abs(np.median(relative)) < 0.05
    assert (np.abs(in_std) < 2).mean() > 0.9
    # ... and not merely because it is large:
    assert 0.6 < np.sqrt((in_std**2).mean()) < 1.2
    assert solved.source.count("estimated") >= 0.98 * 300


def test_three_misplaced_keypoints_in_ten_are_outvoted():
    people = make_people(300, np.random.default_rng(7), outliers=0.3, **NOISE)

    relative, in_std = errors(people, solve(people))

    assert np.abs(relative).mean() < 0.08
    assert (np.abs(in_std) < 2).mean() > 0.9
    assert np.sqrt((in_std**2).mean()) < 1.2


def test_a_known_height_makes_it_more_accurate_and_more_certain():
    people = make_people(200, np.random.default_rng(1), **NOISE)

    without, given = solve(people), solve(people, people.stature_m)

    assert np.abs(errors(people, given)[0]).mean() < 0.7 * np.abs(errors(people, without)[0]).mean()
    assert (given.std_m < without.std_m).mean() > 0.95


def test_children_are_found_when_their_height_is_given():
    people = make_people(100, np.random.default_rng(2), stature_m=1.15, **NOISE)

    assert np.abs(errors(people, solve(people, 1.15))[0]).mean() < 0.06


def test_one_height_for_all_is_as_that_height_for_each_and_nan_is_unknown():
    people = make_people(4, np.random.default_rng(3))
    mixed = np.array([1.9, np.nan, 1.9, np.nan])

    depth, known, unknown = (solve(people, h).depth_m for h in (mixed, 1.9, None))

    np.testing.assert_array_equal(depth[[0, 2]], known[[0, 2]])
    np.testing.assert_array_equal(depth[[1, 3]], unknown[[1, 3]])


def test_a_person_alone_is_solved_as_in_a_crowd():
    people = make_people(6, np.random.default_rng(4), **NOISE)
    together = solve(people)

    alone = solve_root_depth(
        people.keypoints_2d[2:3], people.depth_m[2:3], people.confidence[2:3], people.camera
    )

    np.testing.assert_allclose(alone.depth_m, together.depth_m[2:3], rtol=1e-12)
    np.testing.assert_allclose(alone.std_m, together.std_m[2:3], rtol=1e-12)


def test_a_longer_focal_length_is_a_greater_distance_in_proportion():
    people = make_people(20, np.random.default_rng(5), distance_m=(6.0, 12.0))
    people.depth_m[:] = 0
    c = people.camera
    zoomed = Camera(fx=2 * c.fx, fy=2 * c.fy, cx=c.cx, cy=c.cy, width=c.width, height=c.height)

    twice = solve_root_depth(people.keypoints_2d, people.depth_m, people.confidence, zoomed)

    np.testing.assert_allclose(twice.depth_m, 2 * solve(people).depth_m, rtol=0.01)


@pytest.mark.parametrize("factor", [0.4, 1.3])
def test_the_scale_of_the_confidences_hardly_matters(factor):
    people = make_people(100, np.random.default_rng(6), **NOISE)
    before = solve(people).depth_m
    people.confidence = np.clip(people.confidence * factor, 0, 1)

    assert np.abs(solve(people).depth_m / before - 1).mean() < 0.04


def test_two_bones_of_a_wrong_length_hardly_move_a_person():
    people = make_people(100, np.random.default_rng(3), proportions=0.3)
    people.confidence[:] = 0.8
    before = solve(people)
    wrists = [WHOLEBODY.index("left_wrist"), WHOLEBODY.index("right_wrist")]
    people.keypoints_2d[:, wrists] += np.random.default_rng(4).normal(0, 400, (100, 2, 2))

    moved = np.abs(solve(people).depth_m / before.depth_m - 1)

    assert np.percentile(moved, 95) < 0.1


def test_a_bone_that_points_at_the_camera_has_no_say():
    elbow, wrist = WHOLEBODY.index("left_elbow"), WHOLEBODY.index("left_wrist")
    depths = []
    for along_m in (0.2, 0.3, 0.5):
        people = make_people(30, np.random.default_rng(8), visible=range(17))
        extent_px = np.ptp(people.keypoints_2d[:, :17], axis=1).max(axis=1)
        shorter_than_noise = (
            0.7 * PUBLISHED_ACCURACY.point_std * extent_px[:, None] * np.array([0.8, -0.6])
        )
        people.keypoints_2d[:, wrist] = people.keypoints_2d[:, elbow] + shorter_than_noise
        people.depth_m[:, wrist] = people.depth_m[:, elbow] + along_m
        depths.append(solve(people).depth_m)

    np.testing.assert_array_equal(depths[0], depths[1])
    np.testing.assert_array_equal(depths[0], depths[2])


def test_two_thighs_are_one_measurement_of_proportions():
    thigh = next(bone for bone in BONES if bone.name == "thigh")
    points = np.zeros((1, 133, 3))
    points[0, :, 2] = 4
    for side, (hip, knee) in zip((0.12, -0.12), thigh.keypoints, strict=True):
        points[0, hip, :2], points[0, knee, :2] = (side, 0), (side, thigh.length_m)
    confidence = np.zeros((1, 133))
    confidence[0, np.ravel(thigh.keypoints)] = 1

    solved = solve_root_depth(
        CAMERA.project(points), np.zeros((1, 133)), confidence, CAMERA, height_m=1.7
    )

    assert solved.depth_m == pytest.approx(4, rel=0.05)
    assert solved.std_m / solved.depth_m > thigh.std


def test_the_standard_deviation_covers_what_all_bones_of_a_person_share():
    people = make_people(400, np.random.default_rng(5))
    shared = np.exp(np.random.default_rng(9).normal(0, 0.03, 400))  # posture, shoes, table

    _, in_std = errors(people, solve(people, people.stature_m * shared))

    assert 0.7 < np.sqrt((in_std**2).mean()) < 1.0


def test_less_confidence_is_less_certainty():
    people = make_people(50, np.random.default_rng(6), **NOISE)
    before = solve(people)
    people.confidence *= 0.4
    after = solve(people)

    assert (after.std_m / after.depth_m > before.std_m / before.depth_m).all()


def test_wrong_keypoints_of_confidence_0_change_nothing():
    people = make_people(5, np.random.default_rng(8), visible=range(17))
    before = solve(people).depth_m
    people.keypoints_2d[:, 17:] = -3e5
    people.depth_m[:, 17:] = -2.17

    np.testing.assert_array_equal(solve(people).depth_m, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_keypoints_that_are_not_numbers_are_as_good_as_unseen(bad):
    people = make_people(5, np.random.default_rng(9))
    unseen = people.confidence.copy()
    unseen[0, 9] = unseen[1, 13] = 0
    expected = solve_root_depth(people.keypoints_2d, people.depth_m, unseen, people.camera)

    people.keypoints_2d[0, 9, 1] = bad
    people.depth_m[1, 13] = bad
    people.confidence[2, 15] = np.nan

    solved = solve(people)
    np.testing.assert_allclose(solved.depth_m[:2], expected.depth_m[:2], rtol=1e-12)
    assert np.isfinite(solved.depth_m).all()
    assert np.isfinite(solved.std_m).all()


@pytest.mark.parametrize("confidence", [0.0, 1.0, np.nan])
def test_a_person_without_extent_gets_the_default_distance(confidence):
    solved = solve_root_depth(
        np.full((1, 133, 2), -0.5), np.zeros((1, 133)), np.full((1, 133), confidence), CAMERA
    )

    assert solved.depth_m == pytest.approx(DEFAULT_ROOT_DEPTH_M)
    assert 0.9 * solved.depth_m < solved.std_m < 1.1 * solved.depth_m
    assert solved.source == ("assumed",)


def test_bones_between_the_keypoints_of_a_model_may_be_of_other_lengths():
    people = make_people(50, np.random.default_rng(0), proportions=0, stature_m=1.7)
    shorter = KeypointAccuracy(bone_ratio={bone.name: 0.8 for bone in BONES})

    solved = solve(people, accuracy=shorter)

    # Not 0.8 exactly: the relative depths keep their scale.
    assert 0.78 < np.median(solved.depth_m / people.root_depth_m) < 0.85


def test_less_accurate_keypoints_make_a_distance_less_certain():
    people = make_people(50, np.random.default_rng(0), **NOISE)
    vague = KeypointAccuracy(point_std=0.03, depth_factor=2.0)

    assert (solve(people, accuracy=vague).std_m > solve(people).std_m).all()


@pytest.mark.parametrize("part", ["left_hand", "right_hand"])
def test_the_distance_of_a_hand_alone_is_assumed(part):
    people = make_people(5, np.random.default_rng(11), visible=range(133)[WHOLEBODY.parts[part]])

    assert solve(people).source == ("assumed",) * 5


@pytest.mark.parametrize(
    ("joints", "extent_m"), [((15, 16), 1.45), ((13, 14), 0.80), ((11, 12), 0.70), ((5, 6), 0.65)]
)
def test_the_lowest_joint_says_how_large_a_person_is_expected_to_be(joints, extent_m):
    uv, confidence = np.zeros((1, 133, 2)), np.zeros((1, 133))
    used = [0, joints[0]]  # the nose shares no bone with any of these
    confidence[:, used] = 0.9
    uv[:, joints[0], 1] = 100.0

    solved = solve_root_depth(uv, np.zeros((1, 133)), confidence, CAMERA)

    assert solved.depth_m[0] == pytest.approx(extent_m * CAMERA.fy / 100, rel=0.02)
    assert solved.source == ("assumed",)


def test_without_bones_the_size_in_the_image_is_used():
    uv = np.zeros((2, 133, 2))
    confidence = np.zeros((2, 133))
    confidence[:, [0, 16]] = 0.9  # nose and right ankle share no bone
    uv[:, 16] = [[0, 600], [0, 60]]

    near, far = solve_root_depth(uv, np.zeros((2, 133)), confidence, CAMERA).depth_m

    assert far == pytest.approx(10 * near)
    assert 1.5 < near < 4


def test_all_points_stay_before_the_camera():
    people = make_people(50, np.random.default_rng(10), distance_m=(1.2, 1.5), noise_m=0.5)

    solved = solve(people)

    nearest = np.sort(solved.depth_m[:, None] + people.depth_m, axis=1)
    assert (nearest[:, 2] > 0).all()  # two may be misplaced in depth


def test_two_wildly_wrong_depths_do_not_push_a_near_person_away():
    people = make_people(20, np.random.default_rng(11), distance_m=(1.0, 1.2))
    before = solve(people).depth_m
    people.depth_m[:, [9, 100]] = -2.1

    assert np.abs(solve(people).depth_m / before - 1).max() < 0.1


def test_no_people_have_no_depths():
    empty = np.zeros((0, 133, 2), np.float32)

    solved = solve_root_depth(empty, empty[..., 0], empty[..., 0], CAMERA)

    assert solved.depth_m.shape == solved.std_m.shape == (0,)
    assert solved.source == ()


def test_noise_for_input_never_gives_nan_or_a_warning():
    rng = np.random.default_rng(12)
    uv = rng.normal(0, 1, (300, 133, 2)) * 10.0 ** rng.uniform(-6, 7, (300, 1, 1))
    depth = rng.normal(0, 1, (300, 133)) * 10.0 ** rng.uniform(-6, 3, (300, 1))
    confidence = rng.uniform(-0.5, 1.5, (300, 133)) * (rng.random((300, 133)) < 0.3)

    solved = solve_root_depth(uv, depth, confidence, CAMERA)

    assert np.isfinite(solved.depth_m).all()
    assert (solved.depth_m > 0).all()
    assert (solved.std_m > 0).all()
    assert np.isfinite(solved.std_m).all()


@pytest.mark.parametrize(
    ("height_m", "message"),
    [
        (175, "stature in metres, between 0.3 and 2.6; got 175; 175 cm are 1.75 m"),
        (0.0, "got 0"),
        ([1.7, 1.8, 1.9], r"one per person, got shape \(3,\) for 2 people"),
    ],
)
def test_impossible_heights_are_refused(height_m, message):
    people = make_people(2, np.random.default_rng(13))

    with pytest.raises(InputError, match=message):
        solve(people, height_m)


def test_other_shapes_are_refused():
    with pytest.raises(InputError, match=r"expected keypoints_2d \(N, 133, 2\)"):
        solve_root_depth(np.zeros((2, 17, 2)), np.zeros((2, 17)), np.zeros((2, 17)), CAMERA)


def test_inputs_are_not_changed():
    people = make_people(3, np.random.default_rng(14))
    before = [a.copy() for a in (people.keypoints_2d, people.depth_m, people.confidence)]

    solve(people, 1.8)

    for array, was in zip(
        (people.keypoints_2d, people.depth_m, people.confidence), before, strict=True
    ):
        np.testing.assert_array_equal(array, was)


def test_bones_join_keypoints_of_the_same_kind_on_both_sides():
    for bone in BONES:
        assert 0 < bone.length_m < 0.6
        if len(bone.keypoints) == 2:
            left, right = bone.keypoints
            assert sorted(WHOLEBODY.flip_index[list(left)]) == sorted(right), bone.name
        else:
            pair = list(bone.keypoints[0])
            assert sorted(WHOLEBODY.flip_index[pair]) == sorted(pair), bone.name


@pytest.fixture(scope="module")
def real_people(shared):
    return list(annotated_people(shared / "samples"))


def test_annotated_real_people_are_found_within_six_percent_on_average(real_people):
    depth, std = np.zeros((2, len(real_people)))
    for i, person in enumerate(real_people):
        solved = solve(person)
        depth[i], std[i] = solved.depth_m[0], solved.std_m[0]
    true = np.array([person.root_depth_m for person in real_people])

    assert len(real_people) == 8
    assert np.abs(depth / true - 1).mean() <= 0.06
    assert (np.abs(depth - true) < 2 * std).all()


def test_annotated_points_are_the_projections_of_the_annotated_person(real_people):
    for person in real_people:
        used = person.confidence > 0
        assert used.sum() == 12
        depth = person.depth_m[used] + person.root_depth_m
        assert person.camera.unproject(person.keypoints_2d[used], depth)[:, 2].min() > 1
