"""The same run as ``sync.py``, with Llama Stack as its store. ``python ingest_conf.py --help``."""

from confluence_mirror.cli import signals

if __name__ == "__main__":
    signals.run("confluence_mirror.ingest")
