"""``python -m confluence_mirror.settings --env-example`` or ``--markdown``: print what the
documents hold."""

from __future__ import annotations

import sys

from confluence_mirror import program, usage
from confluence_mirror.settings import documents


def main() -> None:
    """Print one of the two documents."""
    parser = usage.Parser(prog="python -m confluence_mirror.settings", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--env-example", action="store_const", dest="text", const=documents.env_example
    )
    which.add_argument("--markdown", action="store_const", dest="text", const=documents.markdown)
    sys.stdout.write(parser.parse_args().text())


if __name__ == "__main__":
    sys.exit(program.ended(main))
