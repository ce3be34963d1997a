"""Typed inputs become a list of images, or an error that names the input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtmpose3d.errors import InputError
from rtmpose3d.sources import expand_inputs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with images (empty files: nothing is opened here), others, and a subfolder."""
    for name in (
        "img10.jpg",
        "img2.JPG",
        "img1.png",
        ".hidden.jpg",
        "._img1.png",
        "notes.txt",
        "sub/deep1.webp",
        "sub/deeper/d.tiff",
        ".git/x.png",
        "other/readme.md",
        "odd[1].jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(paths) -> list[str]:
    return [Path(path).as_posix() for path in paths]


def test_a_folder_gives_its_images_in_natural_order_without_hidden_ones(folder):
    assert names(expand_inputs(["."])) == ["img1.png", "img2.JPG", "img10.jpg", "odd[1].jpg"]


def test_recursive_goes_into_subfolders_but_not_hidden_ones(folder):
    assert names(expand_inputs(["."], recursive=True)) == [
        "img1.png",
        "img2.JPG",
        "img10.jpg",
        "odd[1].jpg",
        "sub/deep1.webp",
        "sub/deeper/d.tiff",
    ]


def test_globs_are_expanded_where_the_shell_did_not(folder):
    assert names(expand_inputs(["img*.[jpJ]*"])) == ["img1.png", "img2.JPG", "img10.jpg"]
    assert names(expand_inputs(["*"])) == ["img1.png", "img2.JPG", "img10.jpg", "odd[1].jpg"]
    assert names(expand_inputs(["sub/**/*.tiff"])) == ["sub/deeper/d.tiff"]
    assert names(expand_inputs(["sub/**"])) == ["sub/deep1.webp", "sub/deeper/d.tiff"]


def test_a_glob_that_matches_folders_goes_into_them_when_recursive(folder):
    with pytest.raises(InputError, match=r"'s\*' matches only 1"):
        expand_inputs(["s*"])
    assert names(expand_inputs(["s*"], recursive=True)) == ["sub/deep1.webp", "sub/deeper/d.tiff"]


def test_a_file_that_is_named_itself_may_end_as_it_likes(folder):
    assert names(expand_inputs(["notes.txt", ".hidden.jpg"])) == ["notes.txt", ".hidden.jpg"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(folder):
    assert names(expand_inputs(["odd[1].jpg"])) == ["odd[1].jpg"]


def test_what_was_listed_before_is_not_listed_again(folder):
    inputs = ["img2.JPG", ".", str(folder / "img2.JPG"), "sub/../img1.png"]
    assert names(expand_inputs(inputs)) == ["img2.JPG", "img1.png", "img10.jpg", "odd[1].jpg"]


def test_addresses_stay_as_they_are(folder):
    url = "https://example.org/a*b.jpg?x=[1]"
    assert expand_inputs([url, "img1.png", url]) == [url, Path("img1.png")]


def test_the_home_folder_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert expand_inputs(["~/img1.png"]) == [folder / "img1.png"]
    assert len(expand_inputs(["~/img*"])) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("missing.jpg", r"no file or folder 'missing\.jpg' \(looked in"),
        ("missing/*.jpg", r"'missing/\*\.jpg' matches nothing"),
        ("*.txt", r"'\*\.txt' matches only 1 files that are no images"),
        ("empty", r"no images in the folder empty \(0 other files\).*unless recursive"),
        ("other", r"no images in the folder other \(1 other files\)"),
        ("", "an input is empty"),
        ("a\0b", "NUL"),
        ("x" * 3000, "no file or folder"),
        ("~unknown-user-name/a.jpg", "no file or folder"),
    ],
)
def test_an_input_that_stands_for_nothing_is_named(folder, text, words):
    with pytest.raises(InputError, match=words):
        expand_inputs(["img1.png", text])


def test_no_input_at_all_is_an_error():
    with pytest.raises(InputError, match="no input"):
        expand_inputs([])


def test_a_folder_that_may_not_be_listed_is_named(folder, monkeypatch):
    def refuse(path, *args):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"folder .* cannot be listed: Permission denied"):
        expand_inputs(["sub"])


def test_a_subfolder_that_may_not_be_listed_is_reported_and_the_others_are_searched(
    folder, monkeypatch
):
    scan = os.scandir

    def refuse(path, *args):
        if Path(os.fspath(path)).name == "sub":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scan(path, *args)

    monkeypatch.setattr(os, "scandir", refuse)
    reasons = []
    everything = expand_inputs([str(folder)], recursive=True, on_unlisted=reasons.append)
    assert everything
    assert len(reasons) == 1
    assert "sub cannot be listed: Permission denied" in reasons[0]
    with pytest.raises(InputError, match="sub cannot be listed"):
        expand_inputs([str(folder)], recursive=True)


def test_a_link_that_leads_back_does_not_loop(folder):
    try:
        (folder / "sub" / "back").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("links cannot be made here")
    assert names(expand_inputs(["sub"], recursive=True)) == ["sub/deep1.webp", "sub/deeper/d.tiff"]


def test_big_numbers_in_names_are_sorted_too(folder):
    many = [f"{'9' * 200}.jpg", f"1{'0' * 200}.jpg"]
    for name in many:
        (folder / "empty" / name).touch()
    assert [path.name for path in expand_inputs(["empty"])] == many
