"""Descriptions of files that cannot be read as images, for messages."""

from __future__ import annotations

RAW_PHOTO = (
    "a camera's raw file, in which only a small preview is an image; develop it, or export it as "
    "JPEG, PNG or TIFF from the camera's software"
)

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyphei", "a HEIC image; `pip install pillow-heif` and call its register_heif_opener()"
                    " before, or save it as JPEG"),
    (4, b"ftypmif1", "a HEIF image; save it as JPEG or PNG"),
    (4, b"ftyp", "a video (MP4 or MOV); RTMPose3D.stream reads videos"),
    (0, b"\x1aE\xdf\xa3", "a video (WebM or MKV); RTMPose3D.stream reads videos"),
    (8, b"AVI ", "a video (AVI); RTMPose3D.stream reads videos"),
    (0, b"\xff\xd8\xff", "a JPEG whose header is damaged or cut short"),
    (0, b"\x89PNG", "a PNG whose header is damaged or cut short"),
    (0, b"II*\0", "a TIFF that is damaged or of a type that Pillow cannot read; save it as PNG"),
    (0, b"MM\0*", "a TIFF that is damaged or of a type that Pillow cannot read; save it as PNG"),
    (0, b"%PDF", "a PDF document; export its page as PNG"),
    (0, b"%!PS", "a PostScript document; export it as PNG"),
    (0, b"<svg", "an SVG drawing; export it as PNG"),
    (0, b"version https://git-lfs", "a Git LFS pointer; run `git lfs pull` to get the file itself"),
    (0, b"<!DOCTYPE", "a web page, not an image; check where it was downloaded from"),
    (0, b"<html", "a web page, not an image; check where it was downloaded from"),
)  # fmt: skip


def describe_content(data: bytes, *, reads_avif: bool) -> str:
    """Describes the bytes of a file, and what to do about it.

    Args:
        data: the whole file, which is no image or a damaged one.
        reads_avif: whether the installed Pillow reads AVIF.
    """
    if data[4:11] == b"ftypavi":
        return (
            "an AVIF image that is damaged or cut short"
            if reads_avif
            else "an AVIF image, which needs Pillow 11.3 or newer; or save it as JPEG or PNG"
        )
    head = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for offset, signature, what in _SIGNATURES:
        if head[offset:].startswith(signature):
            return what
    return (
        f"no image, or a damaged one ({len(data)} bytes, beginning with {data[:12]!r}); "
        "expected JPEG, PNG, WebP, BMP, TIFF, GIF, ..."
    )
