"""Bad items of an evaluation: an error at the first, or a list of them on request."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtmpose3d.errors import InputError


@dataclass(kw_only=True)
class SkippedItems:
    """Items that an evaluation skipped, and why.

    Attributes:
        allowed: whether bad items may be skipped; if not, the first is an error.
        hint: appended to the message of that error, e.g. how to allow skipping.
        reasons: one message per skipped item, with file and index.
    """

    allowed: bool = False
    hint: str = ""
    reasons: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        """Skips an item.

        Raises:
            InputError: skipping is not allowed.
        """
        if not self.allowed:
            raise InputError(reason + self.hint)
        self.reasons.append(reason)
