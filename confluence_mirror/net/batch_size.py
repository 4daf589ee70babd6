"""How much a server takes at once: found out, and learned anew when it changes."""

from __future__ import annotations

_STREAK = 32


class BatchSize:
    """Shrinks where a server does not manage so many, and grows again, up to ``largest``, as
    requests succeed."""

    def __init__(self, largest: int) -> None:
        self.now = largest
        self._largest = self._most = largest
        self._grown = False
        self._streak = 0

    def restore_limit(self, value: str) -> None:
        """Begin with what an earlier run learned."""
        if value.isdecimal() and int(value[:6]) > 0:
            self.now = min(int(value[:6]), self._largest)

    def record_success(self, count: int) -> None:
        """A request of so many was answered."""
        self._streak = self._streak + 1 if count >= self.now else self._streak
        if self._streak >= _STREAK and self.now < self._most:
            self.now, self._grown, self._streak = min(self.now * 2, self._most), True, 0

    def shrink_to(self, count: int) -> None:
        """More than this do not work. What did not work after growing is not tried again in this
        run."""
        self.now, self._streak = max(1, min(self.now, count)), 0
        if self._grown:
            self._most = self.now
