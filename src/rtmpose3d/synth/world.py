"""Everything that a process needs to render: people, backdrops, things, a renderer; and seeds.

`WorldSettings` travels between processes, `World` is opened in each. Whatever is random is drawn
from `settings.rng(kind, number)`, so that number n of a kind is the same in every process.
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
from rtmpose3d.synth.scene import SPLITS, Backdrops, Person, PropKit, SceneSettings, Split

MOST_PEOPLE_COMPOSED = 12
ACTORS = 24  # dressed bodies of a cast; a new block of them takes about 0.06 s each
_KINDS = {"image": 1, "crops": 2, "scenes": 3, "kit": 4}


class PeopleSource(Protocol):
    """Makes people; they depend on settings, the last `select_block` and the generator alone."""

    def select_block(self, block: int) -> None:
        """Take other bodies and clothes from here on, the same for a block in every process."""
        ...

    def people(self, rng: np.random.Generator, count: int) -> tuple[Person, ...]:
        """People at their places, the ground at z = 0; identities 0, 1, ..."""
        ...

    def clip(
        self, rng: np.random.Generator, count: int, times_s: tuple[float, ...]
    ) -> Iterator[tuple[Person, ...]]:
        """The same people at several times, moving smoothly."""
        ...


@dataclass(frozen=True, kw_only=True)
class WorldSettings:
    """What is rendered.

    Attributes:
        assets: MakeHuman's folder.
        make_people: opens the source of people; a function that can be pickled.
        backdrops: folder of photographs and objects; None for painted images only.
        split: bodies, clothes, backdrops and seeds of "train" and "val" have nothing in common.
        seed: decides everything.
        people: least and most people of a scene.
        scene: how scenes are composed.
        degradation: what images suffer.
        device: EGL device; None for the first.
    """

    assets: Path
    make_people: Callable[[WorldSettings], PeopleSource]
    backdrops: Path | None = None
    split: Split = "train"
    seed: int = 0
    people: tuple[int, int] = (1, 4)
    scene: SceneSettings = field(default_factory=SceneSettings)
    degradation: Degradation = field(default_factory=Degradation)
    device: int | None = None

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise UnknownNameError("split", self.split, SPLITS)
        low, high = self.people
        if not 1 <= low <= high <= MOST_PEOPLE_COMPOSED:
            raise InputError(
                f"people is the least and most of a scene, 1 to {MOST_PEOPLE_COMPOSED}, "
                f"got {low}-{high}"
            )
        if self.seed < 0:
            raise InputError(f"seed must be 0 or more, got {self.seed}")

    def rng(self, kind: str, number: int) -> np.random.Generator:
        """The generator for number n of a kind."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), _KINDS[kind], number])


def makehuman_people(settings: WorldSettings) -> PeopleSource:
    """Opens MakeHuman's folder as a source of people.

    Raises:
        InputError: the folder is missing or incomplete; the message names what.
    """
    return Cast.open(settings.assets, seed=settings.seed, size=ACTORS, split=settings.split)


class World:
    """The opened assets and a renderer. To be used in one thread, and closed.

    Args:
        settings: what to open.

    Raises:
        InputError: a folder is missing or broken.
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
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the device."""
        self.renderer.close()

    def sample_people_count(self, rng: np.random.Generator) -> int:
        """Number of people of a scene: fewer are more frequent."""
        low, high = self.settings.people
        weights = 0.6 ** np.arange(high - low + 1)
        return low + int(rng.choice(len(weights), p=weights / weights.sum()))
