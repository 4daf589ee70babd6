"""The environment of a run: the engine's settings for one mirror, and nothing of the service's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import confluence_mirror
from confluence_mirror.service.db.tables import Connection, Import, Mirror

_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "VIRTUAL_ENV"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS"),
        *("LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *("CURL_CA_BUNDLE", "OMP_NUM_THREADS", "CONFLUENCE_SYNC_IMAGE", "TESSDATA_PREFIX"),
    }
)
_PASSED_PREFIXES = ("LC_", "HF_", "XDG_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass(frozen=True, slots=True)
class MirrorPlace:
    """What of a run's environment is its mirror's."""

    site: str
    user: str
    collection: str
    scope: str
    attachments: bool
    comments: bool
    state_dir: Path

    def variables(self) -> dict[str, str]:
        """As the engine's settings."""
        return {
            "CONF_CLOUD_ID": self.site,
            "CONF_USER": self.user,
            "COLLECTION_ID": self.collection,
            "STATE_DIR": str(self.state_dir),
            "ATTACHMENTS": "true" if self.attachments else "false",
            **({"SCOPE": self.scope} if self.scope else {}),
            **({"COMMENTS": "open"} if self.comments else {}),
        }


def scope_of(items: Sequence[Import]) -> str:
    """The union of a mirror's imports, as ``SCOPE`` has it."""
    words = set()
    for item in items:
        if item.import_type == "space":
            words.add(f"space:{item.space_key}")
        else:
            kind = "tree" if item.import_type == "page_tree" else "page"
            words.add(f"{kind}:{item.page_id}")
    return ",".join(sorted(words))


def place_of(
    mirror: Mirror, connection: Connection, items: Sequence[Import], state_dir: Path
) -> MirrorPlace:
    """What the engine is told of a mirror."""
    return MirrorPlace(
        connection.cloud_id,
        connection.user_name,
        mirror.collection,
        scope_of(items),
        any(item.include_attachments for item in items),
        any(item.include_comments for item in items),
        state_dir / "mirrors" / mirror.id,
    )


def base_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What every child process is given of ours: where programs and authorities are, proxies, the
    locale. Everything else stays here."""
    found = {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_PREFIXES) or name.lower() in _PROXIES
    }
    package = str(Path(confluence_mirror.__file__).parents[1])
    known = [package, *filter(None, found.get("PYTHONPATH", "").split(os.pathsep))]
    return found | {"PYTHONPATH": os.pathsep.join(known)}
