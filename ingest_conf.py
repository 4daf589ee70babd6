"""The same run as ``sync.py``, with Llama Stack as its store. ``python ingest_conf.py --help``."""

import sys

from confluence_sync.ingest import main

if __name__ == "__main__":
    sys.exit(main())
