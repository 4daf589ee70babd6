"""What kind of server is there? Found out by GETs (and ``OPTIONS``), without side effects.

The order and the reading of the answers are those that real servers showed: Llama Stack 0.2.x to
0.7.x and OGX 1.x answer ``/v1/version``; their OpenAI-like routes lie below ``/v1/openai/v1`` on
0.2.x and below ``/v1`` later. A server without them is one of two variants of a generic Vector API,
**dash** (``/v1/vector-dbs``) or **underscore** (``/v1/vector_io/collections``).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from confluence_mirror.errors import StoreUnavailable, WrongSettings
from confluence_mirror.stores.http import Api, StoreAnswer
from confluence_mirror.stores.waiting import Sleep, ask_until_settled, is_failing

Family: TypeAlias = Literal["llama-stack", "ogx", "dash", "underscore"]
Variant: TypeAlias = Literal["dash", "underscore"]

DASH = "/v1/vector-dbs"
UNDERSCORE = "/v1/vector_io/collections"
_SOUGHT = {False: "a Vector API of either variant", True: "a Llama Stack"}


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """An embedding model that the server has registered."""

    id: str
    dimension: int | None = None
    """None where the server does not say."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a server is."""

    family: Family
    """``llama-stack`` and ``ogx`` only where the files routes are there too."""
    version: str = ""
    """As ``/v1/version`` gives it; empty for a generic Vector API."""
    prefix: str = ""
    """OP, the prefix of the OpenAI-like routes: ``/v1/openai/v1`` or ``/v1``; empty where there are
    none."""
    models: tuple[EmbeddingModel, ...] = ()
    """Embedding models; empty where the server does not say."""
    providers: tuple[str, ...] = ()
    """Ids of the providers of ``vector_io``: ``faiss``, ``sqlite-vec`` …; empty where the server
    does not say."""
    routes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """From ``/openapi.json``: path with ``{}`` for each parameter → methods; empty where there is
    none."""
    description: str = ""
    """Stands for the routes and the version that ``/openapi.json`` names: 16 hex digits; empty
    where there is none."""

    def offers(self, method: str, path: str) -> bool | None:
        """Does the server's own description name this route? None: it has no description of the
        Vector API."""
        if not any(path.startswith(("/v1/vector-", "/v1/vector_")) for path in self.routes):
            return None
        return method in self.routes.get(path, frozenset())

    @property
    def is_ogx(self) -> bool:
        """Whether it is an OGX, whichever of its routes are used."""
        return _is_ogx(self.version)

    def describe(self) -> str:
        """``Llama Stack 0.2.23, routes below /v1/openai/v1``: for the log."""
        if self.family == "llama-stack":
            return f"Llama Stack {self.version}, routes below {self.prefix}"
        if self.family == "ogx":
            return f"OGX {self.version}, routes below {self.prefix}"
        served_by = f", served by Llama Stack {self.version}" if self.version else ""
        return f"Vector API, {self.family} variant{served_by}"


def discover(
    base_url: str,
    token: str = "",
    *,
    timeout: float = 30.0,
    ca_bundle: str = "",
    variant: Variant | None = None,
    llama: bool = False,
    sleep: Sleep = time.sleep,
) -> Discovered:
    """Ask the server at ``base_url`` what it is. A ``variant`` that is set wins over a Llama Stack
    found there; ``llama`` says that a Llama Stack is what is looked for.

    Raises ``WrongSettings`` (naming what was asked and what each answered) where it is nothing that
    we know, ``StoreUnavailable`` where it does not answer or fails, ``PermissionRefused`` for 401
    and 403.
    """
    api = Api(base_url, token, timeout=timeout, ca_bundle=ca_bundle, sleep=sleep)
    try:
        return discover_by(api, variant, llama=llama, sleep=sleep)
    finally:
        api.close()


def discover_by(
    api: Api, variant: Variant | None = None, *, llama: bool = False, sleep: Sleep = time.sleep
) -> Discovered:
    """``discover`` over connections that are open already."""
    way_out = (
        ""
        if llama or variant
        else " Where this path never answers, set VECTOR_API_VARIANT: it is not asked then."
    )
    asked = _Asked(api, sleep, way_out)
    version = _read_version(asked.get("/v1/version", decides=variant is None))
    prefix = _find_prefix(asked) if version and variant is None else ""
    described = asked.get("/openapi.json")
    routes = _described_routes(described)
    if prefix:
        family: Family | None = "ogx" if _is_ogx(version) else "llama-stack"
    else:
        family = _choose_variant(asked, routes, variant)
    if family is None:
        raise asked.nothing_known(
            f"the {variant} variant of the Vector API" if variant else _SOUGHT[llama]
        )
    return Discovered(
        family=family,
        version=version,
        prefix=prefix,
        models=_read_models(asked.get("/v1/models")),
        providers=_read_providers(asked.get("/v1/providers")) if version else (),
        routes=routes,
        description=_hash_description(described, routes),
    )


def resolve_model(models: Sequence[EmbeddingModel], wanted: str) -> EmbeddingModel | None:
    """The registered model that ``wanted`` means: the same id, or the one whose id ends in ``/`` +
    ``wanted``.

    ``all-MiniLM-L6-v2`` finds ``sentence-transformers/all-MiniLM-L6-v2``. None where there is none,
    or several.
    """
    same = [model for model in models if model.id == wanted]
    ending = [model for model in models if model.id.endswith("/" + wanted)]
    found = same or ending
    return found[0] if found and len({model.id for model in found}) == 1 else None


def same_model(one: str, other: str) -> bool:
    """Two names of one model: equal, or one of them scoped
    (``sentence-transformers/all-MiniLM-L6-v2``)."""
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


class _Asked:
    """GETs, remembered for the message that says what each answered."""

    def __init__(self, api: Api, sleep: Sleep, way_out: str) -> None:
        self._api = api
        self._sleep = sleep
        self._way_out = way_out
        self._answers: dict[str, StoreAnswer] = {}

    def get(
        self, path: str, params: Mapping[str, str | int] | None = None, *, decides: bool = False
    ) -> StoreAnswer:
        """``decides``: what the server is depends on this answer, so one that says nothing is not
        taken for a no."""
        answer = ask_until_settled(lambda: self._api.get(path, params), self._sleep)
        if decides and is_failing(answer):
            raise StoreUnavailable(
                f"The vector store at {self._api.location} fails (GET {path}: {answer.describe()});"
                " nothing was written.",
                hint=f"Run again.{self._way_out}",
            )
        if answer.status == 426:
            raise WrongSettings(
                f"The vector store at {self._api.location} refuses our client version:"
                f" {answer.describe()}.",
                hint="A proxy seems to add a client version header; take it out.",
            )
        self._answers[path] = answer
        return answer

    def nothing_known(self, what: str) -> Exception:
        """The error for a server that is none of those we know. ``what`` was looked for."""
        said = "; ".join(
            f"GET {path}: {answer.describe()}" for path, answer in self._answers.items()
        )
        if any(answer.status >= 500 for answer in self._answers.values()):
            return StoreUnavailable(
                f"The vector store at {self._api.location} fails ({said}); nothing was written."
            )
        return WrongSettings(
            f"There is no sign of {what} at {self._api.location} ({said}); nothing was written.",
            hint="Check the URL: its scheme, host, port and path.",
        )


def rows_of(answer: StoreAnswer, *names: str) -> list[Mapping[str, object]] | None:
    """The objects of a list answer: bare, or under one of ``names``. None where the answer has
    another shape."""
    if not answer.ok:
        return None
    data = answer.data
    if isinstance(data, dict):
        data = next((data[name] for name in names if isinstance(data.get(name), list)), None)
    return [row for row in data if isinstance(row, dict)] if isinstance(data, list) else None


def _read_version(answer: StoreAnswer) -> str:
    version = answer.data.get("version") if answer.ok and isinstance(answer.data, dict) else None
    return version if isinstance(version, str) and re.match(r"\d+\.", version) else ""


def _is_ogx(version: str) -> bool:
    """OGX took over at 1.0."""
    return bool(version) and version.partition(".")[0] != "0"


def _find_prefix(asked: _Asked) -> str:
    for prefix in ("/v1", "/v1/openai/v1"):
        stores = rows_of(asked.get(f"{prefix}/vector_stores", {"limit": 1}, decides=True), "data")
        if stores is None:
            continue
        if rows_of(asked.get(f"{prefix}/files", {"limit": 1}, decides=True), "data") is not None:
            return prefix
    return ""


def _described_routes(answer: StoreAnswer) -> dict[str, frozenset[str]]:
    paths = answer.data.get("paths") if answer.ok and isinstance(answer.data, dict) else None
    if not isinstance(paths, dict):
        return {}
    return {
        re.sub(r"\{[^}]*\}", "{}", path).rstrip("/"): frozenset(
            method.upper() for method in methods
        )
        for path, methods in paths.items()
        if isinstance(methods, dict)
    }


def _hash_description(answer: StoreAnswer, routes: Mapping[str, frozenset[str]]) -> str:
    if not routes:
        return ""
    about = answer.data.get("info") if isinstance(answer.data, dict) else None
    version = str(about.get("version", "")) if isinstance(about, dict) else ""
    named = [
        version,
        *(f"{path} {','.join(sorted(methods))}" for path, methods in sorted(routes.items())),
    ]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]


def _choose_variant(
    asked: _Asked, routes: Mapping[str, frozenset[str]], variant: Variant | None
) -> Variant | None:
    known: tuple[tuple[Variant, str, tuple[str, ...]], ...] = (
        ("dash", DASH, ("data",)),
        ("underscore", UNDERSCORE, ("collections", "data")),
    )
    for name, path, keys in known:
        if variant not in (None, name):
            continue
        answer = asked.get(path, decides=True)
        listed = rows_of(answer, *keys) is not None
        makes = answer.status == 405 and "POST" in (answer.allow or ())
        if listed or makes or "POST" in routes.get(path, ()):
            return name
    return None


def _read_models(answer: StoreAnswer) -> tuple[EmbeddingModel, ...]:
    found = []
    for row in rows_of(answer, "data", "models") or ():
        details = row.get("custom_metadata") or row.get("metadata")
        details = details if isinstance(details, dict) else {}
        kind = row.get("model_type") or details.get("model_type")
        name = row.get("identifier") or row.get("id")
        if kind == "embedding" and isinstance(name, str):
            found.append(EmbeddingModel(name, _read_dimension(details.get("embedding_dimension"))))
    return tuple(found)


def _read_dimension(value: object) -> int | None:
    try:
        return int(float(value)) if isinstance(value, (int, float, str)) else None
    except ValueError:
        return None


def _read_providers(answer: StoreAnswer) -> tuple[str, ...]:
    rows = rows_of(answer, "data") or ()
    return tuple(
        str(row["provider_id"])
        for row in rows
        if row.get("api") == "vector_io" and row.get("provider_id")
    )
