"""HDF5 files that name other files, or ask for much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtmpose3d.data.readers.dna_rendering import unpack_images
from rtmpose3d.data.readers.hdf5_files import open_hdf5, read_numbers
from rtmpose3d.errors import InputError

h5py = pytest.importorskip("h5py")

JPEG = cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].ravel()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that starts like a JPEG, so that only its origin gives it away."""
    path = tmp_path / "secret.bin"
    path.write_bytes(b"\xff\xd8\xff private " * 5)
    return path


def _external(colour, secret: Path) -> None:
    colour.create_dataset("1", (60,), "u1", external=[(str(secret), 0, 60)])


def _external_link(colour, secret: Path) -> None:
    other = secret.with_suffix(".h5")
    with h5py.File(other, "w") as file:
        file["frame"] = JPEG
    colour["1"] = h5py.ExternalLink(str(other), "frame")


def _soft_link(colour, secret: Path) -> None:
    _external_link(colour.create_group("/elsewhere"), secret)
    colour["1"] = h5py.SoftLink("/elsewhere/1")


def _soft_loop(colour, secret: Path) -> None:
    colour["1"] = h5py.SoftLink(f"{colour.name}/1")


def _virtual(colour, secret: Path) -> None:
    other = secret.with_suffix(".h5")
    with h5py.File(other, "w") as file:
        file["frame"] = JPEG
    layout = h5py.VirtualLayout(shape=JPEG.shape, dtype="u1")
    layout[:] = h5py.VirtualSource(str(other), "frame", shape=JPEG.shape)
    colour.create_virtual_dataset("1", layout)


def _group(colour, secret: Path) -> None:
    colour.create_group("1")


def _text(colour, secret: Path) -> None:
    colour["1"] = "text"


def _no_jpeg(colour, secret: Path) -> None:
    colour["1"] = np.frombuffer(b"root:x:0:0:root", np.uint8)


def _wide(colour, secret: Path) -> None:
    colour["1"] = JPEG.astype(np.int64)


def _enormous(colour, secret: Path) -> None:
    colour.create_dataset("1", (2**40,), "u1", chunks=(2**16,), compression="gzip")


def _null(colour, secret: Path) -> None:
    colour.create_dataset("1", dtype="u1", shape=None, data=h5py.Empty("u1"))


HOSTILE = (
    _external, _external_link, _soft_link, _soft_loop, _virtual, _group, _text, _no_jpeg, _wide,
    _enormous, _null,
)  # fmt: skip


@pytest.mark.parametrize("make", HOSTILE)
def test_a_frame_that_is_not_a_jpeg_in_the_file_is_a_problem_and_the_rest_is_unpacked(
    tmp_path: Path, secret: Path, make: Callable[[object, Path], None]
) -> None:
    with h5py.File(tmp_path / "x.smc", "w") as smc:
        colour = smc.create_group("Camera_5mp/3/color")
        colour["0"] = JPEG
        make(colour, secret)
        colour["2"] = JPEG
    done = unpack_images(tmp_path / "x.smc", tmp_path / "images")
    assert done.written == 2
    assert len(done.problems) == 1
    assert "/Camera_5mp/3/color/1" in done.problems[0]
    files = sorted(path.name for path in (tmp_path / "images").rglob("*.*"))
    assert files == ["000000.jpg", "000002.jpg"]


@pytest.mark.parametrize("camera", ["x", "-1", "9" * 40, "../../etc"])
def test_names_that_are_no_numbers_are_refused(tmp_path: Path, camera: str) -> None:
    with h5py.File(tmp_path / "x.smc", "w") as smc:
        smc.create_group("Camera_5mp/3/color")[camera] = JPEG
    with pytest.raises(InputError, match=r"is no number|is missing"):
        unpack_images(tmp_path / "x.smc", tmp_path / "images")


def test_an_array_beyond_memory_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.smc", "w") as smc:
        smc.create_dataset("large", (2**40, 4), "f8")
    with (
        open_hdf5(tmp_path / "a.smc", "file") as smc,
        pytest.raises(InputError, match="no such file has so many"),
    ):
        read_numbers(smc, "large")
