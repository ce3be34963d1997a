"""Ways to run a network on a GPU, for gpu.py: precisions, with and without a CUDA graph; weights.

Weights of published architectures are random here; running statistics are set by a pass over
crops, so that activations have the variance that training gives them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rtmpose3d.models import DetectorGraph, PoseGraph, PoseNetwork, RTMDet, build_network
from rtmpose3d.models.mixed_precision import (
    MixedPoseNetwork,
    MixedRTMDet,
    fold_norms,
    use_channels_last,
)
from rtmpose3d.runtime import load_weights
from rtmpose3d.runtime.backends.torch_cuda import GraphRecorder, Recording
from rtmpose3d.weights import locate
from rtmpose3d.zoo import ModelSpec, PoseSpec

Arithmetic = Literal["fp32", "tf32", "fp16", "bf16", "fp16 everywhere", "bf16 everywhere"]
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to run a network.

    Attributes:
        arithmetic: "fp16" and "bf16" keep the last layers in fp32 (`models.mixed_precision`).
        graph: whether it runs as a CUDA graph.
        benchmark: whether cuDNN times its kernels for each convolution.
        compiled: whether torch.compile generates the elementwise kernels.
        fused: whether the kernels of gpu_kernels.py run.
    """

    arithmetic: Arithmetic
    graph: bool = True
    benchmark: bool = False
    compiled: bool = False
    fused: bool = False

    def __str__(self) -> str:
        parts = [self.arithmetic, "CUDA graph" if self.graph else "eager"]
        parts += ["cuDNN benchmark"] if self.benchmark else []
        parts += ["fused kernels"] if self.fused else []
        return ", ".join(parts + (["torch.compile"] if self.compiled else []))


class HalfNetwork(nn.Module):
    """A pose network in half precision throughout, for comparison."""

    def __init__(self, network: PoseNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        fold_norms(network)
        self.network = network.to(dtype)
        use_channels_last(network)
        self.dtype = dtype

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) normalised float32 -> SimCC logits float32."""
        return tuple(logits.float() for logits in self.network(x.to(self.dtype)))


def given_weights(spec: ModelSpec) -> PoseNetwork | RTMDet | None:
    """The network with the weights that are on this disk; None if there are none."""
    path = locate(spec.file, None) if spec.file.name else None
    if path is None or not path.is_file():
        return None
    network = build_network(spec)
    arrays = load_weights(spec, path)
    network.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in arrays.items()})
    return network.eval()


def synthetic_network(
    spec: ModelSpec, images: Tensor, device: torch.device
) -> PoseNetwork | RTMDet:
    """A network with random weights whose norms have the statistics of some images.

    Args:
        spec: row of the model table.
        images: (N, H, W, 3) uint8 BGR.
        device: of the result.
    """
    torch.manual_seed(0)
    with device:
        network = build_network(spec)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the running statistics are the mean of all batches: of one
    with torch.no_grad():
        network.train()(build_graph_with(spec, network).normalise(images.to(device)))
    return network.eval()


def build_graph_with(spec: ModelSpec, network: nn.Module) -> PoseGraph | DetectorGraph:
    """The network between normalisation and decoding, on the network's device."""
    device = next(network.parameters()).device
    graph = PoseGraph if isinstance(spec, PoseSpec) else DetectorGraph
    return graph(network, spec).to(device)  # pyright: ignore[reportArgumentType]


def build_variant(
    spec: ModelSpec, network: PoseNetwork | RTMDet, arithmetic: Arithmetic, *, fused: bool = False
) -> PoseGraph | DetectorGraph:
    """A copy of the network for an arithmetic, in its graph; with kernels of gpu_kernels.py."""
    network = copy.deepcopy(network)
    words = arithmetic.split()
    if arithmetic in ("fp32", "tf32"):
        fold_norms(network)
        use_channels_last(network)
        return build_graph_with(spec, network).eval()
    dtype = DTYPES[words[0]]
    if isinstance(network, RTMDet):
        changed: nn.Module = MixedRTMDet(network, dtype)
    elif len(words) > 1:
        changed = HalfNetwork(network, dtype)
    else:
        changed = MixedPoseNetwork(network, dtype)
    if fused:
        from gpu_kernels import use_fused_kernels  # it needs triton

        use_fused_kernels(changed)
    return build_graph_with(spec, changed).eval()


def run_once(
    graph: PoseGraph | DetectorGraph, images: Tensor, arithmetic: Arithmetic
) -> tuple[Tensor, ...]:
    """All outputs for (N, H, W, 3) uint8 images, without a CUDA graph."""
    flags = torch.backends.cudnn.flags(enabled=True, allow_tf32=arithmetic == "tf32")
    with torch.inference_mode(), flags:
        return tuple(graph(images.to(next(graph.parameters()).device)))


def prepare(
    function: Callable[[Tensor], Sequence[Tensor]], x: Tensor, variant: Variant
) -> Callable[[], None]:
    """A function without arguments that queues one run on x: eager, or the replay of a graph."""
    if variant.compiled:
        function = torch.compile(function, dynamic=False)
    if variant.graph and x.is_cuda:
        recorder = GraphRecorder(
            x.device, tf32=variant.arithmetic == "tf32", benchmark=variant.benchmark
        )
        recording: Recording = recorder.record(function, x)
        return recording.replay

    def run() -> None:
        with torch.inference_mode(), select_kernels(variant):
            function(x)

    return run


def select_kernels(variant: Variant) -> AbstractContextManager[None]:
    """Selection of cuDNN's kernels as a variant has it, for eager runs."""
    return torch.backends.cudnn.flags(
        enabled=True, benchmark=variant.benchmark, allow_tf32=variant.arithmetic == "tf32"
    )


def stages(network: PoseNetwork, x: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors between the parts of a pose network, convolutions in a type, the rest in fp32.

    Args:
        network: its convolutions have the type.
        x: (N, 3, H, W) normalised.
        dtype: of the convolutions.
    """
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        features = network.backbone(x.to(dtype))
        named = {f"backbone, stride {8 << i}": feature for i, feature in enumerate(features)}
        if network.neck is not None:
            features = network.neck(features)
            named |= {f"neck, stride {8 << i}": feature for i, feature in enumerate(features)}
        head = network.head
        maps = tuple(one[:, : head.keypoints] for one in head.maps(features[1:]))
        named |= {f"keypoint maps {i + 1}": one for i, one in enumerate(maps)}
        tokens = head.tokens(tuple(one.float() for one in maps))
        named |= {"tokens": tokens, "attention": head.gau(tokens)}
        logits = head.classify(tokens)
        return named | {f"logits {axis}": one for axis, one in zip("xyz", logits, strict=False)}


def relative_error(value: Tensor, reference: Tensor) -> float:
    """|value - reference| / |reference|, Euclidean, in float64."""
    value, reference = value.double(), reference.double()
    return float((value - reference).norm() / reference.norm())


def flops_per_image(spec: ModelSpec) -> float:
    """Floating-point operations of a network for one image, two for each multiplication."""
    with torch.device("meta"):
        network = build_network(spec).eval()
        x = torch.empty(1, 3, *spec.input_size_wh[::-1])
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(x)
    return float(counter.get_total_flops())
