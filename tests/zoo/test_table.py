"""The table of models: names, aliases, files, licences."""

from __future__ import annotations

import re

import pytest

from rtmpose3d import InputError, UnknownNameError
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.zoo import (
    ALIASES,
    MODELS,
    OFFLINE_MODEL,
    BundledFile,
    PoseSpec,
    RemoteFile,
    resolve,
    resolve_detector,
    resolve_pose,
)

NAMES = {
    "rtmw-m-256x192",
    "rtmw-l-256x192",
    "rtmw-l-384x288",
    "rtmw-x-256x192",
    "rtmw-x-384x288",
    "rtmw3d-l",
    "rtmw3d-x",
    "rtmpose-m-256x192",
    "rtmpose-l-256x192",
    "rtmpose-l-384x288",
    "rtmpose-x-384x288",
    "dwpose-t-256x192",
    "dwpose-s-256x192",
    "dwpose-m-256x192",
    "dwpose-l-256x192",
    "dwpose-l-384x288",
    "rtmdet-m",
    "rtmdet-nano",
}
BUNDLED = {"rtmw3d-n", "rtmdet-n"}


def test_every_published_model_has_its_fixed_name() -> None:
    assert set(MODELS) == NAMES | BUNDLED


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("rtmw-l", "rtmw-l-384x288"),
        ("rtmw-x", "rtmw-x-384x288"),
        ("rbarac/rtmpose3d", "rtmw3d-l"),
        ("rtmpose3d-l", "rtmw3d-l"),
        ("RTMPose3D-X", "rtmw3d-x"),
        (" RTMW3D-L ", "rtmw3d-l"),
    ],
)
def test_aliases_lead_to_their_models(alias: str, name: str) -> None:
    assert resolve(alias).name == name


def test_unknown_names_are_never_another_model() -> None:
    for name in ("rtmpose3d-s", "rtmw3d", "", "l", "rtmw-l-512x384"):
        with pytest.raises(UnknownNameError, match="rtmw3d-l"):
            resolve(name)
    with pytest.raises(UnknownNameError, match="pose model"):
        resolve_pose("rtmdet-m")
    with pytest.raises(UnknownNameError, match="detector"):
        resolve_detector("rtmw3d-l")


def test_aliases_shadow_no_model_and_lead_somewhere() -> None:
    assert not set(ALIASES) & set(MODELS)
    assert set(ALIASES.values()) <= set(MODELS)


@pytest.mark.parametrize("name", sorted(NAMES - {"rtmpose-x-384x288"}))
def test_hash_prefix_is_the_one_in_the_files_name(name: str) -> None:
    file = MODELS[name].file
    assert file.urls
    assert all(url.endswith(file.name) for url in file.urls)
    found = re.search(r"-([0-9a-f]{8})(?:_\d{8})?\.pth$", file.name)
    dated = re.search(r"-20\d{6}\.pth$", file.name)
    assert file.sha256_prefix == (None if dated else found and found[1])


def test_only_the_3d_models_and_the_detector_are_on_the_hub() -> None:
    on_hub = {
        name
        for name, spec in MODELS.items()
        if isinstance(spec.file, RemoteFile) and spec.file.hub_repo == "rbarac/rtmpose3d"
    }
    assert on_hub == {"rtmw3d-l", "rtmw3d-x", "rtmdet-m"}


def test_our_own_models_are_in_the_package_and_claim_no_published_metrics() -> None:
    bundled = {name for name, spec in MODELS.items() if isinstance(spec.file, BundledFile)}
    assert bundled == BUNDLED
    assert OFFLINE_MODEL in bundled
    pose = resolve_pose(OFFLINE_MODEL)
    assert (pose.ap, pose.ar, pose.mpjpe_m, dict(pose.part_ap)) == (None, None, None, {})
    for name in bundled:
        assert MODELS[name].weights_licence == "Apache-2.0"
        assert MODELS[name].data_licence.startswith("rendered people (CC0) before photographs")


def test_each_pose_model_names_a_detector_of_its_own_kind() -> None:
    for spec in MODELS.values():
        if isinstance(spec, PoseSpec):
            detector = resolve_detector(spec.detector)
            assert type(detector.file) is type(spec.file), "one works offline if the other does"


@pytest.mark.parametrize("name", ["a.pth", "../a.safetensors", ".a.safetensors", "", "a/b"])
def test_bundled_file_has_a_plain_name(name: str) -> None:
    with pytest.raises(InputError, match="plain one that ends in"):
        BundledFile(name=name, max_bytes=1)


def test_bundled_file_has_a_size_limit() -> None:
    with pytest.raises(InputError, match="size limit"):
        BundledFile(name="a.safetensors", max_bytes=0)


@pytest.mark.parametrize("name", sorted(NAMES | BUNDLED))
def test_every_model_has_a_shipped_graph_that_fits_its_codec(name: str) -> None:
    spec = MODELS[name]
    shapes = graph_file(spec).shapes
    if isinstance(spec, PoseSpec):
        axes = [f"head.cls_{axis}.weight" for axis in "xyz" if f"head.cls_{axis}.weight" in shapes]
        assert tuple(shapes[key][0] for key in axes) == spec.codec.bins
        assert spec.task == ("pose3d" if len(axes) == 3 else "pose2d")
    else:
        assert spec.task == "detector"
    for licence in (spec.code_licence, spec.weights_licence, spec.data_licence):
        assert licence
