"""Limits of images: one table, so that no image takes more than about 1 GB or waits for ever.

A file of a few kilobytes can hold billions of pixels. The memory that decoding takes is therefore
estimated from the header, and an image that would take more is refused before it is decoded.
"""

from __future__ import annotations

MAX_FILE_BYTES = 256 * 2**20
"""Encoded size of an image in a file or in memory."""

MAX_DOWNLOAD_BYTES = 100 * 2**20
"""Encoded size of an image at an address."""

MAX_DECODING_BYTES = 640 * 2**20
"""Memory for decoding one image, the encoded file included: 111 megapixels of a JPEG or PNG. With
the libraries and one decoded image more, a process stays within about 1 GB."""

OPENCV_BYTES_PER_PIXEL = 6  # measured at the peak, as are those below; rotating needs no more

PILLOW_BYTES_PER_PIXEL = 8
"""Most formats: Pillow stores up to four bytes a pixel, the result has three."""

BYTES_PER_PIXEL_BY_FORMAT = {"WEBP": 20, "AVIF": 18, "HEIF": 18, "JPEG2000": 20}
"""Formats whose decoders keep several copies of the image."""

BYTES_PER_PIXEL_OF_DEEP_MODES = 20
"""32-bit integers and floats, which are scaled."""

RESPONSE_TIMEOUT_S = 20.0
"""Time without a byte from a server."""

DOWNLOAD_TIMEOUT_S = 120.0
"""Time for an address as a whole: connection, redirects, header and body."""
