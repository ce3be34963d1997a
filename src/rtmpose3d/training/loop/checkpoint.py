"""Checkpoints of a training: a .pth file in the published format, and the state to resume from.

`step_00001000.pth` has the averaged weights under `state_dict`, as published files do; its
`.state.safetensors` has raw weights, optimizer state, the average's counter and the random state,
so that a resumed training continues bit for bit. Two are kept (`checkpoint_folder`): if the last
one is damaged, the one before is loaded. Nothing read here is ever executed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor, nn

from rtmpose3d.errors import WeightsError
from rtmpose3d.models import load_arrays
from rtmpose3d.training.loop.checkpoint_folder import (
    SavedCheckpoint,
    find_checkpoints,
    record_checkpoint,
    state_path,
)
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.untrusted import reading
from rtmpose3d.weights import match_weights, read_checkpoint, write_safetensors, write_torch_file

logger = logging.getLogger(__name__)

RandomState = Mapping[str, Tensor]
_ADVICE = "Put back an undamaged copy, or start in another folder"
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
        saved: checkpoints that were written or loaded, newest first.
    """

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    auxiliary: nn.Module = field(default_factory=nn.Identity)
    step: int = 0
    minutes: float = 0.0
    saved: Sequence[SavedCheckpoint] = ()

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
    """Write a checkpoint atomically; the one before is kept, older ones are removed.

    Args:
        folder: folder of the checkpoints; it must exist.
        state: state to save.
        metadata: values for the file's header (`meta`).
        others: `random_state` of the other processes.

    Returns:
        Path of the .pth file.

    Raises:
        OutputError: it cannot be written; the previous ones are untouched.
    """
    path = folder / f"step_{state.step:08d}.pth"
    tensors, header = _training_tensors(state)
    for rank, numbers in enumerate(others, start=1):
        for name, value in numbers.items():
            tensors[f"{_RANK_RANDOM}{rank}.{name}"] = _array(value)
    write_safetensors(state_path(path), tensors, header)
    save_weights(path, state.average, {"step": state.step, **metadata})
    state.saved = record_checkpoint(folder, path, state.step, state.saved)
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

    If it is damaged, the one before is loaded, which is logged as a warning.

    Args:
        folder: folder of the checkpoints.
        state: state of the same architecture and optimizer; changed in place.
        rank: index of this process; a process that did not exist when the checkpoint was written
            keeps its own random state.

    Returns:
        Whether there is a checkpoint.

    Raises:
        WeightsError: all are damaged, or of another model or optimizer.
    """
    damaged: list[WeightsError] = []
    for saved in find_checkpoints(folder):
        try:
            saved.verify()
            tensors, header = _read_state(saved.state)
            averages = read_checkpoint(saved.weights)
        except WeightsError as error:
            damaged.append(error)
            continue
        for error in damaged:
            logger.warning("%s; resuming from the checkpoint before it, %s", error, saved.weights)
        with reading(saved.state, "state of the training", error=WeightsError, advice=_ADVICE):
            _load(state, tensors, header, averages, saved)
            _load_random(tensors, rank)
        state.saved = (saved,)
        return True
    if damaged:
        raise WeightsError(f"{damaged[0]}; the training cannot be resumed. {_ADVICE}")
    return False


def _load(
    state: TrainingState,
    tensors: Mapping[str, np.ndarray],
    header: Mapping[str, str],
    averages: Mapping[str, np.ndarray],
    saved: SavedCheckpoint,
) -> None:
    _load_raw(state, tensors, saved.state)
    _load_optimizer(state, tensors, saved.state)
    missing = [key for key in state.average.state_dict() if key not in averages]
    if missing:
        raise WeightsError(
            f"{saved.weights} lacks {missing[0]} and {len(missing) - 1} more tensors"
        )
    average = {key: torch.from_numpy(value) for key, value in averages.items()}
    state.average.load_state_dict(average, int(header["updates"]))
    state.step, state.minutes = int(header["step"]), float(header["minutes"])
    if state.step < 0 or not state.minutes >= 0:
        raise ValueError(f"step {state.step} after {state.minutes} minutes")


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
    with (
        reading(path, "state of the training", error=WeightsError, advice=_ADVICE),
        safe_open(path, framework="np") as file,
    ):
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return tensors, file.metadata() or {}


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
