"""Models compiled by OpenVINO, in one stage or, in half precision, in two: body and head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError
from rtmpose3d.progress import progress_bar
from rtmpose3d.runtime.backends.openvino_cache import (
    cache_key,
    delete_compiled,
    read_compiled,
    write_compiled,
)
from rtmpose3d.runtime.backends.openvino_convolutions import transform_convolutions
from rtmpose3d.runtime.backends.openvino_graphs import GRAPH_VERSION, divide
from rtmpose3d.runtime.backends.openvino_package import (
    check_not_forked,
    describe_device,
    device_name,
    has_amx,
    import_openvino,
    openvino_core,
)
from rtmpose3d.runtime.devices import BF16, FP32, Device, usable_cores
from rtmpose3d.structures import FloatArray, UInt8Array

if TYPE_CHECKING:
    import openvino

_TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}  # OpenVINO's names
MAX_STREAMS = 4  # each takes a graph's compilation and buffers
LARGE = 40_000_000  # bytes of weights, ten million of them


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A compiled part of a model.

    Attributes:
        model: the compiled part.
        kept: memory that it reads, which must live as long.
    """

    model: openvino.CompiledModel
    kept: object = None


@dataclass(frozen=True, kw_only=True)
class Compiler:
    """Compiles a model, or takes it from the cache.

    Attributes:
        name: name of the model in messages.
        read: makes the model with some of its outputs.
        content: all that the model is made of, for the cache; empty: not cached.
        device: to compile for.
        precision: of the body; in "fp32" the model is one stage.
        threads: number of CPU threads of a call; None: one per core.
    """

    name: str
    read: Callable[[Sequence[str]], openvino.Model]
    content: Sequence[bytes | np.ndarray]
    device: Device
    precision: str
    threads: int | None

    @property
    def needs_fixed_batch(self) -> bool:
        """Whether models are compiled for one batch size each.

        The device requires it, or the convolutions are faster so (`openvino_convolutions`).
        """
        return self.device.kind != "cpu" or self.is_large

    @cached_property
    def is_large(self) -> bool:
        """Whether a fixed batch size saves more time than its compilation and memory cost."""
        size = sum(np.frombuffer(part, np.uint8).nbytes for part in self.content)
        return bool(self._kernels) and size >= LARGE

    @cached_property
    def _kernels(self) -> tuple[int, ...]:
        """Sizes of the kernels of convolutions that take less time in fewer products."""
        if self._find_device(self.precision) != "CPU":
            return ()
        if self.precision == FP32:
            return (3, 7)
        return (7,) if self.precision == BF16 and not has_amx() else ()

    def compile(self, outputs: Sequence[str], batch_size: int | None = None) -> list[Stage]:
        """The stages of the model with some of its outputs, each fed by the one before.

        Args:
            outputs: names of the outputs, in order.
            batch_size: number of images; None: any.

        Raises:
            BackendError: OpenVINO cannot compile it, or not in that precision.
        """
        check_not_forked(self.name)
        precisions = [FP32] if self.precision == FP32 else [self.precision, FP32]
        keys = [self._key(outputs, batch_size, i, p) for i, p in enumerate(precisions)]
        stages = map(self._load, keys, precisions)
        found = [stage for stage in stages if stage is not None]
        if len(found) == len(precisions):
            return found
        # A bar without an end: the compilation does not report its progress.
        with progress_bar(None, f"compiling {self.name}, once"):
            try:
                return self._compile(outputs, batch_size, precisions, keys)
            except BackendError:
                raise
            except Exception as error:  # OpenVINO's errors share no base class of their own
                raise BackendError(f"openvino cannot compile {self.name}: {error}") from error

    def _compile(
        self,
        outputs: Sequence[str],
        batch_size: int | None,
        precisions: Sequence[str],
        keys: Sequence[str | None],
    ) -> list[Stage]:
        model = self.read(outputs)
        if batch_size is not None:
            shape = model.input(0).get_partial_shape()
            shape[0] = batch_size
            model.reshape(shape)
        parts = [model]
        if len(precisions) > 1:
            divided = divide(model, self.name)
            if divided is None:
                raise BackendError(f"{self.name} has no head that could stay in fp32")
            parts = list(divided)
        if self.precision == FP32 or self.is_large:
            transform_convolutions(parts[0], self._kernels)
        stages = []
        for part, precision, key in zip(parts, precisions, keys, strict=True):
            compiled = openvino_core().compile_model(
                part, self._find_device(precision), self._settings(precision)
            )
            self._check_precision(compiled, precision)
            if key is not None:
                write_compiled(key, compiled.export_model().getbuffer())
            stages.append(Stage(model=compiled, kept=self.read))
        return stages

    def _load(self, key: str | None, precision: str) -> Stage | None:
        """A stage from the cache; None if it is missing, or cannot be used."""
        content = None if key is None else read_compiled(key)
        if key is None or content is None:
            return None
        tensor = import_openvino().Tensor(np.frombuffer(content, np.uint8), shared_memory=True)
        try:
            model = openvino_core().import_model(
                tensor, self._find_device(precision), self._settings(precision)
            )
        except Exception:  # damaged: it is compiled again
            delete_compiled(key)
            return None
        return Stage(model=model, kept=tensor)

    def _key(
        self, outputs: Sequence[str], batch_size: int | None, index: int, precision: str
    ) -> str | None:
        """Name of a stage in the cache; None if it is not cached."""
        if not self.content:
            return None
        facts = (
            GRAPH_VERSION,
            describe_device(self.device),
            self._settings(precision),
            tuple(outputs),
            batch_size,
            self.precision,
            self._kernels,
            index,
        )
        return cache_key((repr(facts), *self.content))

    def _find_device(self, precision: str) -> str:
        """The device of a stage; an NPU has no fp32, so that the head runs on the CPU."""
        if self.device.kind == "npu" and precision == FP32:
            return "CPU"
        return device_name(self.device)

    def _settings(self, precision: str) -> dict[str, object]:
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _TYPES[precision],
        }
        if self._find_device(precision) == "CPU":
            # Pinned threads of several processes would share the first cores.
            settings["ENABLE_CPU_PINNING"] = False
            if self.threads == 1:  # calls from several Python threads run at once, on one each
                streams = min(usable_cores(), MAX_STREAMS)
                settings |= {"NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
            elif self.threads is not None:
                settings["INFERENCE_NUM_THREADS"] = self.threads
        return settings

    def _check_precision(self, model: openvino.CompiledModel, precision: str) -> None:
        """OpenVINO silently takes fp32 where a processor lacks the instructions."""
        runs = str(model.get_property("INFERENCE_PRECISION_HINT").get_type_name())
        if runs != _TYPES[precision]:
            raise BackendError(
                f"openvino runs {self.name} in {runs} on this {self.device}, which has no "
                f"{precision}; use precision='auto'"
            )


def run_stages(
    requests: Sequence[openvino.InferRequest], images: UInt8Array | FloatArray
) -> tuple[np.ndarray, ...]:
    """Run the stages one after the other on a batch; tensors between them are not copied.

    Args:
        requests: one of each stage; no other thread may use them meanwhile.
        images: the batch.

    Returns:
        Copies of the outputs of the last stage.
    """
    # OpenVINO shares the memory of such arrays only.
    images = np.require(images, requirements=["C_CONTIGUOUS", "WRITEABLE"])
    first, *others = requests
    first.set_input_tensor(0, import_openvino().Tensor(images, shared_memory=True))
    first.infer()
    before = first
    for request in others:
        for i in range(len(request.input_tensors)):
            request.set_input_tensor(i, before.get_output_tensor(i))
        request.infer()
        before = request
    count = len(before.output_tensors)
    return tuple(np.array(before.get_output_tensor(i).data) for i in range(count))
