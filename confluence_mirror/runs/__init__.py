"""The use of a mirror: runs, what becomes of them, and what is told of it."""
