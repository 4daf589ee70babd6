"""Where settings come from: the environment, then ``.env`` and ``.env.secrets``; flags win over
all."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from dotenv.parser import parse_stream

from confluence_mirror.errors import StateUnusable

FILES = (".env", ".env.secrets")
"""Read in this order; the later one wins."""

_LEFT_OVER = re.compile(r"\$\{[^}]*\}|\$\([A-Za-z_][A-Za-z0-9_]*\)|\{\{.*\}\}")
_PLACEHOLDER = re.compile(
    r"<.*>|\$[A-Z_][A-Z0-9_]*|\.{3,}|…|x{4,}|change[-_ ]?(me|it)|replace[-_ ]?(me|this)|placeholder"
    r"|your[-_].*(token|id|key|secret|email|mail|user|name|url|host|here|password|space|cloud).*|you@.+|your[-_.]?\w*@.+",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Found:
    """Cleaned values by name, and what was wrong with where they came from."""

    values: dict[str, str] = field(default_factory=dict)
    """Set ones alone, ours or not: an empty value is an unset one."""
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def clean(value: str) -> str:
    """A value without the blanks around it and without one pair of matching quotes.

    ``podman --env-file`` and ``oc create configmap --from-env-file`` hand the quotes of the file
    on.
    """
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value


def is_unicode(value: str) -> bool:
    """Whether a variable or an argument is UTF-8 text: other bytes come as halves of surrogate
    pairs."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def secrets_of_others(environ: Mapping[str, str]) -> Iterator[str]:
    """What no output may hold of addresses that other programs' variables name (``HTTPS_PROXY``,
    ``HF_ENDPOINT`` …): user and password as they are written, the password decoded too, and both as
    the header that carries them."""
    for name, value in environ.items():
        if not name.upper().endswith(("_PROXY", "_ENDPOINT", "_INDEX_URL")) or "@" not in value:
            continue
        given = value.rpartition("@")[0].rpartition("//")[2]
        user, _, password = (unquote(part) for part in given.partition(":"))
        yield from filter(None, (given, given.partition(":")[2], password))
        yield base64.b64encode(f"{user}:{password}".encode("utf-8", "replace")).decode()


def working_folder() -> Path:
    """Where ``.env`` lies and relative paths begin. Raises ``StateUnusable`` where it was removed
    under our feet."""
    try:
        return Path.cwd()
    except OSError as error:
        raise StateUnusable(
            f"The working directory cannot be used ({error.strerror}); nothing was read or"
            " written.",
            hint="Change into a folder that exists.",
        ) from None


def is_placeholder(value: str) -> bool:
    """Whether somebody forgot to put a value in the place of this."""
    return bool(_LEFT_OVER.search(value) or _PLACEHOLDER.fullmatch(value))


def _unquoted(value: str) -> str:
    """A value as it is, without one pair of matching quotes."""
    quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _read_file(path: Path, found: Found, verbatim: Collection[str]) -> dict[str, str]:
    """The variables of one file, as python-dotenv parses it, nothing expanded."""
    values: dict[str, str] = {}
    try:
        # Editors on Windows put a byte-order mark before the first name.
        with path.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except (FileNotFoundError, NotADirectoryError):
        return values
    except UnicodeDecodeError:
        found.faults.append(f"{path.name}: is not UTF-8 text")
        return values
    except OSError as error:
        found.faults.append(f"{path.name}: cannot be read ({error.strerror})")
        return values
    for binding in bindings:
        if binding.error:
            found.faults.append(
                f"{path.name}: line {binding.original.line} cannot be read, e.g. NAME=value"
            )
        elif binding.key:
            if binding.key in values:
                found.warnings.append(
                    f"{path.name}: {binding.key} stands there twice; the last one counts"
                )
            # Quotes are dotenv's business here: it has taken one pair off already.
            value = binding.value or ""
            values[binding.key] = value if binding.key in verbatim else value.strip()
    return values


def gather(
    environ: Mapping[str, str],
    folder: Path,
    overrides: Mapping[str, str],
    defaults: Mapping[str, str],
    verbatim: Collection[str] = (),
) -> Found:
    """Every value that is set, cleaned, by name; the winner's alone. ``verbatim`` names those that
    are not cleaned, and set where they are empty."""
    found = Found()
    merged = {name: value.strip() for name, value in defaults.items()}
    for name in FILES:
        merged |= _read_file(folder / name, found, verbatim)
    for given in (environ, overrides):
        merged |= {
            name: (_unquoted if name in verbatim else clean)(value) for name, value in given.items()
        }
    found.values = {name: value for name, value in merged.items() if value or name in verbatim}
    return found
