"""Plan and apply: the only place that decides what is written or removed."""
