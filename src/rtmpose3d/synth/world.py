"""Everything that a process needs to render: people, backdrops, props, a renderer; and seeds.

`WorldSettings` is sent between processes, `World` is opened in each. All randomness comes from
`settings.rng(stream, number)`, so that item n of a stream is the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from rtmpose3d.errors import InputError, UnknownNameError
from rtmpose3d.synth.people import Cast
from rtmpose3d.synth.render import Degradation, Renderer
from rtmpose3d.synth.scene import (
    ASSET_SPLITS,
    AssetSplit,
    Backdrops,
    Person,
    PropKit,
    SceneSettings,
)

MAX_PEOPLE_PER_SCENE = 12
CAST_SIZE = 24  # dressed bodies; a new block of them takes about 0.06 s each
_STREAMS = {"image": 1, "crops": 2, "scenes": 3, "kit": 4}


class PeopleSource(Protocol):
    """Source of people, decided by its settings, the selected block and the generator alone."""

    def select_block(self, block: int) -> None:
        """Switches to other bodies and clothes, the same for a block in every process."""
        ...

    def people(self, rng: np.random.Generator, count: int) -> tuple[Person, ...]:
        """Posed people in the world, the ground at z = 0; identities 0, 1, ..."""
        ...

    def clip(
        self, rng: np.random.Generator, count: int, times_s: tuple[float, ...]
    ) -> Iterator[tuple[Person, ...]]:
        """The same people at several times, in smooth motion."""
        ...


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """Contents of rendered images.

    Attributes:
        assets: directory of MakeHuman's assets.
        make_people: opens the source of people; a function that can be pickled.
        backdrops: directory of photographs and objects; None for painted backdrops only.
        split: "train" and "val" share no bodies, clothes, backdrops or seeds.
        seed: decides everything random.
        people: minimum and maximum number of people per scene.
        scene: composition of scenes.
        degradation: camera effects.
        device: EGL device; None for the first.
    """

    assets: Path
    make_people: Callable[[WorldSettings], PeopleSource]
    backdrops: Path | None = None
    split: AssetSplit = "train"
    seed: int = 0
    people: tuple[int, int] = (1, 4)
    scene: SceneSettings = field(default_factory=SceneSettings)
    degradation: Degradation = field(default_factory=Degradation)
    device: int | None = None

    def __post_init__(self) -> None:
        if self.split not in ASSET_SPLITS:
            raise UnknownNameError("split", self.split, ASSET_SPLITS)
        low, high = self.people
        if not 1 <= low <= high <= MAX_PEOPLE_PER_SCENE:
            raise InputError(
                "people is the minimum and maximum per scene, 1 to "
                f"{MAX_PEOPLE_PER_SCENE}, got {low}-{high}"
            )
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")

    def rng(self, stream: str, number: int) -> np.random.Generator:
        """Random generator of item `number` of a stream: "image", "crops", "scenes" or "kit"."""
        keys = [self.seed, ASSET_SPLITS.index(self.split), _STREAMS[stream], number]
        return np.random.default_rng(keys)


def makehuman_people(settings: WorldSettings) -> PeopleSource:
    """Opens MakeHuman's assets as a source of people.

    Raises:
        InputError: the directory is missing or incomplete; the message names the missing file.
    """
    return Cast.open(settings.assets, seed=settings.seed, size=CAST_SIZE, split=settings.split)


class World:
    """Open assets and a renderer, for use in one thread. A context manager.

    Args:
        settings: contents of the images.

    Raises:
        InputError: a directory is missing or broken.
        MissingDependencyError, BackendError: there is no OpenGL.
    """

    def __init__(self, settings: WorldSettings) -> None:
        self.settings = settings
        self.backdrops = Backdrops.open(settings.backdrops, settings.split)
        seed = int(settings.rng("kit", 0).integers(1 << 31))
        self.kit = PropKit(self.backdrops, seed)
        self.renderer = Renderer(settings.device)
        try:
            self.source = settings.make_people(settings)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Releases the device."""
        self.renderer.close()

    def sample_people_count(self, rng: np.random.Generator) -> int:
        """Random number of people for a scene; fewer are more frequent."""
        low, high = self.settings.people
        weights = 0.6 ** np.arange(high - low + 1)
        return low + int(rng.choice(len(weights), p=weights / weights.sum()))
