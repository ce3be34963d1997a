"""Traits of a person (sex, age, weight, ...) and the shape morphs that follow from them.

`sample_traits` samples a person, `morph_weights` computes the weights of MakeHuman's morphs. The
main morphs are named after combinations ("male", "old", "maxmuscle", "minweight", ...), each
weighted by the product of its parts; details come as pairs (incr/decr, up/down, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from rtmpose3d.synth.assets import Targets

RACES = ("african", "asian", "caucasian")  # MakeHuman's names of its three face and body sets
_AGE_YOUNG, _AGE_CHILD, _AGE_OLD = 25.0, 11.0, 85.0  # years of the morphs "young", "child", "old"
STATURE_M = {"male": (1.755, 0.072), "female": (1.63, 0.066)}  # adults: mean, standard deviation

# Details: directory/stem, suffix for positive and for negative values, standard deviation.
_DETAILS: tuple[tuple[str, str, str, float], ...] = (
    ("nose/nose-scale-vert", "incr", "decr", 0.35),
    ("nose/nose-scale-horiz", "incr", "decr", 0.35),
    ("nose/nose-scale-depth", "incr", "decr", 0.35),
    ("nose/nose-hump", "incr", "decr", 0.35),
    ("nose/nose-point", "up", "down", 0.35),
    ("nose/nose-width2", "incr", "decr", 0.35),
    ("nose/nose-nostrils-width", "incr", "decr", 0.3),
    ("nose/nose-curve", "convex", "concave", 0.3),
    ("nose/nose-volume", "incr", "decr", 0.3),
    ("mouth/mouth-scale-horiz", "incr", "decr", 0.35),
    ("mouth/mouth-scale-vert", "incr", "decr", 0.3),
    ("mouth/mouth-lowerlip-volume", "incr", "decr", 0.35),
    ("mouth/mouth-upperlip-volume", "incr", "decr", 0.35),
    ("mouth/mouth-trans", "up", "down", 0.25),
    ("chin/chin-prominent", "incr", "decr", 0.35),
    ("chin/chin-width", "incr", "decr", 0.4),
    ("chin/chin-height", "incr", "decr", 0.35),
    ("chin/chin-jaw-drop", "incr", "decr", 0.25),
    ("forehead/forehead-scale-vert", "incr", "decr", 0.3),
    ("forehead/forehead-nubian", "incr", "decr", 0.25),
    ("forehead/forehead-temple", "incr", "decr", 0.3),
    ("eyebrows/eyebrows-angle", "up", "down", 0.35),
    ("eyebrows/eyebrows-trans", "up", "down", 0.3),
    ("head/head-scale-horiz", "incr", "decr", 0.3),
    ("head/head-scale-vert", "incr", "decr", 0.3),
    ("head/head-scale-depth", "incr", "decr", 0.3),
    ("head/head-fat", "incr", "decr", 0.25),
    ("head/head-age", "incr", "decr", 0.25),
    ("neck/neck-scale-vert", "incr", "decr", 0.3),
    ("neck/neck-scale-horiz", "incr", "decr", 0.25),
    ("torso/torso-scale-vert", "incr", "decr", 0.25),
    ("torso/torso-scale-horiz", "incr", "decr", 0.3),
    ("torso/torso-scale-depth", "incr", "decr", 0.25),
    ("torso/torso-vshape", "incr", "decr", 0.3),
    ("hip/hip-scale-horiz", "incr", "decr", 0.3),
    ("hip/hip-scale-depth", "incr", "decr", 0.25),
    ("stomach/stomach-tone", "incr", "decr", 0.35),
    ("armslegs/upperlegs-height", "incr", "decr", 0.25),
    ("armslegs/lowerlegs-height", "incr", "decr", 0.25),
)
# The same for details that exist for each side, nearly symmetric.
_SIDED: tuple[tuple[str, str, str, float], ...] = (
    ("eyes/{}-eye-scale", "incr", "decr", 0.3),
    ("eyes/{}-eye-trans", "up", "down", 0.25),
    ("eyes/{}-eye-height2", "incr", "decr", 0.35),
    ("eyes/{}-eye-corner1", "up", "down", 0.35),
    ("eyes/{}-eye-eyefold-angle", "up", "down", 0.35),
    ("ears/{}-ear-scale", "incr", "decr", 0.35),
    ("ears/{}-ear-wing", "incr", "decr", 0.35),
    ("ears/{}-ear-lobe", "incr", "decr", 0.35),
    ("cheek/{}-cheek-volume", "incr", "decr", 0.35),
    ("cheek/{}-cheek-bones", "incr", "decr", 0.35),
    ("armslegs/{}-hand-fingers-length", "incr", "decr", 0.3),
    ("armslegs/{}-hand-fingers-diameter", "incr", "decr", 0.25),
    ("armslegs/{}-hand-scale", "incr", "decr", 0.2),
    ("armslegs/{}-foot-scale", "incr", "decr", 0.2),
    ("armslegs/{}-lowerarm-scale-vert", "incr", "decr", 0.2),
    ("armslegs/{}-upperarm-scale-vert", "incr", "decr", 0.2),
    ("armslegs/{}-upperarm-muscle", "incr", "decr", 0.25),
    ("armslegs/{}-upperleg-fat", "incr", "decr", 0.25),
    ("armslegs/{}-lowerleg-muscle", "incr", "decr", 0.25),
)
_ASYMMETRY = 0.06  # standard deviation of one side of a sided detail
_FACES = ("oval", "round", "rectangular", "square", "triangular", "invertedtriangular", "diamond")


@dataclass(frozen=True, kw_only=True)
class Traits:
    """Parameters of a body shape.

    Attributes:
        male: 1 for a man, 0 for a woman; values between blend.
        age_years: 13 to 85.
        muscle, weight, cup, firmness: 0 to 1; 0.5 is average.
        races: weights of `RACES`, sum 1.
        proportions: 0 uncommon, 0.5 average, 1 ideal (MakeHuman's word for a model's).
        stature_m: standing height.
        details: weights, 0 to 1, of further morphs by name.
    """

    male: float
    age_years: float
    muscle: float
    weight: float
    cup: float
    firmness: float
    races: tuple[float, float, float]
    proportions: float
    stature_m: float
    details: Mapping[str, float]


def sample_traits(rng: np.random.Generator) -> Traits:
    """Samples a person: mostly adults of 18 to 65, one in nine a teenager, one in nine old."""
    is_male = rng.random() < 0.5
    male = float(np.clip(rng.normal(0.93 if is_male else 0.07, 0.06), 0.0, 1.0))
    group = rng.random()
    if group < 0.11:
        age = rng.uniform(13.0, 18.0)
    elif group < 0.89:
        age = rng.triangular(18.0, 25.0, 65.0)
    else:
        age = rng.uniform(65.0, 85.0)
    shares = rng.dirichlet((0.35, 0.35, 0.35))
    mean, deviation = STATURE_M["male" if is_male else "female"]
    grown = 1.0 - 0.016 * max(0.0, 18.0 - age) - 0.0006 * max(0.0, age - 45.0)
    stature = float(np.clip(rng.normal(mean, deviation), mean - 0.2, mean + 0.22) * grown)
    return Traits(
        male=male,
        age_years=float(age),
        muscle=float(np.clip(rng.normal(0.56 if is_male else 0.45, 0.19), 0.05, 1.0)),
        weight=float(np.clip(rng.normal(0.52, 0.2), 0.08, 1.0)),
        cup=float(rng.beta(2.2, 2.6)),
        firmness=float(np.clip(rng.normal(0.6, 0.2) - 0.004 * max(0.0, age - 40), 0.0, 1.0)),
        races=(float(shares[0]), float(shares[1]), float(shares[2])),
        proportions=float(rng.beta(2.5, 2.2)),
        stature_m=stature,
        details=_sample_details(rng, age),
    )


def _sample_details(rng: np.random.Generator, age: float) -> dict[str, float]:
    """Random detail morphs: name to weight, 0 to 1."""
    details: dict[str, float] = {}
    for stem, plus, minus, deviation in _DETAILS:
        value = float(np.clip(rng.normal(0.0, deviation), -1.0, 1.0))
        details[f"{stem}-{plus if value > 0 else minus}"] = abs(value)
    for stem, plus, minus, deviation in _SIDED:
        both = rng.normal(0.0, deviation)
        for side in "lr":
            value = float(np.clip(both + rng.normal(0.0, _ASYMMETRY), -1.0, 1.0))
            details[f"{stem.format(side)}-{plus if value > 0 else minus}"] = abs(value)
    details[f"head/head-{rng.choice(_FACES)}"] = float(rng.uniform(0.0, 0.7))
    if age > 30 and rng.random() < 0.25:
        details["stomach/stomach-pregnant-incr"] = float(rng.uniform(0.0, 0.45))
    return details


def _ends(value: float, low: str, middle: str, high: str) -> list[tuple[str, float]]:
    """Weights of the lower, middle and upper morph of a trait from 0 to 1."""
    shares = {low: max(0.0, 1.0 - 2.0 * value), high: max(0.0, 2.0 * value - 1.0)}
    shares[middle] = 1.0 - sum(shares.values())
    return [(name, share) for name, share in shares.items() if share > 0.0]


def _ages(years: float) -> list[tuple[str, float]]:
    if years < _AGE_YOUNG:
        young = max(0.0, (years - _AGE_CHILD) / (_AGE_YOUNG - _AGE_CHILD))
        shares = [("child", 1.0 - young), ("young", young)]
    else:
        old = min(1.0, (years - _AGE_YOUNG) / (_AGE_OLD - _AGE_YOUNG))
        shares = [("young", 1.0 - old), ("old", old)]
    return [(name, share) for name, share in shares if share > 0.0]


def morph_weights(traits: Traits, targets: Targets, height: float = 0.5) -> dict[str, float]:
    """Weights of the morphs of a body.

    Args:
        traits: traits of the person; `stature_m` is ignored.
        targets: available morphs; combinations without one (all average) move nothing.
        height: 0 for MakeHuman's shortest body, 0.5 for its average, 1 for its tallest.

    Returns:
        Name of each morph to its weight.
    """
    sexes = [("male", traits.male), ("female", 1.0 - traits.male)]
    muscles = _ends(traits.muscle, "minmuscle", "averagemuscle", "maxmuscle")
    weights = _ends(traits.weight, "minweight", "averageweight", "maxweight")
    heights = _ends(height, "minheight", "", "maxheight")
    shapes = _ends(traits.proportions, "uncommonproportions", "", "idealproportions")
    cups = _ends(traits.cup, "mincup", "averagecup", "maxcup")
    firm = _ends(traits.firmness, "minfirmness", "averagefirmness", "maxfirmness")
    ages = _ages(traits.age_years)
    found: dict[str, float] = {}
    for (sex, a), (age, b) in product(sexes, ages):
        for race, share in zip(RACES, traits.races, strict=True):
            found[f"macrodetails/{race}-{sex}-{age}"] = a * b * share
        for (muscle, c), (weight, d) in product(muscles, weights):
            build, share = f"{sex}-{age}-{muscle}-{weight}", a * b * c * d
            found[f"macrodetails/universal-{build}"] = share
            for name, e in heights:
                found[f"macrodetails/height/{build}-{name}"] = share * e
            for name, e in shapes:
                found[f"macrodetails/proportions/{build}-{name}"] = share * e
            for (cup, e), (firmness, f) in product(cups, firm):
                found[f"breast/{build}-{cup}-{firmness}"] = share * e * f
    found.update(traits.details)
    return {name: weight for name, weight in found.items() if weight > 1e-4 and name in targets}
