"""A config.json from somebody else: wrong types are named, no network, no folder made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtmpose3d import RTMPose3DConfig
from rtmpose3d.errors import RTMPose3DError, WeightsError

_NAMES = st.sampled_from(sorted(RTMPose3DConfig().to_dict()))
_WRONG = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def _write(folder: Path, **changes: object) -> Path:
    content = {**RTMPose3DConfig("n").to_dict(), **changes}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(_NAMES, _WRONG, min_size=1, max_size=3))
def test_any_values_are_a_configuration_or_an_error_of_ours(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    try:
        RTMPose3DConfig.from_pretrained(_write(tmp_path, **changes))
    except RTMPose3DError:
        return


@pytest.mark.parametrize(
    "changes",
    [
        {"backend": []}, {"device": 3}, {"threads": "4"}, {"threads": True}, {"threads": 2.5},
        {"bbox_thr": "0.3"}, {"model": {}}, {"detector": 1}, {"flip_test": 0},
        {"pose_checkpoint": ["a"]}, {"cache_dir": 7}, {"num_keypoints": "133"},
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match=next(iter(changes))):
        RTMPose3DConfig.from_pretrained(_write(tmp_path, **changes))


@pytest.mark.parametrize("name", ["pose_checkpoint", "detector_checkpoint"])
def test_an_address_in_a_folder_is_not_asked_unless_the_caller_gives_it(
    tmp_path: Path, name: str
) -> None:
    folder = _write(tmp_path, **{name: "http://127.0.0.1:9/best.pth"})
    with pytest.raises(WeightsError, match="pass it yourself"):
        RTMPose3DConfig.from_pretrained(folder)
    own = {name: "http://127.0.0.1:9/own.pth"}
    assert getattr(RTMPose3DConfig.from_pretrained(folder, **own), name) == own[name]


def test_a_folder_of_downloads_is_not_taken_from_a_file(tmp_path: Path) -> None:
    folder = _write(tmp_path, cache_dir=str(tmp_path / "elsewhere"))
    with pytest.raises(WeightsError, match="cache_dir"):
        RTMPose3DConfig.from_pretrained(folder)
    RTMPose3DConfig(cache_dir=str(tmp_path / "mine")).save_pretrained(folder)
    assert RTMPose3DConfig.from_pretrained(folder).cache_dir is None


def test_deep_and_endless_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 200_000)
    with pytest.raises(WeightsError, match="nested"):
        RTMPose3DConfig.from_pretrained(tmp_path)
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").symlink_to("/dev/zero")
    with pytest.raises(WeightsError, match="a device"):
        RTMPose3DConfig.from_pretrained(tmp_path)
