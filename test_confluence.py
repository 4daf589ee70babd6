"""The connectivity check: may I see this space? A program, not a test of pytest's; ``--help`` says
more."""

from confluence_mirror.cli import signals

if __name__ == "__main__":
    signals.run("confluence_mirror.check")
