"""ONNX Runtime on Apple's CoreML: fixed shapes, compiled models on this disk, proven by one run.

CoreML compiles a model for one batch size; batches are padded to 1, 2, 4 or 8. In the format
MLProgram it computes fp32 models in fp32. A session counts as usable once its outputs for one image
equal those of the CPU. Not tested on a Mac yet, so that "auto" never selects it: ONNX Runtime's
CoreML has crashed with other models, which no message can replace.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from rtmpose3d.errors import BackendError, OutputError
from rtmpose3d.runtime.backends.cuda_batches import batch_size
from rtmpose3d.runtime.backends.onnxruntime_devices import COREML, CPU
from rtmpose3d.runtime.backends.onnxruntime_package import import_onnxruntime
from rtmpose3d.runtime.backends.openvino_cache import cache_key
from rtmpose3d.runtime.network import Network, Weights, pad_batch
from rtmpose3d.runtime.onnx_weights import embed_weights
from rtmpose3d.structures import UInt8Array
from rtmpose3d.structures.atomic import make_directory
from rtmpose3d.weights.download.cache import COREML_PREFIX, compiled_dir

if TYPE_CHECKING:
    import onnxruntime

BATCH_AXIS = "batch"  # name of the first axis in the shipped graphs
MAX_DIFFERENCE = 0.01  # of the outputs from those of the CPU, of their largest value
MAX_FOLDERS = 32  # of compiled models, one for each model and batch size


class CoreMLNetwork:
    """A `Network` on CoreML, one session for each batch size.

    Args:
        open_session: opens the session for a batch size.
        name: name of the model in messages.

    Attributes:
        image_shape: height, width and channels of an image.

    Raises:
        BackendError: the session for one image cannot be opened.
    """

    max_batch: int | None = 8

    def __init__(
        self, open_session: Callable[[int], onnxruntime.InferenceSession], name: str
    ) -> None:
        self._open_session = open_session
        self._name = name
        session = open_session(1)
        self._sessions = {1: session}
        self._opening = Lock()
        self.output_names = tuple(output.name for output in session.get_outputs())
        self.image_shape = tuple(session.get_inputs()[0].shape[1:])

    def run(self, images: UInt8Array, outputs: Sequence[str]) -> tuple[np.ndarray, ...]:
        """Runs a batch of at most `max_batch` images."""
        size = batch_size(len(images))
        with self._opening:
            if size not in self._sessions:
                self._sessions[size] = self._open_session(size)
        session = self._sessions[size]
        (node,) = session.get_inputs()
        try:
            results = session.run(list(outputs), {node.name: pad_batch(images, size)})
        except Exception as error:  # ONNX Runtime's errors share no base class of their own
            raise BackendError(
                f"onnxruntime failed in {self._name} on {images.shape} on CoreML: {error}"
            ) from error
        return tuple(np.asarray(result)[: len(images)] for result in results)


def open_coreml_network(
    name: str,
    graph: bytes,
    weights: Weights,
    options: Callable[[], onnxruntime.SessionOptions],
    reference: Network,
) -> CoreMLNetwork:
    """A shipped graph with the checkpoint's tensors on CoreML.

    Args:
        name: name of the model in messages.
        graph: the ONNX file without weights.
        weights: arrays of its external initialisers, by name.
        options: makes the options of a session.
        reference: the same network on the CPU.

    Raises:
        BackendError: it cannot be opened, or its outputs are not those of the CPU.
    """
    # CoreML cannot read initialisers that are outside of the file in all versions.
    model = embed_weights(graph, weights)

    def open_session(size: int) -> onnxruntime.InferenceSession:
        key = cache_key((import_onnxruntime().__version__, name, str(size), model))
        fixed = options()
        fixed.add_free_dimension_override_by_name(BATCH_AXIS, size)
        return _open_session(model, fixed, _provider_options(_cache_folder(key)), name)

    network = CoreMLNetwork(open_session, name)
    _compare(network, reference, name)
    return network


def _provider_options(folder: Path | None) -> dict[str, str]:
    # Names: https://onnxruntime.ai/docs/execution-providers/CoreML-ExecutionProvider.html
    options = {
        "ModelFormat": "MLProgram",
        "MLComputeUnits": "ALL",
        "RequireStaticInputShapes": "1",
        "EnableOnSubgraphs": "0",
        "AllowLowPrecisionAccumulationOnGPU": "0",
    }
    return options if folder is None else {**options, "ModelCacheDirectory": str(folder)}


def _open_session(
    model: bytes, options: onnxruntime.SessionOptions, coreml_options: dict[str, str], name: str
) -> onnxruntime.InferenceSession:
    onnxruntime = import_onnxruntime()
    providers = [(COREML, coreml_options), CPU]
    try:
        session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            model, options, providers=providers, enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's errors share no base class of their own
        raise BackendError(f"onnxruntime cannot open {name} on CoreML: {error}") from error
    if COREML not in session.get_providers():
        raise BackendError(f"onnxruntime could not load CoreML for {name}; use device='cpu'")
    return session


def _compare(network: CoreMLNetwork, reference: Network, name: str) -> None:
    """Compare the outputs for one image of noise with those of the CPU.

    Raises:
        BackendError: they differ.
    """
    image = np.random.default_rng(0).integers(0, 256, (1, *network.image_shape), dtype=np.uint8)
    names = network.output_names
    for output, found, expected in zip(
        names, network.run(image, names), reference.run(image, names), strict=True
    ):
        if expected.dtype != np.float32:  # bins: those of noise may differ by rounding
            continue
        limit = MAX_DIFFERENCE * max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(found - expected).max())
        if not difference <= limit:
            raise BackendError(
                f"CoreML computes other values than the CPU for {name} ({output} differs by "
                f"{difference:.3g}); use device='cpu'"
            )


def _cache_folder(key: str) -> Path | None:
    """The folder for a compiled model, whose content CoreML writes; None if it cannot be made.

    ONNX Runtime names its files by the names in the graph and not by the weights, so that each
    model has a folder of its own.
    """
    folder = compiled_dir() / f"{COREML_PREFIX}{key}"
    try:
        make_directory(folder)
    except OutputError:
        return None
    folders = sorted(folder.parent.glob(f"{COREML_PREFIX}*"), key=lambda path: path.stat().st_mtime)
    for oldest in folders[:-MAX_FOLDERS]:
        if oldest != folder:
            with suppress(OSError):
                shutil.rmtree(oldest)
    return folder
