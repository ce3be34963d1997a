"""Untrusted JSON: `read_json` for files, `parse_json` for text, within limits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NoReturn

from rtmpose3d.errors import InputError, RTMPose3DError
from rtmpose3d.untrusted.boundary import brief, check_size, reading
from rtmpose3d.untrusted.limits import DEPTH_CHECKED_BYTES, SETTINGS_JSON, JsonLimits

_ADVICE = "check the file, or get it again"
_STRING = r'"(?:[^"\\]|\\.)*(?:"|$)'
_STRING_OR_BRACKETS = re.compile(rf"{_STRING}|[\[{{]+|[\]}}]+", re.DOTALL)


def read_json(
    path: Path,
    what: str = "file",
    *,
    limits: JsonLimits = SETTINGS_JSON,
    error: type[RTMPose3DError] = InputError,
    advice: str = _ADVICE,
) -> object:
    """Reads a JSON file: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        path: the file; pipes and devices are refused.
        what: its type for messages, e.g. "annotation file".
        limits: of `untrusted.limits`.
        error: the class to raise.
        advice: what to do, the end of the message.

    Returns:
        dict, list, str, int, float, bool or None, as `json.loads` does.

    Raises:
        RTMPose3DError: of class `error`; it is missing, unreadable, no JSON (the message says
            where it breaks), or beyond the limits.
    """
    check_size(path, limits.max_bytes, what, error=error)
    with reading(path, what, error=error, advice=advice):
        data = path.read_bytes()
    return parse_json(data, f"{what} {path}", limits=limits, error=error, advice=advice)


def parse_json(
    data: bytes | str,
    name: str,
    *,
    limits: JsonLimits = SETTINGS_JSON,
    error: type[RTMPose3DError] = InputError,
    advice: str = _ADVICE,
) -> object:
    """Parses JSON text; arguments, values and errors as of `read_json`.

    Args:
        data: the text, or its bytes.
        name: what it is for messages, with its location.
        limits: of `untrusted.limits`.
        error: the class to raise.
        advice: what to do, the end of the message.
    """
    try:
        if len(data) > limits.max_bytes:
            raise ValueError(f"it has more than {limits.max_bytes:,} bytes")
        if isinstance(data, bytes):
            data = data.decode(json.detect_encoding(data))
        data = data.removeprefix("\ufeff")
        if len(data) <= DEPTH_CHECKED_BYTES:
            _check_depth(data, limits.max_depth)
        return json.loads(
            data,
            parse_constant=_refuse_constant if limits.finite else None,
            object_pairs_hook=_unique_keys if limits.unique_keys else None,
        )
    except RecursionError:
        reason = "it is nested too deeply"
    except MemoryError:
        reason = "it needs more memory than there is"
    except ValueError as cause:
        reason = brief(str(cause))
    raise error(f"{name} is no valid JSON: {reason}; {advice}")


def _check_depth(text: str, max_depth: int) -> None:
    """Refuse text whose brackets outside of strings are open more than `max_depth` deep."""
    if text.count("[") + text.count("{") <= max_depth:
        return
    depth = 0
    for match in _STRING_OR_BRACKETS.finditer(text):
        token = match.group()
        if token[0] in "[{":
            depth += len(token)
            if depth > max_depth:
                raise ValueError(f"lists and objects are nested more than {max_depth} deep")
        elif token[0] in "]}":
            depth -= len(token)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON; numbers that are not finite are null")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    items = dict(pairs)
    if len(items) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in items if keys.count(key) > 1)
        raise ValueError(f"an object has the key {brief(twice)!r} twice")
    return items
