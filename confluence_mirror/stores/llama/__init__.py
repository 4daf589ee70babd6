"""Llama Stack and OGX, with their files."""
