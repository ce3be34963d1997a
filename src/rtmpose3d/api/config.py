"""The configuration of a model, saved as config.json next to its weights."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import ClassVar, get_args, get_type_hints

from rtmpose3d.api.weights_names import explain_no_model, find_file_model, find_folder_model
from rtmpose3d.errors import InputError, UnknownNameError, WeightsError
from rtmpose3d.runtime import RuntimeOptions
from rtmpose3d.runtime.options import AUTO
from rtmpose3d.sources import is_url
from rtmpose3d.structures.atomic import atomic_write, expand_home, make_directory
from rtmpose3d.untrusted import brief, read_json, reading
from rtmpose3d.zoo import PoseSpec, resolve, resolve_detector, resolve_pose

CONFIG_FILE = "config.json"
MODELS_BY_SIZE = {"n": "rtmw3d-n", "l": "rtmw3d-l", "x": "rtmw3d-x"}
SIZELESS_NAMES = ("rbarac/rtmpose3d", "rtmpose3d")  # names of the RTMPose3D package for all sizes


@dataclass(frozen=True)
class RTMPose3DConfig(RuntimeOptions):
    """Configuration of an `RTMPose3D`; change it with `dataclasses.replace`.

    The fields of `RuntimeOptions` (backend, device, precision, threads) are part of it.

    Attributes:
        model_size: "n", "l" or "x", short for rtmw3d-n, rtmw3d-l and rtmw3d-x; follows `model` if
            that is given.
        num_keypoints: 133, the only number that the models have.
        bbox_thr: people must be detected with a score above this.
        cache_dir: folder for downloaded checkpoints; None for `CACHE_DIR`.
        detector_config, pose_config: named for programs written for the RTMPose3D package; must be
            None, since no mmdet or mmpose configuration is read here.
        detector_checkpoint, pose_checkpoint: checkpoint files or addresses to use instead of the
            published ones.
        model: name of the pose model.
        detector: name of the detector; "auto" becomes the pose model's own (rtmdet-m, or rtmdet-n
            for rtmw3d-n); None if boxes are always given.
        flip_test: also run each crop flipped and average, as for the published metrics of RTMW;
            None: with rtmw3d-n only.

    Raises:
        InputError: a value out of range, or two that contradict each other.
        UnknownNameError: an unknown model, size, detector, backend or device.
    """

    model_type: ClassVar[str] = "rtmpose3d"

    model_size: str = ""
    num_keypoints: int = 133
    bbox_thr: float = 0.3
    cache_dir: str | None = None
    detector_config: str | None = None
    pose_config: str | None = None
    detector_checkpoint: str | None = None
    pose_checkpoint: str | None = None
    model: str = ""
    detector: str | None = AUTO
    flip_test: bool | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            object.__setattr__(self, "model", _model_by_size(self.model_size or "l"))
        spec = resolve_pose(self.model)
        if self.model_size and spec.name != _model_by_size(self.model_size):
            raise InputError(
                f"model_size {self.model_size!r} contradicts model {spec.name!r}; give one of them "
                "(with dataclasses.replace: model=..., model_size='')"
            )
        sizes = {model: size for size, model in MODELS_BY_SIZE.items()}
        object.__setattr__(self, "model", spec.name)
        object.__setattr__(self, "model_size", sizes.get(spec.name, ""))
        if self.detector is not None:
            named = spec.detector if self.detector == AUTO else self.detector
            object.__setattr__(self, "detector", resolve_detector(named).name)
        for name in ("cache_dir", "detector_checkpoint", "pose_checkpoint"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else str(value))
        if self.num_keypoints != spec.keypoints:
            raise InputError(
                f"num_keypoints must be {spec.keypoints} for {spec.name}, got {self.num_keypoints}"
            )
        if not 0 <= self.bbox_thr <= 1:
            raise InputError(f"bbox_thr must be between 0 and 1, got {self.bbox_thr!r}")
        for name in ("detector_config", "pose_config"):
            if getattr(self, name) is not None:
                raise InputError(
                    f"{name}={getattr(self, name)!r}: mmdet and mmpose configurations are not "
                    "read here; leave it out and name the model instead, e.g. model='rtmw3d-x'"
                )

    @property
    def runtime(self) -> RuntimeOptions:
        """Backend, device, precision and threads."""
        return RuntimeOptions(
            **{field.name: getattr(self, field.name) for field in fields(RuntimeOptions)}
        )

    def to_dict(self) -> dict[str, object]:
        """All fields as JSON values."""
        return {"model_type": self.model_type, **asdict(self)}

    def save_pretrained(self, save_directory: str | Path) -> None:
        """Write config.json into a folder, which is made if it does not exist.

        The folder of downloads is not part of it: it belongs to this machine.

        Raises:
            OutputError: it cannot be written.
        """
        with atomic_write(make_directory(save_directory) / CONFIG_FILE) as file:
            file.write(json.dumps({**self.to_dict(), "cache_dir": None}, indent=2).encode() + b"\n")

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, **changes: object
    ) -> RTMPose3DConfig:
        """The configuration of a saved folder, of a model's name, or of a hub name.

        Args:
            pretrained_model_name_or_path: folder with a config.json or with the published file of
                one pose model; a weights file that names its model; or a name such as
                "rbarac/rtmpose3d" or "rtmw-x".
            changes: fields to set; None leaves a field as it is.

        Raises:
            UnknownNameError: neither a folder nor a file nor a known name; or an unknown field.
            InputError: no name, a weights file that does not name its model, or settings that
                contradict each other.
            WeightsError: the folder's config.json cannot be read, or it has neither that nor
                published weights.
        """
        known = {field.name for field in fields(cls)}
        for name in changes:
            if name not in known:
                raise UnknownNameError("setting", name, sorted(known))
        given = {name: value for name, value in changes.items() if value is not None}
        if "model" in given and "model_size" not in given:
            given["model_size"] = ""
        name = _checked_name(pretrained_model_name_or_path)
        path = expand_home(name)
        if path.is_dir():
            if (path / CONFIG_FILE).exists():
                return cls(**{**_read_settings(path, set(given)), **given})  # type: ignore[arg-type]
            config = cls(**{"cache_dir": str(path), **given})  # type: ignore[arg-type]
            asked = config.model if {"model", "model_size"} & set(given) else None
            return replace(config, model=find_folder_model(path, asked), model_size="")
        if path.is_file():
            return cls(**{**_file_settings(path), **given})  # type: ignore[arg-type]
        if name.strip().lower() in SIZELESS_NAMES and "model_size" in given:
            return cls(**given)  # type: ignore[arg-type]
        error = explain_no_model(name)
        if error is not None:
            raise error
        return cls(**{"model": name, **given})  # type: ignore[arg-type]


def _checked_name(name: object) -> str:
    """The name or path of a model as text.

    Raises:
        InputError: neither text nor a path, or empty.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise InputError(
            f"expected the name of a model, such as 'rtmw3d-l', or a folder, got {name!r}"
        )
    text = os.fspath(name)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"the name of the model is empty ({text!r}); give one such as 'rtmw3d-l'")
    return text


def _file_settings(file: Path) -> dict[str, str]:
    """Model and checkpoint of a weights file.

    Raises:
        InputError: the file does not name its model, or it is that of a detector.
        WeightsError: the file is no checkpoint.
    """
    model = find_file_model(file)
    if model is None:
        raise InputError(
            f"{file} is a weights file that does not say of which model; name the model and pass "
            f"the file: from_pretrained('rtmw3d-l', pose_checkpoint={str(file)!r})"
        )
    if not isinstance(resolve(model), PoseSpec):
        raise InputError(
            f"{file} holds the weights of the detector {model}; name a pose model and pass the "
            f"file: from_pretrained('rtmw3d-l', detector_checkpoint={str(file)!r})"
        )
    return {"model": model, "pose_checkpoint": str(file)}


def _read_settings(folder: Path, given: set[str]) -> dict[str, object]:
    """The settings of a folder's config.json, of the right types; `given` ones are replaced.

    The folder may come from somebody else: it cannot make the package use the network or write
    anywhere, which only the caller's own arguments can.
    """
    file = folder / CONFIG_FILE
    content = read_json(file, "configuration", error=WeightsError)
    if not isinstance(content, dict) or content.get("model_type") != RTMPose3DConfig.model_type:
        raise WeightsError(f"{file} is not the configuration of an rtmpose3d model")
    content.pop("model_type")
    types = get_type_hints(RTMPose3DConfig)
    unknown = sorted(set(content) - {field.name for field in fields(RTMPose3DConfig)})
    if unknown:
        raise WeightsError(
            f"{file} has settings that this version does not know: {brief(', '.join(unknown))}"
        )
    for name, value in content.items():
        _check_type(file, name, value, types[name])
    for name in ("pose_checkpoint", "detector_checkpoint"):
        value = content.get(name)
        if name in given or value is None:
            continue
        if is_url(value):
            raise WeightsError(
                f"{file} names the address {brief(value)} as {name}; to use it, pass it yourself: "
                f"from_pretrained({str(folder)!r}, {name}=...)"
            )
        with reading(file, "configuration", error=WeightsError):
            if (folder / value).is_file():
                content[name] = str(folder / value)  # saved next to the configuration
    if content.get("cache_dir") is not None and "cache_dir" not in given:
        raise WeightsError(
            f"{file} names the folder of downloads {brief(content['cache_dir'])}; to use it, pass "
            f"it yourself: from_pretrained({str(folder)!r}, cache_dir=...)"
        )
    return {
        name: value for name, value in content.items() if value is not None or name == "detector"
    }


def _check_type(file: Path, name: str, value: object, declared: type) -> None:
    """Check a value of config.json against the type of its field."""
    allowed: tuple[type, ...] = get_args(declared) or (declared,)
    wrong_bool = isinstance(value, bool) and bool not in allowed
    number = float in allowed and isinstance(value, int)
    if wrong_bool or not (number or isinstance(value, allowed)):
        names = " or ".join("null" if t is type(None) else t.__name__ for t in allowed)
        raise WeightsError(f"{file}: {name} must be {names}, got {brief(value)}")


def _model_by_size(size: str) -> str:
    if size.lower() not in MODELS_BY_SIZE:
        raise UnknownNameError("model_size", size, MODELS_BY_SIZE)
    return MODELS_BY_SIZE[size.lower()]
