"""The service's own settings, declared as the engine's are; the engine's keep their names."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from confluence_mirror.addresses import split_url
from confluence_mirror.errors import WrongSettings
from confluence_mirror.service.rates import Rate, parse_rate
from confluence_mirror.settings import BY_NAME, Secret, Settings
from confluence_mirror.settings import values as v
from confluence_mirror.settings.checks import Faults
from confluence_mirror.settings.loading import parse_values, settings_error
from confluence_mirror.settings.sources import gather
from confluence_mirror.settings.spelling import find_misspelt
from confluence_mirror.settings.variables import Variable, declared, filled, variable

AllowedHost: TypeAlias = str | ipaddress.IPv4Network | ipaddress.IPv6Network
"""A name, or the addresses of a range."""

NOBODY: Mapping[str, str] = {
    "CONF_CLOUD_ID": "00000000-0000-0000-0000-000000000000",
    "CONF_USER": "nobody@localhost",
    "CONF_API_TOKEN": "none",
}
"""A credential for what asks Confluence nothing: settings are not complete without one."""

CREDENTIALS = (
    *("CONF_CLOUD_ID", "CONF_USER", "CONF_API_TOKEN", "CONF_API_TOKEN_FILE"),
    *("CONFLUENCE_URL", "CONFLUENCE_USERNAME", "CONFLUENCE_API_TOKEN"),
)
"""What names the connection ``environment``; the last three are the names that other programs
have."""
_SCOPE = ("SPACE_NAME", "FILTER_SPACE_KEYS", "FILTER_FOLDER_ID", "LABELS", "SCOPE")
"""What each mirror of the service says for itself."""


def parse_hosts(value: str) -> tuple[AllowedHost, ...]:
    """Hosts, addresses and ranges (CIDR), separated by commas."""
    found: list[AllowedHost] = []
    for part in filter(None, (each.strip().lower() for each in v.text(value).split(","))):
        try:
            found.append(ipaddress.ip_network(part.strip("[]"), strict=False))
        except ValueError:
            if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", part):
                raise ValueError("holds something that is no host, address or range") from None
            found.append(part)
    return tuple(found)


def parse_origins(value: str) -> tuple[str, ...]:
    """Origins (scheme, host and port), separated by commas."""
    found = [each.strip().rstrip("/").lower() for each in v.text(value).split(",") if each.strip()]
    for origin in found:
        parts = split_url(origin)
        if parts is None or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError("holds something that is no origin, as https://app.example.com is")
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What the service is told beside the engine's settings."""

    host: str = variable("SERVICE_HOST", v.text, "address to listen on", default="127.0.0.1")
    port: int = variable("SERVICE_PORT", v.whole(0, 65535), "port to listen on", default="8080")
    public_url: str | None = variable(
        "SERVICE_PUBLIC_URL",
        v.http_url,
        "the address under which others reach it: what hooks are shown as",
        shown="`http://HOST:PORT`",
        example="https://mirror.example.com",
    )
    database_url: Secret | None = variable(
        "SERVICE_DATABASE_URL",
        v.state_url,
        "the service's database: `postgresql://…` (`postgresql+psycopg://…` is the same)",
        shown="SQLite in `STATE_DIR`",
        example="postgresql://service:PASSWORD@db.vectors.svc/service",
        steers=True,
    )
    admin_key: Secret | None = variable(
        "SERVICE_ADMIN_KEY",
        v.credential,
        "the administrator's key",
        shown="made at the first start into `STATE_DIR/admin.key`",
    )
    admin_key_file: Path | None = variable(
        "SERVICE_ADMIN_KEY_FILE", v.path, "a file that holds it", example="/run/secrets/admin-key"
    )
    secret_keys: Secret | None = variable(
        "SERVICE_SECRET_KEYS",
        v.credential,
        "keys that seal secrets: `id:base64 of 32 bytes`, separated by commas; the first seals,"
        " all open. Required on PostgreSQL",
        shown="made at the first start into `STATE_DIR/secret.key`",
    )
    secret_keys_file: Path | None = variable(
        "SERVICE_SECRET_KEYS_FILE",
        v.path,
        "a file that holds them",
        example="/run/secrets/secret-keys",
    )
    encryption_key: Secret | None = variable(
        "CONFLUENCE_ENCRYPTION_KEY",
        v.credential,
        "the same for one key: base64 of 32 bytes, without an id",
    )
    workers: int = variable(
        "SERVICE_WORKERS",
        v.whole(0, 64),
        "runs at once, in `serve` and in each `worker`; `0`: `serve` starts none",
        default="1",
    )
    lease_seconds: float = variable(
        "SERVICE_LEASE_SECONDS",
        v.decimal(2, 3600),
        "seconds after which a dead worker's run is taken over",
        default="30",
    )
    allowed_hosts: tuple[AllowedHost, ...] = variable(
        "SERVICE_ALLOWED_HOSTS",
        parse_hosts,
        "hosts, addresses and ranges (CIDR), separated by commas, that addresses given by users may"
        " lead to although they are not public; loopback only if it is named",
        example="confluence.example.com,10.20.0.0/16",
        unset=(),
    )
    webhook_secret: Secret | None = variable(
        "CONFLUENCE_WEBHOOK_SECRET",
        v.credential,
        "makes `POST /webhook/confluence` a hook of the dialect `datacenter` for the connection of"
        " the environment",
    )
    webhook_secret_file: Path | None = variable(
        "CONFLUENCE_WEBHOOK_SECRET_FILE",
        v.path,
        "a file that holds it",
        example="/run/secrets/webhook-secret",
    )
    forge_app_id: str | None = variable(
        "FORGE_APP_ID",
        v.text,
        "the Forge app whose events are taken: the audience of its tokens",
        example="ari:cloud:ecosystem::app/11111111-2222-3333-4444-555555555555",
    )
    forge_jwks_url: str = variable(
        "FORGE_JWKS_URL",
        v.http_url,
        "where the keys of those tokens are",
        default="https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json",
    )
    cors_origins: tuple[str, ...] = variable(
        "SERVICE_CORS_ORIGINS",
        parse_origins,
        "origins whose pages may call the API, separated by commas",
        example="https://app.example.com",
        unset=(),
    )
    rate_limit: Rate = variable(
        "SERVICE_RATE_LIMIT",
        parse_rate,
        "calls per key, or per address without a right key, in each process: `N/second`,"
        " `N/minute` or `N/hour`; events and health excepted",
        default="600/minute",
    )
    sync_interval: int = variable(
        "CONFLUENCE_SYNC_INTERVAL",
        v.whole(0, 31_536_000),
        "seconds between the scheduled runs of a mirror; `0`: none",
        default="86400",
        example="3600",
    )


VARIABLES: tuple[Variable, ...] = declared(ServiceSettings)
SERVICE_NAMES = frozenset(each.name for each in VARIABLES)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings of a process of the service."""

    service: ServiceSettings
    engine: Settings
    """Without a site: what all mirrors have in common."""
    values: Mapping[str, str]
    """The engine's variables that are set, by name, with absolute paths."""
    environment: Mapping[str, str]
    """The credential in the environment, by variable; empty where there is none."""
    warnings: tuple[str, ...]


def load(environ: Mapping[str, str], folder: Path) -> Loaded:
    """The settings of a process. Raises ``WrongSettings``, whose text names every fault."""
    found = gather(environ, folder, {}, {}, _VERBATIM)
    faults, warnings = Faults(found.faults), list(found.warnings)
    known = {**BY_NAME, **{each.name: each for each in VARIABLES}}
    named = [name for name in found.values if name not in CREDENTIALS]
    unknown, doubtful = find_misspelt(named, known)
    faults += unknown
    given, _ = parse_values(VARIABLES, found.values, faults)
    for name in ("SERVICE_ADMIN_KEY", "SERVICE_SECRET_KEYS", "CONFLUENCE_WEBHOOK_SECRET"):
        given[name] = _read_secret(name, given, folder, faults)
    service = filled(ServiceSettings, given)
    values = {
        name: text
        for name, text in found.values.items()
        if name in BY_NAME and name not in (*CREDENTIALS, *_SCOPE)
    }
    if service.database_url and not service.database_url.reveal().startswith("sqlite:"):
        values.setdefault("STATE_URL", service.database_url.reveal())
    values = {name: _absolute(name, text, folder) for name, text in values.items()}
    engine = _load_engine({**values, **NOBODY}, folder, faults)
    if engine is None or faults:
        raise settings_error(faults)
    environment = {name: found.values[name] for name in CREDENTIALS if name in found.values}
    return Loaded(service, engine, values, environment, (*warnings, *doubtful))


def load_engine(values: Mapping[str, str], folder: Path) -> Settings:
    """The engine's settings of one mirror. Raises ``WrongSettings``."""
    settings, _ = Settings.load(values, folder, in_container=False)
    return settings


def _load_engine(values: Mapping[str, str], folder: Path, faults: Faults) -> Settings | None:
    try:
        return load_engine(values, folder)
    except WrongSettings as error:
        faults += [line.strip() for line in str(error).splitlines()[1:]]
        return None


_VERBATIM = frozenset(each.name for each in BY_NAME.values() if each.verbatim)


def _absolute(name: str, text: str, folder: Path) -> str:
    """A run works in a folder of its own."""
    if BY_NAME[name].parse is v.path:
        return str(folder / Path(text).expanduser())
    if name == "TOKENIZER" and text.startswith("hf:"):
        return f"hf:{folder / Path(text[3:]).expanduser()}"
    if text.startswith("sqlite:///"):
        return f"sqlite:///{folder / text.removeprefix('sqlite:///')}"
    return text


def _read_secret(
    name: str, given: Mapping[str, Any], folder: Path, faults: Faults
) -> Secret | None:
    """From its variable, or from the file that the variable ``…_FILE`` names."""
    file: Path | None = given[f"{name}_FILE"]
    if file is None:
        secret: Secret | None = given[name]
        return secret
    if given[name] is not None:
        faults.add(f"{name}_FILE", f"is set beside {name}: one of the two is enough")
        return None
    try:
        return v.credential("".join((folder / file).read_text(encoding="utf-8").split()))
    except (OSError, ValueError):
        faults.add(f"{name}_FILE", "there is no such file, or what is in it cannot be used")
        return None
