"""The mirror for assistants: a server of the Model Context Protocol on the standard streams."""

from __future__ import annotations

from confluence_mirror.errors import Exit, WrongSettings, extra_hint
from confluence_mirror.logs import Mask
from confluence_mirror.runs import Mirror


def serve_mcp(mirror: Mirror, mask: Mask) -> Exit:
    """Answer until the client closes the standard input. ``WrongSettings`` where the package
    ``mcp`` is missing."""
    try:
        import mcp  # noqa: F401 half a second; no other command needs it
    except ImportError:
        raise WrongSettings(
            "The command mcp needs the package mcp.",
            hint=extra_hint("mcp"),
        ) from None
    from confluence_mirror.mcp_server.server import serve_streams

    return serve_streams(mirror, mask)
