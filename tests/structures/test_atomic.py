"""Files appear complete or not at all, and errors name the cause."""

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.structures.atomic import atomic_path, atomic_write, make_directory, output_errors


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def test_the_file_is_there_only_after_the_block(tmp_path):
    target = tmp_path / "résultat.json"
    with atomic_write(target, "w") as file:
        file.write("é\n")
        assert not target.exists()
    assert target.read_bytes() == "é\n".encode()
    assert names_in(tmp_path) == [target.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    with pytest.raises(error), atomic_write(target) as file:  # noqa: PT012
        file.write(b"half of the new")
        raise error
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.bin"]


def test_a_full_disk_is_named_with_the_path_and_the_cure(tmp_path):
    target = tmp_path / "a.bin"
    full = pytest.raises(OutputError, match="disk is full; free some space")
    with full as caught, atomic_write(target):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(target) in str(caught.value)
    assert names_in(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_directly_and_its_error_is_an_output_error():
    with pytest.raises(OutputError, match="disk is full"), atomic_write("/dev/full") as file:
        file.write(b"1")
    with atomic_write("/dev/null") as file:
        file.write(b"1")
    assert not Path("/dev/null").is_file()


def test_a_missing_folder_a_folder_and_a_file_as_folder_are_distinguished(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path, text in (
        (tmp_path / "no" / "a.json", "its folder does not exist"),
        (tmp_path, "a folder of that name exists"),
        (tmp_path / "file" / "a.json", "is a file, not a folder"),
    ):
        with pytest.raises(OutputError, match=text), atomic_write(path):
            pass


def test_errors_of_other_files_and_of_the_package_pass_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"image\.jpg"), atomic_write(tmp_path / "a"):
        (tmp_path / "image.jpg").read_bytes()
    with pytest.raises(InputError), atomic_write(tmp_path / "a"):
        raise InputError("x")
    with pytest.raises(ConnectionResetError), output_errors(tmp_path / "a"):
        raise ConnectionResetError


def test_writers_that_take_a_name_get_one_with_the_same_ending(tmp_path):
    with atomic_path(tmp_path / "video.MP4") as temporary:
        assert temporary.suffix == ".MP4"
        assert temporary.parent == tmp_path
        temporary.write_bytes(b"frames")
    assert (tmp_path / "video.MP4").read_bytes() == b"frames"


def test_a_writer_that_wrote_nothing_is_an_output_error(tmp_path):
    with pytest.raises(OutputError), atomic_path(tmp_path / "video.mp4"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")
def test_permissions_stay_and_links_are_followed(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with atomic_write(link, "w") as file:
        file.write("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    with atomic_write(tmp_path / "fresh") as file:
        file.write(b"")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o666 & ~umask


def test_newlines_are_as_asked(tmp_path):
    with atomic_write(tmp_path / "a.csv", "w", newline="") as file:
        file.write("a\r\nb\n")
    assert (tmp_path / "a.csv").read_bytes() == b"a\r\nb\n"


def test_a_very_long_name_is_written_or_named(tmp_path):
    with atomic_write(tmp_path / ("n" * 200 + ".json"), "w") as file:
        file.write("{}")
    with pytest.raises(OutputError), atomic_write(tmp_path / ("n" * 300)):
        pass


def test_an_unknown_mode_is_our_own_mistake(tmp_path):
    with pytest.raises(ValueError, match="'w' or 'wb'"):
        atomic_write(tmp_path / "a", "r")


def test_a_directory_is_made_with_its_parents(tmp_path):
    deep = tmp_path / "a" / "b"
    assert make_directory(deep) == deep
    assert deep.is_dir()
    assert make_directory(str(deep)) == deep
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a part of its path is a file"):
        make_directory(tmp_path / "file" / "c")
