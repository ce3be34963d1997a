"""Checkpoints of a training's folder: the last two, with the checksums of their files.

`latest.json` names both, newest first, and is written last, so it always names complete ones:

    {"weights": "step_00002000.pth", "step": 2000, "sha256": {"step_00002000.pth": "...", ...},
     "previous": {"weights": "step_00001000.pth", "step": 1000, "sha256": {...}}}
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rtmpose3d.errors import WeightsError
from rtmpose3d.structures.atomic import atomic_write
from rtmpose3d.untrusted import brief, read_json, reading

logger = logging.getLogger(__name__)

LATEST = "latest.json"
KEPT = 2  # the last one, and the one before in case it is damaged
_NAME = re.compile(r"step_(\d{1,18})\.pth")


@dataclass(frozen=True, kw_only=True)
class SavedCheckpoint:
    """A checkpoint on disk.

    Attributes:
        weights: path of the .pth file.
        step: number of finished steps.
        sha256: checksums of its files by name; empty where none are recorded.
    """

    weights: Path
    step: int
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Path of the file with raw weights, optimizer and random state."""
        return state_path(self.weights)

    def verify(self) -> None:
        """Compare the files with their checksums, where there are any.

        Raises:
            WeightsError: a file is missing or has changed since it was written.
        """
        for path in (self.weights, self.state):
            if not path.is_file():
                raise WeightsError(f"{path} is missing")
            expected = self.sha256.get(path.name)
            if expected is not None and _sha256(path) != expected:
                raise WeightsError(
                    f"{path} is damaged: its sha256 is not the one that {LATEST} has"
                )


def state_path(weights: Path) -> Path:
    """Path of the state that belongs to a .pth file."""
    return weights.with_suffix(".state.safetensors")


def record_checkpoint(
    folder: Path, weights: Path, step: int, before: Sequence[SavedCheckpoint]
) -> list[SavedCheckpoint]:
    """Write `latest.json` for a new checkpoint, then remove those that are kept no longer.

    Args:
        folder: folder of the checkpoints.
        weights: .pth file of the new one; its files are complete.
        step: its number of finished steps.
        before: those that this training has written or loaded, newest first.

    Returns:
        The kept ones, newest first.

    Raises:
        OutputError: `latest.json` cannot be written.
    """
    files = (weights, state_path(weights))
    new = SavedCheckpoint(
        weights=weights, step=step, sha256={path.name: _sha256(path) for path in files}
    )
    kept = [new, *(one for one in before if one.weights != weights)][:KEPT]
    listed = _listed(folder)
    document: dict[str, object] = {}
    for one in reversed(kept):
        previous = {"previous": document} if document else {}
        document = {
            "weights": one.weights.name,
            "step": one.step,
            "sha256": dict(one.sha256),
            **previous,
        }
    with atomic_write(folder / LATEST, "w") as file:
        json.dump(document, file, indent=1)
    names = {one.weights.name for one in kept}
    for old in (*listed, *before):
        if old.weights.name not in names:
            for path in (old.weights, old.state):
                with suppress(OSError):
                    path.unlink()
    return kept


def find_checkpoints(folder: Path) -> list[SavedCheckpoint]:
    """The checkpoints of a folder, newest first; none if it has none.

    Where `latest.json` is missing or damaged, they are found by the names of the files, which is
    logged as a warning.

    Raises:
        WeightsError: there are files of checkpoints, but no complete one.
    """
    pointer = folder / LATEST
    reason = "is missing"
    if pointer.exists():
        try:
            return _read_latest(pointer)
        except WeightsError as error:
            reason = f"is damaged ({error})"
    pairs = [
        SavedCheckpoint(weights=path, step=int(match[1]))
        for path in folder.glob("step_*.pth")
        if (match := _NAME.fullmatch(path.name)) and state_path(path).is_file()
    ]
    pairs.sort(key=lambda one: -one.step)
    if pairs:
        logger.warning("%s %s; resuming from %s", pointer, reason, pairs[0].weights)
    elif pointer.exists() or next(folder.glob("step_*"), None) is not None:
        raise WeightsError(
            f"{pointer} {reason}, and {folder} has no complete checkpoint (step_N.pth with "
            "step_N.state.safetensors); put them back, or start in another folder"
        )
    return pairs


def _listed(folder: Path) -> list[SavedCheckpoint]:
    """The checkpoints that `latest.json` names; none where it cannot be read."""
    try:
        return _read_latest(folder / LATEST)
    except WeightsError:
        return []


def _read_latest(pointer: Path) -> list[SavedCheckpoint]:
    entry = read_json(pointer, "list of checkpoints", error=WeightsError)
    with reading(pointer, "list of checkpoints", error=WeightsError):
        found = [_parse_entry(pointer, entry)]
        previous = entry.get("previous") if isinstance(entry, dict) else None
        if previous is not None:
            found.append(_parse_entry(pointer, previous))
    return found


def _parse_entry(pointer: Path, entry: object) -> SavedCheckpoint:
    name = entry.get("weights") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(name, str) or not name.endswith(".pth"):
        raise WeightsError(f"{pointer} does not name a checkpoint: {brief(entry)}")
    path = pointer.parent / Path(name).name
    match = _NAME.fullmatch(path.name)
    sums = entry.get("sha256", {})
    if not isinstance(sums, dict) or not all(isinstance(one, str) for one in sums.values()):
        raise WeightsError(f"{pointer} has no checksums of {name}: {brief(sums)}")
    return SavedCheckpoint(weights=path, step=int(match[1]) if match else 0, sha256=sums)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
