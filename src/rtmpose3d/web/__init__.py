"""HTTP for images and weights: addresses as people write them, redirects, limits of time."""

from rtmpose3d.web.addresses import Address, is_url, parse_address
from rtmpose3d.web.opening import TimeLimit, open_address

__all__ = ["Address", "TimeLimit", "is_url", "open_address", "parse_address"]
