"""Image files that a decoder refuses although all of their pixels are there."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator

import PIL.Image

from rtmpose3d.errors import InputError
from rtmpose3d.sources.pillow_images import decoder_errors

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # none of them changes a pixel here
_JPEG_START, _SCAN_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_FRAME_STARTS = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
_FILLER = b"\xaa\x55" * 512  # decodes to other pixels than what is missing does


def repaired(data: bytes) -> bytes | None:
    """The file in a form that decoders take; None where nothing can be repaired.

    A PNG loses its texts and its colour profile, of which Pillow refuses large ones. A JPEG gets
    the end marker that it lacks, if none of its pixels is missing.
    """
    if data.startswith(_PNG_SIGNATURE):
        return _without_text(data)
    if data.startswith(_JPEG_START) and data.rfind(_JPEG_END) < data.rfind(_SCAN_START):
        return _with_end_marker(data)
    return None


def _without_text(data: bytes) -> bytes | None:
    kept = [piece for kind, piece in _png_chunks(data) if kind not in _PNG_TEXT]
    plain = _PNG_SIGNATURE + b"".join(kept)
    return plain if len(plain) < len(data) else None


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and bytes of each chunk: length, type, content and checksum (PNG 1.2, section 3.2)."""
    at = len(_PNG_SIGNATURE)
    while at < len(data):
        size = 12 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at : at + size]
        at += size


def _with_end_marker(data: bytes) -> bytes | None:
    """The JPEG with an end marker, or None where it is cut short.

    A decoder invents what is missing of a scan. If it gives the same pixels whatever follows the
    data, then nothing is missing.
    """
    data = data.rstrip(b"\xff")  # half a marker
    complete = data + _JPEG_END
    try:
        if not _has_all_scans(data):
            return None
    except (IndexError, ValueError):  # cut inside a header
        return None
    if _digest(complete) == _digest(data + _FILLER + _JPEG_END):
        return complete
    return None


def _has_all_scans(data: bytes) -> bool:
    """Whether the scans of a JPEG hold every bit of every coefficient of every component.

    Source: ITU-T T.81, B.2.2 and B.2.3, G.1.1.1.1 (spectral selection, successive approximation).
    """
    missing: dict[int, set[int]] = {}  # component -> coefficients whose last bit has not come
    for marker, at in _jpeg_segments(data):
        if marker in _FRAME_STARTS:
            count = data[at + 7]
            missing = {data[at + 8 + 3 * index]: set(range(64)) for index in range(count)}
        elif marker == _SCAN_START[1]:
            count = data[at + 2]
            components = [data[at + 3 + 2 * index] for index in range(count)]
            first, last, bits = data[at + 3 + 2 * count : at + 6 + 2 * count]
            if bits & 0x0F == 0:
                for component in components:
                    missing.get(component, set()).difference_update(range(first, last + 1))
    return bool(missing) and not any(missing.values())


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Marker of each segment of a JPEG, and where its length is."""
    at = 2
    while at < len(data) - 1:
        at = data.find(b"\xff", at)
        if at < 0:
            return
        marker = data[at + 1] if at + 1 < len(data) else 0
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD9:  # inside a scan, or without a length
            at += 1 if marker == 0xFF else 2
            continue
        yield marker, at + 2
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def _digest(data: bytes) -> bytes | None:
    """A hash of the decoded pixels; a number of its own for a file that cannot be decoded."""
    try:
        with (
            decoder_errors("the JPEG"),
            PIL.Image.open(io.BytesIO(data), formats=["JPEG"]) as image,
        ):
            return hashlib.sha256(image.tobytes()).digest()
    except InputError:
        return None
