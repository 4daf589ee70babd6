"""URLs of PostgreSQL. A password that was pasted as it is would be taken for a host, and be told to
everybody."""

from __future__ import annotations

import re

SCHEMES = ("postgresql", "postgres")
ENCODE = "write / as %2F, # as %23, ? as %3F, @ as %40 and % as %25 in a user's name or password"


def fault(url: str) -> str:
    """What is wrong with a URL, without repeating any of it; empty where nothing is.

    libpq would take ``postgresql://me:pa/ss@host/db`` for host ``me`` and port ``pa``.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.partition("+")[0] not in SCHEMES:
        return "is not a URL that begins with postgresql://"
    authority = re.split("[/?]", rest, maxsplit=1)[0]
    credential, _, hosts = authority.rpartition("@")
    if (
        "@" in rest[len(authority) :]
        or set(credential) & set("@#")
        or re.search("%(?![0-9A-Fa-f]{2})", credential)
    ):
        return f"holds a character that must be encoded: {ENCODE}"
    for host in hosts.split(","):
        if not re.fullmatch(r"(\[[0-9A-Fa-f:.%]*\]|[^:\[\]@#]*)(:[0-9]*)?", host):
            return (
                f"names a host or port that cannot be read; if that is part of a password, {ENCODE}"
            )
    return ""


def plain(url: str) -> str:
    """The URL as libpq takes it: without the driver that SQLAlchemy writes
    (``postgresql+psycopg://``)."""
    scheme, _, rest = url.strip().partition("://")
    return f"{scheme.partition('+')[0]}://{rest}"
