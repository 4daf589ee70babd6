"""Names of programming languages: Confluence's, as those that a fence is known by."""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = {
    "actionscript3": "actionscript",
    "as3": "actionscript",
    "c#": "csharp",
    "cs": "csharp",
    "c++": "cpp",
    "cfm": "cfml",
    "coldfusion": "cfml",
    "erl": "erlang",
    "golang": "go",
    "html/xml": "xml",
    "html and xml": "xml",
    "javafx": "java",
    "jfx": "java",
    "js": "javascript",
    "none": "",
    "objc": "objective-c",
    "objectivec": "objective-c",
    "plain": "",
    "plain text": "",
    "plaintext": "",
    "ps": "powershell",
    "py": "python",
    "rb": "ruby",
    "sh": "bash",
    "shell": "bash",
    "text": "",
    "text/plain": "",
    "ts": "typescript",
    "vb": "vbnet",
    "visual basic": "vbnet",
    "yml": "yaml",
}
_ODD = re.compile(r"[^a-z0-9+#._-]+")


def language(name: str) -> str:
    """The word after a fence; empty for none and for plain text."""
    name = name.strip().lower()
    return _NAMES.get(name, _ODD.sub("-", name).strip("-")[:40])
