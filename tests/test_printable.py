"""Names from files, servers and checkpoints cannot steer a terminal."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtmpose3d.cli.terminal import echo, log_to_terminal
from rtmpose3d.errors import (
    BackendError,
    InputError,
    MissingDependencyError,
    OutputError,
    RTMPose3DError,
    UnknownNameError,
    WeightsError,
    printable,
)
from rtmpose3d.weights import match_weights, read_checkpoint, write_safetensors

_HOSTILE = "a\x1b]0;owned\x07\x1b[2Jb\x9b1m\u202ec"
_ESCAPED = r"a\x1b]0;owned\x07\x1b[2Jb\x9b1m\u202ec"


@given(text=st.text())
def test_no_control_character_is_left_and_other_text_is_unchanged(text: str) -> None:
    shown = printable(text)
    assert not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown
    )
    assert printable(shown) == shown
    if text.isprintable():
        assert shown == text


def test_emoji_and_letters_of_all_scripts_stay() -> None:
    text = "Grüße 人物 👩‍👧 שלום"
    assert printable(text) == text
    assert printable("a\nb\tc") == r"a\nb\tc"
    assert printable("a\nb\tc", keep_lines=True) == "a\nb\tc"


@pytest.mark.parametrize(
    "kind", [InputError, WeightsError, BackendError, OutputError, MissingDependencyError]
)
def test_the_text_of_every_error_is_printable(kind: type[RTMPose3DError]) -> None:
    assert str(kind(f"{_HOSTILE}: two\nlines")) == f"{_ESCAPED}: two\nlines"


def test_an_unknown_name_is_printable() -> None:
    assert "\x1b" not in str(UnknownNameError("model", Path(_HOSTILE), ["x"]))


def test_names_of_tensors_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "hostile.safetensors"
    write_safetensors(path, {_HOSTILE: np.zeros(1, np.float32)})
    with pytest.raises(WeightsError) as caught:
        match_weights(read_checkpoint(path), {"w": (1,)}, model="rtmw3d-n", path=path)
    assert _ESCAPED in str(caught.value)


def test_what_commands_print_and_log_is_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    package = logging.getLogger("rtmpose3d")
    before = package.handlers[:], package.propagate
    package.handlers.clear()
    try:
        echo(_HOSTILE)
        echo(_HOSTILE, err=True)
        log_to_terminal()
        logging.getLogger("rtmpose3d.anything").warning("in %s", _HOSTILE)
    finally:
        package.handlers[:], package.propagate = before
    printed = capsys.readouterr()
    assert printed.out == f"{_ESCAPED}\n"
    assert printed.err == f"{_ESCAPED}\nrtmpose3d: in {_ESCAPED}\n"
