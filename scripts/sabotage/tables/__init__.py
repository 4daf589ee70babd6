"""What is broken on purpose, a table per group of invariants."""
