"""Chroma: embedded in a folder, and as a server."""
