"""``python -m confluence_mirror``: the same commands as ``sync.py``."""

from confluence_mirror.cli import signals

if __name__ == "__main__":
    signals.sync()
