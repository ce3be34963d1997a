"""The budget of one inertly read pickle: steps, memory, keys that are tuples."""

from __future__ import annotations

from rtmpose3d.untrusted.limits import PickleLimits
from rtmpose3d.weights.checkpoints.pickle_values import Opaque, PickleFormatError, hashable_key

_ITEM_BYTES = 100  # an entry of a dictionary or set


class PickleBudget:
    """Remainder of the limits of one pickle.

    Args:
        limits: of its kind.
        size: bytes of the pickle.
    """

    def __init__(self, limits: PickleLimits, size: int) -> None:
        self._limits = limits
        self._steps = limits.max_steps
        self._bytes = limits.max_bytes(size)
        self._tuple_keys = limits.max_tuple_keys

    def spend(self, steps: int, size: int) -> None:
        """Charges steps and bytes, both estimated from above.

        Raises:
            PickleFormatError: none are left.
        """
        self._steps -= steps
        self._bytes -= size
        if self._steps < 0:
            raise PickleFormatError(
                f"more than {self._limits.max_steps:,} steps; no such file needs that"
            )
        if self._bytes < 0:
            raise PickleFormatError("it asks for far more memory than its size")

    def key(self, value: object) -> object:
        """`value` as a key that is safe and cheap to hash, charged; else an Opaque.

        Raises:
            PickleFormatError: too many keys are tuples, or no memory is left.
        """
        self.spend(0, _ITEM_BYTES)
        if isinstance(value, tuple):
            if not self._limits.max_tuple_keys:
                return Opaque("key of type tuple")
            self._tuple_keys -= 1
            if self._tuple_keys < 0:
                raise PickleFormatError(
                    f"more than {self._limits.max_tuple_keys:,} keys are tuples"
                )
        return hashable_key(value)
