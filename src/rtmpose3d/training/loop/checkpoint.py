"""Checkpoints of a training: a .pth file in the published format, and the state to resume from.

`step_00001000.pth` has the averaged weights under `state_dict`, as published files do; its
`.state.safetensors` has raw weights, optimizer state, the average's counter and the random state,
so that a resumed training continues bit for bit. `latest.json` names the pair and is written last,
so it always names a complete one. Nothing read here is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from rtmpose3d.errors import WeightsError
from rtmpose3d.models import load_arrays
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.weights import match_weights, read_checkpoint, write_safetensors, write_torch_file

RandomState = Mapping[str, Tensor]
LATEST = "latest.json"
_RAW, _AUXILIARY, _OPTIMIZER = "raw.", "aux.", "optimizer."
_CPU_RANDOM, _CUDA_RANDOM = "random.cpu", "random.cuda."
_RANK_RANDOM = "random.rank"  # of the other processes: random.rank1.cpu, ...


@dataclass(kw_only=True, eq=False)
class TrainingState:
    """Everything that changes during a training.

    Attributes:
        network: network with its raw weights.
        average: average of its weights.
        optimizer: over the trainable parameters of `network` and `auxiliary`.
        auxiliary: modules that only the training uses; not part of the model's file.
        step: number of finished steps, which is the index of the next batch.
        minutes: time trained so far, over all pieces.
    """

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    auxiliary: nn.Module = field(default_factory=nn.Identity)
    step: int = 0
    minutes: float = 0.0

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Trainable parameters with their names in the checkpoint."""
        for module, prefix in ((self.network, ""), (self.auxiliary, _AUXILIARY)):
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    yield prefix + name, parameter


def save_checkpoint(
    folder: Path,
    state: TrainingState,
    metadata: Mapping[str, str | float],
    others: Sequence[RandomState] = (),
) -> Path:
    """Write a checkpoint atomically, then remove the previous one.

    Args:
        folder: folder of the checkpoints; it must exist.
        state: state to save.
        metadata: values for the file's header (`meta`).
        others: `random_state` of the other processes.

    Returns:
        Path of the .pth file.

    Raises:
        OutputError: it cannot be written; the previous one is untouched.
    """
    previous = _latest_files(folder)
    path = folder / f"step_{state.step:08d}.pth"
    state_path = _state_path(path)
    tensors, header = _training_tensors(state)
    for rank, numbers in enumerate(others, start=1):
        for name, value in numbers.items():
            tensors[f"{_RANK_RANDOM}{rank}.{name}"] = _array(value)
    write_safetensors(state_path, tensors, header)
    save_weights(path, state.average, {"step": state.step, **metadata})
    with atomic_write(folder / LATEST, "w") as file:
        json.dump({"weights": path.name, "step": state.step}, file)
    for old in previous:
        if old not in (path, state_path):
            with suppress(OSError):
                old.unlink()
    return path


def save_weights(path: Path, average: WeightAverage, metadata: Mapping[str, str | float]) -> None:
    """Write the averaged weights in the published format.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays = {name: _array(tensor) for name, tensor in average.state_dict().items()}
    write_torch_file(path, arrays, {"meta": dict(metadata)})


def random_state(device: torch.device) -> RandomState:
    """State of the random number generators of this process."""
    numbers = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        numbers["cuda"] = torch.cuda.get_rng_state(device)
    return numbers


def load_checkpoint(folder: Path, state: TrainingState, rank: int = 0) -> bool:
    """Load the latest checkpoint of a folder into a training, with the random state.

    Args:
        folder: folder of the checkpoints.
        state: state of the same architecture and optimizer; changed in place.
        rank: index of this process; a process that did not exist when the checkpoint was written
            keeps its own random state.

    Returns:
        Whether there is a checkpoint.

    Raises:
        WeightsError: it is damaged, or of another model or optimizer.
    """
    files = _latest_files(folder)
    if not files:
        return False
    path, state_path = files
    tensors, header = _read_state(state_path)
    _load_raw(state, tensors, state_path)
    _load_optimizer(state, tensors, state_path)
    averages = {key: torch.from_numpy(value) for key, value in read_checkpoint(path).items()}
    missing = [key for key in state.average.state_dict() if key not in averages]
    if missing:
        raise WeightsError(f"{path} lacks {missing[0]} and {len(missing) - 1} more tensors")
    state.average.load_state_dict(averages, int(header["updates"]))
    state.step, state.minutes = int(header["step"]), float(header["minutes"])
    _load_random(tensors, rank)
    return True


def load_network_weights(network: nn.Module, model: str, path: Path) -> None:
    """Load all weights of a file into a network.

    Args:
        network: network whose weights are replaced.
        model: name of the model, for messages.
        path: .pth or .safetensors file in the published format.

    Raises:
        WeightsError: the file cannot be read, or its tensors do not fit the network.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    load_arrays(network, match_weights(read_checkpoint(path), expected, model=model, path=path))


def _state_path(path: Path) -> Path:
    return path.with_suffix(".state.safetensors")


def _latest_files(folder: Path) -> list[Path]:
    """Paths of weights and state that `latest.json` names; none without such a file."""
    pointer = folder / LATEST
    if not pointer.exists():
        return []
    try:
        name = json.loads(pointer.read_text("utf-8"))["weights"]
        path = folder / Path(name).name
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{pointer} is damaged ({error}); write the name of a checkpoint into it, as "
            '{"weights": "step_00001000.pth"}, or remove it to start again'
        ) from error
    return [path, _state_path(path)]


def _training_tensors(state: TrainingState) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    tensors = {_RAW + key: _array(value) for key, value in state.network.state_dict().items()}
    for key, value in state.auxiliary.state_dict().items():
        tensors[_AUXILIARY + key] = _array(value)
    for name, parameter in state.trained():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"{_OPTIMIZER}{name}.{key}"] = _array(torch.as_tensor(value))
    tensors[_CPU_RANDOM] = _array(torch.get_rng_state())
    device = next(state.network.parameters()).device
    if device.type == "cuda":
        tensors[f"{_CUDA_RANDOM}{device.index or 0}"] = _array(torch.cuda.get_rng_state(device))
    header = {
        "step": str(state.step),
        "minutes": repr(state.minutes),
        "updates": str(state.average.updates),
        "optimizer": type(state.optimizer).__name__,
    }
    return tensors, header


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().numpy()


def _read_state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with safe_open(path, framework="np") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(
            f"{path} is missing, damaged or unreadable: {error}; a training cannot be resumed "
            "without it. Start in another folder"
        ) from error


def _load_raw(state: TrainingState, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    for module, prefix in ((state.network, _RAW), (state.auxiliary, _AUXILIARY)):
        stored = {
            key.removeprefix(prefix): torch.from_numpy(value)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        present = {key: tuple(value.shape) for key, value in stored.items()}
        if present != expected:
            wrong = sorted(set(present.items()) ^ set(expected.items()))
            raise WeightsError(
                f"{path} is of another model: {wrong[0][0]} of shape {wrong[0][1]} and "
                f"{len(wrong) - 1} more do not fit; resume with the recipe of its start, or "
                "start in another folder"
            )
        module.load_state_dict(stored)


def _load_optimizer(state: TrainingState, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    for name, parameter in state.trained():
        prefix = f"{_OPTIMIZER}{name}."
        stored = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if not stored:
            raise WeightsError(f"{path} has no optimizer state for {name}")
        state.optimizer.state[parameter] = {
            # Moments have the memory order of the parameter; the counter stays on the CPU.
            key: torch.empty_like(parameter).copy_(torch.from_numpy(value))
            if value.shape == tuple(parameter.shape) and key != "step"
            else torch.from_numpy(value.copy())
            for key, value in stored.items()
        }


def _load_random(tensors: Mapping[str, np.ndarray], rank: int) -> None:
    if rank:
        cpu, cuda = (f"{_RANK_RANDOM}{rank}.{name}" for name in ("cpu", "cuda"))
        if cpu in tensors:
            torch.set_rng_state(torch.from_numpy(tensors[cpu]))
        if cuda in tensors:
            torch.cuda.set_rng_state(torch.from_numpy(tensors[cuda]))
        return
    torch.set_rng_state(torch.from_numpy(tensors[_CPU_RANDOM]))
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if f"{_CUDA_RANDOM}{index}" in tensors:
                torch.cuda.set_rng_state(torch.from_numpy(tensors[f"{_CUDA_RANDOM}{index}"]), index)
