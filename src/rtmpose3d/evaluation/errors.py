"""Bad items of a dataset: an error that names the first, or, where the user says so, a list."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtmpose3d.errors import InputError


@dataclass(kw_only=True)
class Skips:
    """What was left out of an evaluation, and why.

    Attributes:
        allowed: whether bad items may be left out; if not, the first is an error.
        reasons: one line for each that was, with file and index.
    """

    allowed: bool = False
    reasons: list[str] = field(default_factory=list)

    def note(self, reason: str) -> None:
        """Leave an item out.

        Raises:
            InputError: that is not allowed.
        """
        if not self.allowed:
            raise InputError(f"{reason}; --skip-bad leaves such items out and lists them")
        self.reasons.append(reason)
