"""Images in data: URIs and files named by file: URIs."""

import base64

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.sources import load_image
from rtmpose3d.sources.uris import bytes_from_data_uri

PIXELS = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
PNG = cv2.imencode(".png", PIXELS)[1].tobytes()


@pytest.mark.parametrize(
    "header", ["data:image/png;base64", "data:;base64", " DATA:image/png;BASE64"]
)
def test_an_image_in_a_data_uri_is_read(header):
    uri = f"{header},{base64.b64encode(PNG).decode()}"

    np.testing.assert_array_equal(load_image(uri), PIXELS)


def test_base64_may_be_escaped_and_broken_into_lines():
    text = base64.b64encode(PNG).decode().replace("+", "%2B").replace("=", "%3D")
    lines = base64.encodebytes(PNG).decode()

    assert bytes_from_data_uri(f"data:image/png;base64,{text}")[0] == PNG
    assert bytes_from_data_uri(f"data:image/png;base64,{lines}")[0] == PNG


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:image/png;base64", "comma"),
        ("data:image/png;base64,???", "base64"),
        ("data:image/png;base64,AAAA", "the image in data:image/png;base64"),
        ("file://elsewhere/a.png", "another host"),
        ("file:///no/such/a.png", "no file"),
    ],
)
def test_a_uri_without_an_image_is_an_error_that_says_why(uri, reason):
    with pytest.raises(InputError, match=reason):
        load_image(uri)


@pytest.mark.parametrize("host", ["", "localhost"])
def test_a_file_uri_names_a_file(tmp_path, host):
    path = tmp_path / "a b é.png"
    path.write_bytes(PNG)
    uri = path.as_uri().replace("file://", f"file://{host}")

    np.testing.assert_array_equal(load_image(uri), PIXELS)


@given(st.text(max_size=60))
def test_any_content_of_a_data_uri_is_an_image_or_an_error_of_the_package(content):
    with pytest.raises(InputError):
        load_image(f"data:{content}")
