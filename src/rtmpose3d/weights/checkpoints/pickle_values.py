"""Values of an inertly read pickle: markers for what was not rebuilt, and keys safe to hash."""

from __future__ import annotations

from dataclasses import dataclass

MAX_NAME = 1000  # characters of a module or class name
_MAX_KEY_TUPLE = 8  # items; datasets index by (subject, action, camera, frame)
_MAX_KEY_INT = 2**32  # larger ints as keys could be chosen to collide


class PickleFormatError(ValueError):
    """The bytes are not a pickle that the machine accepts."""


@dataclass(frozen=True, eq=False)
class Name:
    """A module's member that the pickle names; it is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, eq=False)
class Opaque:
    """A marker for an object of the pickle that is not rebuilt; holds nothing of it."""

    what: Name | str


def hashable_key(value: object) -> object:
    """`value` if it is safe and cheap to hash, else an Opaque instead."""
    if isinstance(value, tuple) and 0 < len(value) <= _MAX_KEY_TUPLE:
        flat = not any(isinstance(item, tuple) for item in value)
        return tuple(hashable_key(item) for item in value) if flat else Opaque("key of tuples")
    if value is None or isinstance(value, (str, bytes, bool, Name, Opaque)):
        return value
    if isinstance(value, int) and -_MAX_KEY_INT < value < _MAX_KEY_INT:
        return value
    return Opaque(f"key of type {type(value).__name__}")


def decode_text(data: bytes) -> str:
    """Text of Python 3, lone surrogates included."""
    return data.decode("utf-8", "surrogatepass")


def decode_python2_text(data: bytes) -> str:
    """A str of Python 2: UTF-8, or Latin-1 where it is not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
