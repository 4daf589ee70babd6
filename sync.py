"""The scheduled job: mirror Confluence into the vector store. ``python sync.py --help``."""

from confluence_mirror.cli import signals

if __name__ == "__main__":
    signals.run("confluence_mirror.cli.commands")
