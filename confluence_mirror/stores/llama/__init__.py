"""Llama Stack and OGX, with their files."""

MAX_TEXT_TOKENS = 3500
"""The servers cut a file into pieces of 4,096 of their own tokens (``CHUNKING``): Llama 3's on 0.2,
cl100k_base later. The rest is for our first line, and for what their counts differ from ours.
Characters are not counted anywhere."""
