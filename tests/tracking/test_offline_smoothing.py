from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.tracking import LiveSmoother, OfflineOptions, smooth_offline
from rtmpose3d.tracking.smoothing.bones import RIGID_BONES
from rtmpose3d.tracking.smoothing.swaps import GROUPS, swapped_frames
from tracking.streams import (
    CAMERA,
    errors_px,
    jitter,
    stream,
    true_points,
    true_root_m,
    true_space,
)

TIMES = np.arange(0, 2, 1 / 30)


def test_jitter_and_error_fall_more_than_live():
    noisy = stream(TIMES, noise_px=3.0)
    offline = smooth_offline(noisy)
    smoother = LiveSmoother()
    live = [smoother.update(result) for result in noisy]
    assert jitter(offline) < jitter(live) < jitter(noisy)
    assert errors_px(offline).mean() < 0.7 * errors_px(noisy).mean()
    assert errors_px(offline)[10:].mean() < errors_px(live)[10:].mean()


def test_motion_without_noise_has_no_lag():
    clean = stream(TIMES)
    assert errors_px(smooth_offline(clean))[5:-5].mean() < 0.5


def test_backwards_in_time_gives_the_same():
    noisy = stream(TIMES, noise_px=3.0)
    end = TIMES[-1]
    reverse = [replace(r, time_s=float(end - r.time_s)) for r in reversed(noisy)]
    forward, backward = smooth_offline(noisy), smooth_offline(reverse)
    for one, other in zip(forward, reversed(backward), strict=True):
        np.testing.assert_allclose(one.keypoints_2d, other.keypoints_2d, atol=0.3)


def test_short_gap_is_filled_and_marked_and_a_long_one_is_not():
    results = stream(TIMES, noise_px=0.5, people=2)
    for i in (*range(10, 16), *range(25, 50)):
        results[i] = results[i][:1]
    smooth = smooth_offline(results, OfflineOptions(max_gap_s=0.3))
    assert [len(r) for r in smooth[8:18]] == [2] * 10
    assert [r.filled.tolist() for r in smooth[9:17]] == [[0, 0], *[[0, 1]] * 6, [0, 0]]
    for result in smooth[10:16]:
        assert result.track_ids.tolist() == [1, 2]
        gap = np.linalg.norm(result.keypoints_2d[1] - true_points(result.time_s, 1), axis=1)
        assert gap.mean() < 5
    assert {len(r) for r in smooth[25:50]} == {1}


def test_outlier_does_not_bend_the_motion():
    noisy = stream(TIMES, noise_px=0.5)
    noisy[30].keypoints_2d[0, 9] += 150.0
    error = errors_px(smooth_offline(noisy))[:, 9]
    assert error[30] < 15
    assert error[25:36].max() < 15


def test_2d_and_3d_agree():
    noisy = stream(TIMES, noise_px=2.0, depth_noise_m=0.05, root_noise=0.05)
    for result in smooth_offline(noisy):
        np.testing.assert_allclose(
            CAMERA.project(result.keypoints_camera), result.keypoints_2d, atol=1e-6
        )


def test_people_without_an_identifier_stay_as_they_are():
    results = [replace(r, track_ids=np.array([-1])) for r in stream(TIMES[:5], noise_px=2.0)]
    for before, after in zip(results, smooth_offline(results), strict=True):
        np.testing.assert_array_equal(before.keypoints_2d, after.keypoints_2d)
        assert after.filled.tolist() == [0]


def test_nothing_and_single_frames_are_fine():
    assert smooth_offline([]) == []
    result = stream(TIMES[:1])[0]
    (smooth,) = smooth_offline([result])
    np.testing.assert_allclose(smooth.keypoints_2d, result.keypoints_2d)
    (empty,) = smooth_offline([result[[]]])
    assert len(empty) == 0
    assert empty.filled.shape == (0,)


def test_2d_results_are_smoothed_without_3d():
    smooth = smooth_offline(stream(TIMES, noise_px=2.0, has_3d=False))
    assert not smooth[0].has_3d
    assert jitter(smooth) < 1.0


def test_options_are_checked():
    with pytest.raises(InputError, match="noise must be above 0"):
        OfflineOptions(noise=0)


def bone_lengths(results, pairs):
    space = np.array([r.keypoints_camera[0] for r in results])
    return np.linalg.norm(space[:, pairs[:, 0]] - space[:, pairs[:, 1]], axis=2)


def test_bones_have_one_length_over_the_track_near_the_true_one():
    noisy = stream(TIMES, noise_px=2.0, depth_noise_m=0.04, root_noise=0.06)
    lengths = bone_lengths(smooth_offline(noisy), RIGID_BONES)
    spread = (lengths.std(axis=0) / lengths.mean(axis=0)).max()
    before = bone_lengths(noisy, RIGID_BONES)
    assert spread < 0.01 < (before.std(axis=0) / before.mean(axis=0)).max()
    truth = true_space(0.0)
    true_lengths = np.linalg.norm(truth[RIGID_BONES[:, 0]] - truth[RIGID_BONES[:, 1]], axis=1)
    np.testing.assert_allclose(lengths.mean(axis=0), true_lengths, rtol=0.15, atol=0.03)


def test_constant_bones_sharpen_the_root_depth():
    noisy = stream(TIMES, noise_px=1.0, depth_noise_m=0.02, root_noise=0.08)
    smooth = smooth_offline(noisy)

    def spread(results):
        errors = [np.log(r.root_depth_m[0] / true_root_m(r.time_s)) for r in results]
        return float(np.std(errors))

    assert spread(smooth) < 0.25 * spread(noisy)
    assert smooth[0].root_depth_std_m[0] < noisy[0].root_depth_std_m[0]


@pytest.mark.parametrize("group", GROUPS)
def test_sides_exchanged_for_some_frames_are_mended_with_their_confidence(group):
    clean = stream(TIMES, noise_px=0.5)
    members = np.array(group)
    results = list(clean)
    for i in (20, 21, 22, 23, 40):
        person = clean[i]
        confidence = person.confidence.copy()
        confidence[0, members[0]] = 0.75
        arrays = {
            name: getattr(person, name).copy() for name in ("keypoints_2d", "keypoints_camera")
        } | {"confidence": confidence}
        for array in arrays.values():
            array[:, members] = array[:, WHOLEBODY.flip_index[members]]
        results[i] = replace(person, **arrays)
    smooth = smooth_offline(results)
    assert errors_px(results)[20, members].mean() > 10
    assert errors_px(smooth)[:, members].max() < 8
    assert smooth[20].confidence[0, members[0]] == pytest.approx(0.75)


def test_sides_of_a_person_who_rotates_are_left_alone():
    clean = stream(TIMES, noise_px=0.5)
    swapped = swapped_frames(
        np.array([r.keypoints_2d[0] for r in clean]),
        None,
        np.ones((len(clean), 133)),
        np.full(len(clean), 300.0),
    )
    assert not swapped.any()
