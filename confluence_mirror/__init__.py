"""A nightly job that keeps a vector store an exact mirror of Confluence Cloud."""

from confluence_mirror import telemetry

__version__ = "0.1.0"

telemetry.switch_off()
