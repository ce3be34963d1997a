"""Items that an evaluation does not use: bad ones, and those that a rule excludes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from rtmpose3d.errors import InputError


@dataclass(kw_only=True)
class SkippedItems:
    """Items that an evaluation skipped, and why.

    Attributes:
        allowed: whether bad items may be skipped; if not, the first is an error.
        hint: appended to the message of that error, e.g. how to allow skipping.
        reasons: one message per bad item that was skipped, with file and index.
        by_rule: number of valid items that are not used, by reason.
        notes: other facts about the data that a reader of the metrics must know.
    """

    allowed: bool = False
    hint: str = ""
    reasons: list[str] = field(default_factory=list)
    by_rule: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, reason: str) -> None:
        """Skips an item.

        Raises:
            InputError: skipping is not allowed.
        """
        if not self.allowed:
            raise InputError(reason + self.hint)
        self.reasons.append(reason)

    def add_by_rule(self, what: str, counts: Mapping[str, int]) -> None:
        """Counts valid items that are not used.

        Args:
            what: the items, e.g. "annotations".
            counts: their number by reason.
        """
        for reason, count in counts.items():
            self.by_rule[f"{what}: {reason}"] += count

    @property
    def lines(self) -> list[str]:
        """Lines of text: one per reason of a rule, and the notes."""
        pairs = [(text.split(": ", 1), count) for text, count in self.by_rule.items()]
        skipped = [f"skipped {what}: {count} x {reason}" for (what, reason), count in pairs]
        return skipped + self.notes
