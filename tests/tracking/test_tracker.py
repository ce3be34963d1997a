import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.tracking import Tracker, TrackerOptions
from tracking.moving_people import Walker, update

CROSSING = [
    Walker(start_xy=(200, 300), velocity_xy=(200, 0), shape=1),
    Walker(start_xy=(800, 310), velocity_xy=(-200, 10), shape=2),
    Walker(start_xy=(1200, 320), velocity_xy=(0, 20), size_wh=(120, 350), shape=3),
]


def run(tracker, people, times, visible=lambda i, t: True, order=None):
    """Ids per frame of the people; None for hidden ones."""
    history = []
    for time_s in times:
        shown = [i for i in range(len(people)) if visible(i, time_s)]
        ids = update(tracker, [people[i] for i in shown], time_s, order=order)
        history.append([ids[shown.index(i)] if i in shown else None for i in range(len(people))])
    return history


def test_ids_appear_after_the_minimum_number_of_hits_and_then_stay():
    history = run(Tracker(TrackerOptions(min_hits=3)), CROSSING, np.arange(0, 3, 1 / 30))
    assert history[:2] == [[-1, -1, -1]] * 2
    assert history[2:] == [[1, 2, 3]] * (len(history) - 2)


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)))
def test_order_of_the_people_does_not_change_who_is_who(order):
    history = run(Tracker(), CROSSING, np.arange(0, 3, 1 / 15), order=list(order))
    people = list(zip(*history[2:], strict=True))
    assert sorted(ids[0] for ids in people) == [1, 2, 3]
    assert all(len(set(ids)) == 1 for ids in people)


@pytest.mark.parametrize("fps", [10, 25, 60])
@pytest.mark.parametrize("hidden_s", [0.3, 0.8])
def test_people_who_cross_and_are_hidden_meanwhile_keep_their_ids(fps, hidden_s):
    def visible(person, time_s):
        return person != 1 or abs(time_s - 1.5) > hidden_s / 2

    history = run(Tracker(), CROSSING, np.arange(0, 3, 1 / fps), visible)
    assert {ids[0] for ids in history[5:]} == {1}
    assert {ids[1] for ids in history[5:]} == {2, None}


def walking_back(colours):
    """Two people who meet, stop while one hides the other for half a second, and walk back."""

    def person(i, time_s):
        side = -1 if i == 0 else 1
        away = 250 * max(abs(time_s - 1.5) - 0.25, 0.0)
        return Walker(start_xy=(500 + side * away, 300), shape=5, colour=colours[i])

    tracker, history = Tracker(), []
    for time_s in np.arange(0, 3, 1 / 20):
        shown = [0] if abs(time_s - 1.5) < 0.3 else [0, 1]
        history.append(update(tracker, [person(i, time_s) for i in shown], float(time_s)))
    return history


def test_people_who_meet_and_walk_back_are_distinguished_by_their_colours():
    history = walking_back((0.2, 0.6))
    assert history[5] == history[-1] == [1, 2]


def test_without_colours_people_who_meet_and_walk_back_exchange_their_ids():
    assert walking_back((None, None))[-1] == [2, 1]


def test_lost_person_is_recognised_by_colours_elsewhere_in_reach():
    def ids_afterwards(colour_after):
        tracker = Tracker()
        for k in range(10):  # walks to the right, and is hidden
            update(tracker, [Walker(start_xy=(100 + 20 * k, 300), colour=0.2)], k / 20)
        there = Walker(start_xy=(500, 300), colour=colour_after)
        return [update(tracker, [there], 1.0 + k / 20) for k in range(4)]

    assert ids_afterwards(0.2) == [[1]] * 4
    assert ids_afterwards(0.8)[-1] == [2]


def test_no_one_continues_the_track_of_a_person_in_other_clothes():
    tracker = Tracker()
    for k in range(6):
        update(tracker, [Walker(start_xy=(300, 300), colour=0.2)], k / 20)
    assert update(tracker, [Walker(start_xy=(300, 300), colour=0.8)], 0.3) == [-1]


@settings(max_examples=15, deadline=None)
@given(st.floats(0.02, 0.1), st.integers(0, 1000))
def test_irregular_times_do_not_matter(step_s, seed):
    times = np.cumsum(np.random.default_rng(seed).uniform(0.3, 1.7, 60) * step_s)
    history = run(Tracker(), CROSSING, times[times < 3])
    assert history[10:] == [[1, 2, 3]] * (len(history) - 10)


def test_death_comes_after_seconds_whatever_the_frame_rate():
    for fps in (8, 30, 60):
        tracker = Tracker(TrackerOptions(max_lost_s=1.0))
        people = [CROSSING[2]]
        run(tracker, people, np.arange(0, 1, 1 / fps))
        run(tracker, people, 1 + np.arange(0, 0.8, 1 / fps), lambda *_: False)
        assert run(tracker, people, [1.9])[0] == [1], fps
        run(tracker, people, 2 + np.arange(0, 1.3, 1 / fps), lambda *_: False)
        assert run(tracker, people, 3.5 + np.arange(0, 1, 1 / fps))[-1] == [2], fps


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=5, max_size=60))
def test_ids_are_unique_in_a_frame_and_never_reused(shown):
    tracker = Tracker(TrackerOptions(min_hits=1, min_age_s=0, max_lost_s=0.05))
    last_frame = {}
    for frame, flags in enumerate(shown):
        people = [p for p, flag in zip(CROSSING, flags, strict=True) if flag]
        ids = [i for i in update(tracker, people, frame * 0.1 + 0.1) if i > 0]
        assert len(set(ids)) == len(ids)
        highest = max(last_frame, default=0)
        for track_id in ids:
            assert track_id > highest or last_frame.get(track_id) == frame - 1
            last_frame[track_id] = frame


def test_second_pose_of_the_same_person_is_marked_as_duplicate():
    tracker = Tracker()
    person = CROSSING[0]
    shrunk = Walker(
        start_xy=person.start_xy, velocity_xy=person.velocity_xy, size_wh=(98, 296), shape=1
    )
    for time_s in np.arange(0, 1, 1 / 30):
        ids = update(tracker, [person, shrunk], float(time_s))
        assert ids[1] == -1
    assert ids == [1, -1]


def test_weak_detection_starts_no_track():
    tracker = Tracker(TrackerOptions(min_hits=1, min_age_s=0, min_birth_score=0.95))
    assert update(tracker, CROSSING, 0.0) == [-1, -1, -1]


def test_predicted_boxes_follow_the_motion_and_contain_the_pose():
    tracker = Tracker()
    run(tracker, CROSSING, np.arange(0, 1, 1 / 30))
    boxes, ids, _ = tracker.predict_boxes(1.1)
    assert ids.tolist() == [1, 2, 3]
    assert (boxes.dtype, ids.dtype) == (np.float32, np.int64)
    for box, person in zip(boxes, CROSSING, strict=True):
        np.testing.assert_allclose(box, person.box(1.1), atol=15)


def test_tracking_from_predicted_boxes_keeps_ids_without_detection():
    tracker = Tracker()
    run(tracker, CROSSING[:2], np.arange(0, 0.5, 1 / 30))
    for time_s in np.arange(0.5, 1.2, 1 / 30):
        boxes, _, _ = tracker.predict_boxes(float(time_s))
        keypoints = np.array([p.keypoints(float(time_s)) for p in CROSSING[:2]])
        confidence = np.full((2, NUM_KEYPOINTS), 0.8)
        ids = tracker.update(
            boxes, np.ones(2), keypoints, confidence, float(time_s), detected=False
        )
        assert ids.tolist() == [1, 2]
        assert not tracker.needs_detection


def test_detection_is_needed_at_first_and_when_a_track_is_lost():
    tracker = Tracker(TrackerOptions(min_hits=1, min_age_s=0))
    assert tracker.needs_detection
    update(tracker, CROSSING, 0.0)
    assert not tracker.needs_detection
    update(tracker, CROSSING[:2], 0.1)
    assert tracker.needs_detection
    update(tracker, CROSSING[:2], 0.2)
    assert not tracker.needs_detection


@pytest.mark.parametrize("fault", ["moved", "unsure"])
def test_detection_is_needed_when_a_pose_leaves_its_box_or_gets_unsure(fault):
    tracker = Tracker(TrackerOptions(min_hits=1, min_age_s=0))
    person = CROSSING[2]
    for time_s in (0.0, 0.1, 0.2):
        update(tracker, [person], time_s)
    assert not tracker.needs_detection
    keypoints = person.keypoints(0.3)[None] + (40.0 if fault == "moved" else 0.0)
    confidence = np.full((1, NUM_KEYPOINTS), 0.4 if fault == "unsure" else 0.8)
    tracker.update(person.box(0.3)[None], np.ones(1), keypoints, confidence, 0.3)
    assert tracker.needs_detection


def test_frames_without_people_are_fine():
    tracker = Tracker()
    assert update(tracker, [], 0.0) == []
    boxes, ids, scores = tracker.predict_boxes(0.1)
    assert (boxes.shape, ids.shape, scores.shape) == ((0, 4), (0,), (0,))
    assert tracker.needs_detection


def test_poses_without_confidence_are_tracked_by_their_boxes():
    tracker = Tracker(TrackerOptions(min_hits=1, min_age_s=0))
    person = CROSSING[0]
    for time_s in np.arange(0, 1, 1 / 30):
        nothing = np.full((1, NUM_KEYPOINTS, 2), np.nan)
        ids = tracker.update(
            person.box(time_s)[None], np.ones(1), nothing, nothing[..., 0], float(time_s)
        )
        assert ids.tolist() == [1]


def test_times_must_increase():
    tracker = Tracker()
    update(tracker, CROSSING, 1.0)
    with pytest.raises(InputError, match="time_s must be finite and above"):
        update(tracker, CROSSING, 1.0)


def test_wrong_shapes_are_named():
    with pytest.raises(InputError, match=r"keypoints must have shape \(1, 133, 2\)"):
        Tracker().update(
            np.zeros((1, 4)), np.zeros(1), np.zeros((1, 17, 2)), np.zeros((1, 17)), 0.0
        )


def test_options_are_checked():
    with pytest.raises(InputError, match="min_hits"):
        TrackerOptions(min_hits=0)
    with pytest.raises(InputError, match="pose_weight must be between 0 and 1"):
        TrackerOptions(pose_weight=1.5)
    with pytest.raises(InputError, match="max_lost_s must be finite"):
        TrackerOptions(max_lost_s=float("inf"))
