"""MakeHuman's people as the source of a world's people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtmpose3d.synth.world import PeopleSource, WorldSettings

ACTORS = 24  # dressed bodies of a cast; a new block of them takes about 0.06 s each


def makehuman_people(settings: WorldSettings) -> PeopleSource:
    """Open MakeHuman's folder.

    Raises:
        InputError: the folder is missing or incomplete; the message names what.
    """
    from rtmpose3d.synth.people import Cast

    return Cast.open(settings.assets, seed=settings.seed, size=ACTORS, split=settings.split)
