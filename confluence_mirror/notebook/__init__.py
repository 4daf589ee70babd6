"""What ``ingest_conf.ipynb`` calls: the parts of a run, one question at a time, for a person who
explores."""

from __future__ import annotations

from confluence_mirror.notebook.explore import Explorer, Sight, explore
from confluence_mirror.notebook.views import Bars, Phases, SideBySide, Table, progress_bar

__all__ = ["Bars", "Explorer", "Phases", "SideBySide", "Sight", "Table", "explore", "progress_bar"]
