"""Recipes as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath

from rtmpose3d.training.recipes.base import Recipe

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


def recipe_json(recipe: Recipe) -> str:
    """Recipe as indented JSON: one key per field, nested as the recipe is."""
    return json.dumps(_to_json(recipe), indent=2) + "\n"


def _to_json(value: object) -> JsonValue:
    if is_dataclass(value):
        return {field.name: _to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"a recipe holds a {type(value).__name__}, which has no JSON form: {value!r}")
