import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtmpose3d.skeletons import NUM_KEYPOINTS
from rtmpose3d.tracking.appearance import (
    NUM_REGIONS,
    appearance_matrix,
    body_colours,
    unknown_colours,
)

TRUNK, LEGS = [0, 1], [4, 5]


def standing_person(x=200.0, y=100.0):
    """(133, 2) px; shoulders at y, hips 120 below, ankles 280 below."""
    points = np.full((NUM_KEYPOINTS, 2), (x, y - 40))
    for side in (-1, 1):
        rows = [5, 7, 9, 11, 13, 15] if side < 0 else [6, 8, 10, 12, 14, 16]
        offsets = ((30, 0), (40, 60), (45, 110), (20, 120), (20, 200), (20, 280))
        points[rows] = [(x + side * dx, y + dy) for dx, dy in offsets]
    return points


def dressed_image(shirt, trousers):
    """(480, 400, 3) with one colour above the hips of `standing_person` and one below."""
    image = np.zeros((480, 400, 3), np.uint8)
    image[:220], image[220:] = shirt, trousers
    return image


def colours_of(image, points, confidence=1.0):
    confident = np.full((1, NUM_KEYPOINTS), confidence) > 0.3
    return body_colours(image, points[None].astype(np.float32), confident)[0]


def test_regions_have_the_colours_of_the_clothes():
    shirt_only = colours_of(dressed_image((0, 0, 200), (0, 0, 200)), standing_person())
    dressed = colours_of(dressed_image((0, 0, 200), (200, 0, 0)), standing_person())
    assert np.allclose(dressed[TRUNK], shirt_only[TRUNK])
    assert np.linalg.norm(dressed[LEGS] - shirt_only[LEGS], axis=1).min() > 0.5


def test_similarity_is_that_of_clothes_and_not_of_the_position():
    first = colours_of(dressed_image((40, 90, 200), (90, 30, 20)), standing_person(x=150))
    same = colours_of(dressed_image((40, 90, 200), (90, 30, 20)), standing_person(x=250))
    other = colours_of(dressed_image((200, 200, 200), (90, 30, 20)), standing_person(x=250))
    similar, different = appearance_matrix(first[None], np.stack([same, other]))[0]
    assert similar > 0.99
    assert different < 0.2


def test_little_shade_changes_the_similarity_less_than_other_colours():
    lit = colours_of(dressed_image((60, 100, 180), (60, 60, 60)), standing_person())
    shade = colours_of(dressed_image((51, 85, 153), (51, 51, 51)), standing_person())
    other = colours_of(dressed_image((180, 100, 60), (60, 60, 60)), standing_person())
    similar, different = appearance_matrix(lit[None], np.stack([shade, other]))[0]
    assert similar > 0.7 > 0.2 > different


def test_keypoints_outside_the_image_or_without_confidence_give_unknown_regions():
    image = dressed_image((0, 0, 200), (200, 0, 0))
    assert np.isnan(colours_of(image, standing_person(), confidence=0.1)).all()
    cut = colours_of(image, standing_person(y=300))
    assert np.isfinite(cut[TRUNK]).all()
    assert np.isnan(cut[5]).all()
    assert np.isnan(colours_of(image, standing_person() + np.nan)).all()


def test_people_without_known_regions_are_not_compared():
    known = np.zeros((1, NUM_REGIONS, 3))
    assert np.isnan(appearance_matrix(known, unknown_colours(2))).all()
    assert appearance_matrix(known, unknown_colours(0)).shape == (1, 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 4), st.integers(0, 4))
def test_similarity_is_symmetric_and_one_for_the_same_person(seed, rows, columns):
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0, 1, (rows, NUM_REGIONS, 3)), rng.uniform(0, 1, (columns, NUM_REGIONS, 3))
    similarity = appearance_matrix(a, b)
    assert np.allclose(similarity, appearance_matrix(b, a).T)
    assert ((similarity >= 0) & (similarity <= 1)).all()
    assert np.allclose(np.diag(appearance_matrix(a, a)), 1.0)
