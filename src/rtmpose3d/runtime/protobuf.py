"""The wire format of protocol buffers, in which ONNX files are written: fields and their bytes."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED_64, _LENGTH_DELIMITED, _FIXED_32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Field:
    """A field of a message: indices into the content.

    Attributes:
        number: as in the .proto file.
        begin: first byte, that of its tag.
        start, end: the bytes of its value.
        is_nested: whether the value is bytes, text or a message, and not a number.
    """

    number: int
    begin: int
    start: int
    end: int
    is_nested: bool


def iterate_fields(content: bytes | mmap.mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of the message between two indices; nothing is copied.

    Raises:
        IndexError: it is no message.
    """
    at = start
    while at < end:
        begin = at
        tag, at = _read_varint(content, at)
        number, kind = tag >> 3, tag & 7
        first = at
        if kind == _LENGTH_DELIMITED:
            length, first = _read_varint(content, at)
            at = first + length
        elif kind == _VARINT:
            _, at = _read_varint(content, at)
        elif kind in (_FIXED_64, _FIXED_32):
            at += 8 if kind == _FIXED_64 else 4
        else:
            raise IndexError(kind)
        if at > end:
            raise IndexError(at)
        yield Field(number, begin, first, at, kind == _LENGTH_DELIMITED)


def encode_field(number: int, value: bytes) -> bytes:
    """A field whose value is bytes, text or a message."""
    return _encode_varint(number << 3 | _LENGTH_DELIMITED) + _encode_varint(len(value)) + value


def encode_number(number: int, value: int) -> bytes:
    """A field whose value is a number that is not negative."""
    return _encode_varint(number << 3 | _VARINT) + _encode_varint(value)


def _read_varint(content: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError(at)


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
