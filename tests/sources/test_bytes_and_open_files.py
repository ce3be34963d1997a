"""Bytes and open binary files are images, as uploads of web services come."""

from __future__ import annotations

import io
import tempfile

import numpy as np
import pytest
from encoding import encoded, example_image

from rtmpose3d.errors import InputError
from rtmpose3d.sources import limits, load_image, reading

DATA = encoded(example_image(), "PNG")
BGR = np.asarray(example_image())[..., ::-1]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_bytes_of_a_file_are_an_image(kind):
    assert np.array_equal(load_image(kind(DATA)), BGR)


def test_a_memoryview_counts_its_bytes_not_its_items():
    words = memoryview(DATA + bytes(-len(DATA) % 4)).cast("I")
    assert np.array_equal(load_image(words), BGR)


class InPieces(io.BytesIO):
    """A stream that gives a few bytes at a time, as a socket does."""

    def read(self, size=-1, /):
        return super().read(min(size, 100))


def test_open_files_and_streams_are_images(tmp_path):
    (tmp_path / "a.png").write_bytes(DATA)
    with (tmp_path / "a.png").open("rb") as file, (tmp_path / "a.png").open("rb", 0) as raw:
        for stream in (file, raw, io.BytesIO(DATA), InPieces(DATA)):
            assert np.array_equal(load_image(stream), BGR)
    with tempfile.SpooledTemporaryFile() as upload:
        upload.write(DATA)
        upload.seek(0)
        assert np.array_equal(load_image(upload), BGR)


def test_a_stream_is_read_from_its_position_on():
    stream = io.BytesIO(b"head" + DATA)
    stream.seek(4)
    assert np.array_equal(load_image(stream), BGR)
    with pytest.raises(InputError, match=r"empty from its position on; rewind it: file\.seek\(0\)"):
        load_image(stream)


def test_a_damaged_stream_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(DATA[:80])
    with (tmp_path / "a.png").open("rb") as file, pytest.raises(InputError, match=r"a\.png"):
        load_image(file)
    with pytest.raises(InputError, match="the image of 80 bytes"):
        load_image(DATA[:80])


def test_what_cannot_be_read_as_bytes_says_why():
    closed = io.BytesIO(DATA)
    closed.close()

    class Upload:
        async def read(self, size=-1):
            return DATA

    with pytest.raises(InputError, match="closed file"):
        load_image(closed)
    with pytest.raises(InputError, match="open it in binary mode"):
        load_image(io.StringIO("text"))
    with pytest.raises(InputError, match=r"await file\.read\(\)"):
        load_image(Upload())
    with pytest.raises(InputError, match=r"is empty \(0 bytes\)"):
        load_image(b"")
    with pytest.raises(InputError, match=r"array\.tobytes\(\)"):
        load_image(np.frombuffer(DATA, np.uint8))


def test_a_stream_without_end_is_read_up_to_the_limit(monkeypatch):
    class Endless:
        def read(self, size=-1):
            return bytes(min(size, 1000))

    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 5000)
    with pytest.raises(InputError, match="more than"):
        load_image(Endless())
    assert limits.MAX_FILE_BYTES > 5000
