"""Runs: which is due, who works at it, and the process that does it."""
