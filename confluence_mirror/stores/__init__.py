"""Where chunks go: one file a store, all behind the Protocol in ``base``."""
