"""Names of result files: the folders of the inputs, all different, on any file system."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.cli import outputs
from rtmpose3d.cli.inputs import CommandInput, list_inputs, without_folder
from rtmpose3d.cli.outputs import parse_save, plan_outputs
from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.sinks.images import is_drawing, mark_drawing, write_image

JSON = parse_save("json")
PIXELS = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)


def named(*locations: str) -> list[CommandInput]:
    """Inputs that are given one by one."""
    return [
        CommandInput(location=one)
        if "://" in one
        else CommandInput(location=Path(one), root=Path(one).parent)
        for one in locations
    ]


def below(root: str, *paths: str) -> list[CommandInput]:
    """Inputs that a folder gives."""
    return [CommandInput(location=Path(root, path), root=Path(root), named=False) for path in paths]


def stems(inputs) -> list[str]:
    plans = plan_outputs(inputs, Path("out"), JSON)
    return [plan.files[0].relative_to("out").with_suffix("").as_posix() for plan in plans]


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (named("x/a.jpg", "x/b.jpg"), ["a", "b"]),
        (named("x/a.jpg", "y/b.jpg"), ["a", "b"]),
        (below("x", "1.jpg", "y/1.jpg", "y/z/2.jpg"), ["1", "y/1", "y/z/2"]),
        (named("x/1.jpg", "y/1.jpg", "y/2.jpg"), ["x/1", "y/1", "y/2"]),
        ([*below("d/x", "1.jpg", "s/2.jpg"), *below("d/y", "1.jpg")], ["x/1", "x/s/2", "y/1"]),
        (named("x/1.jpg", "x/1.png"), ["1_jpg", "1_png"]),
        (named("x/A.jpg", "x/a.jpg"), ["A_jpg", "a_jpg-2"]),
        (named("a/x/1.jpg", "b/x/1.jpg", "c/x/1.jpg"), ["a/x/1", "b/x/1", "c/x/1"]),
        (named("x/1.jpg", "x/1.png", "x/1_png.jpg"), ["1_jpg", "1_png-2", "1_png"]),
        (named("x/\u00e9.jpg", "y/e\u0301.jpg"), ["x/\u00e9", "y/e\u0301"]),
        (named("x/noending", "x/.png"), ["noending", ".png"]),
    ],
)
def test_results_mirror_the_folders_of_the_inputs(inputs, expected):
    assert stems(inputs) == expected


def test_names_do_not_depend_on_other_images_of_the_folder():
    everything = ["1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/c/1.jpg"]
    names = dict(zip(everything, stems(below("photos", *everything)), strict=True))
    for path in everything:
        assert stems(below("photos", path)) == [names[path]]


def test_addresses_give_names_that_any_file_system_takes():
    sources = ["https://e.org/a%20b:c.jpg?x=1", "https://e.org/", "http://e.org/p/q.png"]
    assert stems(named(*sources)) == ["a b_c", "image", "q"]
    same = ["https://e.org/p/q.png", "https://f.org:80/q.png", "x/q.png"]
    assert stems(named(*same)) == ["e.org/p/q", "f.org_80/q", "q"]
    assert stems(named("http://e.org/../../q.png", "http://f.org/q.png")) == ["e.org/q", "f.org/q"]


def test_long_names_leave_room_for_an_ending_and_stay_different():
    long = ["\u00e9" * 125 + ".jpg", "\u00e9" * 124 + "a.jpg", "a" * 250 + "/b.jpg"]
    cut = stems(below("x", *long))
    assert all(len(part.encode()) <= 200 for stem in cut for part in stem.split("/"))
    assert len(set(cut)) == 3
    assert cut == [*stems(below("x", long[0])), *stems(below("x", *long[1:]))]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "X", "y", "x/y"]),
            st.sampled_from(["1", "a", "A", "x_1", "a_jpg", "a_jpg-2", "\u00e9", "e\u0301"]),
            st.sampled_from(["jpg", "png", "JPG"]),
            st.booleans(),
        ),
        unique_by=lambda parts: parts[:3],
        max_size=30,
    )
)
def test_no_two_inputs_share_an_output(parts):
    inputs = []
    for folder, stem, ending, is_named in parts:
        path = Path(folder, f"{stem}.{ending}")
        root = path.parent if is_named else Path()
        inputs.append(CommandInput(location=path, root=root, named=is_named))
    plans = plan_outputs(inputs, Path("out"), parse_save("json,image"))
    names = [str(path).casefold() for plan in plans for path in plan.files]
    assert len(names) == 2 * len(inputs)
    assert len(set(names)) == len(names)


def test_planning_compares_each_name_a_bounded_number_of_times(monkeypatch):
    compared = []
    fold = outputs._folded
    monkeypatch.setattr(outputs, "_folded", lambda name: compared.append(name) or fold(name))
    names = [
        "".join(letters) for letters in itertools.product(*zip("abcdefgh", "ABCDEFGH", strict=True))
    ]
    assert len(set(stems(below("x", *(f"{name}.jpg" for name in names))))) == 256
    assert len(compared) < 20 * 256  # 32,640 if each name were compared with each


@pytest.mark.parametrize(
    ("text", "endings"),
    [
        ("json,image", [".json", "_pose.jpg"]),
        ("PNG, csv", ["_pose.png", ".csv"]),
        ("image,jpg", ["_pose.jpg"]),
        ("webp,jsonl", ["_pose.webp", ".jsonl"]),
    ],
)
def test_formats_are_named_by_format_or_by_the_kind_of_image(text, endings):
    assert [row.ending for row in parse_save(text)] == endings


def test_unknown_formats_are_refused():
    with pytest.raises(UnknownNameError, match="unknown format for --save 'yaml'"):
        parse_save("json,yaml")
    with pytest.raises(InputError, match="--save names no format"):
        parse_save(" ,")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "s/a.png", "s/t/b.png", "out/a_pose.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.new("RGB", (8, 6)).save(path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "root", "is_named"),
    [
        (".", ".", False),
        ("s", "s", False),
        ("s/../s", "s/../s", False),
        ("s/*.png", "s", False),
        ("*/t/*.png", ".", False),
        ("s/**/*.png", "s", False),
        ("s/a.png", "s", True),
    ],
)
def test_the_root_of_an_input_is_its_folder_or_that_before_a_wildcard(folder, text, root, is_named):
    inputs, reasons = list_inputs([text], recursive=True)
    assert not reasons
    assert {(one.root, one.named) for one in inputs} == {(Path(root), is_named)}


def test_an_image_that_is_given_twice_is_listed_once(folder):
    inputs, _ = list_inputs([".", "s/a.png", "s"], recursive=True)
    assert len(inputs) == 4
    assert [one.named for one in inputs if one.location == Path("s/a.png")] == [True]


def test_a_bad_input_does_not_stop_the_others(folder):
    inputs, reasons = list_inputs(["gone.jpg", "a.png", "*.tif"])
    assert [one.location for one in inputs] == [Path("a.png")]
    assert [reason.split(" (")[0] for reason in reasons] == [
        "there is no file or folder 'gone.jpg'",
        "'*.tif' matches nothing",
    ]
    with pytest.raises(InputError, match=r"gone.jpg'(.|\n)*matches nothing"):
        list_inputs(["gone.jpg", "*.tif"])


def test_images_in_the_output_folder_are_used_only_if_they_are_asked_for(folder):
    def used(*texts: str, out: str = "out") -> list[str]:
        inputs, _ = list_inputs(texts, recursive=True)
        return [Path(one.location).name for one in without_folder(inputs, Path(out))[0]]

    assert used(".") == ["a.png", "a.png", "b.png"]
    assert used("out") == ["a_pose.png"]
    assert used("out/*.png") == ["a_pose.png"]
    assert "a_pose.png" in used(".", "out/a_pose.png")
    assert len(used(".", out=".")) == 4
    assert len(used("s", out="s/a")) == 2, "a name that starts alike is another folder"


def test_drawings_of_an_earlier_run_are_no_inputs_but_photos_are_never_overwritten(folder):
    write_image(folder / "s" / "a_pose.png", PIXELS)
    inputs, _ = list_inputs(["s"], recursive=True)
    with pytest.raises(InputError, match=r"a_pose.png is an input and would be overwritten"):
        plan_outputs(inputs, folder / "s", parse_save("png"))
    drawing = folder / "s" / "a_pose.png"
    drawing.write_bytes(mark_drawing(drawing.read_bytes()))
    plans = plan_outputs(inputs, folder / "s", parse_save("png"))
    assert [str(plan.image_path) for plan in plans] == ["a.png", "t/b.png"]
    with pytest.raises(InputError, match="would be overwritten"):
        plan_outputs(list_inputs(["s/a.png", "s/a_pose.png"])[0], Path("s"), parse_save("png"))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_marked_drawing_has_the_same_pixels(tmp_path, suffix):
    path = write_image(tmp_path / f"a{suffix}", PIXELS)
    with PIL.Image.open(path) as image:
        before = image.tobytes()
    assert not is_drawing(path)
    path.write_bytes(mark_drawing(path.read_bytes()))
    assert is_drawing(path) == (suffix != ".webp")
    with PIL.Image.open(path) as image:
        assert image.tobytes() == before
