"""Checkpoints of a training: the published .pth for users, and what resuming needs beside it.

`step_00001000.pth` holds the averaged weights under `state_dict`, as published files do; its
`.state.safetensors` holds raw weights, optimiser, averages' counter and random numbers, so that a
resumed training continues bit for bit. `latest.json` names the pair and is written last: whatever
is interrupted, it names a whole one. Nothing read here is ever executed.
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
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.training.loop.ema import WeightAverage
from rtmpose3d.weights import read_checkpoint, write_safetensors, write_torch_file

RandomNumbers = Mapping[str, Tensor]
LATEST = "latest.json"
_RAW, _BESIDE, _OPTIMISER = "raw.", "beside.", "optimizer."
_CPU_RANDOM, _CUDA_RANDOM = "random.cpu", "random.cuda."
_RANK_RANDOM = "random.rank"  # of processes after the first: random.rank1.cpu, ...


@dataclass(kw_only=True, eq=False)
class TrainingState:
    """All that changes while a network is trained.

    Attributes:
        network: with its raw weights.
        average: of its weights.
        optimizer: over the network's parameters, and those of `beside`.
        beside: modules that only the training uses; not part of the model's file.
        step: number of finished steps, which is the index of the next batch.
        minutes: trained so far, all pieces together.
    """

    network: nn.Module
    average: WeightAverage
    optimizer: torch.optim.Optimizer
    beside: nn.Module = field(default_factory=nn.Identity)
    step: int = 0
    minutes: float = 0.0

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """All parameters that change, with their names in the checkpoint."""
        for module, prefix in ((self.network, ""), (self.beside, _BESIDE)):
            for name, parameter in module.named_parameters():
                if parameter.requires_grad:
                    yield prefix + name, parameter


def save_checkpoint(
    folder: Path,
    state: TrainingState,
    about: Mapping[str, str | float],
    others: Sequence[RandomNumbers] = (),
) -> Path:
    """Write a checkpoint whole or not at all, then remove the one before it.

    Args:
        folder: of the checkpoints; it must exist.
        state: what is saved.
        about: figures and names for the file's header (`meta`).
        others: `random_numbers` of the processes after the first.

    Returns:
        The .pth file.

    Raises:
        OutputError: it could not be written; the one before it is untouched.
    """
    before = _latest_files(folder)
    path = folder / f"step_{state.step:08d}.pth"
    beside = _state_path(path)
    tensors, header = _training_tensors(state)
    for rank, numbers in enumerate(others, start=1):
        for name, value in numbers.items():
            tensors[f"{_RANK_RANDOM}{rank}.{name}"] = _array(value)
    write_safetensors(beside, tensors, header)
    save_weights(path, state.average, {"step": state.step, **about})
    with atomic_write(folder / LATEST, "w") as file:
        json.dump({"weights": path.name, "step": state.step}, file)
    for old in before:
        if old not in (path, beside):
            with suppress(OSError):
                old.unlink()
    return path


def save_weights(path: Path, average: WeightAverage, about: Mapping[str, str | float]) -> None:
    """The averaged weights as a published checkpoint has them.

    Raises:
        OutputError: it could not be written.
    """
    arrays = {name: _array(tensor) for name, tensor in average.state_dict().items()}
    write_torch_file(path, arrays, {"meta": dict(about)})


def random_numbers(device: torch.device) -> RandomNumbers:
    """Where the random numbers of this process stand."""
    numbers = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        numbers["cuda"] = torch.cuda.get_rng_state(device)
    return numbers


def load_checkpoint(folder: Path, state: TrainingState, rank: int = 0) -> bool:
    """Put the latest checkpoint of a folder into a training, random numbers included.

    Args:
        folder: of the checkpoints.
        state: of the same architecture and optimiser; changed.
        rank: of this process; one that was not there when it was written keeps its own random
            numbers.

    Returns:
        False if there is none.

    Raises:
        WeightsError: it is damaged, or of another model or optimiser.
    """
    files = _latest_files(folder)
    if not files:
        return False
    path, beside = files
    tensors, header = _read_state(beside)
    _load_raw(state, tensors, beside)
    _load_optimizer(state, tensors, beside)
    averages = {key: torch.from_numpy(value) for key, value in read_checkpoint(path).items()}
    missing = [key for key in state.average.state_dict() if key not in averages]
    if missing:
        raise WeightsError(f"{path} lacks {missing[0]} and {len(missing) - 1} more tensors")
    state.average.load_state_dict(averages, int(header["updates"]))
    state.step, state.minutes = int(header["step"]), float(header["minutes"])
    _load_random(tensors, rank)
    return True


def _state_path(path: Path) -> Path:
    return path.with_suffix(".state.safetensors")


def _latest_files(folder: Path) -> list[Path]:
    """The weights and the state that `latest.json` names; none if there is no such file."""
    pointer = folder / LATEST
    if not pointer.exists():
        return []
    try:
        name = json.loads(pointer.read_text("utf-8"))["weights"]
        path = folder / Path(name).name
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{pointer} is damaged ({error}); write the name of a checkpoint there, as "
            '{"weights": "step_00001000.pth"}, or remove it to start anew'
        ) from error
    return [path, _state_path(path)]


def _training_tensors(state: TrainingState) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    tensors = {_RAW + key: _array(value) for key, value in state.network.state_dict().items()}
    for key, value in state.beside.state_dict().items():
        tensors[_BESIDE + key] = _array(value)
    for name, parameter in state.trained():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"{_OPTIMISER}{name}.{key}"] = _array(torch.as_tensor(value))
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
    for module, prefix in ((state.network, _RAW), (state.beside, _BESIDE)):
        stored = {
            key.removeprefix(prefix): torch.from_numpy(value)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
        expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
        found = {key: tuple(value.shape) for key, value in stored.items()}
        if found != expected:
            wrong = sorted(set(found.items()) ^ set(expected.items()))
            raise WeightsError(
                f"{path} is of another model: {wrong[0][0]} of shape {wrong[0][1]} and "
                f"{len(wrong) - 1} more do not fit; resume with the recipe it was begun with, or "
                "start in another folder"
            )
        module.load_state_dict(stored)


def _load_optimizer(state: TrainingState, tensors: Mapping[str, np.ndarray], path: Path) -> None:
    for name, parameter in state.trained():
        prefix = f"{_OPTIMISER}{name}."
        stored = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        if not stored:
            raise WeightsError(f"{path} holds no state of the optimiser for {name}")
        state.optimizer.state[parameter] = {
            # Moments lie as the parameter does; the counter stays on the CPU.
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
