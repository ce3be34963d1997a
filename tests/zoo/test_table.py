"""The table of models: names, aliases, files, licences."""

from __future__ import annotations

import hashlib
import re

import pytest

from rtmpose3d import InputError, UnknownNameError
from rtmpose3d.runtime.graph_files import graph_file
from rtmpose3d.zoo import (
    ALIASES,
    MODELS,
    OFFLINE_MODEL,
    BundledFile,
    DetectorSpec,
    ModelSpec,
    PoseSpec,
    RemoteFile,
    default_confidence_thr,
    resolve,
    resolve_detector,
    resolve_pose,
)
from rtmpose3d.zoo.specs import RENDERED_DATA_LICENCE

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
BUNDLED = {"rtmw3d-n", "rtmdet-n", "rtmw3d-n-cc0", "rtmdet-n-cc0"}


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


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("rtmw3d-n-cc0", "831e3e16fa08c94e8e44ca493bad736752a43e0a18eea802be7a8b4790b0e2b4"),
        ("rtmdet-n-cc0", "11b4e37b67a86975816f1b6da8b8962a6d80a5eb092ae40d3fda8b9f2b51f36b"),
    ],
)
def test_the_models_of_rendered_people_alone_never_change(name: str, sha256: str) -> None:
    file = MODELS[name].file
    assert isinstance(file, BundledFile)
    assert hashlib.sha256(file.path.read_bytes()).hexdigest() == sha256
    assert MODELS[name].data_licence == RENDERED_DATA_LICENCE
    assert MODELS[name].graph == name.removesuffix("-cc0")


def test_a_model_of_rendered_people_alone_has_such_a_detector() -> None:
    assert resolve_pose("rtmw3d-n-cc0").detector == "rtmdet-n-cc0"
    assert resolve_pose("rtmw3d-n").detector == "rtmdet-n"


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


POSE_MODELS = [spec for spec in MODELS.values() if isinstance(spec, PoseSpec)]
DETECTORS = [spec for spec in MODELS.values() if isinstance(spec, DetectorSpec)]


@pytest.mark.parametrize("spec", POSE_MODELS, ids=lambda spec: spec.name)
def test_pose_models_have_the_published_codec(spec: PoseSpec) -> None:
    codec, (width, height) = spec.codec, spec.input_size_wh
    assert (width, height) == codec.input_size_wh
    assert width / height == 3 / 4
    assert codec.sigma[:2] == {192: (4.9, 5.66), 288: (6.0, 6.93)}[width]
    assert codec.split_ratio == 2
    assert codec.label_beta == 10
    assert not codec.normalize
    assert not codec.use_dark
    if spec.task == "pose3d":
        assert (codec.depth_size, codec.sigma[2]) == (288, 6.0)
        assert codec.depth_range_m == pytest.approx(2.1744869)
    family = spec.name.split("-")[0]
    assert codec.beta == (1 if family == "rtmw" else 10)
    assert codec.visibility == (family == "rtmw" and width == 288)
    assert spec.dropout == (0.1 if spec.name == "rtmw3d-l" else 0)
    assert (spec.pafpn, spec.hem) == ((True, True) if "rtmw" in family else (False, False))


@pytest.mark.parametrize("spec", POSE_MODELS, ids=lambda spec: spec.name)
def test_only_our_small_models_flip_smooth_and_have_a_threshold_of_their_own(
    spec: PoseSpec,
) -> None:
    ours = isinstance(spec.file, BundledFile)
    assert spec.flip_test is ours
    assert spec.codec.decode_sigma == (24.0 if ours else None)
    assert (
        default_confidence_thr(spec.name) == spec.default_confidence_thr == (0.4 if ours else 0.3)
    )


def test_models_without_a_threshold_of_their_own_have_the_common_one() -> None:
    assert default_confidence_thr("rtmdet-m") == default_confidence_thr("unknown") == 0.3


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.name)
def test_pixels_are_normalised_by_imagenets_statistics_of_their_channel(spec: ModelSpec) -> None:
    red_green_blue = {"rgb": slice(None), "bgr": slice(None, None, -1)}[spec.channel_order]
    assert spec.mean[red_green_blue] == (123.675, 116.28, 103.53)
    assert spec.std[red_green_blue] == (58.395, 57.12, 57.375)
    assert spec.channel_order == ("bgr" if isinstance(spec, DetectorSpec) else "rgb")


@pytest.mark.parametrize("spec", DETECTORS, ids=lambda spec: spec.name)
def test_detectors_select_boxes_as_published(spec: DetectorSpec) -> None:
    assert (spec.score_thr, spec.pre_nms, spec.max_people) == (0.05, 1000, 100)
    assert spec.iou_thr == (0.5 if isinstance(spec.file, BundledFile) else 0.6)
    nano = spec.name == "rtmdet-nano"
    assert (spec.separable, spec.exp_on_reg) == (nano, not nano)
