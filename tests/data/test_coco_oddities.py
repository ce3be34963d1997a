"""COCO-style files as people have them: ids, categories, areas, flags, names of files."""

import json
import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from rtmpose3d.data import ReadOptions, RecordTable, read_dataset
from rtmpose3d.data.ids import id_key, id_order, parse_id
from rtmpose3d.data.readers.coco_document import image_path
from rtmpose3d.errors import InputError

NAN = float("nan")


def read(synthetic, on_bad="raise", **options):
    return read_dataset(
        synthetic.name,
        synthetic.folder,
        synthetic.split,
        on_bad=on_bad,
        options=ReadOptions(**options),
    )


def indices(reading):
    return [record.index for record in reading]


@given(st.integers(-(10**17), 10**17))
@settings(deadline=None)
def test_all_spellings_of_a_whole_number_are_one_id(number):
    spellings = [number, str(number), f"{number}.0"]
    if abs(number) < 2**53:
        spellings.append(float(number))
    assert {id_key(parse_id(value, "id")) for value in spellings} == {number}


@given(st.text(min_size=1).filter(str.strip))
@settings(deadline=None)
def test_text_is_an_id_of_its_own_unless_it_spells_a_number(text):
    assert id_key(parse_id(text, "id")) in (text.strip(), *_whole(text))


def _whole(text):
    try:
        return (int(float(text)), int(text.split(".")[0]))
    except (ValueError, OverflowError):
        return ()


@pytest.mark.parametrize("value", [None, True, [1], {"a": 1}, 1.5, NAN, float("inf"), "", "  "])
def test_what_is_no_id_is_an_error(value):
    with pytest.raises(InputError, match="its id must be a whole number or text, got"):
        parse_id(value, "its id")


def test_leading_zeros_are_part_of_an_id():
    assert id_key("007") != id_key("7") == id_key(7)


def test_ids_are_sorted_numbers_first():
    assert sorted(["b", 10, "9", None, "a"], key=id_order) == [None, "9", 10, "a", "b"]


@pytest.mark.parametrize(
    "spell", [str, float, lambda i: f"{i}.0", lambda i: f"image-{i}", lambda i: i + 2**70]
)
@pytest.mark.parametrize("change", ["images", "annotations", "both"])
def test_ids_of_any_type_are_matched(synthetic, spell, change):
    renamed = spell(7)
    if change != "both" and ((isinstance(renamed, str) and "-" in renamed) or renamed == 7 + 2**70):
        pytest.skip("another id than that of the other side")
    for image in synthetic.document["images"] if change != "annotations" else ():
        image["id"] = spell(image["id"])
    for annotation in synthetic.document["annotations"] if change != "images" else ():
        annotation["image_id"] = spell(annotation["image_id"])
        annotation["id"] = spell(annotation["id"])
    synthetic.write()
    table = RecordTable(read(synthetic))
    assert len(table) == 3
    for one in (table, pickle.loads(pickle.dumps(table))):
        keys = [id_key(record.image_id) for record in one]
        expected = id_key(parse_id(spell(7) if change != "annotations" else 7, "id"))
        assert keys[0] == expected != keys[1] == keys[2]
        assert all(str(record.annotation_id) in record.source for record in one)


@pytest.mark.parametrize("field", ["id", "image_id"])
@pytest.mark.parametrize("value", [[100], {"a": 1}, True, 1.5])
def test_a_value_that_is_no_id_is_named_and_can_be_skipped(synthetic, field, value):
    synthetic.change(1, **{field: value})
    with pytest.raises(InputError, match=f"annotation 1.*its {field} must be a whole number"):
        list(read(synthetic))
    reading = read(synthetic, "skip")
    assert indices(reading) == [0, 2]
    assert [bad.index for bad in reading.bad] == [1]


def test_an_image_whose_id_is_a_list_is_named(synthetic):
    synthetic.document["images"][1]["id"] = [8]
    synthetic.write()
    with pytest.raises(InputError, match=r"image 1: its id must be a whole number or text, got"):
        list(read(synthetic, "skip"))


CATEGORIES = {
    "by name": [{"id": 0, "name": "Person"}, {"id": 1, "name": "dog"}],
    "by keypoints": [{"id": 0, "name": "athlete", "keypoints": ["nose"]}, {"id": 1}],
    "ids as text": [{"id": "0", "name": "person"}, {"id": "1", "name": "dog"}],
    "the only one": [{"id": 0}],
}


@pytest.mark.parametrize("categories", CATEGORIES)
def test_other_categories_are_skipped_and_counted(synthetic, categories):
    synthetic.document["categories"] = CATEGORIES[categories]
    for index in (0, 2):
        synthetic.change(index, category_id=0)
    synthetic.document["annotations"][1] = {"id": 5, "image_id": 8, "category_id": 1, "bbox": []}
    synthetic.write()
    for keep_ignored in (False, True):
        reading = read(synthetic, keep_ignored=keep_ignored)
        assert indices(reading) == [0, 2]
        assert reading.skipped == {"another category than persons": 1}


@pytest.mark.parametrize("categories", [None, [], [{"id": 1}], [{"id": 1, "name": "player"}], "x"])
def test_a_file_of_one_category_has_only_people_whatever_its_id(synthetic, categories):
    synthetic.document["categories"] = categories
    for index in range(3):
        synthetic.change(index, category_id=0)
    assert indices(read(synthetic)) == [0, 1, 2]


def test_a_person_without_keypoints_is_skipped_in_training_and_ignored_in_evaluation(synthetic):
    person = {"id": 5, "image_id": 8, "category_id": 1, "bbox": [3, 4, 30, 40], "area": 900}
    synthetic.document["annotations"][1] = person
    synthetic.document["annotations"][2] = {**person, "id": 6, "iscrowd": 1}
    synthetic.write()
    reading = read(synthetic)
    assert indices(reading) == [0]
    assert reading.skipped == {"no keypoints were annotated": 1, "crowd region": 1}
    _, kept, crowd = read(synthetic, keep_ignored=True)
    assert not kept.annotated.any()
    assert not crowd.annotated.any()
    assert (kept.crowd, crowd.crowd) == (False, True)


def flat(person):
    names = ("keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts")
    return [number for name in names for number in person[name]]


@pytest.mark.parametrize("nested", [False, True])
def test_133_keypoints_in_one_list_are_those_of_the_parts(synthetic, nested):
    expected = list(read(synthetic))
    for annotation in synthetic.document["annotations"]:
        values = flat(annotation)
        for name in ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"):
            del annotation[name]
        annotation["keypoints"] = np.reshape(values, (133, 3)).tolist() if nested else values
    synthetic.write()
    for record, same in zip(read(synthetic), expected, strict=True):
        np.testing.assert_array_equal(record.keypoints_px, same.keypoints_px)
        np.testing.assert_array_equal(record.visible, same.visible)


def test_17_keypoints_are_labels_of_the_body_alone(synthetic):
    for annotation in synthetic.document["annotations"]:
        for name in ("foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"):
            del annotation[name]
    synthetic.write()
    records = list(read(synthetic))
    assert [record.labelled_parts for record in records] == [("body",)] * 3


@pytest.mark.parametrize("unknown", [None, NAN])
def test_coordinates_of_unlabelled_keypoints_do_not_matter(synthetic, unknown):
    feet = [unknown, unknown, 0, *[5.0, 6.0, 2] * 4, unknown, unknown, unknown]
    synthetic.change(0, foot_kpts=feet)
    record = next(iter(read(synthetic)))
    assert record.visible[17:23].tolist() == [0, 1, 1, 1, 1, 0]
    synthetic.change(0, foot_kpts=[unknown, 4.0, 1, *feet[3:]])
    with pytest.raises(InputError, match=r"annotation 0 .*left_big_toe\) is labelled, but"):
        list(read(synthetic))


@pytest.mark.parametrize("area", [-1, -27000.0, NAN, float("inf"), "large", [5], True])
def test_an_impossible_area_is_named_and_can_be_skipped(synthetic, area):
    synthetic.change(1, area=area)
    with pytest.raises(InputError, match=r"annotation 1 \(id 101\): area must be a finite number"):
        list(read(synthetic))
    reading = read(synthetic, "skip")
    assert indices(reading) == [0, 2]
    assert len(reading.bad) == 1


def test_a_missing_area_is_that_of_the_box_in_part(synthetic):
    synthetic.change(0, area=None)
    del synthetic.document["annotations"][1]["area"]
    synthetic.change(2, area="612.5")
    records = list(read(synthetic))
    assert [record.area_px2 for record in records] == [None, None, 612.5]
    assert records[0].oks_area_px2 == pytest.approx(0.53 * 30 * 41.5)


@pytest.mark.parametrize("value", [0, False, None, "0", "false", "False", 0.0])
def test_no_crowd_is_written_in_many_ways(synthetic, value):
    synthetic.change(0, iscrowd=value)
    assert indices(read(synthetic)) == [0, 1, 2]


@pytest.mark.parametrize("value", [1, True, "1", "true", "TRUE", 1.0])
def test_a_crowd_is_written_in_many_ways(synthetic, value):
    synthetic.change(0, iscrowd=value)
    assert indices(read(synthetic)) == [1, 2]
    assert next(iter(read(synthetic, keep_ignored=True))).crowd


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, ""])
def test_neither_crowd_nor_no_crowd_is_an_error(synthetic, value):
    synthetic.change(0, iscrowd=value)
    with pytest.raises(InputError, match=r"annotation 0 .*iscrowd must be 0 or 1"):
        list(read(synthetic))


@pytest.mark.parametrize("box", [[5, 5, 0, 0], [5, 5, -9, 20], [5, 5, 20, 0.5]])
@pytest.mark.parametrize("keep_ignored", [False, True])
def test_only_the_person_of_an_empty_or_inverted_box_is_skipped(synthetic, box, keep_ignored):
    synthetic.change(1, bbox=box)
    reading = read(synthetic, keep_ignored=keep_ignored)
    assert indices(reading) == [0, 2]
    assert reading.skipped == {"no box, or a box of less than a pixel inside the image": 1}


def test_sizes_may_be_text(synthetic):
    for image in synthetic.document["images"]:
        image["width"], image["height"] = f"{image['width']}.0", str(image["height"])
    synthetic.write()
    assert [record.image_size_wh for record in read(synthetic)] == [(97, 61), (50, 83), (50, 83)]


@pytest.mark.parametrize("size", [0, -3, 1.5, None, "wide", NAN])
def test_an_impossible_size_is_named(synthetic, size):
    synthetic.document["images"][0]["width"] = size
    synthetic.write()
    with pytest.raises(InputError, match=r"annotation 0 \(id 100\): .*width"):
        list(read(synthetic))


BAD_NAMES = {
    "outside": "../../secret.jpg",
    "absolute": "/etc/hostname",
    "of another machine": "C:\\photos\\7.jpg",
    "too long": "a" * 300 + ".jpg",
    "much too long": "a/" * 3000,
    "no text": "\ud800.jpg",
    "with a zero byte": "a\0.jpg",
}


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_name_that_cannot_be_is_named(synthetic, name):
    synthetic.document["images"][0]["file_name"] = BAD_NAMES[name]
    synthetic.write()
    with pytest.raises(InputError, match=r"annotation 0 \(id 100\): file_name"):
        list(read(synthetic))
    reading = read(synthetic, "skip")
    assert len(RecordTable(reading)) == 2
    assert len(reading.bad) == 1


def test_file_names_within_the_folder_may_be_absolute_or_use_backslashes(tmp_path):
    assert image_path(tmp_path, str(tmp_path / "a" / "1.jpg")) == tmp_path / "a" / "1.jpg"
    assert image_path(tmp_path, "a/../b/1.jpg") == tmp_path / "b" / "1.jpg"
    assert image_path(tmp_path, "a\\1.jpg") == tmp_path / "a" / "1.jpg"
    (tmp_path / "a\\1.jpg").touch()
    assert image_path(tmp_path, "a\\1.jpg") == tmp_path / "a\\1.jpg"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_any_encoding_of_unicode_is_read(synthetic, encoding):
    synthetic.file.write_text(json.dumps(synthetic.document), encoding)
    assert indices(read(synthetic)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'{"a": "\xe9"}', "no valid JSON"), (b"[" * 100_000, "nested"), (b"\xff\xfe", "JSON")],
)
def test_what_is_no_json_is_an_input_error(synthetic, content, message):
    synthetic.file.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        list(read(synthetic, "skip"))
    assert synthetic.file.name in str(error.value)


def nested(depth):
    value = 1.0
    for _ in range(depth):
        value = [value]
    return value


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(10**400), 10**400),
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(), st.none(), st.text(max_size=2)), max_size=5),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.integers(1, 60).map(nested),
)


@given(data=st.data(), keep_ignored=st.booleans())
@settings(deadline=None, max_examples=150)
def test_whatever_a_field_holds_a_record_or_an_error_of_ours_comes_out(
    data, keep_ignored, tmp_path_factory
):
    from synthetic_dataset import SyntheticDataset

    synthetic = SyntheticDataset(tmp_path_factory.mktemp("fuzz") / "coco")
    row = synthetic.document["annotations"][1]
    fields = data.draw(st.lists(st.sampled_from(sorted(row)), min_size=1, max_size=3))
    for field in fields:
        row[field] = data.draw(VALUES)
    image = synthetic.document["images"][1]
    for field in data.draw(st.lists(st.sampled_from(sorted(image)), max_size=1)):
        image[field] = data.draw(VALUES)
    synthetic.write()
    reading = read(synthetic, "skip", keep_ignored=keep_ignored, check_images=False)
    try:
        table = RecordTable(reading)
    except InputError:
        return
    assert len(table) + len(reading.bad) + sum(reading.skipped.values()) == 3
    assert all(np.isfinite(r.keypoints_px[r.annotated]).all() for r in table)
