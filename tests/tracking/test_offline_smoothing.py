from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.tracking import LiveSmoother, OfflineOptions, smooth_offline
from tracking.streams import CAMERA, errors_px, jitter, stream, true_points

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
        np.testing.assert_allclose(one.keypoints_2d, other.keypoints_2d, atol=0.05)


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
