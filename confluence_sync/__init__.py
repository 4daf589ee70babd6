"""A nightly job that keeps a vector store an exact mirror of Confluence Cloud."""

__version__ = "0.1.0"
