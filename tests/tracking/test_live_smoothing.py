from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.tracking import LiveSmoother, SmootherOptions
from rtmpose3d.tracking.smoothing.one_euro import low_pass_gain
from rtmpose3d.tracking.smoothing.options import DEFAULT_SMOOTHER_OPTIONS
from tracking.streams import CAMERA, errors_px, jitter, stream, true_root_m

TIMES = np.arange(0, 2, 1 / 30)


def live(results, options=None):
    smoother = LiveSmoother(options or SmootherOptions())
    return [smoother.update(result) for result in results]


def test_jitter_falls_and_accuracy_does_not():
    noisy = stream(TIMES, noise_px=3.0)
    smooth = live(noisy)
    assert jitter(smooth) < 0.5 * jitter(noisy)
    assert errors_px(smooth)[10:].mean() < errors_px(noisy)[10:].mean()


def test_2d_and_3d_agree():
    for result in live(stream(TIMES[:20], noise_px=3.0, depth_noise_m=0.05, root_noise=0.1)):
        np.testing.assert_allclose(
            CAMERA.project(result.keypoints_camera), result.keypoints_2d, atol=1e-6
        )
        hips = result.keypoints_camera[:, [11, 12], 2].mean(axis=1)
        np.testing.assert_allclose(hips, result.root_depth_m, atol=0.1)


def test_root_depth_is_sharpened_but_never_below_what_stature_leaves_open():
    results = live(stream(TIMES, root_noise=0.08))
    relative = np.array([r.root_depth_std_m[0] / r.root_depth_m[0] for r in results])
    assert relative[-1] < 0.9 * relative[0]
    assert relative[-1] > 0.07
    before = [
        abs(r.root_depth_m[0] - true_root_m(r.time_s)) for r in stream(TIMES, root_noise=0.08)
    ]
    after = [abs(r.root_depth_m[0] - true_root_m(r.time_s)) for r in results]
    assert np.mean(after[20:]) < 0.5 * np.mean(before[20:])


def test_given_root_depth_stays():
    results = [
        replace(r, root_depth_source=("given",), root_depth_std_m=np.zeros(1))
        for r in stream(TIMES, root_noise=0.1)
    ]
    for before, after in zip(results, live(results), strict=True):
        assert after.root_depth_m == before.root_depth_m
        assert after.root_depth_std_m == 0


def test_order_of_the_people_does_not_matter():
    results = stream(TIMES, noise_px=3.0, people=3)
    shuffled = [r[[(i + k) % 3 for k in range(3)]] for i, r in enumerate(results)]
    for one, other in zip(live(results), live(shuffled), strict=True):
        order = np.argsort(other.track_ids)
        np.testing.assert_allclose(one.keypoints_2d, other.keypoints_2d[order])
        np.testing.assert_allclose(one.keypoints_camera, other.keypoints_camera[order])


def test_people_without_an_identifier_and_2d_results_are_fine():
    results = [
        replace(r, track_ids=np.array([-1, 7])) for r in stream(TIMES, people=2, has_3d=False)
    ]
    smooth = live(results)
    for before, after in zip(results, smooth, strict=True):
        np.testing.assert_array_equal(before.keypoints_2d[0], after.keypoints_2d[0])
        assert not after.has_3d
    assert not np.array_equal(smooth[9].keypoints_2d[1], results[9].keypoints_2d[1])


def test_after_a_long_absence_smoothing_starts_from_scratch():
    results = stream(np.array([0.0, 0.1, 5.0]), people=1)
    smooth = live(results)
    np.testing.assert_allclose(smooth[2].keypoints_2d, results[2].keypoints_2d)
    assert not np.allclose(smooth[1].keypoints_2d, results[1].keypoints_2d)


def test_frame_without_people_between_others_is_bridged():
    results = stream(np.array([0.0, 0.1, 0.2]), people=1)
    smooth = live([results[0], results[1][[]], results[2]])
    assert len(smooth[1]) == 0
    assert not np.allclose(smooth[2].keypoints_2d, results[2].keypoints_2d)


def test_keypoint_with_a_large_standard_deviation_moves_less():
    first, second = stream(TIMES[:2], noise_px=20.0)

    def moved(std_px):
        std = np.full((1, 133, 2), std_px)
        pair = [replace(r, keypoints_2d_std=std) for r in (first, second)]
        return np.abs(live(pair)[1].keypoints_2d - first.keypoints_2d).mean()

    assert moved(100.0) < moved(30.0) < moved(5.0)
    assert moved(5.0) == moved(1.0)
    assert np.isfinite(moved(np.nan))


def test_unusable_keypoints_move_with_the_person_and_are_not_spread():
    results = stream(TIMES[:5], people=1)
    results[3].keypoints_2d[0, 4] = np.nan
    smooth = live(results)
    before, after = smooth[2].keypoints_2d[0], smooth[3].keypoints_2d[0]
    joints = (results[3].keypoints_2d[0] - before)[:17]
    followed = low_pass_gain(DEFAULT_SMOOTHER_OPTIONS.common_cutoff_hz, TIMES[3] - TIMES[2])
    common = np.median(joints[np.isfinite(joints).all(axis=1)], axis=0)
    np.testing.assert_allclose(after[4], before[4] + followed * common)
    assert np.isfinite(smooth[4].keypoints_2d).all()


def test_the_motion_of_a_whole_person_is_delayed_less_than_that_of_one_keypoint():
    speed = np.array([60.0, 0.0])
    times = np.arange(60) / 30
    resting = stream(times[:1], people=1)[0]

    def lag_s(moving):
        results = []
        for time_s in times:
            points = resting.keypoints_2d.copy()
            points[:, moving] += (speed * time_s).astype(points.dtype)
            results.append(replace(resting, keypoints_2d=points, time_s=float(time_s)))
        behind = results[-1].keypoints_2d[0, 9] - live(results)[-1].keypoints_2d[0, 9]
        return behind[0] / speed[0]

    assert 0 < lag_s(slice(None)) < 0.7 * lag_s(slice(9, 10))


def test_inputs_do_not_change_and_dtypes_stay():
    result = stream(TIMES[:2], noise_px=2.0)[1]
    single = replace(
        result,
        keypoints_2d=result.keypoints_2d.astype(np.float32),
        keypoints_camera=result.keypoints_camera.astype(np.float32),
    )
    before = single.keypoints_2d.copy()
    after = live([stream(TIMES[:1])[0], single])[1]
    np.testing.assert_array_equal(single.keypoints_2d, before)
    assert after.keypoints_2d.dtype == after.keypoints_camera.dtype == np.float32


def test_results_that_cannot_be_smoothed_are_an_error():
    result = stream(TIMES[:1], people=2)[0]
    with pytest.raises(InputError, match="no track_ids"):
        live([replace(result, track_ids=None)])
    with pytest.raises(InputError, match="time_s is None"):
        live([replace(result, time_s=None)])
    with pytest.raises(InputError, match="must increase"):
        live([result, result])
    with pytest.raises(InputError, match="unique"):
        live([replace(result, track_ids=np.array([2, 2]))])
    with pytest.raises(InputError, match="beta must be above 0"):
        SmootherOptions(beta=0)
