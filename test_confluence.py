"""The connectivity check: may I see this space? A program, not a test of pytest's; ``--help`` says more."""

import sys

from confluence_sync.check import main

if __name__ == "__main__":
    sys.exit(main())
