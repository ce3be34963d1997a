"""Options for model and runtime, shared by all commands that run a model."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.options import Choices
from rtmpose3d.errors import DownloadError, InputError, WeightsError
from rtmpose3d.runtime import BACKENDS, RuntimeOptions
from rtmpose3d.runtime.options import AUTO, PRECISIONS
from rtmpose3d.zoo import OFFLINE_MODEL, PoseSpec, resolve_detector, resolve_pose

if TYPE_CHECKING:
    from rtmpose3d.api import RTMPose3D

CHECKPOINT_ENDINGS = (".pth", ".pt", ".bin", ".safetensors", ".onnx")
_MODEL, _RUNTIME = "Model", "Runtime"


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Pose model, detector and runtime, as typed.

    Raises:
        UnknownNameError: no such model, detector or device.
        InputError: two checkpoints for one network, or a checkpoint that does not exist.
        WeightsError: --model names a file that is no checkpoint.
    """

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="Pose model; see `rtmpose3d models`. rtmw3d-n comes with the package. Or a "
            "weights file that names its model: exported, or of `rtmpose3d train`.",
            rich_help_panel=_MODEL,
        ),
    ] = "rtmw3d-l"
    detector: Annotated[
        str | None,
        typer.Option(
            "--detector",
            help="Person detector: a name, a checkpoint file, auto (the pose model's own), or none "
            "where boxes are given.",
            rich_help_panel=_MODEL,
        ),
    ] = AUTO
    pose_checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--pose-checkpoint",
            help="Weights of the pose model from this file instead of the published one.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    detector_checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--detector-checkpoint",
            help="Weights of the detector from this file.",
            rich_help_panel=_MODEL,
        ),
    ] = None
    flip_test: Annotated[
        bool | None,
        typer.Option(
            "--flip-test/--no-flip-test",
            help="Run flipped crops, too, and average: half as fast, a little more accurate, and "
            "how the metrics of RTMW and RTMPose were published.",
            show_default="on for rtmw3d-n only",
            rich_help_panel=_MODEL,
        ),
    ] = None
    device: Annotated[
        str,
        typer.Option(
            "--device",
            "-d",
            help="auto, cpu, cuda, cuda:1, mps, gpu (Intel), npu.",
            rich_help_panel=_RUNTIME,
        ),
    ] = "auto"
    backend: Annotated[
        str,
        Choices((AUTO, *BACKENDS)),
        typer.Option(
            "--backend", help="Runtime library of the networks.", rich_help_panel=_RUNTIME
        ),
    ] = "auto"
    precision: Annotated[
        str,
        Choices(PRECISIONS),
        typer.Option(
            "--precision",
            help="auto (bf16 where the processor has it, else fp32), fp32, bf16, fp16; "
            "the last layers always run in fp32.",
            rich_help_panel=_RUNTIME,
        ),
    ] = AUTO
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads",
            min=1,
            help="CPU threads of the networks.",
            show_default="one per core",
            rich_help_panel=_RUNTIME,
        ),
    ] = None
    cache_dir: Annotated[
        Path | None,
        typer.Option("--cache-dir", help="Folder of downloaded weights.", rich_help_panel=_RUNTIME),
    ] = None

    def __post_init__(self) -> None:
        if self.detector is not None and self.detector.strip().lower() == "none":
            object.__setattr__(self, "detector", None)
        self._runtime()
        if _is_checkpoint(self.model):
            self._take_model_file(Path(self.model).expanduser())
        if self.detector_file is not None and self.detector_checkpoint is not None:
            raise InputError("--detector names a file, and so does --detector-checkpoint; give one")
        _ = self.pose_spec, self.detector_name
        for option, file in (
            ("--pose-checkpoint", self.pose_checkpoint),
            ("--detector-checkpoint", self.detector_checkpoint),
            ("--detector", self.detector_file),
        ):
            if file is not None and not file.expanduser().is_file():
                raise InputError(f"{option}: there is no file {file}")

    @property
    def pose_spec(self) -> PoseSpec:
        """Row of the pose model in the model table."""
        return resolve_pose(self.model)

    @property
    def detector_file(self) -> Path | None:
        """The file that --detector names; None if it names a model."""
        if self.detector is None or not _is_checkpoint(self.detector):
            return None
        return Path(self.detector)

    @property
    def detector_name(self) -> str | None:
        """Name of the detector that is used; None for given boxes."""
        if self.detector is None:
            return None
        if self.detector_file is not None:
            return _guess_detector(self.detector_file)
        own = self.pose_spec.detector
        return resolve_detector(own if self.detector == AUTO else self.detector).name

    @property
    def uses_flip_test(self) -> bool:
        """Whether flipped crops are run, too: as asked for, or as the model does by default."""
        return self.pose_spec.flip_test if self.flip_test is None else self.flip_test

    def without_detector(self) -> ModelOptions:
        """The same options for boxes that are given."""
        return replace(self, detector=None, detector_checkpoint=None)

    def for_streams(self) -> ModelOptions:
        """The same options; of three or more cores one is left to reading, drawing and encoding."""
        from rtmpose3d.runtime import usable_cores

        cores = usable_cores()
        if self.threads is not None or cores < 3:
            return self
        return replace(self, threads=cores - 1)

    def load(self) -> RTMPose3D:
        """Load the model; published weights are downloaded if they are not on disk."""
        from rtmpose3d.api import RTMPose3D

        try:
            return RTMPose3D.from_pretrained(
                self.model,
                runtime=self._runtime(),
                pose_checkpoint=self.pose_checkpoint,
                detector_checkpoint=self.detector_file or self.detector_checkpoint,
                detector=self.detector_name,
                cache_dir=self.cache_dir,
                flip_test=self.flip_test,
            )
        except DownloadError as error:
            raise DownloadError(f"{error} (--model {OFFLINE_MODEL})") from error
        except WeightsError as error:  # the library names its own argument
            text = str(error).replace("pose_checkpoint=FILE", "--pose-checkpoint FILE")
            raise WeightsError(text) from error

    def _take_model_file(self, file: Path) -> None:
        """Take model and weights from a file that --model names.

        Raises:
            InputError: there is no such file, it does not name its model, or --pose-checkpoint
                names another one.
            WeightsError: it is no weights file.
        """
        from rtmpose3d.api.weights_names import find_file_model

        if self.pose_checkpoint is not None:
            raise InputError("--model names a file, and so does --pose-checkpoint; give one")
        if not file.is_file():
            raise InputError(f"--model: there is no file {file}")
        name = find_file_model(file)
        if name is None:
            raise InputError(
                f"--model: {file} does not say of which model it is; give both: "
                f"--model NAME --pose-checkpoint {file}"
            )
        object.__setattr__(self, "model", name)
        object.__setattr__(self, "pose_checkpoint", file)

    def _runtime(self) -> RuntimeOptions:
        return RuntimeOptions(
            backend=self.backend,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
        )


def _guess_detector(file: Path) -> str:
    """The detector of a checkpoint by its name: rtmdet_nano_..., rtmdet-n.pth, or rtmdet-m."""
    name = file.name.lower().replace("_", "-")
    if "nano" in name:
        return "rtmdet-nano"
    return "rtmdet-n" if name.startswith("rtmdet-n.") else "rtmdet-m"


def _is_checkpoint(text: str) -> bool:
    return text.lower().endswith(CHECKPOINT_ENDINGS) or os.path.isfile(text)  # noqa: PTH113
