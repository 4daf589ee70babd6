"""The Vector API, both variants."""
