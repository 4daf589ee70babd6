"""The scheduled job: mirror Confluence into the vector store. ``python sync.py --help``."""

import sys

from confluence_sync.cli import main

if __name__ == "__main__":
    sys.exit(main())
