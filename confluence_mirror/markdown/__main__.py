"""``python -m confluence_mirror.markdown FILE|- [--report] [--format export_view]``: a stored body
as Markdown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from confluence_mirror import program, terminal, usage
from confluence_mirror.markdown import convert


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the Markdown of a body; 0, or 66 (EX_NOINPUT) where the file cannot be read."""
    parser = usage.Parser(
        prog="python -m confluence_mirror.markdown", description="A stored body as Markdown."
    )
    parser.add_argument(
        "file", metavar="FILE", help="a file with the body, or - for standard input"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="say, on standard error, how it was read and what was met",
    )
    parser.add_argument(
        "--format", choices=("storage", "export_view"), default="storage", help="what the body is"
    )
    options = parser.parse_args(arguments)
    try:
        data = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        terminal.tell(f"{options.file} cannot be read: {error.strerror}")
        return 66
    found = convert(data.decode("utf-8-sig", "replace"), body_format=options.format)
    if sys.stdout.isatty():
        terminal.say(found.markdown.removesuffix("\n"))
    else:
        sys.stdout.buffer.write(found.markdown.encode())
        sys.stdout.buffer.flush()
    if options.report:
        said = (
            ("way", found.way),
            ("macros", ", ".join(found.macros)),
            ("notes", "; ".join(found.notes)),
        )
        terminal.tell(
            "\n".join(f"{name}: {terminal.one_line(text) or 'none'}" for name, text in said), "info"
        )
    return 0


if __name__ == "__main__":
    sys.exit(program.ended(main))
