"""The use of a mirror: ``open_mirror`` gives one, each of its runs an ``Outcome``."""

from confluence_mirror.runs.mirror import Mirror, Shared, open_mirror
from confluence_mirror.runs.outcome import Outcome

__all__ = ["Mirror", "Outcome", "Shared", "open_mirror"]
