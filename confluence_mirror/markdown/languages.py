"""Names of programming languages: Confluence's, as those that a fence is known by."""

from __future__ import annotations

import re
from collections.abc import Iterable
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
_HINTS = (
    re.compile(r"(?:^|\s)(?:language|lang)-([\w+#.-]+)"),
    re.compile(
        r"(?:^|\s)(?:highlight-source-|highlight-text-|brush:\s*|sourceCode |source |hljs"
        r" )([\w+#.-]+)"
    ),
)
_SAYS_NOTHING = frozenset(
    ["hljs", "copyable", "numberLines", "code", "pre", "wrap", "nohighlight", "none", "undefined"]
)
_ODD = re.compile(r"[^a-z0-9+#._-]+")


def language(name: str) -> str:
    """The word after a fence; empty for none and for plain text."""
    name = name.strip().lower()
    return _NAMES.get(name, _ODD.sub("-", name).strip("-")[:40])


def hinted(hints: Iterable[str], *, nameless: str = "") -> str:
    """The language that pasted code names; each hint is a name (or nothing), a line feed, classes.

    ``nameless``: a name that says nothing.
    """
    for hint in hints:
        name, _, classes = hint.partition("\n")
        if name.strip():
            return name.strip()
        for pattern in _HINTS:
            found = pattern.search(classes)
            if found and found[1] not in _SAYS_NOTHING and found[1] != nameless:
                return found[1]
    return ""
