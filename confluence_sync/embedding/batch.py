"""How many texts a server takes at once: found out, and learned anew when it changes."""

from __future__ import annotations

LARGEST = 64
_STREAK = 32


class BatchSize:
    """Shrinks where a server cannot do with so many, and grows again, up to ``LARGEST``, as requests succeed."""

    def __init__(self) -> None:
        self.now = LARGEST
        self._most = LARGEST
        self._grown = False
        self._streak = 0

    def recall(self, value: str) -> None:
        """Begin with what an earlier run learned."""
        if value.isdecimal() and 0 < int(value[:6]) <= LARGEST:
            self.now = int(value)

    def worked(self, texts: int) -> None:
        """A request of so many texts was answered."""
        self._streak = self._streak + 1 if texts >= self.now else self._streak
        if self._streak >= _STREAK and self.now < self._most:
            self.now, self._grown, self._streak = min(self.now * 2, self._most), True, 0

    def shrink(self, texts: int) -> None:
        """More than so many do not work. What did not work after growing is not tried again in this run."""
        self.now, self._streak = max(1, min(self.now, texts)), 0
        if self._grown:
            self._most = self.now
