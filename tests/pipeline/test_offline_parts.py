"""Long streams are smoothed in parts: every result once, in order, nearly as in one part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from example_results import example_result
from rtmpose3d.pipeline.offline_parts import smooth_in_parts
from rtmpose3d.tracking import smooth_offline


def stream(count: int, *, fps: float = 10.0):
    """One person who moves steadily, with noise."""
    rng = np.random.default_rng(0)
    still = example_result(1, has_3d=False, camera=None, track_ids=np.array([1])).without_image()
    return [
        replace(
            still,
            frame_index=index,
            time_s=index / fps,
            keypoints_2d=still.keypoints_2d + np.float32(index) + rng.normal(size=2).astype("f4"),
        )
        for index in range(count)
    ]


@given(count=st.integers(0, 40), people_per_part=st.integers(5, 50))
@settings(max_examples=6)
def test_every_result_comes_once_and_in_order(count, people_per_part):
    smoothed = list(smooth_in_parts(stream(count, fps=4), people_per_part=people_per_part))
    assert [result.frame_index for result in smoothed] == list(range(count))


def test_a_short_stream_is_one_part():
    results, divisions = stream(30), []
    smoothed = list(smooth_in_parts(results, on_division=lambda: divisions.append(1)))
    assert smoothed == smooth_offline(results)
    assert not divisions


def test_parts_join_as_if_they_were_one():
    results, divisions = stream(200), []
    parts = smooth_in_parts(results, people_per_part=80, on_division=lambda: divisions.append(1))
    points = np.array([result.keypoints_2d[0] for result in parts])
    whole = np.array([result.keypoints_2d[0] for result in smooth_offline(results)])
    noisy = np.array([result.keypoints_2d[0] for result in results])
    assert len(divisions) >= 3
    assert np.abs(points - whole).max() < 0.1 * np.abs(noisy - whole).max()
