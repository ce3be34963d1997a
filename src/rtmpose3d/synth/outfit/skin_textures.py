"""Procedural skin textures: tones, blotches, freckles, lips, lids, beard, nails.

Textures are (H, W, 4) uint8 RGBA. Those of body and hands are shared by people of a similar tone,
each person has a head texture of its own.
"""

from __future__ import annotations

import cv2
import numpy as np

from rtmpose3d.structures import FloatArray, UInt8Array
from rtmpose3d.synth.body import Traits
from rtmpose3d.synth.outfit.skin_regions import BODY_WH, HANDS_WH, HEAD_WH, SkinRegions

# sRGB colours from light to dark, similar to the Monk Skin Tone scale (Monk, 2019).
_TONES = np.array(
    [
        (246, 222, 208), (240, 205, 185), (233, 190, 163), (222, 172, 140), (205, 150, 116),
        (186, 130, 95), (160, 106, 74), (128, 82, 56), (98, 62, 44), (72, 46, 36),
    ],
    np.float32,
)  # fmt: skip
_RACE_TONE = {"african": (7.2, 1.2), "asian": (3.2, 1.4), "caucasian": (1.8, 1.3)}
_LIP_SHIFT = np.array([0.90, 0.66, 0.66], np.float32)  # natural lips relative to the skin
_LIPSTICKS = np.array([(170, 30, 50), (200, 70, 90), (140, 20, 60), (180, 80, 70)], np.float32)
_NAIL_SHIFT = np.array([1.06, 0.98, 0.97], np.float32)
_POLISHES = np.array([(190, 20, 40), (40, 30, 90), (230, 150, 170), (30, 30, 30)], np.float32)


def sample_tone(rng: np.random.Generator, traits: Traits) -> float:
    """Samples the tone of a person's skin, from the lightest (0) to the darkest (9)."""
    mean = sum(
        weight * _RACE_TONE[race][0]
        for race, weight in zip(("african", "asian", "caucasian"), traits.races, strict=True)
    )
    return float(np.clip(rng.normal(mean, 1.1), 0.0, len(_TONES) - 1.0))


def tone_colour(tone: float) -> FloatArray:
    """(3,) float32 sRGB colour of a tone, 0 to 255."""
    low = int(min(tone, len(_TONES) - 2))
    return _TONES[low] + (tone - low) * (_TONES[low + 1] - _TONES[low])


def smooth_noise(rng: np.random.Generator, size_wh: tuple[int, int], cells: int) -> FloatArray:
    """(H, W) float32 smooth noise of about unit standard deviation, `cells` blobs across."""
    w, h = size_wh
    small = rng.standard_normal((max(2, cells * h // w), cells)).astype(np.float32)
    return np.asarray(cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def body_textures(
    rng: np.random.Generator, tone: float, regions: SkinRegions
) -> tuple[UInt8Array, UInt8Array]:
    """Textures of body and hands for a tone."""
    colour = tone_colour(tone)
    body = _plain(rng, colour, BODY_WH, regions.crease["body"])
    hands = _plain(rng, colour, HANDS_WH, regions.crease["hands"])
    lighter = 1.0 + (0.10 + 0.05 * tone) * regions.palms[..., None]
    hands = hands * lighter * (1.0 - regions.palms[..., None] * (0.0, 0.02, 0.02))
    nails = regions.nails[..., None]
    polish = rng.random() < 0.2
    nail = rng.choice(_POLISHES) if polish else colour * _NAIL_SHIFT
    opacity = nails * (0.95 if polish else 0.8)
    hands = hands * (1.0 - opacity) + nail * opacity
    return _finish(body), _finish(hands)


def head_texture(
    rng: np.random.Generator,
    tone: float,
    traits: Traits,
    hair_rgb: tuple[float, float, float],
    regions: SkinRegions,
) -> UInt8Array:
    """Texture of a head.

    Args:
        rng: source of all randomness.
        tone: 0 light to 9 dark.
        traits: sex and age, which decide beard, make-up and wrinkles.
        hair_rgb: colour of the hair, sRGB 0 to 1, for stubble and scalp.
        regions: surfaces and masks of the skin.
    """
    colour = tone_colour(tone)
    face = regions.face
    head = _plain(rng, colour, HEAD_WH, regions.crease["head"])
    red = np.array([1.06, 0.90, 0.90], np.float32)
    flush = rng.uniform(0.1, 0.9) * np.clip(face["cheeks"] + 0.8 * face["nose"], 0, 1)
    head *= 1.0 + flush[..., None] * (red - 1.0)
    tired = rng.uniform(0.0, 0.22) + 0.1 * (traits.age_years > 55)
    head *= 1.0 - tired * face["lids"][..., None] * (0.7, 0.9, 0.8)
    hair = np.array(hair_rgb, np.float32) * 255.0
    head = _mix(head, hair * 0.9, face["scalp"] * rng.uniform(0.35, 0.75) * _grain(rng))
    woman = traits.male < 0.5
    if woman and rng.random() < 0.45:
        head = _mix(head, rng.choice(_LIPSTICKS), face["lips"] * rng.uniform(0.3, 0.85))
        head = _mix(head, np.array((35, 25, 25)), face["liner"] * rng.uniform(0.0, 0.5))
    else:
        lips = face["lips"][..., None] * rng.uniform(0.45, 1.0)
        head *= 1.0 + lips * (_LIP_SHIFT - 1.0)
    if not woman and traits.age_years > 17:
        strength = rng.choice((0.08, 0.2, 0.45, 0.8), p=(0.4, 0.25, 0.2, 0.15))
        mask = np.clip(face["beard"] * (1 - face["lips"]) + face["moustache"], 0, 1)
        if rng.random() < 0.25:
            mask = face["moustache"] * (1 - face["lips"])
        head = _mix(head, hair * 0.75, mask * strength * _grain(rng))
    if rng.random() < 0.2 and tone < 4:
        head *= 1.0 - 0.25 * _freckles(rng)[..., None] * (0.4, 0.8, 1.0)
    return _finish(head)


def _plain(
    rng: np.random.Generator, colour: FloatArray, size_wh: tuple[int, int], crease: FloatArray
) -> FloatArray:
    """Skin without features: blotches of lightness and redness, fine grain, darker creases."""
    light = 0.020 * smooth_noise(rng, size_wh, 10) + 0.014 * smooth_noise(rng, size_wh, 48)
    grain = 0.016 * rng.standard_normal(size_wh[::-1]).astype(np.float32)
    redness = 0.012 * smooth_noise(rng, size_wh, 14)
    skin = colour * (1.0 + light + grain)[..., None]
    skin = skin * (1.0 + redness[..., None] * np.array((0.5, -1.0, -0.8), np.float32))
    shade = np.stack([crease**0.8, crease**1.15, crease**1.25], axis=-1)
    return (skin * shade).astype(np.float32)


def _grain(rng: np.random.Generator) -> FloatArray:
    """(H, W) noise of hairs about one texel wide, 0.4 to 1."""
    fine = rng.random(HEAD_WH[::-1]).astype(np.float32)
    return 0.4 + 0.6 * cv2.GaussianBlur(fine, (0, 0), 0.7) ** 0.5


def _freckles(rng: np.random.Generator) -> FloatArray:
    spots = (rng.random(HEAD_WH[::-1]) < 0.004).astype(np.float32)
    return np.clip(cv2.GaussianBlur(spots, (0, 0), 1.2) * 7.0, 0.0, 1.0)


def _mix(image: FloatArray, colour: FloatArray, opacity: FloatArray) -> FloatArray:
    return image * (1.0 - opacity[..., None]) + colour * opacity[..., None]


def _finish(image: FloatArray) -> UInt8Array:
    rgba = np.full((*image.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = np.clip(image, 0, 255).astype(np.uint8)
    return rgba
