"""What repeats the declarations: ``.env.example``, the table of the README, and ``--help``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from confluence_mirror.settings.loading import VARIABLES, Settings
from confluence_mirror.settings.variables import Variable, declared

_HEAD = """\
# Settings of confluence-mirror. Copy to .env and fill in. A line that is commented out shows the
# default, or an example.
# One file serves the shell, podman --env-file and oc create configmap --from-env-file, so:
# NAME=value, quotes only around blanks, no "export", no comment after a value. An empty value is an
# unset one, but for a prefix. The environment wins over this file."""

FIRST = (
    "CONF_CLOUD_ID",
    "CONF_USER",
    "CONF_API_TOKEN",
    "SPACE_NAME",
    "FILTER_SPACE_KEYS",
    "VECTOR_API_BASE_URL",
    "LLAMA_BASE_URL",
    "CHROMA_URL",
    "PGVECTOR_URL",
    "COLLECTION_ID",
    "CHUNK_TOKENS",
    "STATE_DIR",
)
"""The settings that most mirrors need, and no other."""

_SECRETS = """\
# Secrets: put these into a file of their own, .env.secrets (chmod 600), which is read as well."""


def env_example() -> str:
    """The text of ``.env.example``."""
    parts = [_HEAD]
    for section in fields(Settings):
        if group := section.metadata.get("group"):
            lines = [f"# --- {section.metadata['title']}"]
            for variable in declared(group):
                if not variable.secret:
                    lines += _example(variable)
            parts.append("\n".join(lines))
    secret = [line for variable in VARIABLES if variable.secret for line in _example(variable)]
    parts.append("\n".join([_SECRETS, *secret]))
    return "\n\n".join(parts) + "\n"


def _example(variable: Variable) -> list[str]:
    plain = variable.plain_meaning
    comment = f"# {variable.name}: {plain}"
    if variable.shown == "required":
        return [f"{comment}; required", f"{'#' if variable.secret else ''}{variable.name}="]
    if variable.shown:
        comment += f"; default: {variable.shown.replace('`', '')}"
    elif not (variable.default or variable.secret):
        comment += "; no default"
    return [
        comment,
        f"#{variable.name}={'' if variable.secret else variable.default or variable.example}",
    ]


def markdown() -> str:
    """The settings table of the README: those that most mirrors set, then each group's others."""
    by_name = {variable.name: variable for variable in VARIABLES}
    rows = ["| variable | meaning | default |", "|---|---|---|"]
    rows += ["| **The twelve that matter first** | | |", *(_row(by_name[name]) for name in FIRST)]
    for section in fields(Settings):
        if group := section.metadata.get("group"):
            others = [each for each in declared(group) if each.name not in FIRST]
            rows += [f"| **{section.metadata['title']}** | | |", *map(_row, others)]
    return "\n".join(rows) + "\n"


def table_of(variables: Iterable[Variable]) -> str:
    """The same of another program's settings."""
    rows = ["| variable | meaning | default |", "|---|---|---|", *map(_row, variables)]
    return "\n".join(rows) + "\n"


def _row(variable: Variable) -> str:
    default = variable.shown or (f"`{variable.default}`" if variable.default else "–")
    return f"| `{variable.name}` | {variable.meaning.replace('|', '&#124;')} | {default} |"


def settings_options() -> dict[str, dict[str, Any]]:
    """By option of the command line, the arguments of ``add_argument``; the value is left under the
    variable's name."""
    return {
        variable.option: {
            "dest": variable.name,
            "help": variable.plain_meaning,
            **variable.option_kind,
        }
        for variable in VARIABLES
        if variable.option
    }
