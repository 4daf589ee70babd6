"""The HTTP service: it plans which run is due when, starts each as a process of its own, and
answers questions. The engine does not know it."""

from __future__ import annotations
