"""Addresses as people write them become addresses that HTTP takes, or an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError
from rtmpose3d.web.addresses import is_url, parse_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://host/a.jpg", "http://host/a.jpg"),
        ("  https://host/a.jpg \n", "https://host/a.jpg"),
        ("HTTPS://Host/A.jpg", "https://host/A.jpg"),
        ("http://host", "http://host/"),
        ("http://host/my photo.jpg", "http://host/my%20photo.jpg"),
        ("http://host/my%20photo.jpg", "http://host/my%20photo.jpg"),
        ("http://host/é.jpg", "http://host/%C3%A9.jpg"),
        ("http://host/写真/1.jpg?q=写", "http://host/%E5%86%99%E7%9C%9F/1.jpg?q=%E5%86%99"),
        ("http://host/100%.jpg", "http://host/100%25.jpg"),
        ("http://host/a.jpg?x=1&y=[2]", "http://host/a.jpg?x=1&y=[2]"),
        ("http://host/a.jpg#part", "http://host/a.jpg"),
        ("http://bücher.example/a.jpg", "http://xn--bcher-kva.example/a.jpg"),
        ("http://例え.テスト/", "http://xn--r8jz45g.xn--zckzah/"),
        ("http://host:8080/a", "http://host:8080/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://me:secret@host/a", "http://host/a"),
    ],
)
def test_an_address_is_encoded_as_http_needs_it(text, url):
    assert is_url(text)
    assert parse_address(text).url == url


def test_user_and_password_become_a_header_and_are_not_shown():
    address = parse_address("http://me%40home:s%C3%A9cret@host/a")
    assert address.authorization == "Basic bWVAaG9tZTpzw6ljcmV0"
    assert "cret" not in repr(address)
    assert parse_address("http://me@host/a").authorization == "Basic bWU6"
    assert parse_address("http://host/a@b").authorization is None


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host/a",
        "file:///etc/passwd",
        "host/a.jpg",
        "",
        "http://",
        "http:///a.jpg",
        "http://host:port/a",
        "http://host:99999/a",
        "http://[::1/a",
        "http://a b/c",
        "http://host/a\r\nX-Header: 1",
        "http://" + "ü" * 300 + "/a",
        "http://user:secret@/a",
    ],
)
def test_what_is_no_address_is_refused_without_showing_a_password(text):
    with pytest.raises(InputError) as caught:
        parse_address(text)
    assert "secret" not in str(caught.value)


@given(text=st.text(max_size=60), prefix=st.sampled_from(["http://", "https://h/", "http://a:b@"]))
def test_any_text_is_an_ascii_address_or_an_error_of_ours(text, prefix):
    try:
        address = parse_address(prefix + text)
    except InputError:
        return
    assert address.url.isascii()
    assert not any(character.isspace() for character in address.url)
    assert parse_address(address.url).url == address.url
