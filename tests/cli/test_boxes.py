"""Boxes of --boxes: text, JSON and CSV files, and which image each is of."""

import json

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from rtmpose3d.cli.parsing import check_box_names, find_boxes, parse_boxes
from rtmpose3d.errors import InputError

BOX = [10.0, 20, 30, 40]


def written(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return parse_boxes(str(path))


@pytest.mark.parametrize(
    "text",
    [
        "a.png,10,20,30,40",
        "file,x1,y1,x2,y2\na.png,10,20,30,40",
        "\ufeffimage, Left, Top, Right, Bottom \r\na.png, 10, 20, 30, 40\r\n",
        "id,ymin,xmin,ymax,xmax,score,path\n7,20,10,40,30,0.9,a.png",
        "# people\n\nfilename,x1,y1,x2,y2\na.png,10,20,30,40\n,,,,\n",
    ],
)
def test_rows_may_have_a_header(tmp_path, text):
    boxes = written(tmp_path, "boxes.csv", text)
    assert {name: found.tolist() for name, found in boxes.items()} == {"a.png": [BOX]}


def test_a_header_without_a_file_is_for_all_images(tmp_path):
    boxes = written(tmp_path, "boxes.csv", "x1,y1,x2,y2\n10,20,30,40")
    assert find_boxes(boxes, "any.png").tolist() == [BOX]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,x,y,w,h\na.png,1,2,3,4", "line 1: the header names no columns x1, y1, x2, y2"),
        ("file,x1,y1,x2,y2\na.png,1,2,3", "line 2: expected 5 fields, got 'a.png,1,2,3'"),
        ("a.png,1,2,3", "is no box; expected x1, y1, x2, y2"),
        ("a.png,1,2,3,4,5", "line 1: expected x1,y1,x2,y2 or file,x1,y1,x2,y2"),
        ("file,x1,y1,x2,y2\na.png,1,2,x,4", "is no box"),
    ],
)
def test_rows_that_are_no_boxes_are_named(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        written(tmp_path, "boxes.csv", text)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([0.4, 0.1, 0.8, 0.9], "must be in pixels, not in fractions"),
        ([10, 10, 10.5, 90], "must have sides of at least 1 px"),
        ([10, 10, 10, 90], "is empty"),
        ([10**400, 10, 10, 90], "is no box"),
        ([[10], 10, 30, 90], "is no box"),
        ({"x": 1}, "is no box"),
    ],
)
def test_boxes_that_cannot_be_are_refused_at_once(tmp_path, box, message):
    with pytest.raises(InputError, match=message):
        written(tmp_path, "boxes.json", json.dumps({"a.png": [box]}))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"there is no file 'no\.json'; expected a file"):
        parse_boxes("no.json")
    with pytest.raises(InputError, match=r"--boxes is '1,2,x,4'; expected a file"):
        parse_boxes("1,2,x,4")


def test_an_image_is_found_by_the_longest_end_of_its_path():
    names = ["0001.png", "cam1/0001.png", "*"]
    boxes = {name: parse_boxes(f"10,20,30,{40 + i}")["*"] for i, name in enumerate(names)}
    found = [find_boxes(boxes, name)[0, 3] for name in ("v/cam1/0001.png", "cam2/0001.png", "b")]
    assert found == [41, 40, 42]


def test_a_name_that_several_images_have_is_an_error():
    box = parse_boxes("10,20,30,40")["*"]
    images = ["cam1/0001.png", "cam2/0001.png"]
    with pytest.raises(InputError, match=r"'0001.png' may be cam1/0001.png or cam2/0001.png"):
        check_box_names({"0001.png": box}, images)
    check_box_names({"cam1/0001.png": box, "0001.png": box}, images)
    check_box_names({"*": box}, images)
    check_box_names({"0001.png": box}, images[:1] * 2)


def test_predict_refuses_boxes_of_a_name_that_several_images_have(cli, images, stand_in, tmp_path):
    images(a=0)
    for folder in ("cam1", "cam2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "boxes.csv").write_text("a.png,10,20,30,40")
    done = cli("predict", "cam1", "cam2", "--boxes", "boxes.csv")
    assert done.exit_code == 2
    assert "may be" in done.output
    (tmp_path / "boxes.csv").write_text("cam1/a.png,10,20,30,40\ncam2/a.png,1,2,30,40")
    done = cli("predict", "cam1", "cam2", "--boxes", "boxes.csv")
    assert done.exit_code == 0, done.output
    given = [boxes[0].tolist() for call in stand_in.calls for boxes in call["boxes"]]
    assert given == [BOX, [1, 2, 30, 40]]


def test_json_without_end_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nested"):
        written(tmp_path, "boxes.json", "[" * 50_000 + "]" * 50_000)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)


@given(value=VALUES)
@settings(deadline=None)
def test_any_json_is_boxes_or_an_error_of_ours(value, tmp_path_factory):
    try:
        boxes = written(tmp_path_factory.mktemp("json"), "boxes.json", json.dumps(value))
    except InputError:
        return
    assert all(found.shape[1:] == (4,) for found in boxes.values())


@given(text=st.text(alphabet=',;:\n"x1.0-ae# ', max_size=60))
@settings(deadline=None)
def test_any_text_is_boxes_or_an_error_of_ours(text, tmp_path_factory):
    try:
        boxes = written(tmp_path_factory.mktemp("csv"), "boxes.csv", text)
    except InputError:
        return
    assert all(found.shape[1:] == (4,) for found in boxes.values())
