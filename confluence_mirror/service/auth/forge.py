"""Forge Invocation Tokens: who signed them, for which app and which site.

Pinned to RS256; the audience is what we are told, never what a token says. Keys are fetched once;
one that is not among them is looked up once, then refused for a minute, whoever sends it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

ISSUER = "forge/invocation-token"
_REFUSED_S = 60.0
_ASKED_S = 5.0


class ForgeTokens:
    """Checks tokens of one app. May be used from several threads."""

    def __init__(
        self,
        app_id: str,
        jwks_url: str,
        *,
        ca_bundle: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._app_id, self._jwks_url, self._ca_bundle = app_id, jwks_url, ca_bundle
        self._clock, self._wall = clock, wall
        self._lock = threading.Lock()
        self._keys: KeySet | None = None
        self._asked_at = float("-inf")

    def belongs_to(self, token: str, cloud_id: str) -> bool:
        """Whether a token is right, and of this site."""
        claims = self._claims_of(token)
        if claims is None:
            return False
        now, expires, begins = self._wall(), claims.get("exp"), claims.get("nbf", 0)
        context = claims.get("context")
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        return (
            claims.get("iss") == ISSUER
            and self._app_id in named
            and isinstance(expires, int | float)
            and isinstance(begins, int | float)
            and begins <= now < expires
            and isinstance(context, dict)
            and str(context.get("cloudId", "")).lower() == cloud_id
        )

    def _claims_of(self, token: str) -> dict[str, Any] | None:
        for keys in self._key_sets():
            try:
                return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)
            except (JoseError, ValueError, TypeError):
                continue
        return None

    def _key_sets(self) -> list[KeySet]:
        """The keys that are known; and where they do not fit, those of now, once a minute."""
        with self._lock:
            known = [self._keys] if self._keys is not None else []
            if self._clock() - self._asked_at >= _REFUSED_S:
                self._asked_at = self._clock()
                if (fresh := self._fetch()) is not None:
                    self._keys = fresh
                    known.append(fresh)
            return known

    def _fetch(self) -> KeySet | None:
        verify = self._ca_bundle or True
        try:
            answer = httpx2.get(self._jwks_url, timeout=_ASKED_S, verify=verify)
            return KeySet.import_key_set(answer.raise_for_status().json())
        except (httpx2.HTTPError, ValueError, KeyError, TypeError, JoseError):
            return None
