from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rtmpose3d.synth import CameraView, Person, Renderer, Scene
from rtmpose3d.synth.output.labels import (
    OCCLUDED,
    OUTSIDE,
    VISIBLE,
    PersonLabels,
    keypoint_visibility,
    label_people,
    mask_box,
    silhouette_box,
)
from rtmpose3d.synth.scene.cameras import camera_position, to_camera

pytestmark = pytest.mark.slow


def test_points_in_metres_project_to_the_points_in_pixels(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    labels = label_people(two_people.people, view, renderer.render(two_people, view))
    assert len(labels) == 2
    for one in labels:
        difference = view.camera.project(one.keypoints_camera_m) - one.keypoints_px
        assert np.abs(difference).max() < 0.01


def test_the_silhouette_box_is_that_of_the_drawn_person(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    for person in two_people.people:
        scene = replace(two_people, people=(person,))
        mask = renderer.render(scene, view).owner == 1
        assert silhouette_box(person, view) == pytest.approx(mask_box(mask), abs=2.0)


def test_a_person_seen_from_the_front_shows_the_face_and_from_behind_does_not(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    person = two_people.people[0]
    scene = replace(two_people, people=(person,))
    front = label_people(scene.people, view, renderer.render(scene, view))[0]
    behind = replace(view, camera_from_world=view.camera_from_world @ _half_turn(person))
    back = label_people(scene.people, behind, renderer.render(scene, behind))[0]
    assert (front.visibility[40:60] == VISIBLE).mean() > 0.8
    assert (back.visibility[40:60] == OCCLUDED).mean() > 0.8


def _half_turn(person: Person) -> np.ndarray:
    """(4, 4) rotation of the world by 180 degrees about the person's vertical axis."""
    x, y = person.keypoints_world[[11, 12], :2].mean(axis=0)
    matrix = np.diag([-1.0, -1, 1, 1])
    matrix[:2, 3] = 2 * x, 2 * y
    return matrix


def test_a_person_in_front_of_another_occludes_keypoints(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    near = two_people.people[0]
    step = (near.keypoints_world.mean(axis=0) - camera_position(view)) * 0.5
    step[2] = 0
    moved = near.bone_matrices.copy()
    moved[:, :, 3] += step
    far = replace(near, bone_matrices=moved, keypoints_world=near.keypoints_world + step)
    scene = replace(two_people, people=(far, near))
    hidden = label_people(scene.people, view, renderer.render(scene, view))[0]
    alone = replace(two_people, people=(far,))
    free = label_people(alone.people, view, renderer.render(alone, view))[0]
    body = slice(5, 13)
    assert (free.visibility[body] == VISIBLE).sum() > (hidden.visibility[body] == VISIBLE).sum() + 3
    assert hidden.visible_area_px < free.visible_area_px
    assert hidden.full_box_xyxy == pytest.approx(free.full_box_xyxy)


def test_points_next_to_the_image_and_behind_the_camera_are_outside() -> None:
    pixels = np.array([[5.0, 5], [-0.6, 5], [19.6, 5], [np.nan, np.nan], [5.0, 9.6], [19.4, 9.4]])
    depth = np.array([2.0, 2, 2, -1, 2, 2])
    visibility = keypoint_visibility(
        pixels, depth, np.full(6, 0.05), 100.0, np.full((10, 20), 2.0, np.float32)
    )
    assert visibility.tolist() == [VISIBLE, OUTSIDE, OUTSIDE, OUTSIDE, OUTSIDE, VISIBLE]


def test_a_keypoint_under_the_skin_is_visible_and_one_behind_a_wall_is_not() -> None:
    pixels, depth = np.array([[5.0, 5], [5.0, 5]]), np.array([2.08, 2.5])
    surface = np.full((10, 20), 2.0, np.float32)
    visibility = keypoint_visibility(pixels, depth, np.full(2, 0.1), 500.0, surface)
    assert visibility.tolist() == [VISIBLE, OCCLUDED]


def test_people_behind_the_camera_have_no_box_and_no_labels(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    away = replace(view, camera_from_world=np.diag([-1.0, 1, -1]) @ view.camera_from_world)
    assert (to_camera(away, two_people.people[0].keypoints_world)[:, 2] < 0).all()
    assert silhouette_box(two_people.people[0], away) is None
    assert label_people(two_people.people, away, renderer.render(two_people, away)) == []


def test_boxes_of_people_at_the_border_are_clipped_but_for_the_full_box(
    renderer: Renderer, two_people: Scene, view: CameraView
) -> None:
    person = two_people.people[0]
    right = view.camera_from_world[0, :3]  # of the image, in the world

    def labels(step_m: float) -> list[PersonLabels]:
        step = right * step_m
        matrices = person.bone_matrices.copy()
        matrices[:, :, 3] += step
        moved = replace(
            person, bone_matrices=matrices, keypoints_world=person.keypoints_world + step
        )
        scene = replace(two_people, people=(moved,))
        return label_people(scene.people, view, renderer.render(scene, view))

    width = view.camera.width
    for direction in (-1, 1):
        steps = direction * np.linspace(0.2, 4.0, 20)
        found = [labels(step) for step in steps]
        partly = [
            one
            for one in (people[0] for people in found if people)
            if one.full_box_xyxy[0] < -0.5 or one.full_box_xyxy[2] > width - 0.5
        ]
        assert partly
        for one in partly:
            assert one.box_xyxy[0] >= -0.5
            assert one.box_xyxy[2] <= width - 0.5
            assert one.full_box_xyxy[2] - one.full_box_xyxy[0] > 30
        assert found[-1] == []  # outside the image, though at the height of the image
