"""Named poses of legs and arms, and how frequent they are."""
