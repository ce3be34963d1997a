"""Untrusted JSON: encodings, limits, and no exception but ours."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.errors import InputError, RTMPose3DError, WeightsError
from rtmpose3d.untrusted import brief, parse_json, read_json, reading
from rtmpose3d.untrusted.limits import ANNOTATION_JSON, SETTINGS_JSON, JsonLimits

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=_VALUES, encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_every_value_in_every_encoding_reads_back(value: object, encoding: str) -> None:
    text = json.dumps(value, ensure_ascii=True)
    limits = JsonLimits(max_bytes=2**20, max_depth=100)
    assert parse_json(text.encode(encoding), "x", limits=limits) == value


@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_error_of_ours(data: bytes) -> None:
    with suppress(RTMPose3DError):
        parse_json(data, "x")


@pytest.mark.parametrize("limits", [SETTINGS_JSON, ANNOTATION_JSON])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_at_once(limits: JsonLimits, opening: str) -> None:
    with pytest.raises(InputError, match="nested"):
        parse_json(opening * 100_000, "x", limits=limits)


def test_brackets_in_strings_are_no_nesting() -> None:
    assert parse_json(json.dumps(["[[" * 40 + '"\\[', "{" * 40]), "x") == [
        "[[" * 40 + '"\\[',
        "{" * 40,
    ]


def test_nesting_up_to_the_limit_is_read() -> None:
    limits = JsonLimits(max_bytes=1000, max_depth=5)
    assert parse_json("[[[[[]]]], [[[[]]]]]", "x", limits=limits) == [[[[[]]]], [[[[]]]]]
    with pytest.raises(InputError, match="more than 5 deep"):
        parse_json("[[[[[[]]]]]]", "x", limits=limits)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_numbers_that_are_no_json_are_refused_in_settings_only(text: str) -> None:
    with pytest.raises(InputError, match="is not JSON"):
        parse_json(text, "x")
    parse_json(text, "x", limits=ANNOTATION_JSON)


def test_a_key_given_twice_is_refused_in_settings() -> None:
    with pytest.raises(InputError, match="the key 'a' twice"):
        parse_json('{"b": 1, "a": 1, "a": 2}', "x")


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as handle:
        handle.truncate(2**40)
    with pytest.raises(InputError, match="no such file has more than"):
        read_json(file)


def test_an_integer_of_a_million_digits_is_refused() -> None:
    with pytest.raises(InputError):
        parse_json("9" * 500_000, "x")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need a POSIX system")
def test_a_pipe_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    for path, reason in (
        (pipe, "a pipe"),
        (tmp_path, "folder"),
        (tmp_path / "none.json", "does not exist"),
        (tmp_path / "a\0b", "null"),
        (tmp_path / ("n" * 5000), "long"),
    ):
        with pytest.raises(WeightsError, match=reason):
            read_json(path, error=WeightsError)


class PanicException(BaseException):
    """As pyo3 defines it."""


@pytest.mark.parametrize(
    "raised",
    [KeyError("k"), IndexError(), MemoryError(), RecursionError(), OverflowError("o"), OSError("x"),
     PanicException("p"), AttributeError("a"), SystemError("s")],
)  # fmt: skip
def test_the_boundary_converts_every_error_to_ours(raised: BaseException) -> None:
    with (
        pytest.raises(WeightsError, match=r"checkpoint f\.pth"),
        reading("f.pth", "checkpoint", error=WeightsError),
    ):
        raise raised


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(3), InputError("own")])
def test_the_boundary_passes_interrupts_and_errors_of_ours(raised: BaseException) -> None:
    with pytest.raises(type(raised)) as caught, reading("f.pth"):
        raise raised
    assert caught.value is raised


def test_values_in_messages_are_cut_before_they_are_formatted() -> None:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested, nested]
    for value in (nested, "x" * 10**7, 1 << 10**7, {"k": ["y" * 10**6] * 100}):
        assert len(brief(value)) < 500
