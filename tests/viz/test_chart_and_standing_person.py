"""The synthetic person, the chart of the keypoints and the images of the documentation."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.skeletons import WHOLEBODY
from rtmpose3d.viz import keypoint_chart, standing_person

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_images.py"


def test_the_standing_person_is_symmetric():
    person = standing_person()
    flipped = person[WHOLEBODY.flip_index] * [-1, 1, 1]
    np.testing.assert_allclose(flipped, person, atol=1e-12)


def test_the_standing_person_stands_on_the_ground_and_faces_the_camera():
    person = standing_person()
    assert person.shape == (133, 3)
    assert 0 < person[:, 2].min() < 0.03
    assert 1.6 < person[:, 2].max() < 1.8
    at = {name: person[WHOLEBODY.index(name)] for name in WHOLEBODY.keypoint_names}
    assert at["nose"][1] < at["left_ear"][1]
    assert at["left_big_toe"][1] < at["left_heel"][1]
    for i, side in enumerate(WHOLEBODY.side_of_keypoint):
        x = person[i, 0]
        assert x > 0 if side == "left" else x < 0 if side == "right" else abs(x) < 1e-9


def test_the_standing_person_s_hands_start_at_the_wrists():
    person = standing_person()
    for side in ("left", "right"):
        wrist, root, tip = (
            person[WHOLEBODY.index(f"{side}_{name}")]
            for name in ("wrist", "hand_root", "middle_finger4")
        )
        assert np.linalg.norm(wrist - root) < 0.02
        assert 0.15 < np.linalg.norm(tip - root) < 0.21


@pytest.mark.slow
def test_the_chart_has_both_sides_and_is_the_same_every_time():
    sheet = keypoint_chart()
    np.testing.assert_array_equal(sheet, keypoint_chart())
    for rgb in ((64, 170, 245), (255, 150, 30)):
        assert (np.abs(sheet[..., ::-1].astype(int) - rgb).max(axis=-1) < 6).sum() > 2000
    assert (sheet[:, 0] == sheet[0, 0]).all()  # nothing runs over the edge
    assert (sheet[-1] == sheet[0, 0]).all()


def test_the_chart_has_the_number_of_every_keypoint_once(monkeypatch):
    texts = []
    monkeypatch.setattr(
        "rtmpose3d.viz.chart.draw_text",
        lambda sheet, xy, text, *_, **__: texts.append(text),
    )
    keypoint_chart()
    assert sorted(int(text) for text in texts if text.isdigit()) == list(range(133))


@pytest.mark.slow
def test_the_images_of_the_documentation_can_be_drawn(tmp_path, monkeypatch):
    if not SCRIPT.is_file():
        pytest.skip("docs/make_images.py is not part of this installation")
    spec = importlib.util.spec_from_file_location("make_images", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "IMAGES", tmp_path / "images")
    script.main()
    for name, shape in (("keypoints", (1840, 2400, 3)), ("coordinates", (1400, 2400, 3))):
        image = cv2.imread(str(tmp_path / "images" / f"{name}.png"))
        assert image is not None
        assert image.shape == shape
        assert image.std() > 8
