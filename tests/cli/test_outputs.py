"""Names of result files: all different, on any file system."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.cli.outputs import plan_outputs, unique_stems


@pytest.mark.parametrize(
    ("sources", "stems"),
    [
        (["x/a.jpg", "x/b.jpg"], ["a", "b"]),
        (["x/1.jpg", "y/1.jpg", "y/2.jpg"], ["x_1", "y_1", "2"]),
        (["x/1.jpg", "x/1.png"], ["x_1", "x_1_png"]),
        (["x/A.jpg", "x/a.jpg"], ["x_A", "x_a_jpg"]),
        (["x/y/1.jpg", "z/y/1.jpg", "w/y/1.jpg"], ["y_1", "y_1_jpg", "y_1_jpg-2"]),
        (["x/1.jpg", "y/1.jpg", "z/x_1.jpg"], ["x_1_jpg", "y_1", "x_1"]),
        (["x/é.jpg", "y/e\u0301.jpg"], ["x_é", "y_e\u0301"]),
        (["x/noending", "x/.png"], ["noending", ".png"]),
    ],
)
def test_stems_are_as_short_as_they_can_be(sources, stems):
    assert unique_stems([Path(source) for source in sources]) == stems


def test_addresses_give_names_that_any_file_system_takes():
    sources = ["https://e.org/a%20b:c.jpg?x=1", "https://e.org/", "http://e.org/p/q.png"]
    assert unique_stems(sources) == ["a b_c", "image", "q"]


def test_very_long_names_are_cut():
    (stem,) = unique_stems([Path("é" * 125 + ".jpg")])
    assert len(stem.encode()) <= 220


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["x", "X", "y"]),
            st.sampled_from(["1", "a", "A", "x_1", "x_a_jpg", "a-2", "é", "e\u0301"]),
            st.sampled_from(["jpg", "png", "JPG"]),
        ),
        unique=True,
        max_size=30,
    )
)
def test_no_two_inputs_share_an_output(parts):
    sources = [Path(folder, f"{stem}.{ending}") for folder, stem, ending in parts]
    plans = plan_outputs(sources, Path("out"), ["json", "image"])
    names = [str(path).casefold() for paths in plans for path in paths]
    assert len(names) == 2 * len(sources)
    assert len(set(names)) == len(names)
